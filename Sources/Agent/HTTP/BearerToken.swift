package import FleetModel
import Foundations

/// Who may change something through the API.
package struct BearerToken: Sendable {
    /// The verdict on a call.
    package enum Verdict: Hashable, Sendable {
        /// It may go on.
        case granted
        /// There is no token, so such calls are off.
        case off
        /// It brought no token, or another one.
        case refused
    }

    private let token: Secret?
    private let file: String?

    /// The token itself, or the file that holds it; the file is read anew for each call, because mounted secrets
    /// change under a process.
    package init(token: Secret?, file: String?) {
        self.token = token
        self.file = file
    }

    /// Judges the value of an `Authorization` header.
    package func judge(_ authorization: String?) -> Verdict {
        guard let expected = expected else { return .off }
        let scheme = "bearer "
        guard let authorization, authorization.lowercased().hasPrefix(scheme) else { return .refused }
        return expected.matches(String(authorization.dropFirst(scheme.count))) ? .granted : .refused
    }

    private var expected: Secret? {
        if let token, !token.isEmpty { return token }
        guard let file, let text = try? InputFile.text(file) else { return nil }
        let trimmed = OutsideText.trimmed(text)
        return trimmed.isEmpty ? nil : Secret(trimmed)
    }
}

package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads secrets from Secret Manager (`projects.secrets.versions.access`), such as the webhook's token, which Chester's
/// `SECRET_ID` names.
package struct SecretManager: Sendable {
    private struct Answer: Decodable, Sendable {
        struct Payload: Decodable, Sendable { var data: String? }
        var payload: Payload?
    }

    private let request: GoogleRequest
    private let project: String

    /// Reads the secrets of `project`.
    package init(request: GoogleRequest, project: String) {
        self.request = request
        self.project = project
    }

    /// The newest version of the secret `name`, which may also be a full resource name with its version. One line break
    /// at its end, which `echo` leaves, is not part of it.
    /// - Throws: `GoogleFailure`.
    package func secret(_ name: String) async throws(GoogleFailure) -> Secret {
        let base = name.hasPrefix("projects/") ? name : "projects/\(project)/secrets/\(name)"
        let resource = base.contains("/versions/") ? base : "\(base)/versions/latest"
        let call = GoogleCall(.GET, "/v1/\(resource):access")
        let answer: Answer = try await request.send(call)
        guard let bytes = Data(base64Encoded: answer.payload?.data ?? ""),
            var text = String(bytes: bytes, encoding: .utf8)
        else { throw GoogleFailure(.unreadable, call: call.name, "the secret is no text") }
        if text.last?.isNewline == true { text.removeLast() }
        guard !text.isEmpty else { throw GoogleFailure(.unreadable, call: call.name, "the secret is empty") }
        return Secret(text)
    }
}

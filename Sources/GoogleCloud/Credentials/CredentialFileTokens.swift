import FleetModel
import Logging
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tokens by a credentials file, which is read again for each: a rotated key is used from the next token on, and after
/// a refusal that is the next call.
final class CredentialFileTokens: TokenSource {
    private struct State: Sendable {
        var bytes: Data
        var source: any TokenSource
        var quotaProject: String?
    }

    private let path: String
    private let origin: String
    private let exchange: TokenExchange
    private let state: Mutex<State>

    /// - Throws: `GoogleFailure` when the file cannot be used.
    init(path: String, origin: String, exchange: TokenExchange) throws(GoogleFailure) {
        self.path = path
        self.origin = origin
        self.exchange = exchange
        state = Mutex(try Self.read(path, origin, exchange))
    }

    func newToken() async throws(GoogleFailure) -> AccessToken {
        refresh()
        let state = state.withLock { $0 }
        var token = try await state.source.newToken()
        if let project = state.quotaProject { token.quotaProject = project }
        return token
    }

    /// A file that is being written, or that is wrong, changes nothing: the key that was there may still be good.
    private func refresh() {
        do throws(GoogleFailure) {
            let bytes = try CredentialDocument.bytes(path, because: origin)
            guard state.withLock({ $0.bytes != bytes }) else { return }
            let new = try Self.read(path, origin, exchange)
            state.withLock { $0 = new }
            exchange.logger.info("credentials file changed and was read again", metadata: ["file": "\(path)"])
        } catch {
            exchange.logger.warning(
                "credentials file cannot be read again; what it held before is used", metadata: ["error": "\(error)"])
        }
    }

    private static func read(
        _ path: String, _ origin: String, _ exchange: TokenExchange
    ) throws(GoogleFailure) -> State {
        let bytes = try CredentialDocument.bytes(path, because: origin)
        let document = try CredentialDocument.parse(bytes, path, because: origin)
        return State(bytes: bytes, source: try exchange.source(of: document), quotaProject: document.quotaProject)
    }
}

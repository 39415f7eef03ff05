import FleetModel
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The bearer token of the next call: read anew where it rotates, remembered for a while where it does not.
actor CredentialSource {
    /// How long a token file is believed; kubelet replaces it well before the old token expires.
    private static let fileAge: Duration = .seconds(30)
    /// How long before its end a plugin's token is replaced.
    private static let margin: Duration = .seconds(10)
    private static let pluginDeadline: Duration = .seconds(60)

    private let authentication: KubernetesConfiguration.Authentication
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let turn = Turn()
    private var cached: Secret?
    private var validUntil: Timestamp?

    init(
        _ authentication: KubernetesConfiguration.Authentication, wallClock: any WallClock, clock: any Clock<Duration>
    ) {
        self.authentication = authentication
        self.wallClock = wallClock
        self.clock = clock
    }

    /// The token to send; `nil` when calls carry none.
    /// - Throws: `configuration` when a file or a program gives none.
    func token() async throws(KubernetesError) -> Secret? {
        let now = wallClock.now()
        switch authentication {
        case .none, .password: return nil
        case .token(let token): return token
        case .tokenFile(let path):
            if let cached, let validUntil, now < validUntil, validUntil.since(now) <= Self.fileAge { return cached }
            do throws(KubernetesError) {
                let bytes = try KubernetesConfiguration.read(path, "read the bearer token")
                let text = KubernetesConfiguration.trimmed(String(decoding: bytes, as: UTF8.self))
                guard !text.isEmpty else {
                    throw KubernetesError(.configuration, "read the bearer token", "\(path) is empty")
                }
                cached = Secret(text)
                validUntil = now.advanced(by: Self.fileAge)
            } catch {
                // While the file is being replaced the last token is most likely still good.
                guard cached != nil else { throw error }
            }
            return cached
        case .exec(let plugin):
            if let good = stillGood { return good }
            // A client begins with several calls at once, and a plugin may ask a person or a paid service.
            await turn.take()
            defer { turn.give() }
            if let good = stillGood { return good }
            let credential = try await plugin.run(deadline: Self.pluginDeadline, clock: clock)
            cached = credential.token
            validUntil = credential.expires?.advanced(by: .zero - Self.margin)
            return cached
        }
    }

    /// The token that a plugin gave, while it is valid.
    private var stillGood: Secret? {
        validUntil.map { wallClock.now() < $0 } ?? true ? cached : nil
    }

    /// The server did not accept `token`: the next one is got anew. Says whether that can help.
    func refuse(_ token: Secret?) -> Bool {
        switch authentication {
        case .none, .token, .password: return false
        case .tokenFile, .exec:
            if cached == token {
                cached = nil
                validUntil = nil
            }
            return true
        }
    }
}

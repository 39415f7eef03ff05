import FleetModel
package import Logging
package import Pacing
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Verifies the OIDC tokens that Pub/Sub sends with a push (Pub/Sub documentation, "Authentication for push
/// subscriptions"): signed by Google, for our audience, of the service account that we expect, and not expired.
package actor PushTokenVerifier {
    /// Who may push.
    package struct Expectation: Sendable {
        /// The push subscription's audience.
        package var audience: String
        /// The service account of the push subscription.
        package var email: String

        /// Names audience and service account.
        package init(audience: String, email: String) {
            self.audience = audience
            self.email = email
        }
    }

    private struct Claims: Decodable {
        var iss: String?
        var aud: String?
        var email: String?
        var email_verified: Bool?
        var exp: Int64?
        var iat: Int64?
    }

    private struct KeySet: Decodable, Sendable {
        struct Key: Decodable, Sendable {
            var kid: String?
            var kty: String?
            var n: String?
            var e: String?
        }
        var keys: [Key]?
    }

    private let expectation: Expectation
    private let request: GoogleRequest
    private let wallClock: any WallClock
    private let logger: Logger
    private var keys: [String: _RSA.Signing.PublicKey] = [:]
    private var readAt: Timestamp?
    /// Clocks differ.
    private static let skew: Int64 = 30
    /// Google changes its keys within days and announces them before.
    private static let lifetime = Duration.seconds(3_600)
    /// Tokens with invented key ids must not make us ask for keys again and again.
    private static let shortestPause = Duration.seconds(60)
    private static let pauseAfterFailure = Duration.seconds(5)

    /// Reads Google's keys through `request`, whose endpoint is the whole address of the key set.
    package init(expectation: Expectation, request: GoogleRequest, wallClock: any WallClock, logger: Logger) {
        self.expectation = expectation
        self.request = request
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Whether `text` is such a token.
    package func accepts(_ text: String) async -> Bool {
        guard let token = try? JSONWebToken(parsing: text), let id = token.header.kid,
            let key = await key(id), token.isSigned(by: key),
            let claims = try? JSONDecoder().decode(Claims.self, from: token.payload),
            let end = claims.exp, let start = claims.iat
        else { return false }
        let now = wallClock.now().secondsSinceEpoch
        return ["accounts.google.com", "https://accounts.google.com"].contains(claims.iss)
            && claims.aud == expectation.audience && claims.email == expectation.email
            && claims.email_verified == true && now - Self.skew < end && start <= now + Self.skew
    }

    private func key(_ id: String) async -> _RSA.Signing.PublicKey? {
        let now = wallClock.now()
        let age = readAt.map { now.since($0) } ?? Self.lifetime
        if let key = keys[id], age < Self.lifetime { return key }
        if age >= Self.shortestPause || age < .zero { await readKeys(at: now) }
        return keys[id]
    }

    private func readKeys(at now: Timestamp) async {
        readAt = now
        var call = GoogleCall(.GET, "")
        call.title = "GET the keys of Google's OIDC tokens"
        let set: KeySet
        do throws(GoogleFailure) {
            set = try await request.send(call)
        } catch {
            // While Google cannot be asked, the keys that are known go on.
            logger.error(
                "keys of push tokens not read; tokens of unknown keys are refused", metadata: ["error": "\(error)"])
            readAt = now.advanced(by: Self.pauseAfterFailure - Self.shortestPause)
            return
        }
        var found: [String: _RSA.Signing.PublicKey] = [:]
        for key in set.keys ?? [] where key.kty == "RSA" {
            guard let id = key.kid, let n = key.n.flatMap({ Data(base64URL: $0) }),
                let e = key.e.flatMap({ Data(base64URL: $0) }),
                let made = try? _RSA.Signing.PublicKey(n: n, e: e)
            else { continue }
            found[id] = made
        }
        if !found.isEmpty { keys = found }
    }
}

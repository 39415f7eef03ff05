import FleetModel
import Logging
import Pacing
import Synchronization
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `service_account`: a text signed with the account's own key becomes an access token (RFC 7523; Google's "Using OAuth
/// 2.0 for Server to Server Applications").
final class ServiceAccountTokens: TokenSource {
    private struct Claims: Encodable {
        var iss: String
        var scope: String
        var aud: String
        var iat: Int64
        var exp: Int64
    }

    private let account: CredentialDocument.ServiceAccount
    private let exchange: TokenExchange
    private let key: _RSA.Signing.PrivateKey
    /// How far Google's clock is ahead of ours, once Google has complained.
    private let skew = Mutex(Duration.zero)

    init(account: CredentialDocument.ServiceAccount, exchange: TokenExchange) throws(GoogleFailure) {
        self.account = account
        self.exchange = exchange
        do {
            key = try _RSA.Signing.PrivateKey(pemRepresentation: account.private_key.reveal())
        } catch {
            throw GoogleFailure(
                .unauthenticated, call: "the key of \(account.client_email)", "it is not an RSA private key in PEM")
        }
    }

    func newToken() async throws(GoogleFailure) -> AccessToken {
        do throws(GoogleFailure) {
            return try await token()
        } catch {
            // "Token must be a short-lived token and in a reasonable timeframe": our clock is wrong, or Google's.
            guard error.reason == "invalid_grant", let ahead = await measuredSkew(),
                ahead > .seconds(60) || ahead < .seconds(-60)
            else { throw error }
            skew.withLock { $0 = ahead }
            exchange.logger.warning(
                "this machine's clock differs from Google's", metadata: ["google.clock.ahead": "\(ahead)"])
            return try await token()
        }
    }

    private var endpoint: String { account.token_uri ?? TokenExchange.standardEndpoint }

    private func token() async throws(GoogleFailure) -> AccessToken {
        let issued = exchange.wallClock.now().advanced(by: skew.withLock { $0 }).secondsSinceEpoch
        let claims = Claims(
            iss: account.client_email, scope: GoogleCredentials.scope, aud: endpoint, iat: issued, exp: issued + 3_600)
        let assertion: String
        do {
            assertion = try JSONWebToken.signed(claims, by: key, keyID: account.private_key_id)
        } catch {
            throw GoogleFailure(
                .unauthenticated, call: "signing as \(account.client_email)", "the key does not sign: \(error)")
        }
        return try await exchange.token(
            from: endpoint,
            [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)])
    }

    /// What the endpoint's `Date` header says against our clock.
    private func measuredSkew() async -> Duration? {
        let call = GoogleCall(.HEAD, address: endpoint, effect: .idempotent)
        guard let url = try? exchange.checked(endpoint) else { return nil }
        let date = await exchange.request(url).date(call)
        return date.map { $0.since(exchange.wallClock.now()) }
    }
}

import FleetModel
import Logging
import NIOHTTP1
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the ways to a token have in common: calling a token endpoint, and reading what it answers.
struct TokenExchange: Sendable {
    static let standardEndpoint = "https://oauth2.googleapis.com/token"

    var wallClock: any WallClock
    var timeout: Duration
    var logger: Logger

    /// What obtains tokens by a credentials file.
    func source(of document: CredentialDocument) throws(GoogleFailure) -> any TokenSource {
        switch document {
        case .serviceAccount(let account): try ServiceAccountTokens(account: account, exchange: self)
        case .authorizedUser(let user): AuthorizedUserTokens(user: user, exchange: self)
        case .externalAccount(let account): try ExternalAccountTokens(account: account, exchange: self)
        case .impersonated(let impersonated):
            ImpersonatedTokens(
                url: impersonated.service_account_impersonation_url, delegates: impersonated.delegates ?? [],
                source: try source(of: impersonated.source_credentials), exchange: self)
        }
    }

    /// RFC 6749, section 5.1.
    private struct TokenAnswer: Decodable {
        var access_token: Secret
        var expires_in: Int64?
    }

    /// Sends a form to a token endpoint. Its lifetime counts from before the call, so that it never seems longer.
    func token(
        from url: String, _ form: [(String, String)], headers: [(name: String, value: String)] = []
    ) async throws(GoogleFailure) -> AccessToken {
        let began = wallClock.now()
        var call = GoogleCall(.POST, "", effect: .idempotent).form(form)
        call.headers += headers
        let answer: TokenAnswer = try await request(try checked(url)).send(call)
        return AccessToken(
            value: answer.access_token, expiresAt: began.advanced(by: .seconds(answer.expires_in ?? 3_600)))
    }

    /// A request to an address that came from a credentials file or from the environment.
    func request(_ url: String) -> GoogleRequest {
        GoogleRequest(endpoint: url, timeout: timeout, logger: logger)
    }

    /// Refuses addresses to which the secrets of an exchange would travel in the clear.
    func checked(_ url: String) throws(GoogleFailure) -> String {
        guard url.hasPrefix("https://") || GoogleRequest.isLoopback(url) else {
            throw GoogleFailure(
                .unauthenticated, call: "the token endpoint \(url)", "secrets do not travel in the clear; use https")
        }
        return url
    }
}

/// `authorized_user`: a refresh token becomes an access token.
struct AuthorizedUserTokens: TokenSource {
    var user: CredentialDocument.AuthorizedUser
    var exchange: TokenExchange

    func newToken() async throws(GoogleFailure) -> AccessToken {
        try await exchange.token(
            from: user.token_uri ?? TokenExchange.standardEndpoint,
            [
                ("grant_type", "refresh_token"), ("client_id", user.client_id),
                ("client_secret", user.client_secret.reveal()), ("refresh_token", user.refresh_token.reveal()),
            ])
    }
}

/// The token of the service account that the machine, the Cloud Run service or the GKE workload runs as.
struct MetadataServerTokens: TokenSource {
    var exchange: TokenExchange
    /// Name or address, with a port where it is not 80.
    var host: String

    private struct Answer: Decodable {
        var access_token: Secret
        var expires_in: Int64
    }

    func newToken() async throws(GoogleFailure) -> AccessToken {
        let began = exchange.wallClock.now()
        let data = try await get("instance/service-accounts/default/token")
        do {
            let answer = try JSONDecoder().decode(Answer.self, from: data)
            return AccessToken(
                value: answer.access_token, expiresAt: began.advanced(by: .seconds(answer.expires_in)))
        } catch {
            throw GoogleFailure(.unreadable, call: "the metadata server's token", "the answer cannot be read")
        }
    }

    /// The project that this machine is in.
    func projectID() async throws(GoogleFailure) -> String {
        String(decoding: try await get("project/project-id"), as: UTF8.self)
    }

    private func get(_ path: String) async throws(GoogleFailure) -> Data {
        var call = GoogleCall(.GET, "/computeMetadata/v1/\(path)")
        call.headers.append(("Metadata-Flavor", "Google"))
        do throws(GoogleFailure) {
            let answer = try await exchange.request("http://\(host)").send(call)
            // Somebody else may answer at that name on a machine that is not Google's.
            guard answer.headers.first(name: "Metadata-Flavor") == "Google" else {
                throw GoogleFailure(.unauthenticated, call: call.name, "\(host) is not Google's metadata server")
            }
            return answer.body
        } catch {
            guard [.unreachable, .unavailable, .deadlineExceeded].contains(error.code), error.status == nil else {
                throw error
            }
            throw GoogleFailure(
                .unauthenticated, call: call.name,
                "there are no credentials: set GOOGLE_APPLICATION_CREDENTIALS, run 'gcloud auth "
                    + "application-default login', or run where a metadata server answers (\(error.message))")
        }
    }
}

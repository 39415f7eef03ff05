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
        var expires_in: Lifetime?
    }

    /// Sends a form to a token endpoint. Its lifetime counts from before the call, so that it never seems longer.
    func token(
        from url: String, _ form: [(String, String)], headers: [(name: String, value: String)] = []
    ) async throws(GoogleFailure) -> AccessToken {
        let began = wallClock.now()
        var call = GoogleCall(.POST, address: url, effect: .idempotent).form(form)
        call.headers += headers
        let answer: TokenAnswer = try await request(try checked(url)).send(call)
        return AccessToken(
            value: try Self.checked(answer.access_token, from: call),
            expiresAt: began.advanced(by: .seconds(answer.expires_in?.seconds ?? 3_600)))
    }

    /// Refuses what cannot travel in a header; the HTTP client would show it in its error.
    static func checked(_ token: Secret, from call: GoogleCall) throws(GoogleFailure) -> Secret {
        let bytes = token.reveal().utf8
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw GoogleFailure(.unreadable, call: call.name, "the access token is empty, or is none")
        }
        return token
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

/// Seconds, as a number or as a text: some providers of identities write them so.
struct Lifetime: Decodable {
    var seconds: Int64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            seconds = number
        } else {
            let number = try (try? container.decode(Double.self)) ?? Double(container.decode(String.self))
            guard let number, let whole = Int64(exactly: number.rounded(.down)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no number of seconds")
            }
            seconds = whole
        }
    }
}

/// `authorized_user`: a refresh token becomes an access token.
struct AuthorizedUserTokens: TokenSource {
    var user: CredentialDocument.AuthorizedUser
    var exchange: TokenExchange

    func newToken() async throws(GoogleFailure) -> AccessToken {
        do throws(GoogleFailure) {
            return try await exchange.token(
                from: user.token_uri ?? TokenExchange.standardEndpoint,
                [
                    ("grant_type", "refresh_token"), ("client_id", user.client_id),
                    ("client_secret", user.client_secret.reveal()), ("refresh_token", user.refresh_token.reveal()),
                ])
        } catch {
            var error = error
            if error.code == .unauthenticated {
                error.message += "; run 'gcloud auth application-default login' again"
            }
            throw error
        }
    }
}

/// The token of the service account that the machine, the Cloud Run service or the GKE workload runs as.
struct MetadataServerTokens: TokenSource {
    var exchange: TokenExchange
    /// Name or address, with a port where it is not 80.
    var host: String

    private struct Answer: Decodable {
        var access_token: Secret
        var expires_in: Lifetime
    }

    func newToken() async throws(GoogleFailure) -> AccessToken {
        let began = exchange.wallClock.now()
        let call = call("instance/service-accounts/default/token")
        let data = try await send(call)
        guard let answer = try? JSONDecoder().decode(Answer.self, from: data) else {
            throw GoogleFailure(.unreadable, call: call.name, "the answer cannot be read")
        }
        return AccessToken(
            value: try TokenExchange.checked(answer.access_token, from: call),
            expiresAt: began.advanced(by: .seconds(answer.expires_in.seconds)))
    }

    /// The project that this machine is in.
    func projectID() async throws(GoogleFailure) -> String {
        String(decoding: try await send(call("project/project-id")), as: UTF8.self)
    }

    private func call(_ path: String) -> GoogleCall {
        var call = GoogleCall(.GET, "/computeMetadata/v1/\(path)")
        call.headers.append(("Metadata-Flavor", "Google"))
        return call
    }

    private func send(_ call: GoogleCall) async throws(GoogleFailure) -> Data {
        do throws(GoogleFailure) {
            let answer = try await exchange.request("http://\(host)").send(call)
            // Somebody else may answer at that name on a machine that is not Google's.
            guard answer.headers.first(name: "Metadata-Flavor") == "Google" else {
                throw GoogleFailure(.unauthenticated, call: call.name, "\(host) is not Google's metadata server")
            }
            return answer.body
        } catch {
            if error.status == 404 {
                throw GoogleFailure(
                    .unauthenticated, call: call.name,
                    "this machine has no service account: give it one, or set GOOGLE_APPLICATION_CREDENTIALS "
                        + "(\(error.message))", status: 404)
            }
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

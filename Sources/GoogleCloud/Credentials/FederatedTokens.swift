import FleetModel
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `external_account`: another identity provider's token becomes Google's (RFC 8693; Google's "Workload identity
/// federation", and AIP-4117 for the file).
struct ExternalAccountTokens: TokenSource {
    private let account: CredentialDocument.ExternalAccount
    private let exchange: TokenExchange

    init(account: CredentialDocument.ExternalAccount, exchange: TokenExchange) throws(GoogleFailure) {
        guard (account.credential_source.file == nil) != (account.credential_source.url == nil) else {
            throw GoogleFailure(
                .unauthenticated, call: "the external account for \(account.audience)",
                "only file- and URL-sourced credentials are supported; recreate the file with --credential-source-file "
                    + "or --credential-source-url")
        }
        let format = account.credential_source.format?.type ?? "text"
        guard ["text", "json"].contains(format) else {
            throw GoogleFailure(
                .unauthenticated, call: "the external account for \(account.audience)",
                "the subject token's format is \"\(format)\": it must be text or json")
        }
        self.account = account
        self.exchange = exchange
    }

    func newToken() async throws(GoogleFailure) -> AccessToken {
        guard let url = account.service_account_impersonation_url else { return try await federated() }
        return try await ImpersonatedTokens(
            url: url, delegates: [], source: Federated(tokens: self), exchange: exchange,
            lifetime: account.service_account_impersonation?.token_lifetime_seconds ?? 3_600
        ).newToken()
    }

    private struct Federated: TokenSource {
        var tokens: ExternalAccountTokens
        func newToken() async throws(GoogleFailure) -> AccessToken { try await tokens.federated() }
    }

    private func federated() async throws(GoogleFailure) -> AccessToken {
        var form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", account.audience), ("scope", GoogleCredentials.scope),
            ("subject_token_type", account.subject_token_type), ("subject_token", try await subjectToken().reveal()),
        ]
        var headers: [(name: String, value: String)] = []
        if let id = account.client_id, let secret = account.client_secret {
            let text = Data("\(id):\(secret.reveal())".utf8).base64EncodedString()
            headers.append(("Authorization", "Basic \(text)"))
        } else if let project = account.workforce_pool_user_project {
            let options = try? JSONEncoder().encode(["userProject": project])
            form.append(("options", String(decoding: options ?? Data(), as: UTF8.self)))
        }
        return try await exchange.token(from: account.token_url, form, headers: headers)
    }

    /// Read each time anew: whoever provides it renews it.
    private func subjectToken() async throws(GoogleFailure) -> Secret {
        let (token, what) = try await providedToken()
        guard !token.reveal().isEmpty else { throw GoogleFailure(.unauthenticated, call: what, "it is empty") }
        return token
    }

    private func providedToken() async throws(GoogleFailure) -> (token: Secret, what: String) {
        let source = account.credential_source
        let what: String
        let data: Data
        if let path = source.file {
            what = "the subject token in \(path)"
            guard let read = try? Data(contentsOf: URL(filePath: path)) else {
                throw GoogleFailure(.unauthenticated, call: what, "the file cannot be read")
            }
            data = read
        } else {
            let url = source.url ?? ""
            var call = GoogleCall(.GET, address: url)
            what = "the subject token of \(call.name)"
            call.headers = (source.headers ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            data = try await exchange.request(url).send(call).body
        }
        guard source.format?.type == "json" else {
            return (Secret(String(decoding: data, as: UTF8.self).trimmingWhitespace), what)
        }
        let field = source.format?.subject_token_field_name ?? "access_token"
        guard let members = try? JSONDecoder().decode([String: Lenient].self, from: data),
            let token = members[field]?.text
        else { throw GoogleFailure(.unauthenticated, call: what, "it is no JSON object with the text \"\(field)\"") }
        return (Secret(token), what)
    }

    /// A text, or anything else, which does not matter.
    private struct Lenient: Decodable {
        var text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }
}

/// Somebody's token becomes that of a service account (IAM Service Account Credentials API, `generateAccessToken`).
struct ImpersonatedTokens: TokenSource {
    var url: String
    var delegates: [String]
    var source: any TokenSource
    var exchange: TokenExchange
    /// In seconds.
    var lifetime: Int64 = 3_600

    private struct Wish: Encodable {
        var scope = [GoogleCredentials.scope]
        var lifetime: String
        var delegates: [String]?
    }

    private struct Answer: Decodable {
        var accessToken: Secret
        var expireTime: String
    }

    func newToken() async throws(GoogleFailure) -> AccessToken {
        let base = try await source.newToken()
        var call = GoogleCall(.POST, address: url, effect: .idempotent)
        call = try call.json(Wish(lifetime: "\(lifetime)s", delegates: delegates.isEmpty ? nil : delegates))
        call.headers.append(("Authorization", "Bearer \(base.value.reveal())"))
        let answer: Answer = try await exchange.request(try exchange.checked(url)).send(call)
        guard let expires = Timestamp(rfc3339: answer.expireTime) else {
            throw GoogleFailure(.unreadable, call: call.name, "expireTime is no time")
        }
        return AccessToken(value: try TokenExchange.checked(answer.accessToken, from: call), expiresAt: expires)
    }
}

extension String {
    fileprivate var trimmingWhitespace: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

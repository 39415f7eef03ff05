import FleetModel
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Pacing
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("What endpoints of tokens answer", .timeLimit(.minutes(1)))
struct TokenAnswerTests {
    private let clock = TestWallClock()

    private var exchange: TokenExchange {
        TokenExchange(
            wallClock: clock, timeout: patience, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func withAnswer(
        _ text: String, _ status: HTTPResponse.Status = .ok, _ body: (String) async throws -> Void
    ) async throws {
        let router = Router()
        for (method, path) in [(HTTPRequest.Method.post, "/token"), (.get, "/computeMetadata/**")] {
            router.on(RouterPath(path), method: method) { _, _ in
                var response = Response(status: status, body: .init(byteBuffer: ByteBuffer(string: text)))
                if let name = HTTPField.Name("Metadata-Flavor") { response.headers[name] = "Google" }
                return response
            }
        }
        try await withServer(router, body)
    }

    private func failure(_ body: () async throws -> Void) async -> GoogleFailure? {
        do {
            try await body()
            Issue.record("it must fail")
            return nil
        } catch {
            return error as? GoogleFailure
        }
    }

    @Test(
        "a lifetime is a number or a text", arguments: [("3599", 3_599), ("\"3599\"", 3_599), ("3599.9", 3_599)])
    func lifetime(written: String, seconds: Int) async throws {
        try await withAnswer("{\"access_token\":\"t\",\"expires_in\":\(written)}") { url in
            let token = try await exchange.token(from: "\(url)/token", [])
            #expect(token.expiresAt == clock.now().advanced(by: .seconds(seconds)))
            let own = try await MetadataServerTokens(
                exchange: exchange, host: String(url.dropFirst("http://".count))
            ).newToken()
            #expect(own.expiresAt == token.expiresAt)
        }
    }

    @Test(
        "what is no token is refused, and not shown",
        arguments: ["", "tell nobody", "tell-nobody\\r\\nX-Evil: 1", "tell-nob\u{f6}dy"])
    func noToken(token: String) async throws {
        try await withAnswer("{\"access_token\":\"\(token)\",\"expires_in\":3599}") { url in
            let failure = await failure { _ = try await exchange.token(from: "\(url)/token?key=tell", []) }
            #expect(failure?.code == .unreadable)
            #expect(failure?.call == "POST \(url)/token")
            #expect(failure?.description.contains("tell") == false)
        }
    }

    @Test("a refused refresh token says where it was refused, and what to do")
    func revoked() async throws {
        let answer = "{\"error\":\"invalid_grant\",\"error_description\":\"revoked.\"}"
        try await withAnswer(answer, .badRequest) { url in
            let user = CredentialDocument.AuthorizedUser(
                client_id: "c", client_secret: Secret("s"), refresh_token: Secret("r"), token_uri: "\(url)/token")
            let failure = await failure {
                _ = try await AuthorizedUserTokens(user: user, exchange: exchange).newToken()
            }
            #expect(
                failure?.description == "POST \(url)/token was answered 400 invalid_grant: revoked.; run 'gcloud auth "
                    + "application-default login' again")
        }
    }

    @Test("a machine without a service account is told from one without a metadata server")
    func noServiceAccount() async throws {
        try await withAnswer("<html><title>Not found</title>", .notFound) { url in
            let failure = await failure {
                _ = try await MetadataServerTokens(
                    exchange: exchange, host: String(url.dropFirst("http://".count))
                ).newToken()
            }
            #expect(failure?.code == .unauthenticated)
            #expect(failure?.message.contains("has no service account") == true)
        }
    }

    private func federated(_ url: String, subject: String) throws -> ExternalAccountTokens {
        let document = """
            {"audience":"a","subject_token_type":"t","token_url":"\(url)/token","workforce_pool_user_project":"a\\"b",
            "service_account_impersonation_url":"\(url)/impersonate",
            "service_account_impersonation":{"token_lifetime_seconds":1800},
            "credential_source":{"url":"\(url)/\(subject)?x=1"}}
            """
        return try ExternalAccountTokens(
            account: try JSONDecoder().decode(CredentialDocument.ExternalAccount.self, from: Data(document.utf8)),
            exchange: exchange)
    }

    @Test("an external account's own lifetime is asked for, and an empty subject token is not sent")
    func external() async throws {
        let bodies = Mutex<[String]>([])
        let router = Router()
        router.get("/subject") { _, _ in " s \n" }
        router.get("/empty") { _, _ in " \n" }
        router.post("/token") { request, _ in
            let text = String(buffer: try await request.body.collect(upTo: 1 << 16))
            bodies.withLock { $0.append(text) }
            return "{\"access_token\":\"t\"}"
        }
        router.post("/impersonate") { request, _ in
            let text = String(buffer: try await request.body.collect(upTo: 1 << 16))
            bodies.withLock { $0.append(text) }
            return "{\"accessToken\":\"u\",\"expireTime\":\"2100-01-01T00:00:00Z\"}"
        }
        try await withServer(router) { url in
            let token = try await federated(url, subject: "subject").newToken()
            #expect(token.value == Secret("u"))
            let sent = bodies.withLock { $0 }
            #expect(sent.first?.contains("subject_token=s&options=%7B%22userProject%22%3A%22a%5C%22b%22%7D") == true)
            #expect(sent.last?.contains("\"lifetime\":\"1800s\"") == true)
            let failure = await failure { _ = try await federated(url, subject: "empty").newToken() }
            #expect(failure?.description == "the subject token of GET \(url)/empty: it is empty")
            #expect(bodies.withLock { $0.count } == 2)
        }
    }
}

import Crypto
import FleetModel
import Foundation
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Pacing
import Synchronization
import TestSupport
import Testing

/// Signs assertions as Identity-Aware Proxy does.
private struct Issuer: Sendable {
    var keyID = "k1"
    let key = P256.Signing.PrivateKey()

    static func base64(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    var jwk: String {
        let raw = key.publicKey.rawRepresentation
        return #"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"\#(keyID)","#
            + #""x":"\#(Self.base64(raw.prefix(32)))","y":"\#(Self.base64(raw.suffix(32)))"}"#
    }

    func assertion(_ claims: [String: Any], algorithm: String = "ES256", signer: P256.Signing.PrivateKey? = nil)
        throws -> String
    {
        let header = Self.base64(Data(#"{"alg":"\#(algorithm)","typ":"JWT","kid":"\#(keyID)"}"#.utf8))
        let payload = Self.base64(try JSONSerialization.data(withJSONObject: claims))
        let signature = try (signer ?? key).signature(for: Data("\(header).\(payload)".utf8))
        return "\(header).\(payload).\(Self.base64(signature.rawRepresentation))"
    }
}

private let audience = "/projects/12/global/backendServices/34"

private func claims(_ changes: [String: Any] = [:], now: Int = 1_800_000_000) -> [String: Any] {
    let usual: [String: Any] = [
        "iss": "https://cloud.google.com/iap", "aud": audience, "email": "ann@example.com", "sub": "1",
        "iat": now - 10, "exp": now + 600,
    ]
    return usual.merging(changes) { $1 }
}

@Suite("Authentication")
struct AuthenticationTests {
    private let issuer = Issuer()
    private let clock = TestWallClock()

    private func authenticator(
        _ sets: [String], fetches: Fetches = Fetches(), basic: RequestAuthenticator.Credentials? = nil
    ) -> RequestAuthenticator {
        let keys = IAPKeys(wallClock: clock) {
            let number = fetches.count.withLock { count in
                count += 1
                return count
            }
            guard !sets.isEmpty else { throw CancellationError() }
            return Array(#"{"keys":[\#(sets[min(number, sets.count) - 1])]}"#.utf8)
        }
        return RequestAuthenticator(
            proxyUsers: .init(
                verifier: IAPVerifier(audience: audience, keys: keys, wallClock: clock),
                allowed: ["ann@example.com": .admin, "bob@example.com": .read]),
            basic: basic, tokens: nil)
    }

    final class Fetches: Sendable {
        let count = Mutex(0)
    }

    private func headers(_ assertion: String, _ others: (String, String)...) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in [("X-Goog-IAP-JWT-Assertion", assertion)] + others {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return fields
    }

    @Test("an assertion of an allowed user comes in, with the user's role")
    func iap() async throws {
        let authenticator = authenticator([issuer.jwk])
        let ann = try await authenticator.caller(headers(issuer.assertion(claims())))
        #expect(ann == Caller(name: "ann@example.com", role: .admin))
        let bob = try await authenticator.caller(
            headers(
                issuer.assertion(claims(["email": "bob@example.com"])),
                ("X-Goog-Authenticated-User-Email", "accounts.google.com:bob@example.com")))
        #expect(bob.role == .read)
    }

    @Test(
        "an assertion with anything wrong about it is refused",
        arguments: ["iss", "aud", "exp", "iat", "nbf", "email", "signature", "algorithm", "other", "garbage", "user"])
    func refused(what: String) async throws {
        let authenticator = authenticator([issuer.jwk])
        var fields: HTTPFields
        switch what {
        case "iss": fields = headers(try issuer.assertion(claims(["iss": "https://example.com"])))
        case "aud": fields = headers(try issuer.assertion(claims(["aud": "/projects/1"])))
        case "exp": fields = headers(try issuer.assertion(claims(["exp": 1_799_999_900])))
        case "iat": fields = headers(try issuer.assertion(claims(["iat": 1_800_000_900])))
        case "nbf": fields = headers(try issuer.assertion(claims(["nbf": 1_800_000_900])))
        case "email": fields = headers(try issuer.assertion(claims(["email": "eve@example.com"])))
        case "signature": fields = headers(try issuer.assertion(claims(), signer: P256.Signing.PrivateKey()))
        case "algorithm": fields = headers(try issuer.assertion(claims(), algorithm: "none"))
        case "other":
            fields = headers(
                try issuer.assertion(claims()),
                ("X-Goog-Authenticated-User-Email", "accounts.google.com:eve@example.com"))
        case "garbage": fields = headers("a.b.c")
        default: fields = [:]
        }
        await #expect(throws: Unauthenticated.self) { _ = try await authenticator.caller(fields) }
    }

    @Test("an unknown key is looked for once, and invented keys cost the issuer nothing")
    func keyRotation() async throws {
        let fetches = Fetches()
        var next = Issuer()
        next.keyID = "k2"
        let authenticator = authenticator([issuer.jwk, "\(issuer.jwk),\(next.jwk)"], fetches: fetches)
        _ = try await authenticator.caller(headers(issuer.assertion(claims())))
        clock.advance(by: .seconds(60))
        let later = claims(["iat": 1_800_000_060])
        _ = try await authenticator.caller(headers(next.assertion(later)))
        #expect(fetches.count.withLock { $0 } == 2)
        var invented = Issuer()
        invented.keyID = "k9"
        for _ in 0..<5 {
            let fields = headers(try invented.assertion(later))
            await #expect(throws: Unauthenticated.self) { _ = try await authenticator.caller(fields) }
        }
        #expect(fetches.count.withLock { $0 } == 2)
    }

    @Test("while the keys cannot be had, the answer is 503 and not a pass")
    func noKeys() async throws {
        let authenticator = authenticator([])
        let fields = headers(try issuer.assertion(claims()))
        do throws(Unauthenticated) {
            _ = try await authenticator.caller(fields)
            Issue.record("it was let in")
        } catch {
            #expect(error.status == 503)
        }
    }

    @Test("Basic credentials are a second factor; the refusal shows nothing of them")
    func basic() async throws {
        let authenticator = authenticator(
            [issuer.jwk], basic: .init(username: Secret("user"), password: Secret("s3cret")))
        let assertion = try issuer.assertion(claims())
        let right = Data("user:s3cret".utf8).base64EncodedString()
        _ = try await authenticator.caller(headers(assertion, ("Authorization", "Basic \(right)")))
        for wrong in ["user:s3cre", "use:s3cret", "user", ":", ""] {
            let encoded = Data(wrong.utf8).base64EncodedString()
            let fields = headers(assertion, ("Authorization", "Basic \(encoded)"))
            await #expect(throws: Unauthenticated.self) { _ = try await authenticator.caller(fields) }
        }
        let onlyBasic: HTTPFields = [.authorization: "Basic \(right)"]
        await #expect(throws: Unauthenticated.self) { _ = try await authenticator.caller(onlyBasic) }
        try await withAPI(authenticator: authenticator) { client, _ in
            let answer = try await client.call(.get, "/databases", headers: headers(assertion))
            #expect(answer.status == 401 && answer.headers[.wwwAuthenticate]?.hasPrefix("Basic") == true)
            #expect(!answer.text.contains("s3cret"))
            #expect(try await client.call(.get, "/healthcheck").status == 200)
        }
    }

    @Test("tokens have roles, and the file is read again when it changes")
    func tokens() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let digest = SHA256.hash(data: Data("token-of-an-operator".utf8)).map { String(format: "%02x", $0) }.joined()
        let first =
            "# people\n\nviewer read token-of-a-viewer\nops operate sha256:\(digest)\nboss admin token-of-the-boss\n"
        try first.write(toFile: path, atomically: true, encoding: .utf8)
        let file = try TokenFile(path: path, wallClock: clock, logger: silent)
        let authenticator = RequestAuthenticator(proxyUsers: nil, basic: nil, tokens: file)
        let clock = clock
        try await withAPI(authenticator: authenticator) { client, _ in
            func status(_ method: HTTPRequest.Method, _ path: String, _ token: String, _ body: String? = nil)
                async throws -> Int
            {
                try await client.call(method, path, body, headers: [.authorization: "bearer \(token)"]).status
            }
            #expect(try await status(.get, "/v1/groups", "token-of-a-viewer") == 200)
            #expect(try await status(.put, "/v1/groups/shop", "token-of-a-viewer", shop) == 403)
            #expect(try await status(.put, "/v1/groups/shop", "token-of-an-operator", shop) == 403)
            #expect(try await status(.post, "/", "token-of-an-operator", goAdd()) == 403)
            #expect(try await status(.put, "/v1/groups/shop", "token-of-the-boss", shop) == 201)
            let typed = Data("anybody:token-of-a-viewer".utf8).base64EncodedString()
            #expect(try await client.call(.get, "/ui", headers: [.authorization: "Basic \(typed)"]).status == 200)
            let audit = try await client.call(.get, "/v1/audit", headers: [.authorization: "Bearer token-of-a-viewer"])
            #expect(audit.at("items", "0", "actor") == "boss")
            let refused = try await client.call(.get, "/v1/groups", headers: [.authorization: "Bearer nobody's-token"])
            #expect(refused.status == 401 && !refused.text.contains("token-of"))
            #expect(refused.headers[.contentType] == "application/problem+json")
            try "boss admin another-token-of-the-boss".write(toFile: path, atomically: true, encoding: .utf8)
            clock.advance(by: .seconds(2))
            #expect(try await status(.get, "/v1/groups", "token-of-the-boss") == 401)
            #expect(try await status(.get, "/v1/groups", "another-token-of-the-boss") == 200)
            try "boss admin short".write(toFile: path, atomically: true, encoding: .utf8)
            clock.advance(by: .seconds(2))
            #expect(try await status(.get, "/v1/groups", "another-token-of-the-boss") == 200, "a broken file is left")
        }
    }

    @Test(
        "a token file that cannot be used is named with its line and without its tokens",
        arguments: [
            "a b c", "a read short", "a admin sha256:12", "only two", "a root a-long-enough-token-of-mine",
            "a admin sha256:" + String(repeating: "+f", count: 32),
        ])
    func tokenFile(text: String) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        do throws(TokenFileError) {
            _ = try TokenFile(path: path, wallClock: clock, logger: silent)
            Issue.record("it was taken")
        } catch {
            #expect(error.description.contains("line 1") && !error.description.contains("long-enough"))
        }
    }

    @Test("where tokens or Basic credentials do, either comes in and a refusal asks for both")
    func tokensOrBasic() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "a read a-long-enough-token".write(toFile: path, atomically: true, encoding: .utf8)
        let both = RequestAuthenticator(
            proxyUsers: nil, basic: .init(username: Secret("u"), password: Secret("p:w")),
            tokens: try TokenFile(path: path, wallClock: clock, logger: silent))
        let reader = try await both.caller([.authorization: "Bearer a-long-enough-token"])
        let basic = Data("u:p:w".utf8).base64EncodedString()
        let administrator = try await both.caller([.authorization: "Basic \(basic)"])
        #expect(reader.role == .read && administrator.role == .admin)
        do throws(Unauthenticated) {
            _ = try await both.caller([.authorization: "Bearer nobody's-token"])
            Issue.record("it was let in")
        } catch {
            #expect(error.challenge == "Bearer realm=\"drover\", Basic realm=\"drover\"")
            #expect(error.message.contains("bearer token or Basic credentials"))
        }
    }

    @Test("an address that asks too often waits")
    func rateLimit() async throws {
        var settings = APIRoutes.Settings(defaultPolicy: ScalingPolicy(maximumReplicas: 5))
        settings.requestsPerSecond = 2
        try await withAPI(settings: settings) { client, _ in
            for _ in 0..<4 { #expect(try await client.call(.get, "/v1/groups").status == 200) }
            let refused = try await client.call(.get, "/v1/groups")
            #expect(refused.status == 429 && refused.headers[.retryAfter] == "1")
        }
    }

    @Test("a body that is too large is refused before it is read")
    func tooLarge() async throws {
        var settings = APIRoutes.Settings(defaultPolicy: ScalingPolicy(maximumReplicas: 5))
        settings.maximumBodyBytes = 1_000
        try await withAPI(settings: settings) { client, _ in
            let answer = try await client.call(.put, "/v1/groups/shop", String(repeating: " ", count: 2_000))
            #expect(answer.status == 413, "\(answer.text)")
        }
    }
}

import Crypto
import FakeGoogle
import FleetModel
import Foundation
import JSONValues
import Logging
import Pacing
import Synchronization
import TestSupport
import Testing
import _CryptoExtras

@testable import GoogleCloud

/// Files for one test, removed at its end.
private final class Folder {
    let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        return "\(path)/\(name)"
    }
}

@Suite("Google's credentials", .timeLimit(.minutes(1)))
struct CredentialsTests {
    private let clock = TestWallClock()

    private func credentials(_ environment: [String: String]) -> GoogleCredentials {
        GoogleCredentials(
            environment: environment, wallClock: clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            timeout: patience)
    }

    private func withIdentity(_ body: (IdentityStandIn, String) async throws -> Void) async throws {
        let standIn = IdentityStandIn()
        try await withServer(standIn.router()) { url in try await body(standIn, url) }
    }

    private static func json(_ members: [String: Any]) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
    }

    @Test("the order is Google's: the service's file, the variable, gcloud's file, the metadata server")
    func order() throws {
        let folder = try Folder()
        let home = ["HOME": folder.path]
        #expect(credentials(home).place(for: .pubSub) == .metadataServer(host: "metadata.google.internal"))
        #expect(credentials(["GCE_METADATA_HOST": "h:1"]).place(for: .other) == .metadataServer(host: "h:1"))
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/.config/gcloud", withIntermediateDirectories: true)
        let usual = try folder.write(".config/gcloud/application_default_credentials.json", "{}")
        let origin = "gcloud auth application-default login"
        #expect(credentials(home).place(for: .other) == .file(path: usual, origin: origin))
        let moved = try folder.write("application_default_credentials.json", "{}")
        let config = home.merging(["CLOUDSDK_CONFIG": folder.path]) { $1 }
        #expect(credentials(config).place(for: .other) == .file(path: moved, origin: origin))
        let named = config.merging(["GOOGLE_APPLICATION_CREDENTIALS": "/a"]) { $1 }
        #expect(
            credentials(named).place(for: .kms) == .file(path: "/a", origin: "GOOGLE_APPLICATION_CREDENTIALS"))
        let own = named.merging(["KMS_CREDS": "/b"]) { $1 }
        #expect(credentials(own).place(for: .kms) == .file(path: "/b", origin: "KMS_CREDS"))
        #expect(
            credentials(own).place(for: .pubSub) == .file(path: "/a", origin: "GOOGLE_APPLICATION_CREDENTIALS"))
    }

    @Test("a service account signs RS256 with its key's id, for an hour, for its token endpoint")
    func serviceAccount() async throws {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let folder = try Folder()
        try await withIdentity { standIn, url in
            let path = try folder.write(
                "sa.json",
                Self.json([
                    "type": "service_account", "client_email": "sa@p.iam", "private_key": key.pkcs8PEMRepresentation,
                    "private_key_id": "kid-1", "token_uri": "\(url)/token", "project_id": "p",
                ]))
            let environment = ["PUBSUB_CREDS": path, "GOOGLE_APPLICATION_CREDENTIALS": path]
            let given = try await credentials(environment).provider(for: .pubSub).accessToken()
            #expect(given?.value == Secret("token-1"))
            #expect(given?.expiresAt == clock.now().advanced(by: .seconds(3_600)))
            let project = try await credentials(environment).projectID()
            #expect(project == "p")
            let received = try #require(standIn.received.first)
            #expect(received.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer")
            let assertion = try #require(received.form["assertion"])
            let token = try JSONWebToken(parsing: assertion)
            #expect(token.isSigned(by: key.publicKey))
            let claims = try JSONDecoder().decode(Assertion.self, from: token.payload)
            #expect(claims.iss == "sa@p.iam")
            #expect(claims.aud == "\(url)/token")
            #expect(claims.scope == "https://www.googleapis.com/auth/cloud-platform")
            #expect(claims.exp - claims.iat == 3_600)
            #expect(claims.iat == clock.now().secondsSinceEpoch)
            #expect(token.header.alg == "RS256")
            #expect(token.header.kid == "kid-1")
        }
    }

    private struct Assertion: Decodable {
        var iss: String
        var scope: String
        var aud: String
        var iat: Int64
        var exp: Int64
    }

    @Test("a clock that Google does not believe is corrected by Google's own")
    func skew() async throws {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let folder = try Folder()
        try await withIdentity { standIn, url in
            let path = try folder.write(
                "sa.json",
                Self.json([
                    "type": "service_account", "client_email": "sa@p.iam", "private_key": key.pkcs8PEMRepresentation,
                    "token_uri": "\(url)/token",
                ]))
            standIn.fail(with: GoogleError(400, "invalid_grant", "Token must be a short-lived token"))
            let provider = try credentials(["PUBSUB_CREDS": path]).provider(for: .pubSub)
            _ = try await provider.accessToken()
            let second = try #require(standIn.received.last?.form["assertion"])
            let claims = try JSONDecoder().decode(Assertion.self, from: JSONWebToken(parsing: second).payload)
            // The test's clock stands in another year than this machine's, which the stand-in answers with.
            let difference = claims.iat - Int64(Date().timeIntervalSince1970)
            #expect(abs(difference) <= 60)
        }
    }

    @Test("an authorized user's refresh token is exchanged, and calls count against the quota project")
    func authorizedUser() async throws {
        let folder = try Folder()
        try await withIdentity { standIn, url in
            let path = try folder.write(
                "user.json",
                Self.json([
                    "type": "authorized_user", "client_id": "id", "client_secret": "s&=", "refresh_token": "r+/",
                    "token_uri": "\(url)/token", "quota_project_id": "from-file",
                ]))
            let environment = ["GOOGLE_APPLICATION_CREDENTIALS": path]
            let token = try await credentials(environment).provider(for: .other).accessToken()
            #expect(token?.quotaProject == "from-file")
            #expect(
                standIn.received.first?.form == [
                    "grant_type": "refresh_token", "client_id": "id", "client_secret": "s&=", "refresh_token": "r+/",
                ])
            let other = environment.merging(["GOOGLE_CLOUD_QUOTA_PROJECT": "from-environment"]) { $1 }
            let second = try await credentials(other).provider(for: .other).accessToken()
            #expect(second?.quotaProject == "from-environment")
        }
    }

    @Test(
        "an external account exchanges what a file or an address holds, and may impersonate", arguments: [true, false])
    func externalAccount(fromFile: Bool) async throws {
        let folder = try Folder()
        try await withIdentity { standIn, url in
            let source: [String: Any] =
                fromFile
                ? ["file": try folder.write("subject", "subject-1\n")]
                : [
                    "url": "\(url)/subject",
                    "format": ["type": "json", "subject_token_field_name": "value"],
                ]
            let path = try folder.write(
                "wif.json",
                Self.json([
                    "type": "external_account", "audience": "//iam/aud", "token_url": "\(url)/sts",
                    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": source,
                    "service_account_impersonation_url": "\(url)/impersonate",
                ]))
            let token = try await credentials(["SQLADMIN_CREDS": path]).provider(for: .cloudSQL).accessToken()
            #expect(token?.value == Secret("token-2"))
            #expect(token?.expiresAt == Timestamp(secondsSinceEpoch: 4_102_444_800))
            let received = standIn.received
            #expect(received.map(\.path) == ["/sts", "/impersonate"])
            #expect(received[0].form["subject_token"] == "subject-1")
            #expect(received[0].form["audience"] == "//iam/aud")
            #expect(received[1].authorization == "Bearer token-1")
        }
    }

    @Test("an impersonated account uses the token of its source")
    func impersonated() async throws {
        let folder = try Folder()
        try await withIdentity { standIn, url in
            let user: [String: Any] = [
                "type": "authorized_user", "client_id": "id", "client_secret": "s", "refresh_token": "r",
                "token_uri": "\(url)/token",
            ]
            let path = try folder.write(
                "imp.json",
                Self.json([
                    "type": "impersonated_service_account", "delegates": ["d@p"],
                    "service_account_impersonation_url": "\(url)/impersonate", "source_credentials": user,
                ]))
            let token = try await credentials(["KMS_CREDS": path]).provider(for: .kms).accessToken()
            #expect(token?.value == Secret("token-2"))
            #expect(standIn.received[1].authorization == "Bearer token-1")
            #expect(standIn.received[1].body.contains("\"delegates\":[\"d@p\"]"))
        }
    }

    @Test("the metadata server is asked with its header, and knows the project")
    func metadata() async throws {
        try await withIdentity { standIn, url in
            let host = String(url.dropFirst("http://".count))
            let found = credentials(["GCE_METADATA_HOST": host])
            let token = try await found.provider(for: .other).accessToken()
            #expect(token?.value == Secret("token-1"))
            let project = try await found.projectID()
            #expect(project == "the-project")
            #expect(standIn.received.count == 1)
        }
    }

    @Test(
        "what cannot be used is said without quoting it",
        arguments: [
            ("{", "not a credentials file"), ("{\"type\":\"gdch_service_account\"}", "\"gdch_service_account\""),
            ("{\"type\":\"service_account\",\"client_email\":\"a@b\"}", "\"private_key\""),
            (
                "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key\":\"tell-nobody\"}",
                "not an RSA private key"
            ),
            (
                "{\"type\":\"external_account\",\"audience\":\"a\",\"token_url\":\"https://sts\","
                    + "\"subject_token_type\":\"t\",\"credential_source\":{\"executable\":{}}}", "file- and URL-sourced"
            ),
            (
                "{\"type\":\"external_account\",\"audience\":\"a\",\"token_url\":\"https://sts\","
                    + "\"subject_token_type\":\"t\",\"credential_source\":{\"file\":\"f\",\"format\":{\"type\":\"xml\"}}}",
                "text or json"
            ),
            ("{\"type\":null}", "\"type\" is null"),
            ("{\"type\":\"service_account\",\"client_email\":3}", "\"client_email\" is of the wrong type"),
        ])
    func unusable(text: String, complaint: String) throws {
        let folder = try Folder()
        let path = try folder.write("bad.json", text)
        let error = #expect(throws: GoogleFailure.self) {
            _ = try credentials(["GOOGLE_APPLICATION_CREDENTIALS": path]).provider(for: .other)
        }
        #expect(error?.description.contains(complaint) == true, "\(String(describing: error))")
        #expect(error?.description.contains("tell-nobody") == false)
    }

    @Test("a named file that is not there is an error, not a reason to look further")
    func missing() {
        #expect(throws: GoogleFailure.self) {
            _ = try credentials(["GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent"]).provider(for: .other)
        }
    }

    @Test("secrets of an exchange go to https or to this machine only")
    func inTheClear() async throws {
        let folder = try Folder()
        let path = try folder.write(
            "user.json",
            Self.json([
                "type": "authorized_user", "client_id": "id", "client_secret": "s", "refresh_token": "r",
                "token_uri": "http://token.invalid/",
            ]))
        let provider = try credentials(["PUBSUB_CREDS": path]).provider(for: .pubSub)
        await #expect(throws: GoogleFailure.self) { _ = try await provider.accessToken() }
    }
}

@Suite("The token cache", .timeLimit(.minutes(1)))
struct TokenCacheTests {
    /// Answers when told to, and counts.
    private final class SlowSource: TokenSource {
        private let state = Mutex((count: 0, fails: false))
        private let gate: AsyncStream<Void>
        private let open: AsyncStream<Void>.Continuation
        private let clock: TestWallClock
        let lifetime: Duration

        init(clock: TestWallClock, lifetime: Duration = .seconds(3_600)) {
            self.clock = clock
            self.lifetime = lifetime
            (gate, open) = AsyncStream<Void>.makeStream()
        }

        var count: Int { state.withLock { $0.count } }
        func answer() { open.yield() }
        func setFails(_ fails: Bool) { state.withLock { $0.fails = fails } }

        func newToken() async throws(GoogleFailure) -> AccessToken {
            let (number, fails) = state.withLock { state in
                state.count += 1
                return (state.count, state.fails)
            }
            var iterator = gate.makeAsyncIterator()
            _ = await iterator.next()
            if fails { throw GoogleFailure(.unavailable, call: "test", "no") }
            return AccessToken(
                value: Secret("token-\(number)"), expiresAt: clock.now().advanced(by: lifetime))
        }
    }

    private let clock = TestWallClock()

    private func cache(_ source: SlowSource) -> TokenCache {
        TokenCache(source: source, wallClock: clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test("a hundred callers cause one request")
    func singleFlight() async throws {
        let source = SlowSource(clock: clock)
        let cache = cache(source)
        let values = try await withThrowingTaskGroup(of: Secret?.self) { tasks in
            for _ in 0..<100 { tasks.addTask { try await cache.accessToken()?.value } }
            while source.count == 0 { await Task.yield() }
            source.answer()
            var values: Set<Secret?> = []
            for try await value in tasks { values.insert(value) }
            return values
        }
        #expect(values == [Secret("token-1")])
        #expect(source.count == 1)
    }

    @Test("a token is replaced before its end, and callers meanwhile get the old one")
    func ahead() async throws {
        let source = SlowSource(clock: clock)
        let cache = cache(source)
        source.answer()
        _ = try await cache.accessToken()
        clock.advance(by: .seconds(3_600 - 226))
        let still = try await cache.accessToken()?.value
        #expect(still == Secret("token-1"))
        #expect(source.count == 1)
        clock.advance(by: .seconds(2))
        try await withThrowingTaskGroup(of: Secret?.self) { tasks in
            tasks.addTask { try await cache.accessToken()?.value }
            while source.count == 1 { await Task.yield() }
            let meanwhile = try await cache.accessToken()?.value
            #expect(meanwhile == Secret("token-1"))
            source.answer()
            let new = try await tasks.next() ?? nil
            #expect(new == Secret("token-2"))
        }
    }

    @Test("when a token cannot be renewed the old one is used while it lasts, and the next try waits")
    func failure() async throws {
        let source = SlowSource(clock: clock)
        let cache = cache(source)
        source.answer()
        _ = try await cache.accessToken()
        clock.advance(by: .seconds(3_500))
        source.setFails(true)
        source.answer()
        let old = try await cache.accessToken()?.value
        #expect(old == Secret("token-1"))
        _ = try await cache.accessToken()
        #expect(source.count == 2)
        clock.advance(by: .seconds(95))
        source.answer()
        await #expect(throws: GoogleFailure.self) { _ = try await cache.accessToken() }
    }

    @Test("a rejected token is not given out again")
    func rejected() async throws {
        let source = SlowSource(clock: clock)
        let cache = cache(source)
        source.answer()
        _ = try await cache.accessToken()
        await cache.reject(Secret("another"))
        let kept = try await cache.accessToken()?.value
        #expect(kept == Secret("token-1"))
        await cache.reject(Secret("token-1"))
        source.answer()
        let new = try await cache.accessToken()?.value
        #expect(new == Secret("token-2"))
    }
}

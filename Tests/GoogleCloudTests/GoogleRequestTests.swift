import FakeGoogle
import FleetModel
import Foundation
import Hummingbird
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("Calls of Google's APIs", .timeLimit(.minutes(1)))
struct GoogleRequestTests {
    private func fault(
        _ kind: CloudSQLFault.Kind, _ method: String, times: Int = 1, status: Int? = nil
    ) -> CloudSQLFault {
        var fault = CloudSQLFault(kind)
        fault.method = method
        fault.times = times
        fault.status = status
        return fault
    }

    @Test("reading goes on after two failures", arguments: [CloudSQLFault.Kind.status, .drop, .dropAfterEffect])
    func readsAreRepeated(kind: CloudSQLFault.Kind) async throws {
        try await withCloudSQL { standIn, provider, _ in
            standIn.inject(fault(kind, "GET", times: 2))
            let found = try await provider.instance(named: try InstanceName("shop"))
            #expect(found?.state == .runnable)
            #expect(standIn.requests.count == 3)
        }
    }

    @Test("reading gives up after five failures, and at once where repeating cannot help")
    func readsAreBounded() async throws {
        try await withCloudSQL { standIn, provider, _ in
            standIn.inject(fault(.status, "GET", times: 5))
            await expect(.unavailable) { _ = try await provider.instance(named: try InstanceName("shop")) }
            #expect(standIn.requests.count == 5)
            standIn.inject(fault(.status, "GET", status: 403))
            await expect(.permissionDenied) { _ = try await provider.instance(named: try InstanceName("shop")) }
            #expect(standIn.requests.count == 6)
        }
    }

    @Test("writing is never repeated", arguments: [CloudSQLFault.Kind.status, .drop, .dropAfterEffect])
    func writesAreNotRepeated(kind: CloudSQLFault.Kind) async throws {
        try await withCloudSQL { standIn, provider, _ in
            standIn.inject(fault(kind, "POST"))
            await expect(.unavailable) { _ = try await provider.createReplica(try wanted("shop-a")) }
            #expect(standIn.requests.filter { $0.hasPrefix("POST") }.count == 1)
        }
    }

    @Test("a call that hangs ends at its deadline, with all that would have been repeated of it")
    func hang() async throws {
        try await withCloudSQLServer(timeout: .seconds(2)) { standIn, provider, _, _ in
            standIn.inject(fault(.hang, "GET", times: 5))
            await expect(.unavailable) { _ = try await provider.instance(named: try InstanceName("shop")) }
            #expect(standIn.requests.count == 1)
        }
    }

    @Test("a redirect is not followed")
    func redirect() async throws {
        let router = Router()
        router.get("/v1/projects/p/instances/shop") { _, _ in Response.redirect(to: "/elsewhere", type: .found) }
        router.get("/elsewhere") { _, _ in
            Issue.record("the redirect was followed")
            return "{}"
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience)
            let provider = CloudSQLReplicaProvider(request: request, project: "p", privateNetwork: nil)
            await expect(.invalid) { _ = try await provider.instance(named: try InstanceName("shop")) }
        }
    }

    private struct FixedToken: AccessTokenProvider {
        func accessToken() async throws(GoogleFailure) -> AccessToken? {
            AccessToken(
                value: Secret("tell-nobody"), expiresAt: Timestamp(secondsSinceEpoch: 9_999_999_999), quotaProject: "q")
        }
    }

    /// Gives out the tokens in turn; a rejected one is not given out again.
    private final class Turns: AccessTokenProvider {
        private let rejected = Mutex(0)
        func accessToken() async throws(GoogleFailure) -> AccessToken? {
            AccessToken(
                value: Secret("token-\(rejected.withLock { $0 })"),
                expiresAt: Timestamp(secondsSinceEpoch: 9_999_999_999))
        }
        func reject(_ token: Secret) async { rejected.withLock { $0 += 1 } }
    }

    @Test("a call that is refused for its token is made once more with a new one, whatever it does")
    func newToken() async throws {
        let seen = Mutex<[String]>([])
        let router = Router()
        router.post("/x") { request, _ in
            let count = seen.withLock { seen in
                seen.append(request.headers[.authorization] ?? "")
                return seen.count
            }
            return count % 3 == 2 ? Response(status: .ok) : Response(status: .unauthorized)
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience, credentials: Turns())
            _ = try await request.send(GoogleCall(.POST, "/x"))
            #expect(seen.withLock { $0 } == ["Bearer token-0", "Bearer token-1"])
            seen.withLock { $0 = ["", ""] }
            await #expect(throws: GoogleFailure.self) { _ = try await request.send(GoogleCall(.POST, "/x")) }
            #expect(seen.withLock { $0.count } == 4)
        }
    }

    @Test("what was certainly not done is repeated, writing or not")
    func refused() async throws {
        let count = Mutex(0)
        let router = Router()
        router.post("/x") { _, _ in
            count.withLock { $0 += 1 }
            return count.withLock { $0 } < 3 ? Response(status: .tooManyRequests) : Response(status: .ok)
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience)
            _ = try await request.send(GoogleCall(.POST, "/x"))
            #expect(count.withLock { $0 } == 3)
        }
        let nobody = GoogleRequest(endpoint: "http://127.0.0.1:1", timeout: patience)
        do throws(GoogleFailure) {
            _ = try await nobody.send(GoogleCall(.POST, "/x"))
            Issue.record("nobody answers there")
        } catch {
            #expect(error.code == .unreachable)
        }
    }

    @Test("at most so many calls are under way at a time, and all are made")
    func bounded() async throws {
        let now = Mutex((running: 0, most: 0))
        let router = Router()
        router.get("/x") { _, _ in
            now.withLock { now in
                now.running += 1
                now.most = max(now.most, now.running)
            }
            for _ in 0..<50 { await Task.yield() }
            now.withLock { $0.running -= 1 }
            return "{}"
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience, maximumConcurrency: 3)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<40 { tasks.addTask { _ = try await request.send(GoogleCall(.GET, "/x")) } }
                try await tasks.waitForAll()
            }
        }
        #expect(now.withLock { $0.most } <= 3)
        #expect(now.withLock { $0.running } == 0)
    }

    @Test("Retry-After and RetryInfo are respected, reason and request id are kept")
    func details() throws {
        let text = """
            {"error":{"code":503,"message":"later","status":"UNAVAILABLE","details":[
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.5s"},
            {"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"abc"}]}}
            """
        let context = GoogleErrorAnswer.Context(call: "GET /", requestID: nil, retryAfter: "3")
        let failure = GoogleErrorAnswer.failure(503, Data(text.utf8), context)
        #expect(failure.code == .unavailable)
        #expect(failure.requestID == "abc")
        #expect(failure.description.contains("(request abc)"))
        var repetition = Repetition(.idempotent)
        #expect(repetition.pause(after: failure, spread: 1) == .seconds(7.5))
        let bare = GoogleErrorAnswer.failure(503, Data(), context)
        #expect(bare.retryAfter == .seconds(3))
    }

    @Test("an internal error is repeated once, a conflict never, and pauses grow to a bound")
    func rules() {
        let broken = GoogleFailure(.internalError, call: "x", "")
        var repetition = Repetition(.idempotent)
        #expect(repetition.pause(after: broken, spread: 1) == .milliseconds(100))
        #expect(repetition.pause(after: broken, spread: 1) == nil)
        var writing = Repetition(.once)
        #expect(writing.pause(after: GoogleFailure(.unavailable, call: "x", ""), spread: 1) == nil)
        for code in [GoogleFailure.Code.aborted, .failedPrecondition, .alreadyExists, .invalid, .quotaExceeded] {
            var repetition = Repetition(.idempotent)
            #expect(repetition.pause(after: GoogleFailure(code, call: "x", ""), spread: 1) == nil)
        }
        var reading = Repetition(.idempotent)
        let pauses = (0..<6).map { _ in
            reading.pause(after: GoogleFailure(.unavailable, call: "x", ""), spread: 1)
        }
        #expect(pauses == [.milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800), nil, nil])
    }

    @Test(
        "proxies are taken from the environment, with its exceptions, and never for this machine or the metadata server"
    )
    func proxies() {
        let proxies = ProxyEnvironment([
            "https_proxy": "http://proxy.example:3128", "HTTP_PROXY": "plain.example",
            "NO_PROXY": "internal.example, .corp.example",
        ])
        #expect(proxies.proxy(for: "https://pubsub.googleapis.com/x") == .init(host: "proxy.example", port: 3128))
        #expect(proxies.proxy(for: "http://a.example") == .init(host: "plain.example", port: 80))
        for url in [
            "https://internal.example", "https://a.corp.example:8443/", "http://127.0.0.1:1", "http://localhost:2",
            "http://metadata.google.internal/x",
        ] {
            #expect(proxies.proxy(for: url) == nil, "\(url)")
        }
        #expect(ProxyEnvironment(["https_proxy": "p:1", "no_proxy": "*"]).proxy(for: "https://a.example") == nil)
        #expect(ProxyEnvironment([:]).proxy(for: "https://a.example") == nil)
        let ports = ProxyEnvironment(["https_proxy": "p:1", "no_proxy": "a.example:8443"])
        #expect(ports.proxy(for: "https://a.example:8443/x") == nil)
        #expect(ports.proxy(for: "https://a.example/x") == .init(host: "p", port: 1))
    }

    @Test("a proxy's user and password, its kind and an address in brackets are read from its address")
    func proxyAddresses() {
        func proxy(_ address: String) -> ProxyEnvironment.Address? {
            ProxyEnvironment(["https_proxy": address]).proxy(for: "https://a.example")
        }
        #expect(
            proxy("http://us%40er:p%3Ass@proxy:3128/")
                == .init(host: "proxy", port: 3128, credentials: Secret("us@er:p:ss")))
        #expect(proxy("socks5://proxy") == .init(host: "proxy", port: 1080, isSOCKS: true))
        #expect(proxy("[::2]:3128") == .init(host: "::2", port: 3128))
        #expect(proxy("http://") == nil)
    }

    @Test("an emulator's variable replaces the address")
    func emulators() {
        let none = ServiceEndpoint.pubSub([:])
        #expect(none == .init("https://pubsub.googleapis.com", emulatorVariable: "X", environment: [:]))
        let some = ServiceEndpoint.datastore(["DATASTORE_EMULATOR_HOST": "127.0.0.1:8081"])
        #expect(some.url == "http://127.0.0.1:8081")
        #expect(some.isEmulator)
    }

    @Test(
        "times in Google's form are read and written to the millisecond",
        arguments: [
            ("2026-01-02T03:04:05Z", 1_767_323_045_000, "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.123456789Z", 1_767_323_045_123, "2026-01-02T03:04:05.123Z"),
            ("2026-01-02T03:04:05.5+01:00", 1_767_319_445_500, "2026-01-02T02:04:05.500Z"),
        ] as [(String, Int64, String)])
    func times(text: String, milliseconds: Int64, written: String) {
        let time = Timestamp(rfc3339: text)
        #expect(time == Timestamp(millisecondsSinceEpoch: milliseconds))
        #expect(time?.rfc3339 == written)
        #expect(Timestamp(rfc3339: "yesterday") == nil)
    }

    @Test("a token is sent to this machine, and to others not in the clear")
    func token() async throws {
        let seen = Mutex<String?>(nil)
        let router = Router()
        router.get("/v1/projects/p/instances/shop") { request, _ in
            seen.withLock { $0 = request.headers[.authorization] }
            return "{\"name\":\"shop\"}"
        }
        try await withServer(router) { url in
            let request = GoogleRequest(endpoint: url, timeout: patience, credentials: FixedToken())
            _ = try await request.send(GoogleCall(.GET, "/v1/projects/p/instances/shop"), as: DatabaseInstance.self)
        }
        #expect(seen.withLock { $0 } == "Bearer tell-nobody")
        let request = GoogleRequest(
            endpoint: "http://cloudsql.invalid", timeout: patience, credentials: FixedToken())
        do throws(GoogleFailure) {
            _ = try await request.send(GoogleCall(.GET, "/"))
            Issue.record("the token left this machine in the clear")
        } catch {
            #expect(error.code == .invalid)
        }
    }

    @Test(
        "only 127.0.0.0/8, written as numbers, counts as this machine",
        arguments: [
            ("http://127.0.0.1:80", true), ("http://127.9.8.7/x", true), ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@example.com", false), ("http://10.0.0.1", false), ("https://127.0.0.1", false),
            ("http://127.example.com:80", false),
        ])
    func loopback(endpoint: String, isLoopback: Bool) {
        #expect(GoogleRequest.isLoopback(endpoint) == isLoopback)
    }

    @Test("errors in the newer form are sorted by their details")
    func newerForm() {
        let text = """
            {"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"x"}]}}
            """
        let context = GoogleErrorAnswer.Context(call: "GET /")
        #expect(GoogleErrorAnswer.failure(429, Data(text.utf8), context).code == .rateLimited)
        #expect(GoogleErrorAnswer.failure(403, Data(text.utf8), context).code == .rateLimited)
        #expect(GoogleErrorAnswer.failure(502, Data("<html>".utf8), context).code == .unavailable)
    }
}

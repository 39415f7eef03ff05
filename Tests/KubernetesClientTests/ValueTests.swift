import FleetModel
import JSONValues
import NIOCore
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@testable import KubernetesClient

@Suite("Values of the Kubernetes API")
struct ValueTests {
    @Test(
        "A time is read with any fraction and offset, and written as a MicroTime",
        arguments: [
            ("2026-11-20T23:57:19.491000Z", "2026-11-20T23:57:19.491000Z"),
            ("2026-11-20T23:57:19Z", "2026-11-20T23:57:19.000000Z"),
            ("2026-11-21T01:57:19.5+02:00", "2026-11-20T23:57:19.500000Z"),
            ("2024-02-29T00:00:00.123456789Z", "2024-02-29T00:00:00.123000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999000Z"),
        ])
    func times(text: String, written: String) throws {
        let time = try #require(MicroTime(text))
        #expect(time.text == written)
        #expect(MicroTime(time.text) == time)
    }

    @Test(
        "What is not RFC 3339 is no time",
        arguments: [
            "", "now", "2026-11-20", "2026-13-20T00:00:00Z", "2026-11-20T23:57:19", "2026-11-20T23:57:19.Z",
            "2026-11-20T23:57:19+2", "2026-11-20T23:57:19Zz",
        ])
    func noTimes(text: String) {
        #expect(MicroTime(text) == nil)
    }

    @Test("A merge patch removes by null, merges objects and replaces everything else")
    func merging() {
        let document: JSONValue = ["a": ["b": 1, "c": [1, 2]], "d": "e"]
        let patched = document.merging(["a": ["b": .null, "c": [3], "x": ["y": .null]], "d": ["f": true]])
        #expect(patched == ["a": ["c": [3], "x": [:]], "d": ["f": true]])
    }

    @Test("Conflicts of three kinds, all status 409, are told apart")
    func conflicts() {
        func code(_ body: String) -> KubernetesError.Code {
            StatusDocument.error("x", status: 409, body: Data(body.utf8), retryAfter: nil).code
        }
        #expect(code(#"{"kind":"Status","reason":"AlreadyExists","code":409}"#) == .alreadyExists)
        #expect(code(#"{"kind":"Status","reason":"Conflict","code":409}"#) == .conflict)
        let apply = #"""
            {"kind":"Status","reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict",
            "message":"conflict with \"mgr-a\"","field":".data.k"}]},"code":409}
            """#
        #expect(code(apply) == .fieldConflict)
        let error = StatusDocument.error("x", status: 409, body: Data(apply.utf8), retryAfter: nil)
        #expect(error.fields == [".data.k"])
    }

    @Test("An answer that is no Status, as a proxy gives it, is quoted and judged by its status alone")
    func proxyAnswer() {
        let error = StatusDocument.error("list pods", status: 502, body: Data("Bad Gateway".utf8), retryAfter: nil)
        #expect(error.code == .unavailable)
        #expect(error.description == "list pods was answered 502: Bad Gateway")
    }

    @Test("Lines are found however the stream is cut", arguments: [1, 2, 3, 7, 100])
    func lines(size: Int) {
        let stream = Array("{\"a\":1}\n\n{\"b\":2}\n{\"c\"".utf8)
        var buffer = LineBuffer()
        var lines: [String] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            let accepted = buffer.append(ByteBuffer(bytes: stream[start..<min(start + size, stream.count)]))
            #expect(accepted)
            while let line = buffer.next() { lines.append(String(buffer: line)) }
        }
        #expect(lines == [#"{"a":1}"#, #"{"b":2}"#])
    }

    @Test("The waits double from the first to the limit and are stretched by jitter only")
    func backoff() {
        var backoff = Backoff(first: .seconds(1), limit: .seconds(5), jitter: 0.5)
        let waits = (0..<5).map { _ in backoff.next(random: 0) }
        #expect(waits == [.seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5)])
        #expect(backoff.next(random: 0.5) == .milliseconds(6_250))
        backoff.reset()
        #expect(backoff.next(random: 0) == .seconds(1))
    }

    @Test("Names and selectors are encoded into addresses")
    func addresses() {
        #expect(
            Pod.kind.path(namespace: "a b", name: "x/y", subresource: "status")
                == "/api/v1/namespaces/a%20b/pods/x%2Fy/status")
        #expect(Lease.kind.path(namespace: nil) == "/apis/coordination.k8s.io/v1/leases")
        #expect(Namespace.kind.path(namespace: "x", name: "y") == "/api/v1/namespaces/y")
        #expect(Selection.labels(["b": "2", "a": "1"]).labels == "a=1,b=2")
        #expect(URLText.query([("labelSelector", "a in (b,c)")]) == "?labelSelector=a%20in%20%28b%2Cc%29")
    }

    @Test("A Secret's values are texts for its readers and never printed")
    func secrets() throws {
        let secret = SecretResource(name: "fleet", texts: ["fleet.json": Secret("hidden-text")])
        #expect(secret.text("fleet.json")?.reveal() == "hidden-text")
        #expect(secret.text("other") == nil)
        #expect(!"\(secret)".contains("hidden-text"))
        #expect(!"\(secret)".contains("aGlkZGVuLXRleHQ"))
    }

    @Test("A rollout is done when only newest pods are left and all of them are available")
    func rollouts() {
        var deployment = Deployment(metadata: ObjectMeta(name: "proxysql"))
        deployment.metadata.generation = 4
        deployment.spec = Deployment.Spec(replicas: 2)
        deployment.status = Deployment.Status(
            observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2)
        #expect(deployment.isRolledOut)
        deployment.status?.replicas = 3
        #expect(!deployment.isRolledOut)
        deployment.status?.replicas = 2
        deployment.status?.observedGeneration = 3
        #expect(!deployment.isRolledOut)
    }
}

import FakeKubernetes
import Hummingbird
import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The part of the sandbox's control API that is about Kubernetes and agents.
///
/// | call | what it does |
/// |---|---|
/// | `GET /v1/kubernetes` | where the API server and the agents are now |
/// | `GET /v1/kubernetes/faults` | the faults that have not happened often enough yet |
/// | `POST /v1/kubernetes/faults` | adds one: a `KubernetesFault` as JSON |
/// | `DELETE /v1/kubernetes/faults` | removes all |
/// | `POST /v1/kubernetes/compact` | forgets every older version: watches and pages are answered 410 |
/// | `POST /v1/kubernetes/end-watches` | breaks every watch |
/// | `POST /v1/kubernetes/accounts` | gives a token other rights: an `Account` as JSON |
/// | `POST /v1/agents/{pod}/{kill,stop,resume}` | SIGKILL (it is started again), SIGSTOP, SIGCONT |
struct KubernetesControl: Sendable {
    let cluster: PodCluster

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.get("/v1/kubernetes") { _, _ in try Self.json(cluster.endpoints) }
        router.get("/v1/kubernetes/faults") { _, _ in try Self.json(try standIn().faults) }
        router.post("/v1/kubernetes/faults") { request, _ in
            try standIn().inject(try await Self.decoded(KubernetesFault.self, request))
            return try Self.json(["status": "ok"])
        }
        router.delete("/v1/kubernetes/faults") { _, _ in
            try standIn().clearFaults()
            return try Self.json(["status": "ok"])
        }
        router.post("/v1/kubernetes/compact") { _, _ in
            try standIn().compact()
            return try Self.json(["status": "ok"])
        }
        router.post("/v1/kubernetes/end-watches") { _, _ in
            try standIn().endWatches()
            return try Self.json(["status": "ok"])
        }
        router.post("/v1/kubernetes/accounts") { request, _ in
            try standIn().setAccount(try await Self.decoded(Account.self, request))
            return try Self.json(["status": "ok"])
        }
        router.post("/v1/agents/{pod}/{verb}") { _, context in
            let pod = context.parameters.get("pod") ?? ""
            guard let process = cluster.runner.running[pod] else {
                throw HTTPError(.notFound, message: "there is no pod \(pod)")
            }
            let signals = ["kill": SIGKILL, "stop": SIGSTOP, "resume": SIGCONT]
            guard let signal = signals[context.parameters.get("verb") ?? ""] else {
                throw HTTPError(.notFound, message: "kill, stop or resume is expected")
            }
            process.agent.signal(signal)
            return try Self.json(["status": "ok"])
        }
    }

    private func standIn() throws(HTTPError) -> FakeKubernetes {
        guard let fake = cluster.fake else { throw HTTPError(.conflict, message: "the API server is a real one") }
        return fake
    }

    private static func decoded<Value: Decodable>(_ type: Value.Type, _ request: Request) async throws -> Value {
        let body = try await request.body.collect(upTo: 65_536)
        do {
            return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
        } catch {
            throw HTTPError(.badRequest, message: "that is no \(type): \(error)")
        }
    }

    private static func json(_ value: some Encodable) throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
    }
}

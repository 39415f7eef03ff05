import Endpoints
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

/// Serves `KubernetesControlEndpoint`.
struct KubernetesControl: Sendable {
    let cluster: PodCluster

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.serve(KubernetesControlEndpoint.places) { _, _ in try Self.json(cluster.endpoints) }
        router.serve(KubernetesControlEndpoint.faults) { _, _ in try Self.json(try standIn().faults) }
        router.serve(KubernetesControlEndpoint.addFault) { request, _ in
            try standIn().inject(try await Self.decoded(KubernetesFault.self, request))
            return try Self.json(["status": "ok"])
        }
        router.serve(KubernetesControlEndpoint.clearFaults) { _, _ in
            try standIn().clearFaults()
            return try Self.json(["status": "ok"])
        }
        router.serve(KubernetesControlEndpoint.compact) { _, _ in
            try standIn().compact()
            return try Self.json(["status": "ok"])
        }
        router.serve(KubernetesControlEndpoint.endWatches) { _, _ in
            try standIn().endWatches()
            return try Self.json(["status": "ok"])
        }
        router.serve(KubernetesControlEndpoint.accounts) { request, _ in
            try standIn().setAccount(try await Self.decoded(Account.self, request))
            return try Self.json(["status": "ok"])
        }
        router.serve(KubernetesControlEndpoint.agent) { _, context in
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

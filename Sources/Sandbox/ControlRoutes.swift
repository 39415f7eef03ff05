import Endpoints
import FakeGoogle
import Hummingbird
import JSONValues
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

/// Serves `ControlEndpoint`.
struct ControlRoutes: Sendable {
    let nodes: [any SandboxNode]
    let cloudSQL: CloudSQLStandIn
    let serve: ChildProcess
    /// Where nodes are pods.
    let cluster: PodCluster?

    private struct Connections: Decodable {
        var address: String
        var port: Int?
        var count: Int
    }

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.serve(ControlEndpoint.cloudSQLFaults) { _, _ in try Self.json(cloudSQL.faults) }
        router.serve(ControlEndpoint.addCloudSQLFault) { request, _ in
            let body = try await request.body.collect(upTo: 65_536)
            do {
                try Self.refuseUnknown(body)
                cloudSQL.inject(try JSONDecoder().decode(CloudSQLFault.self, from: Data(body.readableBytesView)))
            } catch {
                throw HTTPError(.badRequest, message: "that is no fault: \(error)")
            }
            return try Self.json(["status": "ok"])
        }
        router.serve(ControlEndpoint.clearCloudSQLFaults) { _, _ in
            cloudSQL.clearFaults()
            return try Self.json(["status": "ok"])
        }
        router.serve(ControlEndpoint.instance) { request, context in
            let body = try await request.body.collect(upTo: 65_536)
            guard let change = try? JSONValue(Data(body.readableBytesView)), case .object = change else {
                throw HTTPError(.badRequest, message: "a merge patch of an instance is expected")
            }
            let name = context.parameters.get("name") ?? ""
            guard cloudSQL.reshape(name, change) else {
                throw HTTPError(.notFound, message: "there is no instance \(name)")
            }
            return try Self.json(["status": "ok"])
        }
        router.serve(ControlEndpoint.node) { request, context in
            let name = context.parameters.get("name") ?? ""
            guard let node = nodes.first(where: { $0.endpoint.name == name }) ?? cluster?.runner.running[name]?.node
            else {
                throw HTTPError(.notFound, message: "there is no node \(name)")
            }
            switch context.parameters.get("verb") {
            case "kill": await node.kill()
            case "restart": try await node.restart()
            case "wedge": try await node.wedge()
            case "unwedge": try await node.unwedge()
            case "connections":
                let body = try await request.body.collect(upTo: 65_536)
                guard let wanted = try? JSONDecoder().decode(Connections.self, from: Data(body.readableBytesView))
                else { throw HTTPError(.badRequest, message: "address, port and count are expected") }
                guard
                    await node.setConnectionsInUse(
                        address: wanted.address, port: wanted.port ?? 3_306, count: wanted.count)
                else { throw HTTPError(.conflict, message: "the connections of \(name) are real") }
            case let verb: throw HTTPError(.notFound, message: "nothing is called \(verb ?? "")")
            }
            return try Self.json(["status": "ok"])
        }
        router.serve(ControlEndpoint.killServe) { _, _ in
            serve.signal(SIGKILL)
            return try Self.json(["status": "ok"])
        }
    }

    private static let faultFields: Set<String> = ["kind", "method", "path", "times", "seconds", "status", "reason"]

    private static func refuseUnknown(_ body: ByteBuffer) throws {
        let members = try JSONDecoder().decode([String: JSONValue].self, from: Data(body.readableBytesView))
        if let unknown = members.keys.sorted().first(where: { !faultFields.contains($0) }) {
            throw SandboxError("the field \(unknown) is unknown")
        }
    }

    private static func json(_ value: some Encodable) throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
    }
}

import Endpoints
import FleetModel
import Hummingbird
import Logging
import MySQLWire
import NIOCore
import Pacing
import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The calls that change something, each behind the token.
extension AgentRoutes {
    func addControl<Context: RequestContext>(to router: Router<Context>) {
        router.serve(AgentEndpoint.resync) { request, _ in
            await guarded(request) {
                switch await parts.resync() {
                case .success(let note): return Self.done(note)
                case .failure(let error): return Self.failed(error)
                }
            }
        }
        router.serve(AgentEndpoint.drain) { request, _ in
            await guarded(request) {
                if let objection = await parts.events.objection([.goal: "hold"]) {
                    return Self.json(["error": "a plugin objects: \(objection)"], .conflict)
                }
                parts.drain.request(.hold, because: "/v1/drain was called")
                return Self.json(["message": "draining; GET /v1/status shows how far it is"], .accepted)
            }
        }
        router.serve(AgentEndpoint.resume) { request, _ in
            await guarded(request) {
                switch parts.drain.resume() {
                case .accepted: return Self.json(["message": "taking clients again"], .accepted)
                case .refused:
                    return Self.json(
                        ["error": "the node is neither draining nor paused, or it is being shut down"], .conflict)
                }
            }
        }
        router.serve(AgentEndpoint.reload) { request, _ in
            await guarded(request) { Self.done(await parts.reload()) }
        }
        router.serve(AgentEndpoint.backend) { request, context in
            await guarded(request) {
                await changeBackend(
                    hostgroup: context.parameters.get("hostgroup"), address: context.parameters.get("address"),
                    action: context.parameters.get("action"))
            }
        }
    }

    private func guarded(_ request: Request, _ body: () async -> Response) async -> Response {
        if let objection = Self.objection(request) { return objection }
        switch settings.token.judge(request.headers[.authorization]) {
        case .granted: return await body()
        case .off:
            return Self.json(
                ["error": "calls that change something are off: set agent.api.token or agent.api.token-file"],
                .forbidden)
        case .refused:
            return Self.json(["error": "a bearer token is needed, and this is not it"], .unauthorized)
        }
    }

    /// A page of another site can make a browser ask for anything that needs no token.
    private static func objection(_ request: Request) -> Response? {
        do throws(BrowserCheck.Objection) {
            try BrowserCheck().check(request.head)
            return nil
        } catch {
            return json(["error": error.description], .forbidden)
        }
    }

    /// Changes a backend's status on this node. On a core the cluster follows; on a satellite it lasts until a core
    /// loads its servers the next time.
    private func changeBackend(hostgroup: String?, address: String?, action: String?) async -> Response {
        guard let hostgroup = hostgroup.flatMap({ Int($0) }),
            let backend = address.flatMap({ $0.percentDecoded }).flatMap({ AgentAddress($0) }),
            let status = ["online": "ONLINE", "offline-soft": "OFFLINE_SOFT"][action ?? ""]
        else {
            return Self.json(
                ["error": "the path is /v1/backends/{hostgroup}/{host}:{port}/online or …/offline-soft"], .badRequest)
        }
        do throws(AdminError) {
            let condition =
                "hostgroup_id=\(hostgroup) AND hostname=\(try SQLText.quote(backend.host)) AND port=\(backend.port)"
            let found = try await parts.port.query(
                "SELECT status FROM mysql_servers WHERE \(condition)", within: Self.readLimit)
            guard let before = found.rows.first?[0] else {
                return Self.json(["error": "hostgroup \(hostgroup) has no backend \(backend)"], .notFound)
            }
            guard before.uppercased() != status else {
                return Self.done("\(backend) is \(status) in hostgroup \(hostgroup) already")
            }
            _ = try await parts.port.query("UPDATE mysql_servers SET status='\(status)' WHERE \(condition)")
            _ = try await parts.port.query("LOAD MYSQL SERVERS TO RUNTIME")
            parts.look.wake()
        } catch {
            return Self.failed(error)
        }
        logger.info(
            "a backend's status was changed through the API",
            metadata: ["backend.address": "\(backend)", "hostgroup": "\(hostgroup)", "status": "\(status)"])
        parts.events.publish(
            .backendChanged, [.hostgroup: "\(hostgroup)", .backend: "\(backend)", .status: status])
        return Self.done("\(backend) is \(status) in hostgroup \(hostgroup)")
    }

    // MARK: Answers

    func read<Document: Encodable>(_ statement: String, _ make: (MySQLRow) -> Document) async -> Response {
        do throws(AdminError) {
            return Self.json(try await parts.port.query(statement, within: Self.readLimit).rows.map(make))
        } catch {
            return Self.failed(error)
        }
    }

    static func done(_ message: String) -> Response { json(["message": message]) }

    static func failed(_ error: AdminError) -> Response { json(["error": error.message], .badGateway) }

    static func json(_ value: some Encodable, _ status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = (try? encoder.encode(value)) ?? Data()
        return Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}

extension DrainMachine.State {
    /// The state as one word.
    var word: String {
        switch self {
        case .shuttingDown: "shutting-down"
        default: "\(self)"
        }
    }
}

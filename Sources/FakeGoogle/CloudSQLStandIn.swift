import FleetModel
package import Hummingbird
package import JSONValues
import NIOCore
package import Pacing
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The Cloud SQL Admin API on loopback: it simulates, and says so in its `Server` header.
package final class CloudSQLStandIn: Sendable {
    private struct State {
        var model: CloudSQLModel
        var faults: [CloudSQLFault] = []
        var operationCount = 0
        var requests: [String] = []
    }

    private let state: Mutex<State>
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>

    /// Serves `model`.
    package init(model: CloudSQLModel, wallClock: any WallClock, clock: any Clock<Duration>) {
        self.state = Mutex(State(model: model))
        self.wallClock = wallClock
        self.clock = clock
    }

    /// Adds a fault; the oldest that applies to a call happens first.
    package func inject(_ fault: CloudSQLFault) {
        state.withLock { $0.faults.append(fault) }
    }

    /// Removes every fault.
    package func clearFaults() {
        state.withLock { $0.faults = [] }
    }

    /// The faults that have not happened yet.
    package var faults: [CloudSQLFault] { state.withLock { $0.faults } }

    /// The calls so far, as `METHOD path`, at most the last 10,000.
    package var requests: [String] { state.withLock { $0.requests } }

    /// The instances that exist now, by name.
    package var instances: [String: JSONValue] {
        let now = wallClock.now()
        return state.withLock { state in
            state.model.settle(at: now)
            return state.model.instances
        }
    }

    /// The routes, for both versions of the API that clients use; `StandInContext` lets faults close connections.
    package func router<Context: RequestContext>(
        context: Context.Type = BasicRequestContext.self
    ) -> Router<Context> {
        let router = Router(context: context)
        for prefix in ["/v1/projects/{project}", "/sql/v1beta4/projects/{project}"] {
            route(router, .get, "\(prefix)/instances") { model, call throws(GoogleError) in
                try model.list(
                    filter: call.query["filter"], maximum: call.maximum(500), pageToken: call.query["pageToken"]
                )
            }
            route(router, .post, "\(prefix)/instances") { model, call throws(GoogleError) in
                try model.insert(call.body, id: call.operationID, at: call.now)
            }
            route(router, .get, "\(prefix)/instances/{name}") { model, call throws(GoogleError) in
                try model.get(call.name)
            }
            routeCertificates(router, "\(prefix)/instances/{name}")
            route(router, .delete, "\(prefix)/instances/{name}") { model, call throws(GoogleError) in
                try model.delete(call.name, id: call.operationID, at: call.now)
            }
            route(router, .patch, "\(prefix)/instances/{name}") { model, call throws(GoogleError) in
                try model.patch(call.name, call.body, id: call.operationID, at: call.now)
            }
            route(router, .post, "\(prefix)/instances/{name}/promoteReplica") { model, call throws(GoogleError) in
                try model.promote(call.name, id: call.operationID, at: call.now)
            }
            route(router, .get, "\(prefix)/operations") { model, call throws(GoogleError) in
                model.operations(
                    of: call.query["instance"], maximum: call.maximum(100), pageToken: call.query["pageToken"],
                    at: call.now)
            }
            route(router, .get, "\(prefix)/operations/{name}") { model, call throws(GoogleError) in
                try model.operation(call.name, at: call.now)
            }
        }
        return router
    }

    private func routeCertificates<Context: RequestContext>(_ router: Router<Context>, _ prefix: String) {
        route(router, .get, "\(prefix)/listServerCas") { model, call throws(GoogleError) in
            try model.serverAuthorities(of: call.name, at: call.now)
        }
        route(router, .get, "\(prefix)/sslCerts") { model, call throws(GoogleError) in
            try model.clientCertificates(of: call.name, at: call.now)
        }
        route(router, .post, "\(prefix)/sslCerts") { model, call throws(GoogleError) in
            try model.makeClientCertificate(call.body, of: call.name, id: call.operationID, at: call.now)
        }
        route(router, .delete, "\(prefix)/sslCerts/{fingerprint}") { model, call throws(GoogleError) in
            try model.deleteClientCertificate(
                call.fingerprint, of: call.name, id: call.operationID, at: call.now)
        }
    }

    /// Makes an instance what no call of the API makes it, by a merge patch: another `state`, other `ipAddresses`.
    /// - Returns: false when there is no such instance.
    package func reshape(_ name: String, _ change: JSONValue) -> Bool {
        state.withLock { state in
            do throws(GoogleError) {
                try state.model.reshape(name, change)
                return true
            } catch {
                return false
            }
        }
    }

    /// A second server CA appears, as after `addServerCa`.
    package func rotate(_ name: String) throws {
        let now = wallClock.now()
        try state.withLock { try $0.model.beginRotation(of: name, at: now) }
    }

    /// The rotation of the server CA is completed.
    package func completeRotation(_ name: String) throws {
        let now = wallClock.now()
        try state.withLock { try $0.model.endRotation(of: name, at: now) }
    }

    /// A call as the model sees it.
    private struct Call: Sendable {
        var name: String
        var fingerprint: String
        var query: [String: String]
        var body: JSONValue
        var operationID: String
        var now: Timestamp

        func maximum(_ standard: Int) -> Int {
            min(max(query["maxResults"].flatMap { Int($0) } ?? standard, 1), 1_000)
        }
    }

    private func route<Context: RequestContext>(
        _ router: Router<Context>, _ method: HTTPRequest.Method, _ path: String,
        _ body: @escaping @Sendable (inout CloudSQLModel, Call) throws(GoogleError) -> JSONValue
    ) {
        router.on(RouterPath(path), method: method) { [self] request, context in
            let query = Dictionary(
                request.uri.queryParameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { $1 })
            let buffer = try await request.body.collect(upTo: 1 << 20)
            let json = (try? JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView))) ?? .null
            let name = context.parameters.get("name") ?? ""
            let fingerprint = context.parameters.get("fingerprint") ?? ""
            let project = context.parameters.get("project") ?? ""
            let channel = (context as? StandInContext)?.channel
            return try await answer(method.rawValue, request.uri.path, channel) { state, now throws(GoogleError) in
                guard project == state.model.project else {
                    throw GoogleError(
                        403, "notAuthorized", "The client is not authorized to make this request.")
                }
                state.operationCount += 1
                let id = "operation-\(now.millisecondsSinceEpoch)-\(state.operationCount)"
                return try body(
                    &state.model,
                    Call(
                        name: name, fingerprint: fingerprint, query: query, body: json, operationID: id, now: now))
            }
        }
    }

    private func answer(
        _ method: String, _ path: String, _ channel: (any Channel)?,
        _ body: @Sendable (inout State, Timestamp) throws(GoogleError) -> JSONValue
    ) async throws -> Response {
        let fault = state.withLock { state -> CloudSQLFault? in
            state.requests.append("\(method) \(path)")
            if state.requests.count > 10_000 { state.requests.removeFirst(1_000) }
            guard let index = state.faults.firstIndex(where: { $0.applies(to: method, path) }) else { return nil }
            let fault = state.faults[index]
            let left = (fault.times ?? 1) - 1
            if left > 0 { state.faults[index].times = left } else { state.faults.remove(at: index) }
            return fault
        }
        switch fault?.kind {
        case .delay:
            try await pause(.seconds(fault?.seconds ?? 1))
        case .hang:
            try await pause(.seconds(86_400))
        case .drop:
            return await Self.dropped(channel)
        case .status:
            let error = GoogleError(
                fault?.status ?? 503, fault?.reason ?? "backendError", "The sandbox was told to fail this call.")
            return Self.response(error.body, error.status)
        case .dropAfterEffect, .ghostOperation, .failedCreate, .partialList, nil:
            break
        }
        let now = wallClock.now()
        let result = state.withLock { state -> Result<JSONValue, GoogleError> in
            if fault?.kind == .failedCreate { state.model.failsNextCreate = true }
            if fault?.kind == .ghostOperation { state.model.ghost = .seconds(fault?.seconds ?? 5) }
            state.model.settle(at: now)
            do throws(GoogleError) {
                return .success(try body(&state, now))
            } catch {
                return .failure(error)
            }
        }
        if fault?.kind == .dropAfterEffect { return await Self.dropped(channel) }
        switch result {
        case .success(var value):
            if fault?.kind == .partialList { value = Self.partial(value) }
            return Self.response(value, 200)
        case .failure(let error):
            return Self.response(error.body, error.status)
        }
    }

    private static func partial(_ list: JSONValue) -> JSONValue {
        var list = list
        let kept = list[at: "items"].elements.filter { $0[at: "masterInstanceName"] == .null }
        list[at: "items"] = .array(kept)
        list[at: "warnings"] = [
            ["code": "REGION_UNREACHABLE", "message": "The region could not be reached.", "region": "us-central1"]
        ]
        return list
    }

    private static func response(_ value: JSONValue, _ status: Int) -> Response {
        let data = (try? JSONEncoder().encode(value)) ?? Data()
        return Response(
            status: .init(code: status),
            headers: [.contentType: "application/json; charset=UTF-8", .server: "drover-sandbox"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    /// Waits, but not longer than the server wants to go on.
    private func pause(_ duration: Duration) async throws {
        try await cancelWhenGracefulShutdown { [clock] in try await clock.sleep(for: duration) }
    }

    /// Closes the connection before anything is answered; where the channel is not known, promises a body and breaks
    /// the connection instead of sending it.
    private static func dropped(_ channel: (any Channel)?) async -> Response {
        try? await channel?.close()
        return broken
    }

    private static var broken: Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(contentLength: 100) { _ in throw BrokenOnPurpose() })
    }

    private struct BrokenOnPurpose: Error {}
}

/// What a request of the stand-in carries: its connection too, so that a fault can close it.
package struct StandInContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

package import FleetModel
package import Hummingbird
package import Logging
import NIOCore
package import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The role `drover api`: Chester's surface, and reading under `/v1`.
package struct APIRoutes: Sendable {
    private let groups: any GroupStore
    private let incidents: any IncidentStore
    private let queue: any WorkQueue
    private let defaultPolicy: ScalingPolicy
    private let wallClock: any WallClock
    private let logger: Logger
    private static let maximumBodyBytes = 1 << 20

    /// Serves what is in the stores; a new group gets `defaultPolicy` where its document says nothing.
    package init(
        groups: any GroupStore, incidents: any IncidentStore, queue: any WorkQueue, defaultPolicy: ScalingPolicy,
        wallClock: any WallClock, logger: Logger
    ) {
        self.groups = groups
        self.incidents = incidents
        self.queue = queue
        self.defaultPolicy = defaultPolicy
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Adds the routes.
    package func addRoutes<Context: RequestContext>(to router: Router<Context>) {
        router.get("/") { _, _ in Self.json(["status": "ok"]) }
        router.get("/healthcheck") { _, _ in Self.json(["status": "ok"]) }
        router.post("/") { request, _ in await Self.answer { try await add(request) } }
        router.get("/databases") { request, _ in
            await Self.answer {
                let withoutManaged = request.uri.queryParameters.get("filter") == "true"
                return try await groups.groups().map {
                    DatabaseDocument($0.document, withoutManaged: withoutManaged)
                }
            }
        }
        router.get("/databases/{name}") { request, context in
            await Self.answer {
                DatabaseDocument(
                    try await find(context.parameters.get("name")),
                    withoutManaged: request.uri.queryParameters.get("filter") == "true")
            }
        }
        router.get("/v1/groups/{name}") { _, context in
            await Self.answer { GroupDocument(try await find(context.parameters.get("name"))) }
        }
        router.get("/v1/groups") { _, _ in
            await Self.answer { try await groups.groups().map { GroupDocument($0.document) } }
        }
        router.get("/v1/incidents") { _, _ in
            await Self.answer { try await incidents.recent(limit: 100) }
        }
    }

    private func add(_ request: Request) async throws -> AddedDatabase {
        let body = try await Self.read(request)
        let existing = try await groups.groups().map(\.document)
        let record = try body.record(beside: existing, policy: defaultPolicy)
        guard !existing.contains(where: { $0.name == record.name }) else {
            throw APIError(status: 409, message: "the database \(record.name) exists already")
        }
        try await insert(record)
        try await queue.publish(WorkMessage(reason: .restart, group: record.name), at: wallClock.now())
        logger.info("database added", metadata: ["group.name": "\(record.name)"])
        let shown = DatabaseDocument(record, withoutManaged: false)
        return AddedDatabase(
            query_rules: shown.query_rules, instance_name: body.instance_name, username: body.username,
            write_host_group: shown.write_hostgroup, read_host_group: shown.read_hostgroup,
            ssl_enabled: shown.use_ssl, chester_meta_data: shown.chester_meta_data)
    }

    private static func read(_ request: Request) async throws -> AddDatabase {
        do {
            let bytes = try await request.body.collect(upTo: maximumBodyBytes)
            return try JSONDecoder().decode(AddDatabase.self, from: Data(bytes.readableBytesView))
        } catch let error as DecodingError {
            throw APIError.bad("the body cannot be read: \(explain(error))")
        } catch {
            throw APIError(status: 413, message: "the body has more than \(maximumBodyBytes) bytes")
        }
    }

    private func insert(_ record: GroupRecord) async throws {
        do throws(StoreError) {
            try await groups.insert(record)
        } catch {
            guard case .conflict = error else { throw error }
            throw APIError(status: 409, message: "the database \(record.name) exists already")
        }
    }

    /// Chester answers 400, not 404, for a name that it does not know.
    private func find(_ name: String?) async throws -> GroupRecord {
        guard let name, let group = try? InstanceName(name), let found = try await groups.group(group) else {
            throw APIError.bad("there is no database of that name")
        }
        return found.document
    }

    private static func explain(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has another type than expected"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is not JSON" : "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" is not usable"
        @unknown default: "it is not usable"
        }
    }

    private static func answer<Value: Encodable>(_ body: () async throws -> Value) async -> Response {
        do {
            return json(try await body())
        } catch let error as APIError {
            return json(["error": error.message], .init(code: error.status))
        } catch {
            return json(["error": "the store failed; try again"], .serviceUnavailable)
        }
    }

    private static func json(_ value: some Encodable, _ status: HTTPResponse.Status = .ok) -> Response {
        let data = (try? JSONEncoder().encode(value)) ?? Data()
        return Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}

/// A group as `/v1` shows it: everything but secrets.
struct GroupDocument: Encodable, Sendable {
    var name: String
    var generation: Int64
    var primaryInstance: String
    var writerHostgroup: Int
    var readerHostgroup: Int
    var servers: [BackendServer]
    var replicas: [ReplicaRecord]
    var maximumReplicas: Int

    init(_ record: GroupRecord) {
        name = record.name.text
        generation = record.configuration.generation
        primaryInstance = record.primaryInstance.text
        writerHostgroup = record.configuration.writerHostgroup
        readerHostgroup = record.configuration.readerHostgroup
        servers = record.configuration.servers
        replicas = record.replicas
        maximumReplicas = record.policy.maximumReplicas
    }
}

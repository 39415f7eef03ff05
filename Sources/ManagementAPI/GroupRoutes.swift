import FleetModel
import Hummingbird

/// Reading under `/v1`.
struct GroupRoutes: Sendable {
    let parts: APIParts

    func addRoutes(to router: Router<ManagementContext>) {
        router.get("/v1/groups/{name}") { _, context in
            await answer { () throws(APIError) in
                GroupDocument(
                    try await parts.find(
                        context.text("name"), orElse: .bad("there is no group of that name")))
            }
        }
        router.get("/v1/groups") { _, _ in
            await answer { () throws(APIError) in try await parts.groups().map { GroupDocument($0.document) } }
        }
        router.get("/v1/incidents") { _, _ in
            await answer { () throws(APIError) in
                do throws(StoreError) {
                    return try await parts.incidents.recent(limit: 100)
                } catch {
                    throw APIError(error)
                }
            }
        }
    }

    private func answer(_ body: () async throws(APIError) -> some Encodable) async -> Response {
        do throws(APIError) {
            return APIAnswer.json(try await body())
        } catch {
            return APIAnswer.compatible(error)
        }
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

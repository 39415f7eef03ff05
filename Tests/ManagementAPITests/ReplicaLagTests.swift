import FleetModel
import HTTPTypes
import HummingbirdTesting
import Persistence
import ProxySQLAdmin
import Testing

@Suite("The lag of replicas")
struct ReplicaLagTests {
    @Test("the newest that anybody measured is shown with its time, for every replica")
    func newest() async throws {
        let board = PublicationBoard()
        try await withAPI(publications: board) { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            var stored = try #require(try await store.groups().first)
            let name = try InstanceName("shop-new")
            let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
            stored.document.plan(name, for: "", at: now)
            stored.document.admit(name, address: "127.0.9.7", by: AdmissionRule(), at: now)
            try await store.save(stored.document, ifVersion: stored.version)
            let unknown = try await client.call(.get, "/v1/groups/shop/replicas")
            #expect(unknown.at("items", "0", "lagSeconds") == "<null>", "\(unknown.text)")
            board.note(LagReading(seconds: 7, measuredAt: now), at: "127.0.9.7", port: 3306)
            let asked = try await client.call(.get, "/v1/groups/shop/replicas")
            #expect(asked.at("items", "0", "lagSeconds") == "7" && asked.at("items", "0", "weight") != nil)
            #expect(asked.at("items", "0", "lagMeasuredAt") == "2027-01-15T08:00:00.000Z")
            var seen = BackendObservation(
                hostgroup: 10, address: "127.0.9.7", port: 3306, status: "ONLINE", connectionsInUse: 0)
            seen.lag = LagReading(seconds: 2, measuredAt: now.advanced(by: .seconds(5)))
            let node = NodePublication(node: "core-0", condition: .current, backends: [seen])
            board.note(Publication(generation: 1, nodes: [node]), of: stored.document.name, at: now)
            let observed = try await client.call(.get, "/v1/groups/shop/replicas")
            #expect(observed.at("items", "0", "lagSeconds") == "2", "\(observed.text)")
            let publication = try await client.call(.get, "/v1/groups/shop/publication")
            #expect(publication.at("nodes", "0", "backends", "0", "lagSeconds") == "2")
        }
    }
}

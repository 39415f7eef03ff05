import HTTPTypes
import FakeProxySQL
import FleetModel
import ManagementAPI
import Persistence
import ProxySQLAdmin
import Scaler
import Synchronization
import TestSupport
import Testing

/// Nodes that remember what they hold of each group.
private final class Nodes: RoundlessFleet {
    let held = Mutex<[String: FleetConfiguration]>([:])

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        held.withLock { $0[configuration.group.text] = configuration }
        return Publication(
            generation: configuration.generation, nodes: [NodePublication(node: "n", condition: .current)])
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        held.withLock { $0[configuration.group.text] = nil }
        return Publication(
            generation: configuration.generation, nodes: [NodePublication(node: "n", condition: .current)])
    }
}

/// A provider with nothing in it.
private struct NoProvider: ReplicaProvider {
    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String { "" }
    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String { "" }
    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? { nil }
    func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        throw ProviderError(.notFound, id)
    }
    func managedReplicas() async throws(ProviderError) -> ProviderListing {
        ProviderListing(instances: [], isComplete: true)
    }
    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool { false }
    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] { [] }
}

@Suite("Removing a group")
struct RemovalTests {
    @Test("the scaler drains and deletes the managed replicas, withdraws the group and forgets it")
    func remove() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.post, "/", goAdd()).status == 200)
            let stored = try #require(try await store.groups().first)
            var record = stored.document
            let now = Timestamp(secondsSinceEpoch: 1)
            let replica = try InstanceName("shop-m1")
            record.plan(replica, for: "i", at: now)
            record.admit(replica, address: "127.0.9.9", by: AdmissionRule(), at: now)
            record.serve(replica, at: now)
            try await store.save(record, ifVersion: stored.version)
            let nodes = Nodes()
            let worker = GroupWorker(
                name: record.name,
                around: .init(
                    groups: store, incidents: store, provider: NoProvider(), fleet: nodes, wallClock: TestWallClock(),
                    nameSuffix: { "x" }),
                settings: ScalerSettings(), logger: silent)
            _ = try await worker.step()
            #expect(nodes.held.withLock { $0["shop"]?.servers.count } == 3)
            let remove = #"{"instance_name":"shop","delete_replicas":true}"#
            #expect(try await client.call(.delete, "/", remove).text == "null")
            var steps = 0
            while steps < 20 {
                let report = try await worker.step()
                if report == nil { break }
                steps += 1
            }
            #expect(try await store.groups().isEmpty, "after \(steps) steps")
            #expect(nodes.held.withLock { $0.isEmpty })
            #expect(try await client.call(.delete, "/", remove).text == "null", "a repeated destroy is no error")
            let again = try await client.call(.post, "/", goAdd())
            #expect(again.status == 200)
            let generation = try await store.groups().first?.document.configuration.generation ?? 0
            #expect(generation > record.configuration.generation, "generations only grow")
        }
    }

    @Test("what a group let go of stays its owner's when the group is registered again under its name")
    func registeredAgain() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            var stored = try #require(try await store.groups().first)
            let now = Timestamp(secondsSinceEpoch: 1)
            let replica = try InstanceName("shop-m1")
            stored.document.plan(replica, for: "", at: now)
            stored.document.leave(replica, because: "somebody gave it up", at: now)
            stored.document.letGo(replica, at: now)
            try await store.save(stored.document, ifVersion: stored.version)
            #expect(try await client.call(.delete, "/v1/groups/shop").status == 202)
            let removed = try #require(try await store.groups().first)
            try await store.remove(removed.document.name, ifVersion: removed.version)
            let again = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(again.status == 201 && again.at("leftReplicas", "0", "name") == "shop-m1", "\(again.text)")
        }
    }

    @Test("a purge takes the rows of what is not registered only, says until when, and keeps what was let go of")
    func purge() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            #expect(try await client.call(.post, "/v1/groups/shop/purge", "{}").status == 409)
            #expect(try await store.tombstones().isEmpty)
            var stored = try #require(try await store.groups().first)
            let left = LeftReplica(
                name: try InstanceName("shop-m1"), at: Timestamp(secondsSinceEpoch: 1), reason: "somebody gave it up")
            stored.document.leftReplicas = [left]
            stored.document.configuration.generation = 41
            // Not in the history: as on Datastore, where it ends with the group.
            try await store.remove(
                stored.document.name, ifVersion: stored.version,
                leaving: GroupTombstone(stored.document, withdrawnFrom: ["a"], at: Timestamp(secondsSinceEpoch: 2)))
            let answer = try await client.call(.post, "/v1/groups/shop/purge", #"{"reason":"a snapshot"}"#)
            #expect(answer.status == 202 && answer.at("group") == "shop" && answer.at("until") != nil, "\(answer.text)")
            let order = try #require(try await store.tombstones().first)
            #expect(order.purgeUntil != nil && order.withdrawnFrom == ["a"] && order.generation == 41)
            #expect(try await client.call(.post, "/v1/groups/never/purge").status == 202, "the store may have lost it")
            #expect(try await client.call(.post, "/v1/groups/NO%20NAME/purge").status >= 400)
            let audit = try await client.call(.get, "/v1/audit")
            #expect(audit.text.contains("POST /v1/groups/shop/purge: a snapshot"), "\(audit.text)")
            let again = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(again.status == 201 && again.at("leftReplicas", "0", "name") == "shop-m1", "\(again.text)")
            #expect(again.at("generation") == "42", "\(again.text)")
            #expect(try await store.tombstones().map(\.group.text) == ["never"])
        }
    }
}

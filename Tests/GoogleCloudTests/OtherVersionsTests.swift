import FakeGoogle
import FleetModel
import Foundation
import JSONValues
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("A Datastore that other versions use too", .timeLimit(.minutes(1)))
struct OtherVersionsTests {
    private func withStores(
        vault: (any PasswordVault)? = nil, key: KMSKeyVersion? = nil,
        _ body: (DatastoreStandIn, DatastoreStores) async throws -> Void
    ) async throws {
        let standIn = DatastoreStandIn()
        try await withServer(standIn.router()) { url in
            try await body(standIn, DatastoreStores(url, vault: vault, key: key))
        }
    }

    @Test("what a newer version keeps with a group survives the save of this one")
    func newerMembers() async throws {
        try await withStores { _, stores in
            try await stores.groups.insert(record("shop"))
            let key = GroupEntities.keys(of: try InstanceName("shop"), stores.client).own
            var entity = try #require(try await stores.client.lookup([key], for: "reading")[key]?.entity)
            var document = try JSONValue(Data(try #require(entity["Document"]?.string).utf8))
            document["later"] = ["a": 1]
            document[at: "configuration", "later"] = "kept"
            document[at: "configuration", "users"] = .array(
                document[at: "configuration", "users"].elements.map { $0.merging(["later": true]) })
            entity.properties?["Document"] = .string(String(decoding: document.bytes(), as: UTF8.self))
            entity.properties?["Later"] = .integer(5)
            let changed = entity
            try await stores.client.transaction("writing") { _ throws(StoreError) in ((), [.upsert(changed)]) }

            let read = try await stores.groups.group(InstanceName("shop"))
            var stored = try #require(read)
            stored.document.configuration.users[0].password = Secret("another")
            stored.document.configuration.generation += 1
            try await stores.groups.save(stored.document, ifVersion: stored.version)

            let after = try #require(try await stores.client.lookup([key], for: "reading")[key]?.entity)
            let saved = try JSONValue(Data(try #require(after["Document"]?.string).utf8))
            #expect(saved["later"] == ["a": 1])
            #expect(saved[at: "configuration", "later"] == "kept")
            #expect(saved[at: "configuration", "users"].elements.map { $0["later"] } == [true])
            #expect(saved[at: "configuration", "users"].elements.map { $0["password"] } == ["another"])
            #expect(after["Later"]?.integer == 5)
        }
    }

    @Test("events and decisions of a kind that only a newer version knows are not shown, and stay")
    func newerEntries() async throws {
        try await withStores { _, stores in
            let client = stores.client
            func edit(_ key: DatastoreKey, _ member: String, _ change: (inout [JSONValue]) -> Void) async throws {
                var entity = try #require(try await client.lookup([key], for: "reading")[key]?.entity)
                var list = try JSONValue(Data(try #require(entity[member]?.string).utf8)).elements
                change(&list)
                entity.properties?[member] = .string(String(decoding: JSONValue.array(list).bytes(), as: UTF8.self))
                let changed = entity
                try await client.transaction("writing") { _ throws(StoreError) in ((), [.upsert(changed)]) }
            }
            func list(_ key: DatastoreKey, _ member: String) async throws -> [JSONValue] {
                let entity = try #require(try await client.lookup([key], for: "reading")[key]?.entity)
                return try JSONValue(Data(try #require(entity[member]?.string).utf8)).elements
            }

            let log = DatastoreEventLog(client: client, capacity: 150)
            let head = client.key("drover_events", "head")
            _ = try await log.append((1...3).map { try InstallationConformance.event($0) })
            try await edit(head, "Events") { $0[1] = $0[1].merging(["kind": "of-tomorrow", "later": [1]]) }
            let shown = try await log.newest(group: nil, limit: 10)
            #expect(shown.map(\.id) == [3, 1])
            let appended = try await log.append([InstallationConformance.event(4)])
            #expect(appended.map(\.id) == [4])
            let kept = try await list(head, "Events")
            #expect(kept.count == 4 && kept[1]["kind"] == "of-tomorrow" && kept[1]["later"] == [1])
            // A piece that moves to the ring takes it along, and ids go on.
            let many = try await log.append((5...60).map { try InstallationConformance.event($0) })
            #expect(many.map(\.id) == Array(5...60))
            let all = try await log.events(after: 0, group: nil, limit: 100)
            #expect(all.map(\.id) == [1] + Array(3...60))

            let decisions = DatastoreDecisionStore(client: client)
            let shop = try InstanceName("shop")
            let key = client.key(ChesterGroup.kind, "shop").child("drover_decisions")
            for second in 1...2 { try await decisions.save(InstallationConformance.decision(second, maximum: second)) }
            try await edit(key, "Document") { $0[0] = $0[0].merging(["reason": "OF_TOMORROW"]) }
            try await DatastoreDecisionStore(client: client).save(InstallationConformance.decision(3, maximum: 3))
            let readable = try await decisions.decisions(of: shop, limit: 10, before: nil)
            #expect(readable.map(\.firstAt) == [3, 1].map { InstallationConformance.now.advanced(by: .seconds($0)) })
            let stored = try await list(key, "Document")
            #expect(stored.map { $0["reason"] == "OF_TOMORROW" } == [false, true, false])
        }
    }

    @Test("a newer format is refused with what to do, before anything is read, and an older one is brought up to date")
    func formats() async throws {
        try await withServer(DatastoreStandIn().router()) { url in
            let stores = DatastoreStores(url)
            let key = stores.client.key(DatastoreFormat.kind, DatastoreFormat.name)
            try await stores.groups.insert(record("shop"))
            let written = try await stores.client.lookup([key], for: "reading")[key]?.entity
            #expect(written?[DatastoreFormat.property]?.integer == DatastoreFormat.current)
            let newer = DatastoreEntity(
                key: key, properties: [DatastoreFormat.property: .integer(Int(DatastoreFormat.current) + 1)])
            try await stores.client.transaction("writing") { _ throws(StoreError) in ((), [.upsert(newer)]) }
            let later = DatastoreStores(url)
            for call in [
                { _ = try await later.groups.group(InstanceName("shop")) },
                { _ = try await later.groups.groups() },
                { try await later.groups.insert(record("other")) },
                { _ = try await DatastoreLeadership(client: later.client).lease() },
            ] as [() async throws -> Void] {
                do {
                    try await call()
                    Issue.record("a newer Datastore was used")
                } catch {
                    #expect("\(error)".contains("written by a newer drover"))
                }
            }
        }
    }

    @Test("a lease that a version before renewals wrote is read, and what it does not know of a new one it may drop")
    func olderLease() async throws {
        try await withStores { _, stores in
            let lock = DatastoreLeadership(client: stores.client)
            let key = stores.client.key("drover_leadership", "scaler")
            func write(_ properties: [String: DatastoreValue]) async throws {
                let entity = DatastoreEntity(key: key, properties: properties)
                try await stores.client.transaction("writing") { _ throws(StoreError) in ((), [.upsert(entity)]) }
            }
            try await write([
                "Holder": .string("old"), "Token": .integer(3), "Until": .integer(1_800_000_000_000),
                "Later": .string("kept"),
            ])
            let old = LeaderLease(holder: "old", token: 3, renewal: nil, duration: nil, until: 1_800_000_000_000)
            #expect(try await lock.lease() == old)
            let next = LeaderLease(holder: "new", token: 4, renewal: 1, duration: .seconds(15), until: 5)
            #expect(try await lock.replace(old, with: next))
            let stored = try await stores.client.lookup([key], for: "reading")[key]?.entity
            #expect(stored?["Later"]?.string == "kept")
            #expect(try await lock.lease() == next)
        }
    }
}

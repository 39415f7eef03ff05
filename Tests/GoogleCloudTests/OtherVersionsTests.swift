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

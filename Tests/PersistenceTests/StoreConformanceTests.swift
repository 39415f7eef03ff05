import FleetModel
import Persistence
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A store in a folder of its own that is removed afterwards.
func withStore<Value>(_ body: (SQLiteStore, String) async throws -> Value) async throws -> Value {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-test-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(SQLiteStore(directory: StateDirectory(path: path)), path)
}

func alert(_ id: String, _ state: IncidentState, group: String = "shop") throws -> Alert {
    Alert(
        incidentID: id, policyName: "connections", state: state, startedAt: Timestamp(secondsSinceEpoch: 1_700_000_000),
        closedAt: nil, primaryInstance: try InstanceName("shop"), group: try InstanceName(group),
        replicaBaseName: "shop-", action: .add, documentation: "{}")
}

func record(_ name: String) throws -> GroupRecord {
    let group = try InstanceName(name)
    return GroupRecord(
        configuration: FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [BackendServer(name: name, address: "127.0.3.10", hostgroup: 5, origin: .primary)],
                [ProxyUser(username: "app", password: Secret("s'ecret"), defaultHostgroup: 5)],
                QueryRule.defaults(group: group, username: "app", writerHostgroup: 5, readerHostgroup: 10)
            )),
        policy: ScalingPolicy(maximumReplicas: 3), primaryInstance: group)
}

@Suite("A store of incidents, groups and messages")
struct StoreConformanceTests {
    let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    @Test("an alert becomes an incident and a message; a duplicate changes nothing")
    func alerts() async throws {
        try await withStore { store, _ in
            let seen1 = try await store.record(alert("a", .open), at: now)
            #expect(seen1 == .created)
            let seen2 = try await store.record(alert("a", .open), at: now)
            #expect(seen2 == .unchanged)
            let seen3 = try await store.record(alert("a", .closed), at: now)
            #expect(seen3 == .closed)
            let seen4 = try await store.record(alert("a", .closed), at: now)
            #expect(seen4 == .unchanged)
            let seen5 = try await store.record(alert("a", .open), at: now)
            #expect(seen5 == .unchanged)
            let seen6 = try await store.incident(id: "a")?.document.state
            #expect(seen6 == .closed)
            let seen7 = try await store.receive(limit: 10, visibility: .seconds(60), at: now).count
            #expect(seen7 == 2)
        }
    }

    @Test("a closing that comes first is kept, and the opening that follows changes nothing")
    func reordered() async throws {
        try await withStore { store, _ in
            let seen8 = try await store.record(alert("a", .closed), at: now)
            #expect(seen8 == .created)
            let seen9 = try await store.record(alert("a", .open), at: now)
            #expect(seen9 == .unchanged)
            let seen10 = try await store.incident(id: "a")?.document.state
            #expect(seen10 == .closed)
        }
    }

    @Test("an incident is active until it is cleared")
    func active() async throws {
        try await withStore { store, _ in
            _ = try await store.record(alert("a", .open), at: now)
            _ = try await store.record(alert("b", .open, group: "other"), at: now)
            let found = try await store.active(group: InstanceName("shop"))
            #expect(found.map(\.document.id) == ["a"])
            var incident = try #require(found.first)
            incident.document.state = .closed
            incident.document.lastProcess = .clear
            try await store.save(incident.document, ifVersion: incident.version)
            let seen11 = try await store.active(group: InstanceName("shop"))
            #expect(seen11.isEmpty)
            let seen12 = try await store.recent(limit: 10).count
            #expect(seen12 == 2)
            await #expect(throws: StoreError.self) {
                try await store.save(incident.document, ifVersion: incident.version)
            }
        }
    }

    @Test("of many incidents the oldest of each action and state are listed, and the open ones are counted")
    func counted() async throws {
        try await withStore { store, _ in
            let shop = try InstanceName("shop")
            #expect(try await store.openIncidents() == [:])
            for number in 0..<12 {
                var one = try alert("i-\(number)", .open)
                one.startedAt = one.startedAt.advanced(by: .seconds(number))
                one.action = number % 3 == 0 ? .remove : .add
                _ = try await store.record(one, at: now)
            }
            _ = try await store.record(alert("o", .open, group: "other"), at: now)
            for number in [10, 11] { _ = try await store.record(alert("i-\(number)", .closed), at: now) }
            let whole = try await store.active(group: shop, limit: 12)
            #expect(whole.isWhole && whole.listed.count == 12 && whole.open == OpenIncidents(add: 6, remove: 4))
            let some = try await store.active(group: shop, limit: 2)
            #expect(!some.isWhole && some.open == OpenIncidents(add: 6, remove: 4))
            #expect(some.listed.map(\.document.id) == ["i-0", "i-1", "i-2", "i-3", "i-10", "i-11"])
            let same = ActiveIncidents(try await store.active(group: shop), limit: 2)
            #expect(same.listed.map(\.document.id) == some.listed.map(\.document.id) && same.open == some.open)
            let all = try await store.openIncidents()
            #expect(all == [shop: some.open, try InstanceName("other"): OpenIncidents(add: 1)])
        }
    }

    @Test("a group is saved only over the version that was read")
    func groups() async throws {
        try await withStore { store, _ in
            let group = try record("shop")
            try await store.insert(group)
            await #expect(throws: StoreError.self) { try await store.insert(group) }
            let found = try await store.group(group.name)
            let stored = try #require(found)
            #expect(stored.document == group)
            var changed = stored.document
            changed.configuration.generation += 1
            try await store.save(changed, ifVersion: stored.version)
            await #expect(throws: StoreError.self) { try await store.save(changed, ifVersion: stored.version) }
            let seen13 = try await store.groups().map(\.document)
            #expect(seen13 == [changed])
            try await store.remove(group.name, ifVersion: stored.version + 1)
            let seen14 = try await store.group(group.name)
            #expect(seen14 == nil)
        }
    }

    @Test("a message comes again after its visibility unless it is acknowledged")
    func messages() async throws {
        try await withStore { store, _ in
            let message = WorkMessage(reason: .restart, group: try InstanceName("shop"))
            try await store.publish(message, at: now)
            let first = try await store.receive(limit: 10, visibility: .seconds(60), at: now)
            #expect(first.map(\.message) == [message])
            let seen15 = try await store.receive(limit: 10, visibility: .seconds(60), at: now)
            #expect(seen15.isEmpty)
            let later = now.advanced(by: .seconds(61))
            let second = try await store.receive(limit: 10, visibility: .seconds(60), at: later)
            #expect(second.map(\.attempt) == [2])
            try await store.release(try #require(second.first).id, after: .zero, at: later)
            let third = try await store.receive(limit: 10, visibility: .seconds(60), at: later)
            try await store.acknowledge(third.map(\.id))
            let end = later.advanced(by: .seconds(600))
            let seen16 = try await store.receive(limit: 10, visibility: .seconds(60), at: end)
            #expect(seen16.isEmpty)
        }
    }

    @Test("alerts that arrive together are all stored, each once")
    func together() async throws {
        try await withStore { store, _ in
            let changes = try await withThrowingTaskGroup(of: Incident.Change.self) { tasks in
                for index in 0..<300 {
                    tasks.addTask { try await store.record(alert("a\(index % 100)", .open), at: now) }
                }
                var changes: [Incident.Change] = []
                for try await change in tasks { changes.append(change) }
                return changes
            }
            #expect(changes.count { $0 == .created } == 100)
            #expect(changes.count { $0 == .unchanged } == 200)
            let messages = try await store.receive(limit: 1_000, visibility: .seconds(60), at: now)
            #expect(messages.count == 100)
        }
    }

    @Test("a folder has one owner, and what was stored is there for the next one")
    func reopening() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-test-\(UUID().uuidString)")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        func first() async throws {
            let store = try SQLiteStore(directory: StateDirectory(path: path))
            _ = try await store.record(alert("a", .open), at: now)
            #expect(throws: StoreError.self) { try StateDirectory(path: path) }
        }
        try await first()
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let seen17 = try await store.incident(id: "a")
        #expect(seen17 != nil)
    }
}

@Suite("A store that is only read")
struct ReadingStoreTests {
    @Test("it shows what the process that owns the folder writes, and refuses to write")
    func reading() async throws {
        try await withStore { store, path in
            try await store.insert(try record("shop"))
            let reader = try SQLiteStore(readingFrom: path)
            let names = try await reader.names()
            #expect(names.map(\.text) == ["shop"])
            await #expect(throws: StoreError.self) { try await reader.insert(try record("other")) }
            try await store.insert(try record("later"))
            let after = try await reader.names()
            #expect(after.map(\.text) == ["later", "shop"])
        }
    }

    @Test("a folder without a store is refused, and stays as it was")
    func nothing() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString)").path
        #expect(throws: StoreError.self) { _ = try SQLiteStore(readingFrom: path) }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}

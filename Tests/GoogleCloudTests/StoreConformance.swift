import FleetModel
import Testing

/// What every store of incidents and groups must do, whatever it is built on.
enum StoreConformance {
    static let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    static func lease(_ lock: any LeadershipLock) async throws {
        #expect(try await lock.lease() == nil)
        let first = LeaderLease(holder: "a", token: 1, renewal: 1, duration: .seconds(15), until: 10)
        #expect(try await lock.replace(nil, with: first))
        #expect(try await lock.replace(nil, with: first) == false)
        #expect(try await lock.lease() == first)
        var renewed = first
        renewed.renewal = 2
        #expect(try await lock.replace(first, with: renewed))
        // Whoever saw it before the renewal, however long ago, takes nothing.
        let taken = LeaderLease(holder: "b", token: 2, renewal: 2, duration: .seconds(15), until: 9)
        #expect(try await lock.replace(first, with: taken) == false)
        #expect(try await lock.lease() == renewed)
        #expect(try await lock.replace(renewed, with: taken))
        #expect(try await lock.lease() == taken)
    }

    static func incidents(_ store: any IncidentStore) async throws {
        let created = try await store.record(alert("a", .open), at: now)
        #expect(created == .created)
        let duplicate = try await store.record(alert("a", .open), at: now)
        #expect(duplicate == .unchanged)
        _ = try await store.record(alert("b", .open, group: "other", seconds: 1_700_000_100), at: now)
        _ = try await store.record(alert("c", .open, seconds: 1_600_000_000), at: now)
        let active = try await store.active(group: InstanceName("shop"))
        #expect(active.map(\.document.id) == ["c", "a"])
        let recent = try await store.recent(limit: 2)
        #expect(recent.map(\.id) == ["b", "a"])
        let all = try await store.recent(limit: 10)
        #expect(all.map(\.id) == ["b", "a", "c"])

        let read = try await store.incident(id: "a")
        var found = try #require(read)
        #expect(found.document == Incident(alert: try alert("a", .open), at: now))
        found.document.lastProcess = .instanceCall
        found.document.operationID = "operation-1"
        found.document.lastReplicaName = "shop-x"
        found.document.lastAddress = "127.0.0.9"
        found.document.updatedBy = "scaler"
        try await store.save(found.document, ifVersion: found.version)
        await expectConflict { try await store.save(found.document, ifVersion: found.version) }

        let closed = try await store.record(alert("a", .closed), at: now)
        #expect(closed == .closed)
        let late = try await store.record(alert("a", .open), at: now)
        #expect(late == .unchanged)
        let again = try await store.incident(id: "a")
        var after = try #require(again)
        #expect(after.document.state == .closed)
        #expect(after.document.operationID == "operation-1")
        #expect(after.document.lastReplicaName == "shop-x")
        #expect(after.version > found.version)
        #expect(after.document.isActive)
        after.document.lastProcess = .clear
        try await store.save(after.document, ifVersion: after.version)
        let left = try await store.active(group: InstanceName("shop"))
        #expect(left.map(\.document.id) == ["c"])
        let nobody = try await store.incident(id: "nobody")
        #expect(nobody == nil)
    }

    static func reordered(_ store: any IncidentStore) async throws {
        let closed = try await store.record(alert("a", .closed), at: now)
        #expect(closed == .created)
        let opened = try await store.record(alert("a", .open), at: now)
        #expect(opened == .unchanged)
        let found = try await store.incident(id: "a")
        #expect(found?.document.state == .closed)
    }

    static func groups(_ store: any GroupStore) async throws {
        let first = try record("shop")
        try await store.insert(first)
        await expectConflict { try await store.insert(first) }
        try await store.insert(try record("zoo"))
        try await store.insert(try record("bar"))
        let names = try await store.groups().map(\.document.name.text)
        #expect(names == ["bar", "shop", "zoo"])

        let read = try await store.group(InstanceName("shop"))
        let found = try #require(read)
        #expect(found.document == first)
        #expect(found.version == 1)
        var changed = found.document
        changed.configuration.users[0].password = Secret("other")
        changed.configuration.servers.removeLast()
        changed.configuration.generation += 1
        changed.plan(try InstanceName("shop-new"), for: "a", at: now)
        try await store.save(changed, ifVersion: found.version)
        await expectConflict { try await store.save(changed, ifVersion: found.version) }
        let after = try await store.group(InstanceName("shop"))
        #expect(after?.document == changed)
        #expect(after?.version == 2)

        await expectConflict { try await store.remove(InstanceName("shop"), ifVersion: 1) }
        try await store.remove(InstanceName("shop"), ifVersion: 2)
        let gone = try await store.group(InstanceName("shop"))
        #expect(gone == nil)
        await expectConflict { try await store.save(changed, ifVersion: 2) }
        let left = try await store.groups().map(\.document.name.text)
        #expect(left == ["bar", "zoo"])
        try await store.insert(first)
    }

    /// What is kept of a removed group, in the transaction that removes it.
    static func tombstones(_ store: any GroupStore & ChangeStore) async throws {
        let shop = try InstanceName("shop")
        var first = try record("shop")
        first.leftReplicas = [LeftReplica(name: try InstanceName("shop-m1"), at: now, reason: "promoted")]
        try await store.insert(first)
        #expect(try await store.tombstones().isEmpty)
        let tombstone = GroupTombstone(first, withdrawnFrom: ["node-0", "node-1"], at: now)
        await expectConflict { try await store.remove(shop, ifVersion: 7, leaving: tombstone) }
        #expect(try await store.tombstone(of: shop) == nil)
        try await store.remove(shop, ifVersion: 1, leaving: tombstone)
        #expect(try await store.tombstones() == [tombstone])
        #expect(try await store.tombstone(of: shop) == tombstone)
        // A person's order takes its place.
        var order = tombstone
        order.purgeUntil = now.advanced(by: .seconds(3_600))
        let note = ChangeNote(at: now, actor: "ann", source: "127.0.0.1", action: "POST /v1/groups/shop/purge")
        try await store.keep(order, note: note)
        #expect(try await store.tombstones() == [order])
        // A group of the name ends it.
        try await store.insert(first)
        #expect(try await store.tombstones().isEmpty)
        try await store.remove(shop, ifVersion: 1, leaving: tombstone)
        // Of many, the newest stay; none for ever.
        for number in 0..<3 {
            let name = "old-\(number)"
            let record = try record(name)
            try await store.insert(record)
            let at = now.advanced(by: .seconds(-86_400 * (number == 0 ? 200 : 1)))
            try await store.remove(
                record.name, ifVersion: 1, leaving: GroupTombstone(record, withdrawnFrom: [], at: at))
        }
        try await store.insert(try record("last"))
        try await store.remove(
            InstanceName("last"), ifVersion: 1, leaving: GroupTombstone(try record("last"), withdrawnFrom: [], at: now))
        #expect(Set(try await store.tombstones().map(\.group.text)) == ["shop", "old-1", "old-2", "last"])
    }

    /// Of several that change one document at a time, each wins once.
    static func contention(_ groups: any GroupStore, _ incidents: any IncidentStore) async throws {
        try await groups.insert(try record("shop"))
        let rounds = 5
        let writers = 4
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<writers {
                tasks.addTask {
                    var done = 0
                    while done < rounds {
                        guard let found = try await groups.group(InstanceName("shop")) else { return }
                        var changed = found.document
                        changed.consecutiveFailures += 1
                        do throws(StoreError) {
                            try await groups.save(changed, ifVersion: found.version)
                            done += 1
                        } catch {
                            guard case .conflict = error else { throw error }
                        }
                    }
                }
                tasks.addTask { _ = try await incidents.record(alert("a", .open), at: now) }
            }
            try await tasks.waitForAll()
        }
        let found = try await groups.group(InstanceName("shop"))
        #expect(found?.document.consecutiveFailures == rounds * writers)
        let recent = try await incidents.recent(limit: 10)
        #expect(recent.count == 1)
    }
}

@Suite("Stores of incidents and groups", .timeLimit(.minutes(2)))
struct StoreConformanceTests {
    @Test("incidents", arguments: StoreUnderTest.allCases)
    func incidents(store: StoreUnderTest) async throws {
        try await store.run { incidents, _ in try await StoreConformance.incidents(incidents) }
    }

    @Test("a closing that comes first is kept", arguments: StoreUnderTest.allCases)
    func reordered(store: StoreUnderTest) async throws {
        try await store.run { incidents, _ in try await StoreConformance.reordered(incidents) }
    }

    @Test("groups", arguments: StoreUnderTest.allCases)
    func groups(store: StoreUnderTest) async throws {
        try await store.run { _, groups in try await StoreConformance.groups(groups) }
    }

    @Test("what is kept of removed groups", arguments: StoreUnderTest.allCases)
    func tombstones(store: StoreUnderTest) async throws {
        try await store.run { _, groups in
            try await StoreConformance.tombstones(try #require(groups as? any GroupStore & ChangeStore))
        }
    }

    @Test("many that change one document", arguments: StoreUnderTest.allCases)
    func contention(store: StoreUnderTest) async throws {
        try await store.run { incidents, groups in try await StoreConformance.contention(groups, incidents) }
    }
}

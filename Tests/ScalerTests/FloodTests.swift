import FleetModel
import Foundation
import Logging
import Persistence
import Scaler
import Synchronization
import TestSupport
import Testing

/// A store that counts the incidents that it hands out and writes.
private final class CountingIncidents: IncidentStore {
    let store: SQLiteStore
    let handled = Mutex((read: 0, written: 0))

    init(_ store: SQLiteStore) { self.store = store }

    private func count<Value>(_ number: Int, _ value: Value) -> Value {
        handled.withLock { $0.read += number }
        return value
    }

    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        try await store.record(alert, at: now)
    }

    func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        count(1, try await store.incident(id: id))
    }

    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        let all = try await store.active(group: group)
        return count(all.count, all)
    }

    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        let some = try await store.active(group: group, limit: limit)
        return count(some.listed.count, some)
    }

    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] { try await store.openIncidents() }
    func recent(limit: Int) async throws(StoreError) -> [Incident] { try await store.recent(limit: limit) }

    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        handled.withLock { $0.written += 1 }
        try await store.save(incident, ifVersion: version)
    }
}

@Suite("A group with very many open incidents")
struct FloodTests {
    private func alert(_ number: Int, _ state: IncidentState = .open) throws -> Alert {
        Alert(
            incidentID: "i-\(number)", policyName: "p", state: state,
            startedAt: Timestamp(secondsSinceEpoch: 1_799_000_000 + Int64(number)), closedAt: nil,
            primaryInstance: try InstanceName("shop"), group: try InstanceName("shop"), replicaBaseName: "shop-",
            action: .add, documentation: "")
    }

    @Test("a pass reads and writes few of them, the replica's own among these, and closed ones are cleared in turn")
    func flood() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let shop = try InstanceName("shop")
        let world = FaultWorld(seed: 1, primary: shop)
        let now = world.wallClock.now()
        var group = GroupRecord(
            configuration: FleetConfiguration(
                group: shop, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: ([BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary)], [], [])),
            policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: shop)
        group.plan(try InstanceName("shop-a"), for: "i-999", at: now)
        try await store.insert(group)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<1_000 {
                let alert = try alert(number)
                tasks.addTask { _ = try await store.record(alert, at: now) }
            }
            try await tasks.waitForAll()
        }
        _ = try await store.record(try alert(500, .closed), at: now)
        let counting = CountingIncidents(store)
        let worker = GroupWorker(
            name: shop,
            around: GroupWorker.Surroundings(
                groups: store, incidents: counting, provider: world, fleet: FleetDouble(),
                wallClock: world.wallClock, nameSuffix: { "b" }),
            settings: ScalerSettings(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for _ in 0..<3 {
            counting.handled.withLock { $0 = (0, 0) }
            _ = try await worker.step()
            let handled = counting.handled.withLock { $0 }
            #expect(handled.read <= 400 && handled.written <= 400, "\(handled)")
        }
        let progress = try await store.incident(id: "i-999")?.document
        #expect(progress?.lastProcess == .instanceCall && progress?.lastReplicaName == "shop-a")
        #expect(try await store.incident(id: "i-500")?.document.lastProcess == .clear)
        #expect(try await store.openIncidents() == [shop: OpenIncidents(add: 999)])
    }
}

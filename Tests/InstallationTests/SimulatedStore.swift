import FleetModel
import Persistence

/// The embedded store as one process sees it.
struct SimulatedStore: Sendable {
    let world: World
    let disk: Disk
    let life: Life

    private func call<Value: Sendable>(
        _ body: (SQLiteStore) async throws(StoreError) -> Value, _ done: (Value) -> Void = { _ in }
    ) async throws(StoreError) -> Value {
        guard life.goesOn(), let store = disk.store else { throw .unavailable(reason: "the process is dead") }
        let value = try await world.executor.outside { () async throws(StoreError) in try await body(store) }
        done(value)
        guard life.goesOn() else { throw .unavailable(reason: "the process died after the call") }
        return value
    }
}

extension SimulatedStore: GroupStore, ChangeStore {
    func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        try await call { store throws(StoreError) in try await store.group(name) }
    }

    func names() async throws(StoreError) -> [InstanceName] {
        try await call { store throws(StoreError) in try await store.names() }
    }

    func groups() async throws(StoreError) -> [Versioned<GroupRecord>] {
        try await call { store throws(StoreError) in try await store.groups() }
    }

    func insert(_ record: GroupRecord) async throws(StoreError) {
        try await call { store throws(StoreError) in
            try await store.insert(record)
        } _: { _ in
            world.saved(record)
        }
    }

    func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        try await call { store throws(StoreError) in
            try await store.save(record, ifVersion: version)
        } _: { _ in
            world.saved(record)
        }
    }

    func tombstones() async throws(StoreError) -> [GroupTombstone] {
        try await call { store throws(StoreError) in try await store.tombstones() }
    }

    func tombstone(of group: InstanceName) async throws(StoreError) -> GroupTombstone? {
        try await call { store throws(StoreError) in try await store.tombstone(of: group) }
    }

    func keep(_ tombstone: GroupTombstone, note: ChangeNote) async throws(StoreError) {
        try await call { store throws(StoreError) in try await store.keep(tombstone, note: note) }
    }

    func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        try await call { store throws(StoreError) in
            try await store.remove(name, ifVersion: version, leaving: tombstone)
        } _: { _ in
            world.note("\(name) is removed")
            world.removed(name)
        }
    }

    func insert(_ record: GroupRecord, note: ChangeNote) async throws(StoreError) {
        try await call { store throws(StoreError) in
            try await store.insert(record, note: note)
        } _: { _ in
            world.saved(record)
        }
    }

    func save(_ record: GroupRecord, ifVersion version: Int64, note: ChangeNote) async throws(StoreError) {
        try await call { store throws(StoreError) in
            try await store.save(record, ifVersion: version, note: note)
        } _: { _ in
            world.saved(record)
        }
    }

    func keep(_ note: ChangeNote, of record: GroupRecord) async throws(StoreError) {
        try await call { store throws(StoreError) in try await store.keep(note, of: record) }
    }

    func history(
        of group: InstanceName, before generation: Int64?, limit: Int
    ) async throws(StoreError) -> [GroupChange] {
        try await call { store throws(StoreError) in
            try await store.history(of: group, before: generation, limit: limit)
        }
    }

    func changes(before id: Int64?, limit: Int) async throws(StoreError) -> [GroupChange] {
        try await call { store throws(StoreError) in try await store.changes(before: id, limit: limit) }
    }
}

extension SimulatedStore: IncidentStore {
    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        try await call { store throws(StoreError) in try await store.record(alert, at: now) }
    }

    func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        try await call { store throws(StoreError) in try await store.incident(id: id) }
    }

    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        try await call { store throws(StoreError) in try await store.active(group: group) }
    }

    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        try await call { store throws(StoreError) in try await store.active(group: group, limit: limit) }
    }

    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        try await call { store throws(StoreError) in try await store.openIncidents() }
    }

    func recent(limit: Int) async throws(StoreError) -> [Incident] {
        try await call { store throws(StoreError) in try await store.recent(limit: limit) }
    }

    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        try await call { store throws(StoreError) in try await store.save(incident, ifVersion: version) }
    }
}

extension SimulatedStore: WorkQueue {
    func publish(_ message: WorkMessage, at now: Timestamp) async throws(StoreError) {
        try await call { store throws(StoreError) in try await store.publish(message, at: now) }
    }

    func receive(limit: Int, visibility: Duration, at now: Timestamp) async throws(StoreError) -> [WorkDelivery] {
        try await call { store throws(StoreError) in
            try await store.receive(limit: limit, visibility: visibility, at: now)
        }
    }

    func acknowledge(_ ids: [String]) async throws(StoreError) {
        try await call { store throws(StoreError) in try await store.acknowledge(ids) }
    }

    func release(_ id: String, after delay: Duration, at now: Timestamp) async throws(StoreError) {
        try await call { store throws(StoreError) in try await store.release(id, after: delay, at: now) }
    }
}

extension SimulatedStore: LeadershipLock {
    func lease() async throws(StoreError) -> LeaderLease? {
        try await call { store throws(StoreError) in try await store.lease() }
    }

    func replace(_ seen: LeaderLease?, with next: LeaderLease) async throws(StoreError) -> Bool {
        try await call { store throws(StoreError) in
            try await store.replace(seen, with: next)
        } _: { isTaken in
            if isTaken, next.token != seen?.token { world.count(.leaders) }
        }
    }
}

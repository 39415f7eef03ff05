import FleetModel
import Persistence
import Synchronization

/// Thrown in the place of an effect or a write: the process died there.
struct Crash: Error {}

/// Counts the durable writes and the effects, and "dies" at one of them: before it, or after it took place but before
/// anybody learnt of that.
final class CrashPlan: Sendable {
    private let state: Mutex<(count: Int, at: Int?, after: Bool)>

    init(at: Int?, after: Bool) {
        state = Mutex((0, at, after))
    }

    var count: Int { state.withLock { $0.count } }

    /// Passes a point at which a process may die.
    func pass<Value>(_ effect: () async throws -> Value) async throws -> Value {
        let (dies, after) = state.withLock { state in
            state.count += 1
            return (state.count == state.at, state.after)
        }
        if dies, !after { throw Crash() }
        let value = try await effect()
        if dies { throw Crash() }
        return value
    }
}

/// Cloud SQL in memory: operations end when they are looked at a second time.
final class ProviderDouble: ReplicaProvider {
    struct State {
        var instances: [InstanceName: ReplicaRequest] = [:]
        var operations: [ProviderOperation] = []
        var looks: [String: Int] = [:]
        var created: [InstanceName] = []
    }

    let state = Mutex(State())
    let plan: CrashPlan

    init(plan: CrashPlan) {
        self.plan = plan
    }

    init(plan: CrashPlan, after other: ProviderDouble) {
        self.plan = plan
        let before = other.state.withLock { $0 }
        state.withLock { $0 = before }
    }

    private func effect(_ body: () throws(ProviderError) -> String) async throws(ProviderError) -> String {
        do {
            return try await plan.pass(body)
        } catch let error as ProviderError {
            throw error
        } catch {
            throw ProviderError(.unavailable, "the process died")
        }
    }

    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await effect { () throws(ProviderError) in
            let isNew = state.withLock { state in
                guard state.instances[request.name] == nil, !state.created.contains(request.name) else { return false }
                state.instances[request.name] = request
                state.created.append(request.name)
                state.operations.insert(
                    ProviderOperation(
                        id: "create-\(request.name)", kind: .create, target: request.name.text, isDone: false,
                        failure: nil), at: 0)
                return true
            }
            guard isNew else { throw ProviderError(.alreadyExists, "\(request.name)") }
            return "create-\(request.name)"
        }
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await effect { () throws(ProviderError) in
            state.withLock { state in
                state.operations.insert(
                    ProviderOperation(
                        id: "delete-\(request.name)", kind: .delete, target: request.name.text, isDone: false,
                        failure: nil), at: 0)
            }
            return "delete-\(request.name)"
        }
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        state.withLock { state in
            state.instances[name].map {
                let isReady = state.operations.contains { $0.id == "create-\(name)" && $0.isDone }
                return ProviderInstance(
                    name: name, state: isReady ? .runnable : .creating,
                    privateAddress: isReady ? "127.0.9.\(20 + (state.created.firstIndex(of: name) ?? 0))" : nil,
                    primary: $0.primary.text, labels: [:])
            }
        }
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing {
        var listing = ProviderListing(instances: [], isComplete: true)
        for name in state.withLock({ $0.instances.keys.sorted() }) {
            if let instance = try await instance(named: name) { listing.instances.append(instance) }
        }
        return listing
    }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool { true }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        let found = state.withLock { state -> ProviderOperation? in
            guard let index = state.operations.firstIndex(where: { $0.id == id }) else { return nil }
            state.looks[id, default: 0] += 1
            if state.looks[id, default: 0] >= 2 {
                state.operations[index].isDone = true
                if state.operations[index].kind == .delete, let name = try? InstanceName(state.operations[index].target)
                {
                    state.instances[name] = nil
                }
            }
            return state.operations[index]
        }
        guard let found else { throw ProviderError(.notFound, id) }
        return found
    }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        state.withLock { $0.operations.filter { $0.target == name.text } }
    }
}

/// Nodes that always hold what was published last.
final class FleetDouble: RoundlessFleet {
    let held = Mutex<FleetConfiguration?>(nil)

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        held.withLock { $0 = configuration }
        return Publication(
            generation: configuration.generation, nodes: [NodePublication(node: "core-0", condition: .current)])
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await publish(configuration)
    }
}

/// A store whose writes may be the process's last act.
struct MortalStore: GroupStore, IncidentStore {
    let store: SQLiteStore
    let plan: CrashPlan

    private func mortal(_ body: () async throws(StoreError) -> Void) async throws(StoreError) {
        do {
            try await plan.pass(body)
        } catch let error as StoreError {
            throw error
        } catch {
            throw .unavailable(reason: "the process died")
        }
    }

    func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        try await mortal { () throws(StoreError) in try await store.save(record, ifVersion: version) }
    }

    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        try await mortal { () throws(StoreError) in try await store.save(incident, ifVersion: version) }
    }

    func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? { try await store.group(name) }
    func names() async throws(StoreError) -> [InstanceName] { try await store.names() }
    func groups() async throws(StoreError) -> [Versioned<GroupRecord>] { try await store.groups() }
    func insert(_ record: GroupRecord) async throws(StoreError) { try await store.insert(record) }

    func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        try await store.remove(name, ifVersion: version, leaving: tombstone)
    }

    func tombstones() async throws(StoreError) -> [GroupTombstone] { try await store.tombstones() }

    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        try await store.record(alert, at: now)
    }

    func incident(id: String) async throws(StoreError) -> Versioned<Incident>? { try await store.incident(id: id) }

    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        try await store.active(group: group)
    }

    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        try await store.active(group: group, limit: limit)
    }

    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        try await store.openIncidents()
    }

    func recent(limit: Int) async throws(StoreError) -> [Incident] { try await store.recent(limit: limit) }
}

import FleetModel
import Pacing
import Synchronization
import TestSupport

/// Cloud SQL, the ProxySQL nodes and the store of one group in memory, all of which fail as a seed says: calls that are
/// lost before or after their effect, refusals, failed creations, ghost operations, partial and outdated lists, nodes
/// that do not answer, connections that stay, and the death of the process at any write or effect.
final class FaultWorld: Sendable {
    struct Instance {
        var isFailed = false
        var isStatic = false
        var address: String?
        /// What somebody made of it: another state, another primary (nil for none), a protection.
        var condition: ProviderInstance.State?
        var source: String?? = nil
        var protection: String?
        /// Whether somebody took the group's label away and left Chester's.
        var hasLostLabel = false
        /// Whether it never gets a private address.
        var isBare = false
    }

    struct Operation {
        var id: String
        var kind: ProviderOperation.Kind
        var target: InstanceName
        var endsAt: Timestamp
        var fails: Bool
        var isSettled = false
    }

    struct State {
        var random: SeededGenerator
        /// Faults happen about once in so many calls; nil for none.
        var faultRate: Int?
        var instances: [InstanceName: Instance] = [:]
        var operations: [Operation] = []
        var oldList: [InstanceName: Instance] = [:]
        var addresses = 0
        var held: FleetConfiguration?
        var inUse: [String: Timestamp] = [:]
        var groups: [InstanceName: Versioned<GroupRecord>] = [:]
        var incidents: [String: Versioned<Incident>] = [:]
        /// What must never happen and did.
        var violations: [String] = []
        var created = 0
        var createdWell = 0
        /// Whether operations that begin now never end.
        var neverEnds = false
        /// Connections in use of hostgroup 77, a person's, to each address.
        var foreignUse: [String: Int] = [:]
        var deaths = 0
        /// Nodes that say nothing.
        var silentNodes: [String] = []
    }

    let state: Mutex<State>
    let wallClock = TestWallClock()
    let primary: InstanceName

    init(seed: UInt64, primary: InstanceName) {
        self.primary = primary
        state = Mutex(State(random: SeededGenerator(seed: seed), faultRate: nil))
    }

    func chance(_ times: Int) -> Bool {
        state.withLock { state in
            guard let rate = state.faultRate else { return false }
            return state.random.isOnce(in: times * rate)
        }
    }

    func pick(_ range: ClosedRange<Int>) -> Int {
        state.withLock { Int.random(in: range, using: &$0.random) }
    }

    func violate(_ sentence: String) {
        state.withLock { $0.violations.append(sentence) }
    }

    /// Lets the operations that are over by now take effect.
    func settle() {
        let now = wallClock.now()
        state.withLock { state in
            for index in state.operations.indices
            where !state.operations[index].isSettled && state.operations[index].endsAt <= now {
                state.operations[index].isSettled = true
                let operation = state.operations[index]
                if operation.kind == .delete, !operation.fails {
                    state.instances[operation.target] = nil
                } else if operation.kind == .create {
                    state.addresses += 1
                    state.instances[operation.target]?.isFailed = operation.fails
                    if !operation.fails { state.createdWell += 1 }
                    state.instances[operation.target]?.address =
                        "10.0.\(state.addresses / 250).\(state.addresses % 250)"
                }
            }
        }
    }

    // MARK: The provider's calls, by name so that one lost can still have had its effect

    private func begin(
        _ kind: ProviderOperation.Kind, _ name: InstanceName
    ) throws(ProviderError) -> String {
        settle()
        let now = wallClock.now()
        let isBusy = state.withLock { $0.operations.contains { !$0.isSettled } }
        guard !isBusy else { throw ProviderError(.operationInProgress, "\(primary) is busy") }
        let fails = chance(kind == .create ? 2 : 4)
        let seconds = state.withLock { $0.neverEnds } ? 1_000_000_000 : pick(5...400)
        return state.withLock { state in
            let id = "\(kind)-\(name)-\(state.operations.count)"
            state.operations.append(
                Operation(
                    id: id, kind: kind, target: name, endsAt: now.advanced(by: .seconds(seconds)), fails: fails))
            return id
        }
    }

    private func unreliable<Value>(
        _ body: () throws(ProviderError) -> Value
    ) throws(ProviderError) -> Value {
        if chance(2) { throw ProviderError(.unavailable, "the call was lost") }
        if chance(4) { throw ProviderError(.rateLimited, "too many calls") }
        if chance(6) { throw ProviderError(.operationInProgress, "a ghost operation") }
        let value = try body()
        if chance(3) { throw ProviderError(.unavailable, "the answer was lost") }
        return value
    }
}

extension FaultWorld: ReplicaProvider {
    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try unreliable { () throws(ProviderError) in
            guard state.withLock({ $0.instances[request.name] }) == nil else {
                throw ProviderError(.alreadyExists, "\(request.name)")
            }
            let id = try begin(.create, request.name)
            state.withLock {
                $0.instances[request.name] = Instance()
                $0.created += 1
            }
            return id
        }
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try unreliable { () throws(ProviderError) in
            guard let instance = state.withLock({ $0.instances[request.name] }) else {
                throw ProviderError(.notFound, "\(request.name)")
            }
            if instance.isStatic { violate("the static \(request.name) was to be deleted") }
            if instance.hasLostLabel, request.mustBearLabels {
                throw ProviderError(.notOurs, "\(request.name) is not deleted: its labels do not say that it is ours")
            }
            if let protection = instance.protection {
                throw ProviderError(.notOurs, "\(request.name) is not deleted: \(protection)")
            }
            let holds = state.withLock { $0.held?.servers.contains { $0.name == request.name.text } ?? false }
            if holds { violate("\(request.name) was to be deleted while nodes know it") }
            return try begin(.delete, request.name)
        }
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        try unreliable { () throws(ProviderError) in
            settle()
            return state.withLock { state in
                state.instances[name].map { Self.provided($0, name, state, primary) }
            }
        }
    }

    private static func provided(
        _ instance: Instance, _ name: InstanceName, _ state: State, _ primary: InstanceName
    ) -> ProviderInstance {
        let isGoing = state.operations.contains { $0.target == name && $0.kind == .delete && !$0.isSettled }
        let condition: ProviderInstance.State =
            isGoing ? .deleting : instance.isFailed ? .failed : instance.address == nil ? .creating : .runnable
        return ProviderInstance(
            name: name, state: isGoing ? condition : instance.condition ?? condition,
            privateAddress: instance.isBare ? nil : instance.address,
            primary: instance.source ?? primary.text,
            labels: instance.isStatic ? [:] : ["ours": "true"])
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing {
        try unreliable { () throws(ProviderError) in
            settle()
            let isPartial = chance(2)
            let isOld = chance(2)
            return state.withLock { state in
                let shown = isOld ? state.oldList : state.instances
                state.oldList = state.instances
                var listed = shown.filter { !$0.value.isStatic }.keys.sorted()
                // Google's list can leave something out without a word.
                if isPartial, !listed.isEmpty { listed.removeLast() }
                return ProviderListing(
                    instances: listed.compactMap { name in
                        shown[name].map { Self.provided($0, name, state, primary) }
                    }, isComplete: !isPartial || listed.count % 2 == 0)
            }
        }
    }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool { instance.labels["ours"] == "true" }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        try unreliable { () throws(ProviderError) in
            settle()
            guard let found = state.withLock({ $0.operations.first { $0.id == id } }) else {
                throw ProviderError(.notFound, id)
            }
            return Self.shown(found)
        }
    }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        try unreliable { () throws(ProviderError) in
            settle()
            return state.withLock { $0.operations.reversed().filter { $0.target == name }.map(Self.shown) }
        }
    }

    private static func shown(_ operation: Operation) -> ProviderOperation {
        ProviderOperation(
            id: operation.id, kind: operation.kind, target: operation.target.text, isDone: operation.isSettled,
            failure: operation.isSettled && operation.fails ? "ERROR_UNKNOWN" : nil)
    }
}

extension FaultWorld: RoundlessFleet {
    func publish(_ configuration: FleetConfiguration) async -> Publication {
        let now = wallClock.now()
        if chance(2) {
            return Publication(
                generation: configuration.generation, nodes: [NodePublication(node: "core-0", condition: .unknown)])
        }
        let backends = state.withLock { state in
            state.held = configuration
            return configuration.servers.map { server in
                if server.status == .online { state.inUse[server.address] = nil }
                if server.status == .offlineSoft, state.inUse[server.address] == nil {
                    let seconds = Int.random(in: 0...90, using: &state.random)
                    state.inUse[server.address] = now.advanced(by: .seconds(seconds))
                }
                let isUsed = server.status == .online || state.inUse[server.address].map { now < $0 } ?? false
                return BackendObservation(
                    hostgroup: server.hostgroup, address: server.address, port: server.port,
                    status: server.status.rawValue, connectionsInUse: isUsed ? 3 : 0)
            }
        }
        let addresses = Set(configuration.servers.map(\.address))
        let foreign = state.withLock { $0.foreignUse }.filter { addresses.contains($0.key) }.map { address, count in
            BackendObservation(
                hostgroup: 77, address: address, port: BackendServer.usualPort, status: "ONLINE",
                connectionsInUse: count)
        }
        let silent = state.withLock { $0.silentNodes }.map { NodePublication(node: $0, condition: .unknown) }
        return Publication(
            generation: configuration.generation,
            nodes: [NodePublication(node: "core-0", condition: .current, backends: backends + foreign)] + silent)
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await publish(configuration)
    }
}

/// The store as one process sees it: once that process has "died", nothing it does reaches the store any more.
final class FaultStore: GroupStore, IncidentStore {
    private let world: FaultWorld
    private let isDead = Mutex(false)

    init(_ world: FaultWorld) {
        self.world = world
    }

    var hasDied: Bool { isDead.withLock { $0 } }

    private func write(_ body: (inout FaultWorld.State) throws(StoreError) -> Void) throws(StoreError) {
        if hasDied { throw .unavailable(reason: "the process is dead") }
        let diesBefore = world.chance(4)
        let diesAfter = world.chance(4)
        if diesBefore || diesAfter {
            isDead.withLock { $0 = true }
            world.state.withLock { $0.deaths += 1 }
        }
        if diesBefore { throw .unavailable(reason: "the process died before the write") }
        try world.state.withLock { state throws(StoreError) in try body(&state) }
        if diesAfter { throw .unavailable(reason: "the process died after the write") }
    }

    func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        if hasDied { throw .unavailable(reason: "the process is dead") }
        return world.state.withLock { $0.groups[name] }
    }

    func groups() async throws(StoreError) -> [Versioned<GroupRecord>] {
        world.state.withLock { Array($0.groups.values) }
    }

    func insert(_ record: GroupRecord) async throws(StoreError) {
        world.state.withLock { $0.groups[record.name] = Versioned(document: record, version: 1) }
    }

    func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        try write { state throws(StoreError) in
            guard let stored = state.groups[record.name], stored.version == version else {
                throw .conflict(document: "group \(record.name)")
            }
            if let before = stored.document.fence, before > record.fence ?? 0 {
                state.violations.append("a save carried an older token than the record")
            }
            state.groups[record.name] = Versioned(document: record, version: version + 1)
        }
    }

    func tombstones() async throws(StoreError) -> [GroupTombstone] { [] }

    func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        let wasAsked = world.state.withLock { state in
            guard state.groups[name]?.document.removal != nil else { return false }
            state.groups[name] = nil
            return true
        }
        if !wasAsked { world.violate("the group was removed") }
    }

    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        world.state.withLock { state in
            guard var stored = state.incidents[alert.incidentID] else {
                state.incidents[alert.incidentID] = Versioned(document: Incident(alert: alert, at: now), version: 1)
                return .created
            }
            let change = stored.document.take(alert, at: now)
            if change != .unchanged { stored.version += 1 }
            state.incidents[alert.incidentID] = stored
            return change
        }
    }

    func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        world.state.withLock { $0.incidents[id] }
    }

    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        world.state.withLock { state in
            state.incidents.values.filter(\.document.isActive).sorted {
                ($0.document.startedAt, $0.document.id) < ($1.document.startedAt, $1.document.id)
            }
        }
    }

    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        ActiveIncidents(try await active(group: group), limit: limit)
    }

    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        let all = world.state.withLock { $0.incidents.values.map(\.document) }
        return Dictionary(grouping: all, by: \.group).mapValues { OpenIncidents($0) }
    }

    func recent(limit: Int) async throws(StoreError) -> [Incident] {
        world.state.withLock { $0.incidents.values.map(\.document) }
    }

    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        try write { state throws(StoreError) in
            guard state.incidents[incident.id]?.version == version else {
                throw .conflict(document: "incident \(incident.id)")
            }
            state.incidents[incident.id] = Versioned(document: incident, version: version + 1)
        }
    }
}

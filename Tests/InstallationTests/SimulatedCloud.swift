import FleetModel
import Synchronization

/// Cloud SQL without its HTTP: one operation at a time for each primary, instances that people change behind our back,
/// calls that are late, lost before or after their effect, or hang.
final class SimulatedCloud: Sendable {
    struct Instance: Sendable {
        var state = ProviderInstance.State.creating
        var address: String?
        var primary: String?
        var labels: [String: String]
        var isProtected = false
    }

    /// What becomes of calls.
    enum Mood: String, CaseIterable, Sendable {
        case well, late, losesCalls, losesAnswers, hangs, refuses
    }

    private struct Operation {
        var id: String
        var kind: ProviderOperation.Kind
        var target: InstanceName
        var primary: InstanceName
        var endsAt: Timestamp
        var fails: Bool
        var isSettled = false
    }

    private struct State {
        var instances: [InstanceName: Instance] = [:]
        var operations: [Operation] = []
        var addresses = 0
        var mood = Mood.well
        var createsFail = false
        /// Whether operations that begin now never end.
        var neverEnds = false
        /// How readers replicate, by address; those that are not named keep up.
        var replication: [String: ReplicationHealth] = [:]
    }

    let world: World
    private let state = Mutex(State())

    init(world: World) { self.world = world }

    var mood: Mood {
        get { state.withLock { $0.mood } }
        set { state.withLock { $0.mood = newValue } }
    }

    /// How the reader at `address` replicates from now on.
    func setReplication(_ health: ReplicationHealth, at address: String) {
        state.withLock { $0.replication[address] = health }
    }

    /// How the reader at `address` replicates.
    func replication(at address: String) -> ReplicationHealth {
        state.withLock { $0.replication[address] } ?? .replicating(lag: .zero)
    }

    func setCreatesFail(_ fails: Bool) { state.withLock { $0.createsFail = fails } }
    func setNeverEnds(_ never: Bool) { state.withLock { $0.neverEnds = never } }

    /// Everything goes its usual way again, also what hangs.
    func mend() {
        let now = world.wallClock.now()
        state.withLock { state in
            state.mood = .well
            state.createsFail = false
            state.neverEnds = false
            state.replication = [:]
            for index in state.operations.indices where !state.operations[index].isSettled {
                state.operations[index].endsAt = min(state.operations[index].endsAt, now.advanced(by: .seconds(300)))
            }
            for name in state.instances.keys where state.instances[name]?.state == .other("STOPPED") {
                state.instances[name]?.state = .runnable
            }
        }
    }

    /// The instances that there are, by name.
    var instances: [(name: InstanceName, instance: Instance)] {
        settle()
        return state.withLock { $0.instances.sorted { $0.key < $1.key }.map { (name: $0.key, instance: $0.value) } }
    }

    /// What somebody does in Cloud SQL's own console.
    func change(_ name: InstanceName, _ body: (inout Instance?) -> Void) {
        settle()
        state.withLock { body(&$0.instances[name]) }
    }

    func nextAddress() -> String {
        state.withLock { state in
            state.addresses += 1
            return "10.1.\(state.addresses / 250).\(state.addresses % 250 + 1)"
        }
    }

    private func settle() {
        let now = world.wallClock.now()
        let ended = state.withLock { state -> [String] in
            var ended: [String] = []
            for index in state.operations.indices
            where !state.operations[index].isSettled && state.operations[index].endsAt <= now {
                state.operations[index].isSettled = true
                let operation = state.operations[index]
                if operation.kind == .delete, !operation.fails {
                    state.instances[operation.target] = nil
                    ended.append("\(operation.target) is deleted")
                } else if operation.kind == .create {
                    state.addresses += 1
                    state.instances[operation.target]?.state = operation.fails ? .failed : .runnable
                    state.instances[operation.target]?.address =
                        "10.1.\(state.addresses / 250).\(state.addresses % 250 + 1)"
                    ended.append("\(operation.target) is \(operation.fails ? "failed" : "runnable")")
                } else if operation.kind == .delete {
                    state.instances[operation.target]?.state = .runnable
                }
            }
            return ended
        }
        for sentence in ended { world.note("cloud: \(sentence)") }
    }

    /// An operation on `name`, for the provider's part.
    fileprivate func begin(
        _ kind: ProviderOperation.Kind, _ request: ReplicaRequest
    ) throws(ProviderError) -> String {
        let now = world.wallClock.now()
        let seconds = world.chance.pick(20...600)
        let failsByChance = world.chance.isOnce(in: 8)
        return try state.withLock { state throws(ProviderError) -> String in
            guard !state.operations.contains(where: { !$0.isSettled && $0.primary == request.primary }) else {
                throw ProviderError(.operationInProgress, "\(request.primary) is busy")
            }
            let id = "operation-\(state.operations.count)"
            state.operations.append(
                Operation(
                    id: id, kind: kind, target: request.name, primary: request.primary,
                    endsAt: now.advanced(by: .seconds(state.neverEnds ? 100_000_000 : seconds)),
                    fails: kind == .create ? state.createsFail : failsByChance))
            return id
        }
    }

    fileprivate func find(_ name: InstanceName) -> Instance? {
        settle()
        return state.withLock { $0.instances[name] }
    }

    fileprivate func operations(where isWanted: (String, InstanceName) -> Bool) -> [ProviderOperation] {
        settle()
        return state.withLock { state in
            state.operations.reversed().filter { isWanted($0.id, $0.target) }.map { operation in
                ProviderOperation(
                    id: operation.id, kind: operation.kind, target: operation.target.text, isDone: operation.isSettled,
                    failure: operation.isSettled && operation.fails ? "UNKNOWN: it failed" : nil)
            }
        }
    }
}

/// What asks readers how they replicate, in one process.
struct SimulatedProbe: ReplicationProbe {
    let cloud: SimulatedCloud
    let life: Life

    /// Weeks of looks are many.
    var pace: Duration { .seconds(60) }

    func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth {
        guard life.goesOn() else { return .unknown("the process is dead") }
        let health = cloud.replication(at: address)
        if case .unreachable = health { await cloud.world.sleep(.seconds(5)) }
        return health
    }
}

/// The cloud as one process calls it. Labels, group, primary and protection are looked at as `CloudSQLReplicaProvider`
/// does.
struct SimulatedProvider: ReplicaProvider {
    let cloud: SimulatedCloud
    let nodes: [SimulatedNode]
    let life: Life

    private var world: World { cloud.world }

    private func call<Value>(
        _ body: () async throws(ProviderError) -> Value
    ) async throws(ProviderError) -> Value {
        guard life.goesOn() else { throw ProviderError(.unavailable, "the process is dead") }
        await world.sleep(.milliseconds(world.chance.pick(20...200)))
        let mood = cloud.mood
        let isBad = mood != .well && !world.chance.isOnce(in: 3)
        if isBad {
            switch mood {
            case .late: await world.sleep(.seconds(world.chance.pick(1...50)))
            case .hangs:
                await world.sleep(.seconds(60))
                throw ProviderError(.unavailable, "the call took too long")
            case .losesCalls: throw ProviderError(.unavailable, "the call was lost")
            case .refuses: throw ProviderError(.permissionDenied, "the account may not")
            case .losesAnswers, .well: break
            }
        }
        guard life.goesOn() else { throw ProviderError(.unavailable, "the process is dead") }
        let value = try await body()
        if isBad, mood == .losesAnswers { throw ProviderError(.unavailable, "the answer was lost") }
        guard life.goesOn() else { throw ProviderError(.unavailable, "the process died after the call") }
        return value
    }

    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await call { () async throws(ProviderError) in
            guard cloud.find(request.name) == nil else {
                throw ProviderError(.alreadyExists, "\(request.name)")
            }
            let id = try cloud.begin(.create, request)
            cloud.change(request.name) {
                $0 = .init(primary: request.primary.text, labels: ["owner": "drover", "group": request.group.text])
            }
            world.count(.created)
            world.note("cloud: \(request.name) is being created")
            return id
        }
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await call { () async throws(ProviderError) in
            guard let instance = cloud.find(request.name) else {
                throw ProviderError(.notFound, "\(request.name)")
            }
            let isOurs = instance.labels["owner"] == "drover" && instance.labels["group"] == request.group.text
            guard isOurs, instance.primary == request.primary.text, !instance.isProtected else {
                throw ProviderError(.notOurs, "\(request.name) is not ours, or protected")
            }
            let id = try cloud.begin(.delete, request)
            world.note("cloud: \(request.name) is being deleted")
            world.count(.deleted)
            cloud.change(request.name) { $0?.state = .deleting }
            if let address = instance.address {
                for node in nodes { await node.expectNoTraffic(to: address, of: request.name) }
            }
            return id
        }
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        try await call { () async throws(ProviderError) in cloud.find(name).map { Self.shown(name, $0) } }
    }

    private static func shown(_ name: InstanceName, _ instance: SimulatedCloud.Instance) -> ProviderInstance {
        ProviderInstance(
            name: name, state: instance.state, privateAddress: instance.address, primary: instance.primary,
            labels: instance.labels)
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing {
        try await call { () async throws(ProviderError) in
            var listed = cloud.instances.filter { $0.instance.labels["owner"] == "drover" }
            // Google's list can leave something out, and says so or does not.
            let isPartial = cloud.mood != .well && world.chance.isOnce(in: 2)
            if isPartial, !listed.isEmpty { listed.removeLast() }
            return ProviderListing(
                instances: listed.map { Self.shown($0.name, $0.instance) },
                isComplete: !isPartial || world.chance.isOnce(in: 2))
        }
    }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        instance.labels["owner"] == "drover" && instance.labels["group"] == group.text
    }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        try await call { () async throws(ProviderError) in
            guard let found = cloud.operations(where: { own, _ in own == id }).first else {
                throw ProviderError(.notFound, id)
            }
            return found
        }
    }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        try await call { () async throws(ProviderError) in cloud.operations { _, target in target == name } }
    }
}

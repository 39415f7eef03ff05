import FleetModel
import GoogleCloud
import ProxySQLAdmin
import Synchronization

/// The provider as a scaler sees it that may only look: calls that change something go to `recorder`, and are answered
/// as if an operation had begun.
struct RehearsalProvider: ReplicaProvider {
    /// What stands for the operation that was not begun.
    static let operation = "dry-run"

    /// Its calls go through a client that has `recorder`.
    let below: any ReplicaProvider
    let recorder: ChangeRecorder

    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await recorded { () async throws(ProviderError) in try await below.createReplica(request) }
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await recorded { () async throws(ProviderError) in try await below.deleteReplica(request) }
    }

    private func recorded(
        _ call: () async throws(ProviderError) -> String
    ) async throws(ProviderError) -> String {
        let before = recorder.count
        do throws(ProviderError) {
            return try await call()
        } catch {
            guard recorder.count > before else { throw error }
            return Self.operation
        }
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        try await below.instance(named: name)
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing { try await below.managedReplicas() }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool { below.isOurs(instance, of: group) }

    func bearsLabels(_ instance: ProviderInstance, of group: InstanceName) -> Bool {
        below.bearsLabels(instance, of: group)
    }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation { try await below.operation(id: id) }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        try await below.operations(on: name)
    }
}

/// The nodes as a scaler sees them that may only look: it is told that they hold what they would hold.
final class RehearsalFleet: RoundlessFleet {
    private let below: any FleetRehearsal
    private let seen = Mutex<[(generation: Int64, targets: [RehearsedTarget])]>([])

    init(_ below: any FleetRehearsal) {
        self.below = below
    }

    /// What was to be published last; nil when nothing was.
    var last: [RehearsedTarget]? { seen.withLock { $0.last?.targets } }

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        let targets = await below.rehearse(configuration)
        seen.withLock { $0.append((configuration.generation, targets)) }
        var nodes = targets.map {
            NodePublication(
                node: $0.name, condition: $0.problem == nil ? .current : .unknown, detail: $0.problem,
                backends: $0.backends)
        }
        // Without nodes to ask, the rehearsal goes on as if there were one.
        if nodes.isEmpty { nodes = [NodePublication(node: "no node", condition: .current)] }
        return Publication(generation: configuration.generation, nodes: nodes)
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await publish(configuration.emptied)
    }
}

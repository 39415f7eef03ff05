import FleetModel
import Foundation
import Logging
import Persistence
import Scaler
import Synchronization
import TestSupport
import Testing

/// A provider that is shown to its caller as it was before somebody else's create call of the same name, which comes
/// first.
private final class RacedProvider: ReplicaProvider {
    let below = ProviderDouble(plan: CrashPlan(at: nil, after: false))
    let wasCreated = Mutex(false)
    let isOurs: Bool
    let primary: InstanceName?

    init(isOurs: Bool = true, primary: InstanceName? = nil) {
        self.isOurs = isOurs
        self.primary = primary
    }

    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        var theirs = request
        if let primary { theirs.primary = primary }
        _ = try await below.createReplica(theirs)
        wasCreated.withLock { $0 = true }
        throw ProviderError(.alreadyExists, "\(request.name) exists")
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        try await below.deleteReplica(request)
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        wasCreated.withLock { $0 } ? try await below.instance(named: name) : nil
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing {
        ProviderListing(instances: [], isComplete: true)
    }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool { isOurs }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation { try await below.operation(id: id) }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        wasCreated.withLock { $0 } ? try await below.operations(on: name) : []
    }
}

@Suite("A create call that answers that the replica exists")
struct AdoptionTests {
    /// Steps until the planned replica was asked for.
    private func created(_ provider: RacedProvider) async throws -> ReplicaRecord {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let name = try InstanceName("shop")
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], [])),
            policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: name)
        let clock = TestWallClock()
        record.plan(try InstanceName("shop-x"), for: "", at: clock.now())
        try await store.insert(record)
        let worker = GroupWorker(
            name: name,
            around: .init(
                groups: store, incidents: store, provider: provider, fleet: FleetDouble(), wallClock: clock,
                nameSuffix: { "y" }),
            settings: ScalerSettings(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = try await worker.step()
        return try #require(try await store.group(name)?.document.replicas.first)
    }

    @Test("one of ours under the recorded name is taken up as created")
    func ours() async throws {
        let replica = try await created(RacedProvider())
        #expect(replica.state == .starting)
        #expect(replica.failure == nil)
    }

    @Test("another's, or one of another primary, is not")
    func others() async throws {
        for provider in [RacedProvider(isOurs: false), RacedProvider(primary: try InstanceName("other"))] {
            let replica = try await created(provider)
            #expect(replica.state == .failed)
        }
    }
}

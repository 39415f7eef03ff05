import FleetModel
import Foundation
import Logging
import Pacing
import Persistence
import Scaler
import Synchronization

/// A provider that counts its calls, and whose operations never end.
final class CountingProvider: ReplicaProvider {
    let calls = Mutex<(all: Int, operations: Set<String>)>((0, []))

    private func count() { calls.withLock { $0.all += 1 } }

    func createReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        count()
        return "create-\(request.name)"
    }

    func deleteReplica(_ request: ReplicaRequest) async throws(ProviderError) -> String {
        count()
        return "delete-\(request.name)"
    }

    func instance(named name: InstanceName) async throws(ProviderError) -> ProviderInstance? {
        count()
        return nil
    }

    func managedReplicas() async throws(ProviderError) -> ProviderListing {
        count()
        return ProviderListing(instances: [], isComplete: true)
    }

    func isOurs(_ instance: ProviderInstance, of group: InstanceName) -> Bool { false }

    func operation(id: String) async throws(ProviderError) -> ProviderOperation {
        calls.withLock { calls in
            calls.all += 1
            calls.operations.insert(id)
        }
        return ProviderOperation(id: id, kind: .create, target: "x", isDone: false, failure: nil)
    }

    func operations(on name: InstanceName) async throws(ProviderError) -> [ProviderOperation] {
        count()
        return []
    }
}

/// Nodes that hold what they are given.
struct AgreeingFleet: RoundlessFleet {
    func publish(_ configuration: FleetConfiguration) async -> Publication {
        Publication(
            generation: configuration.generation, nodes: [NodePublication(node: "core-0", condition: .current)])
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication { await publish(configuration) }
}

/// How long a scaler that was killed needs until it works on every group again, and what it asks of Cloud SQL when
/// nothing happens.
@main
struct Restart {
    static let groups = 1_000

    static func main() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "drover-restart-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await fill("\(folder.path)/busy", inFlight: true)
        let reference = try await read("\(folder.path)/busy")
        let provider = CountingProvider()
        let clock = ContinuousClock()
        let start = clock.now
        let caughtUp = try await withScaler("\(folder.path)/busy", provider) {
            while provider.calls.withLock({ $0.operations.count }) < groups {
                guard clock.now - start < .seconds(120) else { break }
                try await clock.sleep(for: .milliseconds(2))
            }
            return clock.now - start
        }
        let count = provider.calls.withLock { $0.operations.count }
        print(
            "  restart with \(groups) incidents in flight: \(count) operations found again after \(text(caughtUp)); "
                + "reading the same records once takes \(text(reference)), ratio \(ratio(caughtUp, reference))")

        try await fill("\(folder.path)/idle", inFlight: false)
        let idle = CountingProvider()
        let seconds = 20
        let before = processorTime()
        try await withScaler("\(folder.path)/idle", idle) { try await clock.sleep(for: .seconds(seconds)) }
        let perMinute = Double(idle.calls.withLock { $0.all }) * 60 / Double(seconds)
        // Cloud SQL Admin API: 180 calls a minute and user by default.
        print(
            "  idle, \(groups) groups: \(perMinute) API calls a minute, \(String(format: "%.3f", perMinute / 180)) of the "
                + "default quota; \(String(format: "%.2f", (processorTime() - before) / Double(seconds))) of one core")
    }

    private static func fill(_ path: String, inFlight: Bool) async throws {
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let now = SystemWallClock().now()
        for number in 0..<groups {
            let name = try InstanceName("group-\(number)")
            var record = GroupRecord(
                configuration: FleetConfiguration(
                    group: name, writerHostgroup: 10 * number, readerHostgroup: 10 * number + 5, ruleIDBase: 0,
                    content: (
                        [BackendServer(name: name.text, address: "10.0.0.1", hostgroup: 5, origin: .primary)], [], []
                    )
                ), policy: ScalingPolicy(maximumReplicas: 5), primaryInstance: name)
            if inFlight {
                _ = try await store.record(
                    Alert(
                        incidentID: "i-\(number)", policyName: "p", state: .open, startedAt: now, closedAt: nil,
                        primaryInstance: name, group: name, replicaBaseName: "\(name)-", action: .add,
                        documentation: ""), at: now)
                let replica = try InstanceName("group-\(number)-r1")
                record.plan(replica, for: "i-\(number)", at: now)
                record.creationBegan(replica, operationID: "create-\(replica)", at: now)
            }
            try await store.insert(record)
        }
    }

    private static func read(_ path: String) async throws -> Duration {
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let clock = ContinuousClock()
        let start = clock.now
        for group in try await store.groups() { _ = try await store.active(group: group.document.name) }
        return clock.now - start
    }

    private static func withScaler<Value: Sendable>(
        _ path: String, _ provider: CountingProvider, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: provider, fleet: AgreeingFleet(),
            wallClock: SystemWallClock(), nameSuffix: { "x" })
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let scaler = Scaler(
            around: around, queue: store, lock: store, settings: ScalerSettings(queuePoll: .milliseconds(250)),
            clock: ContinuousClock(), logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await scaler.run() }
            let value = try await body()
            tasks.cancelAll()
            return value
        }
    }

    private static func text(_ duration: Duration) -> String {
        String(format: "%.0f ms", Double(duration.wholeMilliseconds))
    }

    private static func ratio(_ one: Duration, _ other: Duration) -> String {
        String(format: "%.1f", Double(one.wholeMilliseconds) / Double(max(1, other.wholeMilliseconds)))
    }

    private static func processorTime() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

import FleetModel
import Foundation
import Logging
import Persistence
import Scaler
import Synchronization
import TestSupport
import Testing

/// Plays add and remove, dying once at a chosen point and starting again on the same store and the same cloud.
private struct Play {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-crash-\(UUID().uuidString)").path
    let wallClock = TestWallClock()

    struct Outcome {
        var points: Int
        var record: GroupRecord
        var instances: Set<String>
        var created: Int
        var held: FleetConfiguration?
        var incidents: [Incident]
    }

    func run(dyingAt point: Int?, after: Bool) async throws -> Outcome {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let name = try InstanceName("shop")
        var policy = ScalingPolicy(maximumReplicas: 5)
        policy.scaleOutCooldown = .seconds(60)
        policy.scaleInCooldown = .seconds(60)
        try await store.insert(
            GroupRecord(
                configuration: FleetConfiguration(
                    group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                    content: (
                        [BackendServer(name: "shop", address: "127.0.9.1", hostgroup: 5, origin: .primary)], [], []
                    )),
                policy: policy, primaryInstance: name))
        let plan = CrashPlan(at: point, after: after)
        let names = Mutex(0)
        let fleet = FleetDouble()
        var provider = ProviderDouble(plan: plan)
        var worker = makeWorker(name, store, plan, provider, fleet, names)

        // add while open, twice; close; remove once; close.
        let script: [(IncidentAction, IncidentState, serving: Int)] = [
            (.add, .open, 2), (.add, .closed, 2), (.remove, .open, 1), (.remove, .closed, 1),
        ]
        for (action, state, serving) in script {
            _ = try await store.record(
                Alert(
                    incidentID: "\(action)", policyName: "p", state: state, startedAt: wallClock.now(), closedAt: nil,
                    primaryInstance: name, group: name, replicaBaseName: "shop-", action: action, documentation: ""),
                at: wallClock.now())
            for _ in 0..<200 {
                let before = plan.count
                let report = try? await worker.step()
                if report == nil || diedAt(point, before, plan.count) {
                    provider = ProviderDouble(plan: plan, after: provider)
                    worker = makeWorker(name, store, plan, provider, fleet, names)
                }
                let record = try #require(try await store.group(name)).document
                let isThere = record.replicaUnderWay == nil && record.managedCount == serving
                if state == .open, isThere { break }
                let settled = try await store.active(group: name).isEmpty
                if state == .closed, isThere, settled { break }
                wallClock.advance(by: .seconds(20))
            }
        }
        _ = try await worker.step()
        let state = provider.state.withLock { $0 }
        return Outcome(
            points: plan.count, record: try #require(try await store.group(name)).document,
            instances: Set(state.instances.keys.map(\.text)), created: state.created.count,
            held: fleet.held.withLock { $0 }, incidents: try await store.recent(limit: 10))
    }

    private func diedAt(_ point: Int?, _ before: Int, _ now: Int) -> Bool {
        point.map { before < $0 && $0 <= now } ?? false
    }

    private func makeWorker(
        _ name: InstanceName, _ store: SQLiteStore, _ plan: CrashPlan, _ provider: ProviderDouble,
        _ fleet: FleetDouble, _ names: borrowing Mutex<Int>
    ) -> GroupWorker {
        let mortal = MortalStore(store: store, plan: plan)
        let seed = names.withLock { count in
            count += 1
            return count
        }
        let counter = SuffixCounter(seed: seed)
        return GroupWorker(
            name: name,
            around: .init(
                groups: mortal, incidents: mortal, provider: provider, fleet: fleet, wallClock: wallClock,
                nameSuffix: { counter.next() }),
            settings: ScalerSettings(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

/// Names that are never the same, not even after a restart.
final class SuffixCounter: Sendable {
    private let seed: Int
    private let count = Mutex(0)

    init(seed: Int) {
        self.seed = seed
    }

    func next() -> String {
        count.withLock { count in
            count += 1
            return "r\(seed)x\(count)"
        }
    }
}

@Suite("Killed at any durable step, the scaler ends with exactly the wanted replicas", .timeLimit(.minutes(5)))
struct CrashTests {
    private func check(_ outcome: Play.Outcome, _ note: Comment) {
        #expect(outcome.record.replicas.map(\.state) == [.serving], note)
        #expect(outcome.instances == Set(outcome.record.replicas.map(\.name.text)), "no orphan: \(note)")
        #expect(outcome.created == 2, "none twice: \(note)")
        #expect(outcome.held == outcome.record.configuration, "the nodes hold the record: \(note)")
        #expect(outcome.incidents.allSatisfy { $0.lastProcess == .clear }, note)
    }

    @Test("undisturbed")
    func undisturbed() async throws {
        check(try await Play().run(dyingAt: nil, after: false), "undisturbed")
    }

    @Test("at every write and every effect, before it and after it", arguments: [false, true])
    func everyPoint(after: Bool) async throws {
        let points = try await Play().run(dyingAt: nil, after: false).points
        #expect(points > 15)
        for point in 1...points {
            check(
                try await Play().run(dyingAt: point, after: after),
                "died \(after ? "after" : "before") point \(point) of \(points)")
        }
    }
}

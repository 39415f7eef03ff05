import FleetModel
import Foundation
import Logging
import MySQLWire
import Pacing
import Persistence
import Synchronization
import TestSupport
import Testing

@testable import Scaler

/// A probe that finds each replica as a test wants it; fit where nothing is said.
private final class NamedProbe: ReplicationProbe {
    let healths = Mutex<[String: ReplicationHealth]>([:])

    func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth {
        healths.withLock { $0[replica.text] } ?? .replicating(lag: .zero)
    }
}

private final class Decisions: DecisionStore {
    let all = Mutex<[DecisionEntry]>([])

    func save(_ entry: DecisionEntry) async throws(StoreError) {
        all.withLock { all in
            if let index = all.firstIndex(where: { $0.firstAt == entry.firstAt && $0.reason == entry.reason }) {
                all[index] = entry
            } else {
                all.append(entry)
            }
        }
    }

    func decisions(of group: InstanceName, limit: Int, before: Timestamp?) async throws(StoreError) -> [DecisionEntry] {
        all.withLock { Array($0.reversed().prefix(limit)) }
    }
}

/// One group without faults whose readers are looked at between the steps, as `LagWatch` does.
private struct Group {
    let world: FaultWorld
    let store: FaultStore
    let name: InstanceName
    let probe = NamedProbe()
    let decisions = Decisions()
    let around: GroupWorker.Surroundings
    var worker: GroupWorker

    init(minimum: Int = 2, fitness: FitnessPolicy? = FitnessPolicy()) async throws {
        name = try InstanceName("shop")
        world = FaultWorld(seed: 1, primary: name)
        store = FaultStore(world)
        var policy = ScalingPolicy(minimumReplicas: minimum, maximumReplicas: max(minimum, 2))
        policy.scaleOutCooldown = .seconds(60)
        policy.scaleInCooldown = .seconds(60)
        policy.fitness = fitness
        try await store.insert(
            GroupRecord(
                configuration: FleetConfiguration(
                    group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                    content: (
                        [BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary)], [], []
                    )
                ), policy: policy, primaryInstance: name))
        let suffixes = SuffixCounter(seed: 1)
        var around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: world, fleet: world, wallClock: world.wallClock,
            inventoryLifetime: .seconds(60), nameSuffix: { suffixes.next() })
        around.probe = probe
        around.deciding.decisions = decisions
        self.around = around
        worker = Self.worker(name, around)
    }

    private static func worker(_ name: InstanceName, _ around: GroupWorker.Surroundings) -> GroupWorker {
        GroupWorker(
            name: name, around: around,
            settings: ScalerSettings(
                inventoryPeriod: .seconds(60),
                admission: AdmissionRule(samples: 1, deadline: .seconds(1_000), rampDuration: .zero)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    mutating func restart() { worker = Self.worker(name, around) }

    var record: GroupRecord {
        get throws { try #require(world.state.withLock { $0.groups[name] }).document }
    }

    var held: FleetConfiguration? { world.state.withLock { $0.held } }

    func set(_ health: ReplicationHealth?, of replica: String) {
        probe.healths.withLock { $0[replica] = health }
    }

    /// Looks at the readers once, and lets the worker take its steps until it waits.
    func round() async throws {
        let servers = try record.configuration.servers.filter { $0.origin != .primary }
        var looks: [String: ReaderLooks.Look] = [:]
        for server in servers {
            let health = await probe.look(
                at: try InstanceName(server.name), address: server.address, port: server.port)
            looks[server.name] = .init(address: server.address, health: health)
        }
        around.looks.put(looks, of: name)
        for _ in 0..<20 {
            guard let report = try await worker.step(), report.next == .zero else { break }
        }
        world.wallClock.advance(by: .seconds(10))
    }

    /// Goes on until `isDone`; false when it does not come to that.
    func rounds(_ limit: Int = 300, until isDone: (GroupRecord) throws -> Bool) async throws -> Bool {
        for _ in 0..<limit {
            if try isDone(try record) { return true }
            try await round()
        }
        return false
    }

    /// Begins with the replicas of the minimum, in the order of their names.
    func begin() async throws -> [String] {
        let minimum = try record.policy.minimumReplicas
        let serve = try await rounds { $0.replicas.map(\.state) == Array(repeating: .serving, count: minimum) }
        #expect(serve)
        return try record.replicas.map(\.name.text).sorted()
    }
}

@Suite("Readers that are not fit, as a group's worker deals with them")
struct FitnessLifeTests {
    @Test("a replica whose replication stops is sidelined on the nodes, replaced, drained and deleted; the size stays")
    func wholeLife() async throws {
        let group = try await Group()
        let names = try await group.begin()
        let bad = names[0]
        group.set(.stopped("applier: No"), of: bad)
        for _ in 0..<3 { try await group.round() }
        #expect(group.held?.servers.first { $0.name == bad }?.status == .offlineSoft)
        #expect(group.held == (try group.record.configuration))
        var most = 0
        let replaced = try await group.rounds { record in
            most = max(most, record.managedCount)
            let online = record.configuration.servers.filter { $0.hostgroup == 10 && $0.status == .online }
            #expect(!online.isEmpty)
            return !record.replicas.contains { $0.name.text == bad } && record.replicaUnderWay == nil
        }
        #expect(replaced)
        #expect(most == 3, "one more for its time")
        let record = try group.record
        #expect(record.replicas.map(\.state) == [.serving, .serving])
        #expect(record.unfitReaders == nil)
        #expect(record.replicas.allSatisfy { $0.replaces == nil })
        #expect(Set(record.replicas.map(\.name)) == group.world.state.withLock { Set($0.instances.keys) })
        let reasons = group.decisions.all.withLock { $0.map(\.reason) }
        #expect(reasons.contains(.readerUnfit))
        #expect(reasons.contains(.sidelined))
        #expect(reasons.contains(.replacement))
        let sidelined = group.decisions.all.withLock { $0.first { $0.reason == .sidelined } }
        #expect(sidelined?.detail == "\(bad): replication-stopped: applier: No")
        #expect(group.world.state.withLock { $0.violations }.isEmpty)
        for _ in 0..<100 { try await group.round() }
        #expect(try group.record.replicas == record.replicas, "and then it rests")
    }

    @Test("what lags comes back by itself, also after a restart in between, and nothing is created")
    func comesBack() async throws {
        var group = try await Group()
        let names = try await group.begin()
        let created = group.world.state.withLock { $0.created }
        group.set(.replicating(lag: .seconds(300)), of: names[1])
        for _ in 0..<3 { try await group.round() }
        #expect(group.held?.servers.first { $0.name == names[1] }?.status == .offlineSoft)
        group.restart()
        for _ in 0..<200 { try await group.round() }
        #expect(try group.record.isSidelined(names[1]))
        group.set(nil, of: names[1])
        let back = try await group.rounds { $0.unfitReaders == nil }
        #expect(back)
        #expect(group.held?.servers.filter { $0.hostgroup == 10 }.allSatisfy { $0.status == .online } == true)
        #expect(group.world.state.withLock { $0.created } == created)
    }

    @Test("a reader is taken out while another replica is being created")
    func whileCreating() async throws {
        let group = try await Group()
        let names = try await group.begin()
        group.world.state.withLock { $0.neverEnds = true }
        let stored = try #require(try await group.store.group(group.name))
        var record = stored.document
        record.policy.minimumReplicas = 3
        record.policy.maximumReplicas = 3
        try await group.store.save(record, ifVersion: stored.version)
        let creating = try await group.rounds { $0.replicaUnderWay?.state == .creating }
        #expect(creating)
        group.set(.stopped("applier: No"), of: names[0])
        for _ in 0..<3 { try await group.round() }
        #expect(group.held?.servers.first { $0.name == names[0] }?.status == .offlineSoft)
        #expect(try group.record.replicaUnderWay?.state == .creating)
        group.set(nil, of: names[0])
        for _ in 0..<8 { try await group.round() }
        #expect(group.held?.servers.first { $0.name == names[0] }?.status == .online)
    }

    @Test("a draining replica that is not fit is not taken back")
    func notTakenBack() async throws {
        let group = try await Group()
        let names = try await group.begin()
        group.set(.stopped("applier: No"), of: names[0])
        for _ in 0..<3 { try await group.round() }
        // Somebody lowers the size and raises it again while the victim drains.
        for size in [1, 2] {
            let stored = try #require(try await group.store.group(group.name))
            var record = stored.document
            record.policy.minimumReplicas = size == 1 ? 0 : 2
            record.policy.maximumReplicas = size
            record.lastScaling = nil
            try await group.store.save(record, ifVersion: stored.version)
            if size == 1 {
                let drains = try await group.rounds { record in
                    record.replicas.contains { $0.name.text == names[0] && $0.state == .draining }
                }
                #expect(drains)
            }
        }
        let gone = try await group.rounds { record in !record.replicas.contains { $0.name.text == names[0] } }
        #expect(gone)
    }

    @Test("a replacement that cannot be created is tried again with patience, and the old one stays where it is")
    func failedCreations() async throws {
        var fitness = FitnessPolicy()
        fitness.replaceAfter = .seconds(60)
        let group = try await Group(fitness: fitness)
        let names = try await group.begin()
        group.set(.stopped("applier: No"), of: names[0])
        // New replicas never get fit, and are given up.
        for suffix in 1...40 where !names.contains("shop-r1x\(suffix)") {
            group.set(.stopped("receiver: Connecting"), of: "shop-r1x\(suffix)")
        }
        let before = group.world.state.withLock { $0.created }
        for _ in 0..<3_000 { try await group.round() }
        let tries = group.world.state.withLock { $0.created } - before
        #expect((2...4).contains(tries), "\(tries) in eight hours: three replacements a day, and one may be under way")
        let record = try group.record
        #expect(record.isSidelined(names[0]))
        #expect(record.unfit(names[0])?.waitsFor?.contains("its replacement waits") == true || record.managedCount == 3)
        #expect(record.replicas.contains { $0.name.text == names[1] && $0.state == .serving })
    }

    @Test("a group from before, and one that is told only, keeps its rows as they are")
    func toldOnly() async throws {
        let group = try await Group(fitness: nil)
        let names = try await group.begin()
        let configuration = try group.record.configuration
        group.set(.stopped("applier: No"), of: names[0])
        for _ in 0..<200 { try await group.round() }
        #expect(try group.record.configuration == configuration)
        #expect(try group.record.unfit(names[0])?.code == UnfitCode.stopped.rawValue)
        #expect(try group.record.managedCount == 2)
    }

    @Test("a replica that stopped answering because its address changed is followed at once, and with few calls")
    func moved() async throws {
        let group = try await Group()
        let names = try await group.begin()
        let name = try InstanceName(names[0])
        group.set(.unreachable("connection refused"), of: names[0])
        for _ in 0..<2 { try await group.round() }
        #expect(try group.record.configuration.servers.contains { $0.name == names[0] && $0.status == .online })
        group.world.state.withLock { $0.instances[name]?.address = "10.77.0.1" }
        let follows = try await group.rounds(7) { record in
            record.configuration.servers.contains { $0.name == names[0] && $0.address == "10.77.0.1" }
        }
        #expect(follows)
        #expect(group.held?.servers.contains { $0.address == "10.77.0.1" } == true)
        group.set(nil, of: names[0])
        let fit = try await group.rounds(40) { $0.unfitReaders == nil }
        #expect(fit)
        #expect(try group.record.replicas.map(\.state) == [.serving, .serving])
    }

    @Test("a look at a former address is none")
    func formerAddress() async throws {
        let group = try await Group()
        let names = try await group.begin()
        for _ in 0..<10 {
            group.around.looks.put(
                [names[0]: .init(address: "10.255.0.1", health: .stopped("applier: No"))], of: group.name)
            _ = try await group.worker.step()
        }
        #expect(try group.record.unfitReaders == nil)
    }
}

@Suite("Whoever looks at the readers", .timeLimit(.minutes(1)))
struct LagWatchTests {
    @Test("puts each round where the workers find it, and wakes the group that has something to do")
    func rounds() async throws {
        let group = try await Group()
        _ = try await group.begin()
        let names = try group.record.replicas.map(\.name.text)
        group.set(.stopped("applier: No"), of: names[0])
        let clock = ManualClock()
        let woken = Mutex(0)
        let watch = LagWatch(around: group.around, probe: group.probe, clock: clock) { _ in woken.withLock { $0 += 1 } }
        let before = group.around.looks.round(of: group.name, after: 0)?.number ?? 0
        let running = Task { await watch.run() }
        await clock.waitForSleeps { $0 == [.seconds(10)] }
        let round = try #require(group.around.looks.round(of: group.name, after: before))
        #expect(round.number == before + 1)
        #expect(round.looks.count == 2)
        #expect(round.looks[names[0]]?.health == .stopped("applier: No"))
        #expect(woken.withLock { $0 } == 1)
        group.set(nil, of: names[0])
        clock.advance(by: group.probe.pace)
        await clock.waitForSleeps { $0 == [.seconds(20)] }
        #expect(group.around.looks.round(of: group.name, after: round.number)?.number == round.number + 1)
        #expect(woken.withLock { $0 } == 1, "nobody is woken for readers that are well")
        running.cancel()
        await running.value
    }

    @Test("a replica that refuses or cannot be verified is no evidence, one that cannot be reached is")
    func unasked() {
        for code in [MySQLWireError.Code.connectionFailed, .connectionClosed, .deadlineExceeded] {
            guard case .unreachable = MySQLReplicationProbe.unasked(MySQLWireError(code, "x")) else {
                Issue.record("\(code)")
                continue
            }
        }
        let others: [any Error] =
            [MySQLWireError.Code.cancelled, .malformed, .tooLarge, .authenticationUnsupported, .tlsUnavailable]
            .map { MySQLWireError($0, "x") } + [MySQLServerError(code: 1_045, sqlState: "28000", message: "denied")]
        for error in others {
            guard case .unknown = MySQLReplicationProbe.unasked(error) else {
                Issue.record("\(error)")
                continue
            }
        }
    }
}

/// Plays a replacement, dying once at a chosen point and starting again on the same store and the same cloud.
private struct Play {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-unfit-\(UUID().uuidString)").path
    let wallClock = TestWallClock()
    let probe = NamedProbe()

    struct Outcome {
        var points: Int
        var record: GroupRecord
        var instances: Set<String>
        var created: Int
        var held: FleetConfiguration?
        var violations: [String]
    }

    func run(dyingAt point: Int?, after: Bool) async throws -> Outcome {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        let name = try InstanceName("shop")
        let plan = CrashPlan(at: point, after: after)
        let fleet = FleetDouble()
        let looks = ReaderLooks()
        var provider = ProviderDouble(plan: plan)
        let record = try start(name, provider)
        try await store.insert(record)
        probe.healths.withLock { $0["r1"] = .stopped("applier: No") }
        var seed = 1
        var worker = makeWorker(name, store, plan, provider, fleet, looks, seed)
        var violations: [String] = []
        for _ in 0..<400 {
            let record = try #require(try await store.group(name)).document
            if record.replicaUnderWay == nil, !record.replicas.contains(where: { $0.name.text == "r1" }) { break }
            var round: [String: ReaderLooks.Look] = [:]
            for server in record.configuration.servers where server.origin != .primary {
                let health = await probe.look(
                    at: try InstanceName(server.name), address: server.address, port: server.port)
                round[server.name] = .init(address: server.address, health: health)
            }
            looks.put(round, of: name)
            let before = plan.count
            let report = try? await worker.step()
            if report == nil || point.map({ before < $0 && $0 <= plan.count }) ?? false {
                seed += 1
                provider = ProviderDouble(plan: plan, after: provider)
                worker = makeWorker(name, store, plan, provider, fleet, looks, seed)
            }
            let held = fleet.held.withLock { $0 }
            if let held, !held.servers.contains(where: { $0.hostgroup == 10 && $0.status == .online }) {
                violations.append("no reader is left on the nodes")
            }
            wallClock.advance(by: .seconds(10))
        }
        _ = try? await worker.step()
        _ = try await worker.step()
        let state = provider.state.withLock { $0 }
        return Outcome(
            points: plan.count, record: try #require(try await store.group(name)).document,
            instances: Set(state.instances.keys.map(\.text)), created: state.created.count,
            held: fleet.held.withLock { $0 }, violations: violations)
    }

    /// A group with two replicas that serve.
    private func start(_ name: InstanceName, _ provider: ProviderDouble) throws -> GroupRecord {
        var policy = ScalingPolicy(minimumReplicas: 2, maximumReplicas: 2)
        policy.fitness = FitnessPolicy()
        policy.fitness?.replaceAfter = .seconds(60)
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: ([BackendServer(name: "shop", address: "127.0.9.1", hostgroup: 5, origin: .primary)], [], [])),
            policy: policy, primaryInstance: name)
        for (index, text) in ["r1", "r2"].enumerated() {
            let replica = try InstanceName(text)
            record.plan(replica, for: "", at: wallClock.now())
            record.admit(
                replica, address: "127.0.9.\(20 + index)", by: AdmissionRule(rampDuration: .zero), at: wallClock.now())
            record.serve(replica, at: wallClock.now())
            provider.state.withLock { state in
                state.instances[replica] = ReplicaRequest(name: replica, primary: name, group: name)
                state.created.append(replica)
                state.operations.append(
                    ProviderOperation(
                        id: "create-\(replica)", kind: .create, target: text, isDone: true, failure: nil))
            }
        }
        return record
    }

    private func makeWorker(
        _ name: InstanceName, _ store: SQLiteStore, _ plan: CrashPlan, _ provider: ProviderDouble,
        _ fleet: FleetDouble, _ looks: ReaderLooks, _ seed: Int
    ) -> GroupWorker {
        let mortal = MortalStore(store: store, plan: plan)
        let counter = SuffixCounter(seed: seed)
        var around = GroupWorker.Surroundings(
            groups: mortal, incidents: mortal, provider: provider, fleet: fleet, wallClock: wallClock,
            nameSuffix: { counter.next() })
        around.probe = probe
        around.looks = looks
        return GroupWorker(
            name: name, around: around,
            settings: ScalerSettings(admission: AdmissionRule(samples: 1, rampDuration: .zero)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

@Suite("Killed at any durable step of a replacement, the scaler ends with the wanted replicas", .timeLimit(.minutes(5)))
struct FitnessCrashTests {
    private func check(_ outcome: Play.Outcome, _ note: Comment) {
        #expect(outcome.record.replicas.map(\.state) == [.serving, .serving], note)
        #expect(!outcome.record.replicas.contains { $0.name.text == "r1" }, note)
        #expect(outcome.record.unfitReaders == nil, note)
        #expect(outcome.record.replicas.allSatisfy { $0.replaces == nil }, note)
        #expect(outcome.instances == Set(outcome.record.replicas.map(\.name.text)), "no orphan: \(note)")
        #expect(outcome.created == 3, "none twice: \(note)")
        #expect(outcome.held == outcome.record.configuration, "the nodes hold the record: \(note)")
        #expect(outcome.violations.isEmpty, note)
    }

    @Test("undisturbed")
    func undisturbed() async throws {
        check(try await Play().run(dyingAt: nil, after: false), "undisturbed")
    }

    @Test("at every write and every effect, before it and after it", arguments: [false, true])
    func everyPoint(after: Bool) async throws {
        let points = try await Play().run(dyingAt: nil, after: false).points
        #expect(points > 12)
        for point in 1...points {
            check(
                try await Play().run(dyingAt: point, after: after),
                "died \(after ? "after" : "before") point \(point) of \(points)")
        }
    }
}

import FleetModel
import Logging
import Scaler
import Synchronization
import TestSupport
import Testing

/// One group whose load is what a test wants it to be, and no alert ever.
private struct SteeredGroup {
    let world: FaultWorld
    let store: FaultStore
    let name: InstanceName
    let load = LoadDouble()
    let decisions = DecisionsDouble()
    let worker: GroupWorker

    init() async throws {
        name = try InstanceName("shop")
        world = FaultWorld(seed: 1, primary: name)
        store = FaultStore(world)
        var policy = ScalingPolicy(minimumReplicas: 1, maximumReplicas: 3)
        policy.scaleOutCooldown = .seconds(60)
        policy.scaleInCooldown = .seconds(60)
        policy.metrics = [
            MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.7), scaleIn: .init(0.3))
        ]
        let servers = [
            BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary),
            BackendServer(name: "shop-fixed", address: "10.9.0.2", hostgroup: 10, origin: .configured),
        ]
        try await store.insert(
            GroupRecord(
                configuration: FleetConfiguration(
                    group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: (servers, [], [])),
                policy: policy, primaryInstance: name))
        let suffixes = SuffixCounter(seed: 1)
        var around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: world, fleet: world, wallClock: world.wallClock,
            inventoryLifetime: .seconds(60), nameSuffix: { suffixes.next() })
        around.deciding = Decider.Surroundings(load: load, decisions: decisions, loadPoll: .seconds(15))
        worker = GroupWorker(
            name: name, around: around,
            settings: ScalerSettings(
                inventoryPeriod: .seconds(60),
                admission: AdmissionRule(samples: 1, deadline: .seconds(1_000), rampDuration: .zero, rampSteps: 1)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    var record: GroupRecord {
        get throws { try #require(world.state.withLock { $0.groups[name] }).document }
    }

    /// Steps on for `seconds` of the world's time.
    func pass(_ seconds: Int64) async throws {
        let end = world.wallClock.now().advanced(by: .seconds(seconds))
        while world.wallClock.now() < end {
            let report = try await worker.step()
            world.wallClock.advance(by: min(max(report?.next ?? .seconds(1), .milliseconds(10)), .seconds(15)))
        }
    }

    func change(_ body: (inout ScalingPolicy) -> Void) async throws {
        let stored = try #require(try await store.group(name))
        var record = stored.document
        body(&record.policy)
        try await store.save(record, ifVersion: stored.version)
    }

    /// Serving replicas, none of any other state.
    var size: Int {
        get throws {
            let states = try record.replicas.map(\.state)
            return states.allSatisfy { $0 == .serving } ? states.count : -1
        }
    }
}

@Suite("A group that is steered without alerts", .timeLimit(.minutes(1)))
struct PolicyLifeTests {
    @Test("its metrics take it to the maximum and back to the minimum")
    func metrics() async throws {
        let group = try await SteeredGroup()
        group.load.state.withLock { $0.value = 0.9 }
        try await group.pass(1_500)
        #expect(try group.size == 3)
        group.load.state.withLock { $0.value = 0.05 }
        try await group.pass(1_500)
        #expect(try group.size == 1)
        #expect(group.world.state.withLock { $0.instances.count } == 1)
        let reasons = Set(group.decisions.saved.withLock { $0.map(\.reason) })
        #expect(reasons.isSuperset(of: [.metric, .inProgress, .maximumSize, .minimumSize]))
    }

    @Test("pauses, a pin and a dry run are honoured from the next look on, and end by themselves")
    func holds() async throws {
        let group = try await SteeredGroup()
        group.load.state.withLock { $0.value = 0.5 }
        try await group.pass(300)
        #expect(try group.size == 1, "the minimum")
        let until = group.world.wallClock.now().advanced(by: .seconds(600))
        try await group.change { $0.pin = SizePin(size: 2, until: until, reason: "sale") }
        group.load.state.withLock { $0.value = 0.05 }
        try await group.pass(500)
        #expect(try group.size == 2, "pinned, whatever the load")
        try await group.change { $0.scaleInPause = OperatorHold(until: until.advanced(by: .seconds(300))) }
        try await group.pass(300)
        #expect(try group.size == 2, "the pin is over, but nothing is removed")
        #expect(group.decisions.saved.withLock { $0.last?.reason } == .paused)
        try await group.pass(600)
        #expect(try group.size == 1)
        try await group.change { $0.isDryRun = true }
        group.load.state.withLock { $0.value = 0.9 }
        try await group.pass(300)
        #expect(try group.size == 1)
        #expect(group.decisions.saved.withLock { $0.last?.reason } == .dryRun)
        #expect(group.decisions.saved.withLock { $0.last?.desired } == 2)
    }
}

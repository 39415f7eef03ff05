import FleetModel
import Foundation
import KubernetesClient
import Logging
import Pacing
import Persistence
import Scaler
import Synchronization
import TestSupport
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The world's node, and one more that stands as a test wants it to.
private final class OneMoreNode: RoundlessFleet {
    let world: FaultWorld
    let other = Mutex(NodePublication(node: "other", condition: .current))

    init(_ world: FaultWorld) { self.world = world }

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        var publication = await world.publish(configuration)
        publication.nodes.append(other.withLock { $0 })
        return publication
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication { await publish(configuration) }
}

private final class NeverFit: ReplicationProbe {
    func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth {
        .stopped("applier: No")
    }
}

/// One group on two nodes.
private struct TwoNodes {
    let name: InstanceName
    let world: FaultWorld
    let store: FaultStore
    let fleet: OneMoreNode
    let worker: GroupWorker

    init(probe: (any ReplicationProbe)? = nil) async throws {
        name = try InstanceName("shop")
        world = FaultWorld(seed: 1, primary: name)
        store = FaultStore(world)
        fleet = OneMoreNode(world)
        try await store.insert(try oneGroup(name))
        let suffixes = SuffixCounter(seed: 1)
        var around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: world, fleet: fleet, wallClock: world.wallClock,
            inventoryLifetime: .seconds(60), nameSuffix: { suffixes.next() })
        around.probe = probe
        worker = GroupWorker(
            name: name, around: around,
            settings: ScalerSettings(
                inventoryPeriod: .seconds(60),
                admission: AdmissionRule(deadline: .seconds(600), rampDuration: .seconds(20), rampSteps: 2)),
            logger: quiet)
    }

    var replicas: [ReplicaRecord] {
        get throws { try #require(world.state.withLock { $0.groups[name] }).document.replicas }
    }

    func alert(_ action: IncidentAction) async throws {
        _ = try await store.record(
            Alert(
                incidentID: "\(action)", policyName: "p", state: .open, startedAt: world.wallClock.now(),
                closedAt: nil, primaryInstance: name, group: name, replicaBaseName: "shop-", action: action,
                documentation: ""), at: world.wallClock.now())
    }

    func close(_ action: IncidentAction) async throws {
        _ = try await store.record(
            Alert(
                incidentID: "\(action)", policyName: "p", state: .closed, startedAt: world.wallClock.now(),
                closedAt: world.wallClock.now(), primaryInstance: name, group: name, replicaBaseName: "shop-",
                action: action, documentation: ""), at: world.wallClock.now())
    }

    /// Steps on until `isDone`; false when it does not come to that.
    func step(_ limit: Int = 200, until isDone: ([ReplicaRecord]) throws -> Bool) async throws -> Bool {
        for _ in 0..<limit {
            if try isDone(try replicas) { return true }
            let report = try await worker.step()
            world.wallClock.advance(by: min(max(report?.next ?? .seconds(1), .milliseconds(1)), .seconds(20)))
        }
        return false
    }

    func stand(_ condition: NodePublication.Condition, since: Timestamp? = nil) {
        var node = NodePublication(node: "other", condition: condition, detail: "it stands so")
        node.awaySince = since
        fleet.other.withLock { $0 = node }
    }
}

private func oneGroup(_ name: InstanceName) throws -> GroupRecord {
    var policy = ScalingPolicy(maximumReplicas: 1)
    policy.scaleOutCooldown = .seconds(1)
    policy.scaleInCooldown = .seconds(1)
    return GroupRecord(
        configuration: FleetConfiguration(
            group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary)],
                [ProxyUser(username: "app", password: Secret("first"), defaultHostgroup: 5)], []
            )), policy: policy, primaryInstance: name)
}

@Suite("With a node that is behind, silent or down")
struct NodeBehindTests {
    @Test(
        "a new replica gets its full share on the others, and none is deleted before that node let go of it",
        arguments: [NodePublication.Condition.unknown, .behind])
    func addsAndRemoves(condition: NodePublication.Condition) async throws {
        let nodes = try await TwoNodes()
        nodes.stand(condition)
        try await nodes.alert(.add)
        let serves = try await nodes.step { $0.map(\.state) == [.serving] }
        #expect(serves)
        try await nodes.close(.add)
        try await nodes.alert(.remove)
        let isDeleted = try await nodes.step { $0.first?.state == .deleting || $0.isEmpty }
        #expect(!isDeleted)
        #expect(try nodes.replicas.first?.state == .draining)
        nodes.stand(.current)
        let isGone = try await nodes.step { $0.isEmpty }
        #expect(isGone)
    }

    @Test("one that was never admitted is deleted at once: no node ever had it")
    func neverHadARow() async throws {
        let nodes = try await TwoNodes(probe: NeverFit())
        nodes.stand(.unknown)
        try await nodes.alert(.add)
        let fails = try await nodes.step { $0.first?.state == .failed }
        #expect(fails)
        let isDeleted = try await nodes.step(20) { $0.first?.state == .deleting }
        #expect(isDeleted)
    }

    @Test("the instance stays while a node that is down may be back with it, and until it is seen without it")
    func isBack() async throws {
        let nodes = try await TwoNodes()
        try await nodes.alert(.add)
        let comes1 = try await nodes.step { $0.map(\.state) == [.serving] }
        #expect(comes1)
        try await nodes.close(.add)
        nodes.stand(.down, since: nodes.world.wallClock.now())
        try await nodes.alert(.remove)
        let comes2 = try await nodes.step { $0.first?.state == .removed }
        #expect(comes2)
        nodes.stand(.down, since: nodes.world.wallClock.now())
        for _ in 0..<10 { _ = try await nodes.worker.step() }
        #expect(try nodes.replicas.first?.state == .removed)
        nodes.stand(.current)
        let comes3 = try await nodes.step { $0.first?.state == .deleting }
        #expect(comes3)
        let deletions = { nodes.world.state.withLock { $0.operations.count { $0.kind == .delete } } }
        nodes.stand(.down, since: nodes.world.wallClock.now())
        for _ in 0..<10 { _ = try await nodes.worker.step() }
        #expect(deletions() == 0)
        // It is back, with what was on its disk.
        nodes.stand(.behind)
        nodes.world.wallClock.advance(by: .seconds(300))
        for _ in 0..<10 { _ = try await nodes.worker.step() }
        #expect(deletions() == 0)
        nodes.stand(.current)
        let comes4 = try await nodes.step { $0.isEmpty }
        #expect(comes4)
        #expect(deletions() == 1)
    }

    @Test("a group is not forgotten while a node that is down may be back with its rows, and then it is")
    func removal() async throws {
        let nodes = try await TwoNodes()
        nodes.world.state.withLock { [name = nodes.name] in
            $0.groups[name]?.document.removal = GroupRemoval(
                requestedAt: nodes.world.wallClock.now(), deletesReplicas: false)
        }
        let isThere = { nodes.world.state.withLock { [name = nodes.name] in $0.groups[name] != nil } }
        nodes.stand(.down, since: nodes.world.wallClock.now())
        for _ in 0..<10 { _ = try await nodes.worker.step() }
        #expect(isThere())
        nodes.world.wallClock.advance(by: .seconds(61))
        for _ in 0..<10 { _ = try await nodes.worker.step() }
        #expect(!isThere())
    }

    @Test("a node that stays down longer than a restart takes holds up nothing")
    func staysDown() async throws {
        let nodes = try await TwoNodes()
        try await nodes.alert(.add)
        let comes5 = try await nodes.step { $0.map(\.state) == [.serving] }
        #expect(comes5)
        try await nodes.close(.add)
        nodes.stand(.down, since: nodes.world.wallClock.now())
        try await nodes.alert(.remove)
        let comes6 = try await nodes.step { $0.isEmpty }
        #expect(comes6)
    }
}

@Suite("The publisher", .timeLimit(.minutes(1)))
struct PublisherTests {
    private func withStore(_ body: (SQLiteStore) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "drover-publisher-\(UUID().uuidString)"
        )
        .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(try SQLiteStore(directory: StateDirectory(path: path)))
    }

    private func change(_ name: InstanceName, in store: SQLiteStore, _ body: (inout GroupRecord) -> Void) async throws {
        while true {
            let stored = try #require(try await store.group(name))
            var record = stored.document
            body(&record)
            do throws(StoreError) {
                return try await store.save(record, ifVersion: stored.version)
            } catch .conflict {
                continue
            }
        }
    }

    private func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<1_500 {
            if try await condition() { return true }
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
        return false
    }

    @Test("a password that is changed while a replica is created reaches the nodes")
    func whileCreating() async throws {
        try await withStore { store in
            let name = try InstanceName("shop")
            // Time stands still in its world: the creation never ends.
            let world = FaultWorld(seed: 1, primary: name)
            let fleet = FleetDouble()
            let suffixes = SuffixCounter(seed: 1)
            let scaler = Scaler(
                around: GroupWorker.Surroundings(
                    groups: store, incidents: store, provider: world, fleet: fleet, wallClock: world.wallClock,
                    nameSuffix: { suffixes.next() }),
                queue: store, lock: nil,
                settings: ScalerSettings(
                    operationPoll: .milliseconds(50), resync: .milliseconds(200), queuePoll: .milliseconds(20)),
                clock: ContinuousClock(), logger: quiet)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await scaler.run() }
                defer { tasks.cancelAll() }
                try await store.insert(try oneGroup(name))
                _ = try await store.record(
                    Alert(
                        incidentID: "i", policyName: "p", state: .open, startedAt: world.wallClock.now(),
                        closedAt: nil, primaryInstance: name, group: name, replicaBaseName: "shop-", action: .add,
                        documentation: ""), at: world.wallClock.now())
                let creates = try await eventually {
                    try await store.group(name)?.document.replicas.first?.state == .creating
                }
                #expect(creates)
                try await change(name, in: store) {
                    $0.configuration.users[0].password = Secret("second")
                    $0.configuration.generation += 1
                }
                let arrives = try await eventually {
                    fleet.held.withLock { $0?.users.first?.password.reveal() } == "second"
                }
                #expect(arrives)
                #expect(try await store.group(name)?.document.replicas.first?.state == .creating)
            }
        }
    }

    @Test("a group that is being removed is left to its worker")
    func removal() async throws {
        try await withStore { store in
            let (name, other) = (try InstanceName("shop"), try InstanceName("zoo"))
            let fleet = FleetDouble()
            try await store.insert(try oneGroup(name))
            var leaving = try oneGroup(other)
            leaving.removal = GroupRemoval(requestedAt: TestWallClock().now(), deletesReplicas: false)
            try await store.insert(leaving)
            let publisher = FleetPublisher(
                groups: store, fleet: fleet, rounds: nil, interval: .milliseconds(50), clock: ContinuousClock(),
                logger: quiet)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await publisher.run() }
                defer { tasks.cancelAll() }
                let comes7 = try await eventually { fleet.held.withLock { $0?.group } == name }
                #expect(comes7)
                try await change(name, in: store) { $0.configuration.generation += 1 }
                let comes8 = try await eventually { fleet.held.withLock { $0?.generation } == 2 }
                #expect(comes8)
                #expect(fleet.held.withLock { $0?.group } == name)
            }
        }
    }
}

/// Counts publications, and says what a test wants it to.
private final class Counting: RoundlessFleet {
    let state = Mutex((published: [Int64](), withdrawn: 0, condition: NodePublication.Condition.current))

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        state.withLock { state in
            state.published.append(configuration.generation)
            return Publication(
                generation: configuration.generation,
                nodes: [NodePublication(node: "n", condition: state.condition)])
        }
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        state.withLock { state in
            state.withdrawn += 1
            return Publication(
                generation: configuration.generation, nodes: [NodePublication(node: "n", condition: state.condition)])
        }
    }
}

@Suite("Pods that are nodes")
struct PodNodesTests {
    @Test(
        "a pod that is about to end is a node until it has ended",
        arguments: [
            ("Running", false, true), ("Running", true, true), ("Succeeded", true, false), ("Pending", false, false),
        ]
    )
    func ending(phase: String, isEnding: Bool, isNode: Bool) throws {
        let end = isEnding ? #","deletionTimestamp":"2026-01-01T00:00:00Z""# : ""
        let text = #"{"metadata":{"name":"a"\#(end)},"status":{"phase":"\#(phase)"}}"#
        let pod = try JSONDecoder().decode(Pod.self, from: Data(text.utf8))
        #expect(PodNodes.isNode(pod) == isNode)
    }
}

@Suite("Publications that are remembered")
struct RememberingTests {
    @Test("a look at what was published lately costs nothing; what is incomplete, or else, is published")
    func looks() async throws {
        let counting = Counting()
        let clock = ManualClock()
        let fleet = RememberingFleet(counting, freshFor: .seconds(30), clock: clock)
        var wanted = try oneGroup(try InstanceName("shop")).configuration
        for _ in 0..<3 { #expect(await fleet.look(at: wanted).isComplete) }
        #expect(counting.state.withLock { $0.published } == [1])
        clock.advance(by: .seconds(31))
        _ = await fleet.look(at: wanted)
        #expect(counting.state.withLock { $0.published } == [1, 1])
        counting.state.withLock { $0.condition = .behind }
        wanted.generation = 2
        for _ in 0..<2 { _ = await fleet.look(at: wanted) }
        #expect(counting.state.withLock { $0.published } == [1, 1, 2, 2])
    }

    @Test("an older generation is taken for wanted when it is read twice, and after the group was withdrawn at once")
    func older() async throws {
        let counting = Counting()
        let fleet = RememberingFleet(counting, freshFor: .seconds(30), clock: ManualClock())
        let before = try oneGroup(try InstanceName("shop")).configuration
        var after = before
        after.generation = 7
        _ = await fleet.publish(after)
        #expect(await fleet.look(at: before).generation == 7)
        #expect(await fleet.look(at: before).generation == 1)
        _ = await fleet.publish(after)
        _ = await fleet.withdraw(after)
        #expect(await fleet.look(at: before).generation == 1)
        #expect(counting.state.withLock { $0.published } == [7, 1, 7, 1])
    }
}

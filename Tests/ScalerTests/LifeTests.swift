import FleetModel
import Foundation
import Logging
import Persistence
import Scaler
import Synchronization
import TestSupport
import Testing

/// A probe that says what a test wants it to.
private final class ProbeDouble: ReplicationProbe {
    let health = Mutex<ReplicationHealth>(.unreachable("not started"))
    let looks = Mutex(0)

    func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth {
        looks.withLock { $0 += 1 }
        return health.withLock { $0 }
    }
}

/// One group without faults.
private struct Group {
    let world: FaultWorld
    let store: FaultStore
    let name: InstanceName
    let probe = ProbeDouble()
    let worker: GroupWorker

    init(ramp: Duration = .zero, isProbed: Bool = false, minimum: Int = 0) async throws {
        name = try InstanceName("shop")
        world = FaultWorld(seed: 1, primary: name)
        store = FaultStore(world)
        var policy = ScalingPolicy(minimumReplicas: minimum, maximumReplicas: 3)
        policy.scaleOutCooldown = .seconds(60)
        policy.scaleInCooldown = .seconds(60)
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
        if isProbed { around.probe = probe }
        worker = GroupWorker(
            name: name, around: around,
            settings: ScalerSettings(
                inventoryPeriod: .seconds(60),
                admission: AdmissionRule(samples: 3, deadline: .seconds(1_000), rampDuration: ramp, rampSteps: 4)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    var record: GroupRecord {
        get throws { try #require(world.state.withLock { $0.groups[name] }).document }
    }

    func alert(_ action: IncidentAction, _ state: IncidentState, id: String = "i") async throws {
        _ = try await store.record(
            Alert(
                incidentID: id, policyName: "p", state: state, startedAt: world.wallClock.now(), closedAt: nil,
                primaryInstance: name, group: name, replicaBaseName: "shop-", action: action, documentation: ""),
            at: world.wallClock.now())
    }

    /// Steps on until `isDone`; false when it does not come to that.
    func step(_ limit: Int = 300, until isDone: (GroupRecord) throws -> Bool) async throws -> Bool {
        for _ in 0..<limit {
            if try isDone(try record) { return true }
            let report = try await worker.step()
            world.wallClock.advance(by: min(max(report?.next ?? .seconds(1), .milliseconds(1)), .seconds(20)))
        }
        return false
    }
}

@Suite("A replica's life")
struct LifeTests {
    @Test("no node learns of a replica before it was found fit to serve three times in a row")
    func gate() async throws {
        let group = try await Group(isProbed: true)
        try await group.alert(.add, .open)
        let starts = try await group.step { $0.replicas.first?.state == .starting }
        #expect(starts)
        for health in [ReplicationHealth.stopped("applier: No"), .replicating(lag: .seconds(11)), .unreachable("no")] {
            group.probe.health.withLock { $0 = health }
            for _ in 0..<5 { _ = try await group.worker.step() }
            let servers = try group.record.configuration.servers.count
            #expect(servers == 1, "\(health)")
        }
        group.probe.health.withLock { $0 = .replicating(lag: .seconds(2)) }
        group.probe.looks.withLock { $0 = 0 }
        let admitted = try await group.step { $0.configuration.servers.count == 2 }
        #expect(admitted)
        #expect(group.probe.looks.withLock { $0 } == 3)
    }

    @Test("one that is never fit to serve is given up, deleted, and tried again")
    func neverFit() async throws {
        let group = try await Group(isProbed: true)
        try await group.alert(.add, .open)
        group.probe.health.withLock { $0 = .stopped("receiver: Connecting") }
        let failed = try await group.step { $0.replicas.first?.state == .failed }
        #expect(failed)
        let failure = try group.record.replicas.first?.failure
        #expect(failure?.contains("receiver: Connecting") == true)
        let gone = try await group.step { $0.replicas.isEmpty }
        #expect(gone)
        group.probe.health.withLock { $0 = .replicating(lag: .zero) }
        let serves = try await group.step { $0.replicas.map(\.state) == [.serving] }
        #expect(serves)
        #expect(group.world.state.withLock { $0.instances.count } == 1)
    }

    @Test("its share grows step by step, and not while it lags")
    func ramp() async throws {
        let group = try await Group(ramp: .seconds(30), isProbed: true)
        group.probe.health.withLock { $0 = .replicating(lag: .zero) }
        try await group.alert(.add, .open)
        var weights: [Int] = []
        let half = try await group.step { record in
            if let name = record.replicas.first?.name, let weight = record.weight(of: name), weights.last != weight {
                weights.append(weight)
            }
            return weights.last == 50
        }
        #expect(half)
        group.probe.health.withLock { $0 = .replicating(lag: .seconds(60)) }
        for _ in 0..<20 {
            _ = try await group.worker.step()
            group.world.wallClock.advance(by: .seconds(20))
        }
        let name = try #require(try group.record.replicas.first?.name)
        #expect(try group.record.weight(of: name) == 50)
        group.probe.health.withLock { $0 = .replicating(lag: .zero) }
        let serves = try await group.step { record in
            if let weight = record.weight(of: name), weights.last != weight { weights.append(weight) }
            return record.replicas.map(\.state) == [.serving]
        }
        #expect(serves)
        #expect(weights == [25, 50, 75, 100])
    }

    @Test("an alert for one more, while one drains, takes that one back")
    func takeBack() async throws {
        let group = try await Group()
        try await group.alert(.add, .open, id: "a")
        let serves = try await group.step { $0.replicas.map(\.state) == [.serving] }
        #expect(serves)
        try await group.alert(.add, .closed, id: "a")
        try await group.alert(.remove, .open, id: "r")
        let drains = try await group.step { $0.replicas.map(\.state) == [.draining] }
        #expect(drains)
        let name = try group.record.replicas.first?.name
        try await group.alert(.add, .open, id: "b")
        try await group.alert(.remove, .closed, id: "r")
        let back = try await group.step { $0.replicas.map(\.state) == [.serving] }
        #expect(back)
        #expect(try group.record.replicas.first?.name == name)
        #expect(group.world.state.withLock { $0.operations.allSatisfy { $0.kind == .create } })
        let status = try group.record.configuration.servers.last?.status
        #expect(status == .online)
    }

    @Test("an instance with our labels that the record does not know is taken up, not created beside")
    func orphan() async throws {
        let group = try await Group(minimum: 1)
        let orphan = try InstanceName("shop-lost")
        group.world.state.withLock { $0.instances[orphan] = .init(address: "10.0.9.9") }
        let serves = try await group.step { $0.replicas.map(\.state) == [.serving] }
        #expect(serves)
        #expect(try group.record.replicas.map(\.name) == [orphan])
        #expect(group.world.state.withLock { $0.created } == 0)
    }

    @Test("a replica that was deleted by hand is given up after two lists, and replaced")
    func lost() async throws {
        let group = try await Group(minimum: 1)
        let serves = try await group.step { $0.replicas.map(\.state) == [.serving] }
        #expect(serves)
        let lost = try #require(try group.record.replicas.first?.name)
        group.world.state.withLock { $0.instances[lost] = nil }
        let givenUp = try await group.step { $0.replicas.first?.state == .failed }
        #expect(givenUp)
        let replaced = try await group.step { $0.replicas.map(\.state) == [.serving] && $0.replicas[0].name != lost }
        #expect(replaced)
        #expect(try group.record.configuration.servers.count == 2)
    }
}

@Suite("What a replica says of its replication")
struct ReplicationStatusTests {
    private let running = [
        "Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Source": "7", "Last_IO_Error": "",
    ]

    @Test("both threads run: its lag, under the new words and the old ones")
    func replicating() {
        #expect(MySQLReplicationProbe.read { running[$0] } == .replicating(lag: .seconds(7)))
        let old = ["Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": "0"]
        #expect(MySQLReplicationProbe.read { old[$0] } == .replicating(lag: .zero))
    }

    @Test(
        "a thread that does not run, or a lag that is not known, is no replication",
        arguments: [
            ("Replica_IO_Running", "Connecting"), ("Replica_SQL_Running", "No"), ("Seconds_Behind_Source", nil),
            ("Seconds_Behind_Source", "NULL"),
        ])
    func stopped(column: String, value: String?) {
        var cells = running
        cells[column] = value
        guard case .stopped = MySQLReplicationProbe.read({ cells[$0] }) else {
            Issue.record("\(column) = \(value ?? "nothing") counted as replicating")
            return
        }
    }
}

import FleetModel
import Logging
import Pacing
import Scaler
import Synchronization
import TestSupport
import Testing

/// One group whose provider does what a test says, with a steady clock of its own.
private struct Life {
    let world: FaultWorld
    let store: FaultStore
    let name: InstanceName
    let worker: GroupWorker
    let steady = ManualClock()

    init(maximum: Int = 3, minimum: Int = 0, hasSteadyClock: Bool = false, maximumAge: Duration = .zero) async throws {
        name = try InstanceName("shop")
        world = FaultWorld(seed: 1, primary: name)
        store = FaultStore(world)
        var policy = ScalingPolicy(minimumReplicas: minimum, maximumReplicas: maximum)
        policy.scaleOutCooldown = .seconds(60)
        policy.scaleInCooldown = .seconds(60)
        policy.drainDeadline = .seconds(120)
        try await store.insert(
            GroupRecord(
                configuration: FleetConfiguration(
                    group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                    content: (
                        [
                            BackendServer(name: "shop", address: "10.9.0.1", hostgroup: 5, origin: .primary),
                            BackendServer(name: "shop-static", address: "10.9.0.2", hostgroup: 10, origin: .configured),
                        ], [], []
                    )), policy: policy, primaryInstance: name))
        let suffixes = SuffixCounter(seed: 1)
        var around = GroupWorker.Surroundings(
            groups: store, incidents: store, provider: world, fleet: world, wallClock: world.wallClock,
            inventoryLifetime: .seconds(60), nameSuffix: { suffixes.next() })
        if hasSteadyClock { around.steady = Stopwatch(steady) }
        var settings = ScalerSettings(
            operationDeadline: .seconds(1_000), inventoryPeriod: .seconds(60),
            admission: AdmissionRule(samples: 1, deadline: .seconds(2_000), rampDuration: .zero, rampSteps: 1))
        settings.incidentMaximumAge = maximumAge
        worker = GroupWorker(
            name: name, around: around, settings: settings,
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
    func step(_ limit: Int = 1_500, until isDone: (GroupRecord) throws -> Bool) async throws -> Bool {
        for _ in 0..<limit {
            if try isDone(try record) { return true }
            let report = try await worker.step()
            if report == nil { return false }
            let pause = min(max(report?.next ?? .seconds(1), .milliseconds(1)), .seconds(20))
            world.wallClock.advance(by: pause)
            steady.advance(by: pause)
        }
        return false
    }

    /// Comes to one serving replica with no alert open.
    func serving() async throws -> InstanceName {
        try await alert(.add, .open, id: "first")
        let serves = try await step { $0.replicas.map(\.state) == [.serving] }
        #expect(serves)
        try await alert(.add, .closed, id: "first")
        return try #require(try record.replicas.first?.name)
    }

    func change(_ name: InstanceName, _ body: (inout FaultWorld.Instance) -> Void) {
        world.state.withLock { state in
            guard var instance = state.instances[name] else { return }
            body(&instance)
            state.instances[name] = instance
        }
    }

    func exists(_ name: InstanceName) -> Bool { world.state.withLock { $0.instances[name] != nil } }
}

@Suite("A replica that is not Drover's to delete, or never comes")
struct LeavingTests {
    @Test("a protected replica is left to its owner, the group goes on, and the list does not bring it back")
    func protected() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.change(name) { $0.protection = "it is protected from deletion" }
        try await life.alert(.remove, .open, id: "r")
        let left = try await life.step { $0.leftReplicas?.map(\.name) == [name] }
        #expect(left)
        #expect(try life.record.replicas.isEmpty && life.record.consecutiveFailures == 0)
        try await life.alert(.remove, .closed, id: "r")
        try await life.alert(.add, .open, id: "a")
        let next = try await life.step { $0.replicas.map(\.state) == [.serving] }
        #expect(next)
        #expect(try life.record.replicas.first?.name != name)
        #expect(life.exists(name))
    }

    @Test("a replica that Drover made and that lost the group's label is let go of, not deleted")
    func lostLabel() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.change(name) { $0.hasLostLabel = true }
        try await life.alert(.remove, .open, id: "r")
        let left = try await life.step { $0.leftReplicas?.map(\.name) == [name] }
        #expect(left)
        #expect(life.exists(name))
    }

    @Test("a replica that an earlier version recorded is known by its labels from the next list on")
    func labelsOfEarlierVersion() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.world.state.withLock { $0.groups[life.name]?.document.replicas[0].bearsLabels = nil }
        let known = try await life.step { $0.replicas.first?.bearsLabels == true }
        #expect(known)
        #expect(try life.record.replicas.map(\.name) == [name])
    }

    @Test("a replica that waits for nodes says for which once it takes long, and says so no more when they have it")
    func waitsForNodes() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.world.state.withLock { $0.silentNodes = ["core-1", "satellite-7"] }
        try await life.alert(.remove, .open, id: "r")
        let drains = try await life.step { $0.replicas.first?.state == .draining }
        #expect(drains)
        #expect(try life.record.replicas.first?.waitsFor == nil)
        let told = try await life.step { $0.replicas.first?.waitsFor != nil }
        #expect(told)
        let generation = try life.record.configuration.generation
        #expect(
            try life.record.replicas.first?.waitsFor
                == "generation \(generation) is not known to be on core-1, satellite-7")
        life.world.state.withLock { $0.silentNodes = [] }
        let removed = try await life.step { $0.replicas.first?.state == .removed }
        #expect(removed)
        #expect(try life.record.replicas.first?.waitsFor == nil)
        let gone = try await life.step { $0.replicas.isEmpty }
        #expect(gone && !life.exists(name))
    }

    @Test("a group whose replica may not be deleted can be removed")
    func removal() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.change(name) { $0.protection = "its labels do not say that it is ours" }
        life.world.state.withLock { state in
            state.groups[life.name]?.document.removal = GroupRemoval(
                requestedAt: life.world.wallClock.now(), deletesReplicas: true)
        }
        for _ in 0..<600 where life.world.state.withLock({ !$0.groups.isEmpty }) {
            let report = try await life.worker.step()
            life.world.wallClock.advance(by: min(max(report?.next ?? .seconds(1), .seconds(1)), .seconds(20)))
        }
        #expect(life.world.state.withLock { $0.groups.isEmpty })
        #expect(life.exists(name))
    }

    @Test(
        "a replica that was promoted while it served leaves the readers and is left; the last reader stays and is told")
    func promoted() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.change(name) { $0.source = .some(nil) }
        let left = try await life.step { $0.leftReplicas?.map(\.name) == [name] }
        #expect(left)
        #expect(try life.record.configuration.servers.count == 2)
        #expect(life.exists(name))

        let alone = try await Life()
        let last = try await alone.serving()
        alone.world.state.withLock { state in
            state.groups[alone.name]?.document.configuration.servers.removeAll { $0.name == "shop-static" }
        }
        alone.change(last) { $0.source = .some(nil) }
        let told = try await alone.step { $0.replicas.first?.waitsFor != nil }
        #expect(told)
        #expect(try alone.record.replicas.map(\.state) == [.serving])
    }

    @Test("one that another primary feeds is left after two lists")
    func reparented() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.change(name) { $0.source = .some("other") }
        let left = try await life.step { $0.leftReplicas?.map(\.name) == [name] }
        #expect(left)
        #expect(try life.record.leftReplicas?.first?.reason == "it replicates from other")
    }

    @Test("RUNNABLE without a private address ends with the admission's deadline, and says what is missing meanwhile")
    func withoutAddress() async throws {
        let life = try await Life()
        try await life.alert(.add, .open)
        let created = try await life.step { $0.replicas.first?.state == .creating }
        #expect(created)
        let name = try #require(try life.record.replicas.first?.name)
        life.change(name) { $0.isBare = true }
        let told = try await life.step { $0.replicas.first?.waitsFor != nil }
        #expect(told)
        #expect(try life.record.replicas.first?.waitsFor == "the instance is RUNNABLE and has no private address")
        let failed = try await life.step { $0.replicas.first?.state == .failed }
        #expect(failed)
        let gone = try await life.step { $0.replicas.first?.name != name }
        #expect(gone)
        #expect(!life.exists(name))
    }

    @Test("a creation and a deletion whose operations never end are given up, and the group is free again")
    func neverEnding() async throws {
        let life = try await Life()
        life.world.state.withLock { $0.neverEnds = true }
        try await life.alert(.add, .open)
        let failed = try await life.step { $0.replicas.first?.state == .failed }
        #expect(failed)
        let name = try #require(try life.record.replicas.first?.name)
        try await life.alert(.add, .closed)
        // Cloud SQL refuses the deletion, because the creation is still under way.
        let left = try await life.step { $0.replicas.isEmpty }
        #expect(left)
        #expect(try life.record.leftReplicas?.map(\.name) == [name])
    }

    @Test("an instance that a foreign hostgroup uses is not deleted at the drain's deadline, and is left in the end")
    func foreign() async throws {
        let life = try await Life()
        let name = try await life.serving()
        let address = try #require(try life.record.replicas.first?.address)
        life.world.state.withLock { $0.foreignUse[address] = 4 }
        try await life.alert(.remove, .open, id: "r")
        let held = try await life.step { $0.replicas.first?.waitsFor?.contains("hostgroup 77 of core-0") == true }
        #expect(held)
        let until = life.world.wallClock.now().advanced(by: .seconds(600))
        _ = try await life.step { _ in life.world.wallClock.now() > until }
        #expect(try life.record.replicas.map(\.state) == [.draining], "five drain deadlines later")
        #expect(life.world.state.withLock { $0.operations.allSatisfy { $0.kind == .create } })
        life.world.state.withLock { $0.foreignUse = [:] }
        let gone = try await life.step { $0.replicas.isEmpty }
        #expect(gone)
        #expect(!life.exists(name) && life.world.state.withLock { $0.violations.isEmpty })
    }

    @Test("a serving replica's new address replaces its row")
    func moved() async throws {
        let life = try await Life()
        let name = try await life.serving()
        let generation = try life.record.configuration.generation
        life.change(name) { $0.address = "10.7.7.7" }
        let moved = try await life.step { $0.configuration.servers.last?.address == "10.7.7.7" }
        #expect(moved)
        #expect(try life.record.configuration.generation == generation + 1)
        #expect(try life.record.replicas.map(\.state) == [.serving])
    }

    @Test("a serving replica that a person deleted is no failed creation")
    func deletedByHand() async throws {
        let life = try await Life()
        let name = try await life.serving()
        life.world.state.withLock { $0.instances[name] = nil }
        let gone = try await life.step { $0.replicas.isEmpty }
        #expect(gone)
        #expect(try life.record.consecutiveFailures == 0 && life.record.lastScaling?.direction == .in)
    }

    @Test("a pin below the size against an open alert: one drain, then rest")
    func pin() async throws {
        let life = try await Life(maximum: 2)
        try await life.alert(.add, .open)
        let two = try await life.step { $0.replicas.map(\.state) == [.serving, .serving] }
        #expect(two)
        life.world.state.withLock { state in
            state.groups[life.name]?.document.policy.pin = SizePin(
                size: 1, until: life.world.wallClock.now().advanced(by: .seconds(100_000)), reason: "")
        }
        let generation = try life.record.configuration.generation
        _ = try await life.step(300) { _ in false }
        #expect(try life.record.replicas.map(\.state) == [.serving])
        #expect(try life.record.configuration.generation <= generation + 2)
    }

    @Test("an incident of which nothing is heard is closed at the maximum age, and one that is heard of is not")
    func expiry() async throws {
        let life = try await Life(maximum: 1, maximumAge: .seconds(7_200))
        try await life.alert(.add, .open, id: "lost")
        try await life.alert(.add, .open, id: "heard")
        for _ in 0..<9 {
            let until = life.world.wallClock.now().advanced(by: .seconds(1_000))
            _ = try await life.step { _ in life.world.wallClock.now() > until }
            try await life.alert(.add, .open, id: "heard")
        }
        let (lost, heard) = life.world.state.withLock { ($0.incidents["lost"], $0.incidents["heard"]) }
        #expect(lost?.document.state == .closed && lost?.document.closedBy == "scaler")
        #expect(lost?.document.lastProcess == .clear, "Chester's word for one that is done")
        #expect(heard?.document.state == .open)
    }

    @Test("reminders keep an incident open, however short the maximum age", arguments: [20, 60, 200])
    func reminders(seconds: Int) async throws {
        let life = try await Life(maximum: 1, maximumAge: .seconds(seconds))
        try await life.alert(.add, .open, id: "heard")
        for _ in 0..<30 {
            let until = life.world.wallClock.now().advanced(by: .seconds(seconds * 2 / 3))
            while life.world.wallClock.now() < until {
                life.world.wallClock.advance(by: .seconds(1))
                _ = try await life.worker.step()
            }
            try await life.alert(.add, .open, id: "heard")
        }
        #expect(life.world.state.withLock { $0.incidents["heard"]?.document.state } == .open)
        life.world.wallClock.advance(by: .seconds(seconds + 31))
        _ = try await life.worker.step()
        #expect(life.world.state.withLock { $0.incidents["heard"]?.document.state } == .closed)
    }

    @Test("as many incidents as there are expire at once")
    func manyExpire() async throws {
        let life = try await Life(maximum: 1, maximumAge: .seconds(7_200))
        for number in 0..<350 { try await life.alert(.add, .open, id: "lost-\(number)") }
        life.world.wallClock.advance(by: .seconds(8_000))
        var passes = 0
        var next = Duration.zero
        while next <= .zero, passes < 20 {
            next = try #require(try await life.worker.step()).next
            passes += 1
        }
        let open = life.world.state.withLock { $0.incidents.values.count { $0.document.state == .open } }
        #expect(open == 0, "\(open) are open after \(passes) passes")
    }

    @Test("an incident whose record tells nothing of notifications ages from when it was first seen")
    func expiryOfChesters() async throws {
        let life = try await Life(maximum: 1, maximumAge: .seconds(7_200))
        try await life.alert(.add, .open, id: "old")
        life.world.state.withLock { state in
            // As Chester's daemon left it, three years ago.
            state.incidents["old"]?.document.startedAt = Timestamp(secondsSinceEpoch: 1_600_000_000)
            state.incidents["old"]?.document.updatedAt = Timestamp(secondsSinceEpoch: 1_600_000_000)
            state.incidents["old"]?.document.updatedBy = "chester-daemon"
            state.incidents["old"]?.document.heardAt = nil
        }
        let first = life.world.wallClock.now()
        let serves = try await life.step { $0.replicas.map(\.state) == [.serving] }
        #expect(serves)
        #expect(life.world.state.withLock { $0.incidents["old"]?.document.state } == .open)
        let closed = try await life.step { _ in
            life.world.state.withLock { $0.incidents["old"]?.document.state } == .closed
        }
        #expect(closed)
        #expect(life.world.wallClock.now() >= first.advanced(by: .seconds(7_200)))
    }

    @Test(
        "a wall clock that is set an hour neither ends a drain at once nor holds it",
        arguments: [Duration.seconds(3_600), .seconds(-3_600)])
    func clockJump(jump: Duration) async throws {
        let life = try await Life(hasSteadyClock: true)
        let name = try await life.serving()
        let address = try #require(try life.record.replicas.first?.address)
        try await life.alert(.remove, .open, id: "r")
        let drains = try await life.step { $0.replicas.map(\.state) == [.draining] }
        #expect(drains)
        // Connections that stay until the deadline, whatever the clocks say.
        life.world.state.withLock { $0.inUse[address] = life.world.wallClock.now().advanced(by: .seconds(864_000)) }
        _ = try await life.worker.step()
        life.world.wallClock.advance(by: jump)
        let began = life.steady.now.offset
        let removed = try await life.step { $0.replicas.first { $0.name == name }?.state != .draining }
        #expect(removed)
        let lasted = life.steady.now.offset - began
        #expect(lasted > .seconds(90) && lasted < .seconds(150), "\(lasted)")
    }
}

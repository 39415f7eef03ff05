import FleetModel
import Foundation
import TestSupport
import Testing

/// A group in memory with its watch: rounds of looks, one after the other.
struct WatchedGroup {
    var record: GroupRecord
    var watch = FitnessWatch()
    var ramp = AdmissionRule(rampDuration: .seconds(40), rampSteps: 4)
    var now = Timestamp(secondsSinceEpoch: 1_800_000_000)
    var elapsed = Duration.zero
    var ages = Ages()
    var steps: [FitnessWatch.Step] = []

    static let fit = ReplicationHealth.replicating(lag: .zero)
    static let lagging = ReplicationHealth.replicating(lag: .seconds(31))
    static let stopped = ReplicationHealth.stopped("applier: No")
    static let silent = ReplicationHealth.unreachable("connection refused")

    init(managed: [String], configured: [String] = [], fitness: FitnessPolicy? = FitnessPolicy()) throws {
        let group = try InstanceName("shop")
        var servers = [BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary)]
        for (index, name) in (managed + configured).enumerated() {
            servers.append(
                BackendServer(
                    name: name, address: "10.0.1.\(index + 1)", hostgroup: 10,
                    origin: managed.contains(name) ? .managed : .configured))
        }
        var policy = ScalingPolicy(maximumReplicas: max(1, managed.count))
        policy.fitness = fitness
        record = GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: (servers, [], [])),
            policy: policy, primaryInstance: group)
        for name in managed {
            var replica = ReplicaRecord(name: try InstanceName(name), incidentID: "", at: now)
            replica.address = record.configuration.servers.first { $0.name == name }?.address
            replica.fullWeight = 100
            replica.enter(.serving, at: now)
            record.replicas.append(replica)
        }
    }

    /// One round, ten seconds after the last one; a reader that is not named is fit.
    @discardableResult
    mutating func look(
        _ healths: [String: ReplicationHealth] = [:], times: Int = 1, reparented: [String: String] = [:],
        isMeasured: Bool = true
    ) throws -> [FitnessWatch.Step] {
        var steps: [FitnessWatch.Step] = []
        for _ in 0..<times {
            now = now.advanced(by: .seconds(10))
            elapsed += .seconds(10)
            let before = record
            let all = Dictionary(
                record.watchedReaders.map { ($0.name, healths[$0.name] ?? Self.fit) },
                uniquingKeysWith: { first, _ in first })
            watch.take(all, reparented: reparented, of: record, at: now)
            steps += judge(isMeasured: isMeasured)
            let again = record
            #expect(judge(isMeasured: isMeasured).isEmpty, "a second judgement has nothing to say")
            #expect(record == again, "and changes nothing")
            // What is stored is all that outlives the process.
            guard record != before else { continue }
            record = try JSONDecoder().decode(GroupRecord.self, from: JSONEncoder().encode(record))
        }
        self.steps += steps
        return steps
    }

    private mutating func judge(isMeasured: Bool) -> [FitnessWatch.Step] {
        let (now, elapsed) = (now, elapsed)
        var ages = ages
        let steps = watch.judge(&record, ramp: ramp, isMeasured: isMeasured, at: now) { subject, since in
            ages.age(of: subject, since: since, now: now, elapsed: elapsed)
        }
        self.ages = ages
        return steps
    }

    /// The process ends, and another one begins.
    mutating func restart() {
        watch = FitnessWatch()
        ages = Ages()
    }

    func status(_ name: String) -> BackendServer.Status? {
        record.configuration.servers.first { $0.name == name }?.status
    }

    func weight(_ name: String) -> Int? { record.configuration.servers.first { $0.name == name }?.weight }
}

@Suite("Readers are watched while they serve")
struct FitnessWatchTests {
    private typealias Group = WatchedGroup

    @Test(
        "one that is unfit in three looks in a row is sidelined, in one save with its note, and not before",
        arguments: [
            (Group.lagging, UnfitCode.lagging), (Group.stopped, .stopped), (Group.silent, .unreachable),
        ])
    func sidelined(health: ReplicationHealth, code: UnfitCode) throws {
        var group = try Group(managed: ["r1", "r2"])
        let generation = group.record.configuration.generation
        try group.look(["r1": health], times: 2)
        #expect(group.record.unfitReaders == nil)
        #expect(group.watch.isSuspect("r1"))
        let steps = try group.look(["r1": health])
        #expect(steps.map(\.reason) == [.readerUnfit, .sidelined])
        #expect(group.status("r1") == .offlineSoft)
        #expect(group.status("r2") == .online)
        #expect(group.record.configuration.generation == generation + 1)
        let unfit = try #require(group.record.unfit("r1"))
        #expect(unfit.code == code.rawValue)
        #expect(unfit.phase == .sidelined)
        #expect(group.record.isSidelined("r1"))
        #expect(
            group.record.replicas.map(\.state) == [.serving, .serving], "the state is one that every version knows")
        #expect((unfit.stoppedSince != nil) == code.isForReplacement)
        #expect(group.record.servingCount == 1)
        #expect(group.record.sidelinedCount == 1)
    }

    @Test("looks that are not in a row are no evidence")
    func notInARow() throws {
        var group = try Group(managed: ["r1", "r2"])
        for between in [Group.fit, .replicating(lag: .seconds(20)), .unknown("the account was refused")] {
            for _ in 0..<10 {
                try group.look(["r1": Group.stopped], times: 2)
                try group.look(["r1": between])
            }
        }
        #expect(group.record.unfitReaders == nil)
        #expect(group.steps.isEmpty)
    }

    @Test("it comes back when it was fit five times in a row, and step by step; half of the lag is fit")
    func comesBack() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.lagging], times: 3)
        try group.look(["r1": .replicating(lag: .seconds(16))], times: 20)
        #expect(group.status("r1") == .offlineSoft, "what is nearly too much is not let in again")
        try group.look(["r1": .replicating(lag: .seconds(15))], times: 4)
        try group.look(["r1": .unknown("Monitoring is down")])
        try group.look(["r1": .replicating(lag: .seconds(15))], times: 4)
        #expect(group.status("r1") == .offlineSoft, "five in a row")
        #expect(try group.look().map(\.reason) == [.returning])
        #expect(group.status("r1") == .online)
        #expect(group.record.unfit("r1")?.phase == .returning)
        var weights = [group.weight("r1")]
        for _ in 0..<20 where group.record.unfit("r1") != nil {
            try group.look()
            if weights.last != group.weight("r1") { weights.append(group.weight("r1")) }
        }
        #expect(weights == [25, 50, 75, 100])
        #expect(group.record.unfitReaders == nil)
        #expect(group.record.lastScaling == nil, "it is no change of size")
    }

    @Test("one that fails on its way back goes out again, and has its full share when it comes once more")
    func fallsBack() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.stopped], times: 3)
        try group.look(times: 5)
        #expect(group.weight("r1") == 25)
        try group.look(["r1": Group.lagging], times: 2)
        #expect(group.weight("r1") == 25, "its share does not grow while it is suspect")
        try group.look(["r1": Group.lagging])
        #expect(group.status("r1") == .offlineSoft)
        #expect(group.weight("r1") == 100)
        #expect(group.record.unfit("r1")?.stoppedSince == nil, "it only lags this time")
        try group.look(times: 30)
        #expect(group.record.unfitReaders == nil)
        #expect(group.weight("r1") == 100)
    }

    @Test("why it is unfit may change; the wait for a replacement begins when its replication stops")
    func changesItsReason() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.lagging], times: 3)
        #expect(group.record.unfit("r1")?.stoppedSince == nil)
        try group.look(["r1": Group.stopped])
        let began = group.now
        try group.look(["r1": Group.stopped])
        #expect(group.record.unfit("r1")?.code == UnfitCode.lagging.rawValue)
        #expect(try group.look(["r1": Group.stopped]).map(\.reason) == [.readerUnfit])
        #expect(group.record.unfit("r1")?.code == UnfitCode.stopped.rawValue)
        #expect(group.record.unfit("r1")?.stoppedSince == began)
        try group.look(["r1": Group.silent], times: 3)
        #expect(group.record.unfit("r1")?.stoppedSince == began, "it does not replicate either way")
        try group.look(["r1": Group.lagging], times: 3)
        #expect(group.record.unfit("r1")?.stoppedSince == nil)
    }

    @Test("a group without the policy is watched and told; so is one that is a dry run")
    func toldOnly() throws {
        var dry = try Group(managed: ["r1", "r2"])
        dry.record.policy.isDryRun = true
        for var group in [
            try Group(managed: ["r1", "r2"], fitness: nil),
            try Group(managed: ["r1", "r2"], fitness: FitnessPolicy(isActing: false)), dry,
        ] {
            let configuration = group.record.configuration
            #expect(try group.look(["r1": Group.stopped], times: 10).map(\.reason) == [.readerUnfit])
            #expect(group.record.configuration == configuration)
            #expect(group.record.unfit("r1")?.phase == .unfit)
            try group.look(times: 5)
            #expect(group.record.unfitReaders == nil)
        }
    }

    @Test("configured readers are told, and sidelined only where the group says so")
    func configured() throws {
        var fitness = FitnessPolicy()
        var told = try Group(managed: ["r1"], configured: ["c1"], fitness: fitness)
        try told.look(["c1": Group.stopped], times: 5)
        #expect(told.status("c1") == .online)
        #expect(told.record.unfit("c1")?.phase == .unfit)
        fitness.guardsConfigured = true
        var guarded = try Group(managed: ["r1"], configured: ["c1"], fitness: fitness)
        try guarded.look(["c1": Group.stopped], times: 3)
        #expect(guarded.status("c1") == .offlineSoft)
        try guarded.look(times: 5)
        #expect(guarded.status("c1") == .online)
        #expect(guarded.weight("c1") == 100)
        #expect(guarded.record.unfitReaders == nil)
    }

    @Test("what a person took out of the traffic is not watched")
    func persons() throws {
        var fitness = FitnessPolicy()
        fitness.guardsConfigured = true
        var group = try Group(managed: ["r1"], configured: ["c1"], fitness: fitness)
        group.record.configuration.servers[2].status = .offlineSoft
        try group.look(["c1": Group.stopped], times: 10)
        #expect(group.record.unfitReaders == nil)
        try group.look(times: 20)
        #expect(group.status("c1") == .offlineSoft)
    }

    @Test("the last fit reader stays, and people hear why", arguments: [1, 2, 3])
    func lastFit(count: Int) throws {
        let names = (1...count).map { "r\($0)" }
        var group = try Group(managed: names)
        try group.look(
            Dictionary(names.map { ($0, Group.stopped) }, uniquingKeysWith: { first, _ in first }), times: 10)
        #expect(names.allSatisfy { group.status($0) == .online })
        #expect(group.record.unfitReaders?.count == count)
        #expect(group.record.unfitReaders?.allSatisfy { $0.waitsFor != nil } == true)
        #expect((group.record.commonTrouble == nil) == (count == 1))
    }

    @Test("at most the stated share is out at once: the others stay until one is back")
    func share() throws {
        var group = try Group(managed: ["r1", "r2", "r3", "r4", "r5"])
        try group.look(["r1": Group.stopped], times: 3)
        try group.look(["r1": Group.stopped, "r2": Group.stopped], times: 3)
        #expect(group.record.sidelinedCount == 2)
        try group.look(["r1": Group.stopped, "r2": Group.stopped, "r3": Group.lagging], times: 5)
        #expect(group.record.sidelinedCount == 2)
        #expect(group.record.unfit("r3")?.waitsFor?.contains("3 of 5") == true)
        #expect(group.record.commonTrouble?.readers == ["r1", "r2", "r3"])
        let since = group.record.commonTrouble?.since
        try group.look(["r2": Group.stopped, "r3": Group.lagging], times: 5)
        #expect(group.record.commonTrouble == nil, "r1 is on its way back")
        #expect(since != nil)
        try group.look(["r2": Group.stopped, "r3": Group.lagging], times: 5)
        #expect(group.status("r3") == .offlineSoft)
        #expect(group.status("r1") == .online)
    }

    @Test("all lag alike because the primary writes too much: that is said once, and they stay")
    func alike() throws {
        var group = try Group(managed: ["r1", "r2", "r3", "r4", "r5"])
        let before = group.record
        // One keeps up. Not all in the same round.
        try group.look(["r1": Group.lagging])
        try group.look(["r1": Group.lagging, "r2": Group.lagging])
        let all = ["r1": Group.lagging, "r2": Group.lagging, "r3": Group.lagging, "r4": Group.lagging]
        var said = 0
        for _ in 0..<50 {
            let old = group.record
            try group.look(all)
            said += FleetEvent.between(old: old, new: group.record, at: group.now)
                .count { $0.kind == .readersUnfitAlike }
        }
        #expect(said == 1)
        #expect(group.record.configuration == before.configuration)
        try group.look(times: 5)
        #expect(group.record.commonTrouble == nil)
        #expect(group.record.unfitReaders == nil)
    }

    @Test("where nobody answers at all, whoever asks is the cause; as little does a refused account say")
    func ownMeans() throws {
        var group = try Group(managed: ["r1", "r2", "r3"])
        let silent = ["r1": Group.silent, "r2": Group.silent, "r3": Group.silent]
        try group.look(silent, times: 20)
        let refused = ReplicationHealth.unknown("ERROR 1045")
        try group.look(["r1": refused, "r2": refused], times: 20)
        #expect(group.record.unfitReaders == nil)
        try group.look(["r1": Group.stopped], times: 3)
        #expect(group.status("r1") == .offlineSoft)
        try group.look(silent, times: 20)
        #expect(group.status("r1") == .offlineSoft, "nor is it evidence for it")
        #expect(group.record.unfit("r1")?.code == UnfitCode.stopped.rawValue)
    }

    @Test("one of another primary goes out whatever its replication says")
    func reparented() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(times: 3, reparented: ["r1": "bank"])
        #expect(group.status("r1") == .offlineSoft)
        #expect(group.record.unfit("r1")?.code == UnfitCode.reparented.rawValue)
        #expect(group.record.unfit("r1")?.stoppedSince == nil)
    }

    @Test("a restart undoes nothing, and nothing follows from what was seen before it")
    func restarts() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.stopped], times: 2)
        group.restart()
        try group.look(["r1": Group.stopped], times: 2)
        #expect(group.record.unfitReaders == nil)
        try group.look(["r1": Group.stopped])
        let unfit = group.record.unfit("r1")
        group.restart()
        try group.look(["r1": Group.stopped], times: 2)
        #expect(group.record.unfit("r1") == unfit)
        try group.look(times: 4)
        group.restart()
        try group.look(times: 4)
        #expect(group.status("r1") == .offlineSoft)
        try group.look(times: 3)
        group.restart()
        try group.look(times: 20)
        #expect(group.record.unfitReaders == nil, "the way back goes on after a restart")
        #expect(group.weight("r1") == 100)
    }

    @Test("whoever stops acting, or can no longer measure, keeps nobody out")
    func letsGo() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.stopped], times: 3)
        var other = group
        group.record.policy.fitness?.isActing = false
        #expect(try group.look(["r1": Group.stopped]).map(\.reason) == [.returning])
        #expect(group.status("r1") == .online)
        #expect(group.record.unfit("r1")?.phase == .unfit, "people still see it")
        #expect(try other.look(isMeasured: false).map(\.reason) == [.returning])
        #expect(other.status("r1") == .online)
        #expect(other.record.unfitReaders == nil)
    }

    @Test("somebody who puts a sidelined reader back is seen, and the next looks decide anew")
    func undone() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.stopped], times: 3)
        group.record.configuration.servers[1].status = .online
        group.restart()
        try group.look(["r1": Group.stopped])
        #expect(group.record.unfit("r1")?.phase == .unfit)
        try group.look(["r1": Group.stopped], times: 2)
        #expect(group.status("r1") == .offlineSoft)
    }

    @Test("a reader that leaves takes its note along")
    func leaves() throws {
        var group = try Group(managed: ["r1", "r2"], configured: ["c1"])
        try group.look(["r1": Group.stopped, "c1": Group.stopped], times: 3)
        #expect(group.record.unfitReaders?.count == 2)
        let name = try InstanceName("r1")
        group.record.drain(name, for: "", at: group.now)
        try group.look(["c1": Group.stopped])
        #expect(group.record.unfit("r1") != nil, "until it is out of the configuration")
        group.record.remove(name, at: group.now)
        #expect(group.record.unfit("r1") == nil)
        group.record.configuration.servers.removeAll { $0.name == "c1" }
        try group.look()
        #expect(group.record.unfitReaders == nil)
    }

    @Test("what a person does with the weight of a reader that is out is what it comes back with")
    func weights() throws {
        var group = try Group(managed: ["r1", "r2"])
        try group.look(["r1": Group.stopped], times: 3)
        group.record.configuration.servers[1].weight = 0
        try group.look(times: 20)
        #expect(group.weight("r1") == 0)
        #expect(group.status("r1") == .online)
        #expect(group.record.unfitReaders == nil)
    }

    @Test("a clock that is set forth and back hastens nothing but a step of the ramp, and ends nothing")
    func clocks() throws {
        var group = try Group(managed: ["r1", "r2"])
        for jump in [86_400, -200_000, 1_000_000, -900_000] {
            group.now = group.now.advanced(by: .seconds(jump))
            try group.look(["r1": Group.stopped], times: 2)
            try group.look()
        }
        #expect(group.record.unfitReaders == nil)
        try group.look(["r1": Group.stopped], times: 3)
        group.now = group.now.advanced(by: .seconds(-500_000))
        try group.look(times: 5)
        group.now = group.now.advanced(by: .seconds(-500_000))
        try group.look(times: 20)
        #expect(group.record.unfitReaders == nil)
    }

    @Test("each step is told once, in sentences that name reader and reason")
    func events() throws {
        var group = try Group(managed: ["r1", "r2"])
        var told: [FleetEvent] = []
        for health in Array(repeating: Group.stopped, count: 6) + Array(repeating: Group.fit, count: 20) {
            let old = group.record
            try group.look(["r1": health])
            told += FleetEvent.between(old: old, new: group.record, at: group.now)
        }
        #expect(told.map(\.kind) == [.readerSidelined, .readerReturning, .readerFit])
        #expect(told.allSatisfy { $0.fields["replica"] == "r1" && $0.sentence.contains("r1") })
        #expect(told.first?.fields["reason"] == "replication-stopped: applier: No")
    }

    @Test("the policy reads what it writes, and says what is out of range")
    func policyDocument() throws {
        var fitness = FitnessPolicy(isActing: false)
        fitness.maximumLag = .seconds(7)
        fitness.samplesOut = 9
        fitness.samplesIn = 8
        fitness.replaceAfter = .seconds(60)
        fitness.maximumShare = 0.3
        fitness.replacementsPerDay = 0
        fitness.guardsConfigured = true
        for one in [fitness, FitnessPolicy()] {
            var policy = ScalingPolicy(maximumReplicas: 3)
            policy.fitness = one
            let read = try JSONDecoder().decode(ScalingPolicy.self, from: JSONEncoder().encode(policy))
            #expect(read == policy)
            #expect(policy.problems().isEmpty)
        }
        let old = try JSONDecoder().decode(ScalingPolicy.self, from: Data(#"{"maximumReplicas": 3}"#.utf8))
        #expect(old.fitness == nil)
        var wrong = ScalingPolicy(maximumReplicas: 3)
        wrong.fitness = FitnessPolicy()
        wrong.fitness?.maximumLag = .zero
        wrong.fitness?.samplesOut = 0
        wrong.fitness?.samplesIn = 101
        wrong.fitness?.replaceAfter = .seconds(59)
        wrong.fitness?.maximumShare = 0
        wrong.fitness?.replacementsPerDay = -1
        #expect(
            wrong.problems().map(\.field) == [
                "fitness.maximumLagSeconds", "fitness.samplesOut", "fitness.samplesIn",
                "fitness.replaceAfterSeconds", "fitness.maximumShare", "fitness.replacementsPerDay",
            ])
    }

    @Test("how many may be out", arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (9, 4)])
    func most(readers: Int, expected: Int) {
        #expect(FitnessPolicy().mostSidelined(of: readers) == expected)
        var all = FitnessPolicy()
        all.maximumShare = 1
        #expect(all.mostSidelined(of: readers) == readers - 1, "one always stays")
        all.maximumShare = .nan
        #expect(all.mostSidelined(of: readers) == 0)
    }
}

@Suite("Whatever the looks say, some things hold")
struct FitnessPropertyTests {
    @Test(
        "never the last fit reader, never more than the share, never faster than the counts, and it ends",
        arguments: 0..<60)
    func holds(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var fitness = FitnessPolicy()
        fitness.samplesOut = Int.random(in: 1...4, using: &random)
        fitness.samplesIn = Int.random(in: 1...5, using: &random)
        fitness.maximumShare = [0.1, 0.3, 0.5, 0.8, 1][Int.random(in: 0..<5, using: &random)]
        fitness.guardsConfigured = random.isOnce(in: 2)
        let managed = (0..<Int.random(in: 1...5, using: &random)).map { "r\($0)" }
        let configured = (0..<Int.random(in: 0...3, using: &random)).map { "c\($0)" }
        var group = try WatchedGroup(managed: managed, configured: configured, fitness: fitness)
        let names = managed + configured
        var rows: [String: (bad: Int, good: Int)] = [:]
        var moods = Dictionary(names.map { ($0, WatchedGroup.fit) }, uniquingKeysWith: { first, _ in first })
        for round in 0..<400 {
            if random.isOnce(in: 3), let name = names.randomElement(using: &random) {
                moods[name] = Self.health(&random)
            }
            if random.isOnce(in: 40) { for name in names { moods[name] = Self.health(&random) } }
            if random.isOnce(in: 60) {
                group.restart()
                rows = [:]
            }
            if random.isOnce(in: 30) {
                group.now = group.now.advanced(by: .seconds(Int.random(in: -5_000...5_000, using: &random)))
            }
            let before = group.record
            try group.look(moods)
            let areSilent = moods.values.allSatisfy {
                if case .unreachable = $0 { true } else { false }
            }
            for name in names {
                var row = rows[name] ?? (0, 0)
                switch moods[name] {
                case .replicating(let lag)? where lag <= .seconds(15): row = (0, row.good + 1)
                case .replicating(let lag)? where lag > .seconds(30): row = (row.bad + 1, 0)
                case .stopped?: row = (row.bad + 1, 0)
                case .unreachable? where !areSilent: row = (row.bad + 1, 0)
                default: row = (0, 0)
                }
                rows[name] = row
                let (old, new) = (before.isSidelined(name), group.record.isSidelined(name))
                if !old, new { #expect(row.bad >= fitness.samplesOut, "round \(round): \(name) went out early") }
                if old, !new { #expect(row.good >= fitness.samplesIn, "round \(round): \(name) came back early") }
            }
            let online = group.record.watchedReaders.filter { $0.status == .online }
            #expect(!online.isEmpty, "round \(round): no reader is left")
            let out = names.filter { group.record.isSidelined($0) }
            #expect(out.count <= fitness.mostSidelined(of: names.count), "round \(round): too many are out")
            let went = out.filter { !before.isSidelined($0) }
            if !went.isEmpty {
                #expect(
                    online.contains { (rows[$0.name]?.bad ?? 0) == 0 && group.record.unfit($0.name) == nil },
                    "round \(round): \(went) went, and nobody fit is left")
            }
            if !fitness.guardsConfigured { #expect(configured.allSatisfy { group.status($0) == .online }) }
        }
        try group.look(times: 40)
        #expect(group.record.unfitReaders == nil)
        #expect(group.record.commonTrouble == nil)
        #expect(group.record.watchedReaders.allSatisfy { $0.status == .online && $0.weight == 100 })
        #expect(group.record.watchedReaders.count == names.count)
    }

    private static func health(_ random: inout SeededGenerator) -> ReplicationHealth {
        switch Int.random(in: 0..<8, using: &random) {
        case 0...2: .replicating(lag: .seconds(Int.random(in: 0...15, using: &random)))
        case 3: .replicating(lag: .seconds(Int.random(in: 16...30, using: &random)))
        case 4: .replicating(lag: .seconds(Int.random(in: 31...900, using: &random)))
        case 5: .stopped("applier: No")
        case 6: .unreachable("refused")
        default: .unknown("the account was refused")
        }
    }
}

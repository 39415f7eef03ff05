import FleetModel
import Testing

func group(maximum: Int = 3, minimum: Int = 0) throws -> GroupRecord {
    let name = try InstanceName("shop")
    var policy = ScalingPolicy(minimumReplicas: minimum, maximumReplicas: maximum)
    policy.scaleOutCooldown = .seconds(60)
    policy.scaleInCooldown = .seconds(120)
    return GroupRecord(
        configuration: FleetConfiguration(
            group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: ([BackendServer(name: "shop", address: "127.0.0.9", hostgroup: 5, origin: .primary)], [], [])),
        policy: policy, primaryInstance: name)
}

func incident(_ action: IncidentAction, _ state: IncidentState = .open) throws -> Incident {
    let name = try InstanceName("shop")
    return Incident(
        alert: Alert(
            incidentID: "\(action)-1", policyName: "p", state: state, startedAt: start, closedAt: nil,
            primaryInstance: name, group: name, replicaBaseName: "shop-", action: action, documentation: ""),
        at: start)
}

let start = Timestamp(secondsSinceEpoch: 1_800_000_000)

func serving(_ record: inout GroupRecord, _ name: String, at now: Timestamp) throws {
    let name = try InstanceName(name)
    record.plan(name, for: "add-1", at: now)
    record.creationBegan(name, operationID: "o", at: now)
    record.creationEnded(name, at: now)
    record.admit(name, address: "127.0.0.\(record.replicas.count + 20)", by: AdmissionRule(), at: now)
    record.serve(name, at: now)
}

@Suite("Deciding on a group's size")
struct ScalingDecisionTests {
    @Test("without a wish nothing happens")
    func noWish() throws {
        let decision = ScalingDecision.decide(try group(), incidents: [try incident(.add, .closed)], at: start)
        #expect(decision.direction == nil)
        #expect(decision.reason == .noWish)
    }

    @Test("an open incident asks for one more, and out beats in")
    func outBeatsIn() throws {
        let both = [try incident(.remove), try incident(.add)]
        let decision = ScalingDecision.decide(try group(), incidents: both, at: start)
        #expect(decision.direction == .out)
        #expect(decision.incidentID == "add-1")
    }

    @Test("one thing at a time: nothing is decided while a replica is under way")
    func inProgress() throws {
        var record = try group()
        record.plan(try InstanceName("shop-a"), for: "add-1", at: start)
        let decision = ScalingDecision.decide(record, incidents: [try incident(.add)], at: start)
        #expect(decision.reason == .inProgress)
    }

    @Test("the cooldown counts from completion, for each direction its own")
    func cooldown() throws {
        var record = try group()
        try serving(&record, "shop-a", at: start)
        let early = ScalingDecision.decide(
            record, incidents: [try incident(.add)], at: start.advanced(by: .seconds(59)))
        #expect(early.reason == .withinCooldown)
        #expect(early.notBefore == start.advanced(by: .seconds(60)))
        let due = ScalingDecision.decide(record, incidents: [try incident(.add)], at: start.advanced(by: .seconds(60)))
        #expect(due.direction == .out)
        let shrinking = ScalingDecision.decide(
            record, incidents: [try incident(.remove)], at: start.advanced(by: .seconds(60)))
        #expect(shrinking.reason == .withinCooldown)
    }

    @Test("maximum and minimum are never passed")
    func limits() throws {
        var record = try group(maximum: 1)
        try serving(&record, "shop-a", at: start)
        let later = start.advanced(by: .seconds(600))
        #expect(ScalingDecision.decide(record, incidents: [try incident(.add)], at: later).reason == .maximumSize)
        record.policy.minimumReplicas = 1
        #expect(ScalingDecision.decide(record, incidents: [try incident(.remove)], at: later).reason == .minimumSize)
        record.replicas = []
        #expect(ScalingDecision.decide(record, incidents: [], at: later).reason == .belowMinimum)
    }

    @Test("after failures the next try waits twice as long each time, an hour at most")
    func backoff() throws {
        var record = try group()
        var waits: [Int64] = []
        for _ in 0..<9 {
            let name = try InstanceName("shop-x")
            record.plan(name, for: "add-1", at: start)
            record.fail(name, because: "stock-out", at: start)
            record.remove(name, at: start)
            record.deletionMayBegin(name, at: start)
            record.forget(name, at: start)
            let decision = ScalingDecision.decide(record, incidents: [try incident(.add)], at: start)
            waits.append(try #require(decision.notBefore).since(start).wholeMilliseconds / 1_000)
        }
        #expect(waits == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600])
    }

    @Test("the youngest goes first, and never one that is not ours")
    func victim() throws {
        var record = try group()
        #expect(ScalingDecision.victim(in: record) == nil)
        try serving(&record, "shop-a", at: start)
        try serving(&record, "shop-b", at: start.advanced(by: .seconds(1)))
        #expect(ScalingDecision.victim(in: record)?.name.text == "shop-b")
    }
}

@Suite("A group's record")
struct GroupRecordTests {
    @Test("each change of the configuration raises its generation by one")
    func generations() throws {
        var record = try group()
        try serving(&record, "shop-a", at: start)
        #expect(record.configuration.generation == 2)
        let name = try InstanceName("shop-a")
        record.drain(name, for: "remove-1", at: start)
        #expect(record.configuration.servers.last?.status == .offlineSoft)
        #expect(record.configuration.generation == 3)
        record.remove(name, at: start)
        #expect(record.configuration.servers.map(\.name) == ["shop"])
        #expect(record.configuration.generation == 4)
        record.remove(name, at: start)
        #expect(record.configuration.generation == 4)
    }

    @Test("groups that share nodes get hostgroups and rule ids of their own")
    func allocation() throws {
        let first = try group().configuration
        let places = HostgroupAllocation.next(beside: [first])
        #expect(places == HostgroupAllocation.next(beside: [first]))
        #expect([places.writer, places.reader, places.ruleIDBase] == [15, 20, 1_000])
        #expect(HostgroupAllocation.next(beside: []).writer == 5)
    }
}

@Suite("Values that are checked or hidden")
struct ValueTests {
    @Test("a secret is never printed")
    func secret() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect("\(secret)\(String(reflecting: secret))\(dumped)".contains("hunter2") == false)
        #expect(
            secret.matches("hunter2") && !secret.matches("hunter") && !secret.matches("") && !Secret("").matches("x"))
    }

    @Test("names that an instance cannot have are refused", arguments: ["", "1a", "a_b", "A", "a'b", "-a", "é"])
    func names(text: String) {
        #expect(throws: InvalidName.self) { try InstanceName(text) }
    }

    @Test("times outside the range are clamped, not overflowed")
    func clamping() {
        let last = Timestamp(secondsSinceEpoch: .max)
        #expect(last.advanced(by: .seconds(10)) == last)
        #expect(Timestamp(secondsSinceEpoch: -1).secondsSinceEpoch == -1)
    }
}

import FleetModel
import Testing

@Suite("Admission and ramp")
struct AdmissionTests {
    private let rule = AdmissionRule(lagLimit: .seconds(10), samples: 3, rampDuration: .seconds(60), rampSteps: 5)

    @Test("only good looks in a row admit")
    func inARow() {
        var samples = AdmissionSamples()
        let good = ReplicationHealth.replicating(lag: .seconds(10))
        let looks: [(ReplicationHealth, Bool)] = [
            (good, false), (good, false), (.replicating(lag: .seconds(11)), false), (good, false),
            (.stopped("applier: No"), false), (good, false), (.unreachable("refused"), false), (good, false),
            (good, false), (good, true),
        ]
        for (index, (look, admitted)) in looks.enumerated() {
            #expect(samples.take(look, by: rule) == admitted, "look \(index)")
        }
    }

    @Test("good looks at one replica, or before its state began anew, do not count for the next")
    func perReplica() throws {
        var samples = AdmissionSamples()
        let good = ReplicationHealth.replicating(lag: .zero)
        let first = ReplicaRecord(name: try InstanceName("shop-a"), incidentID: "", at: start)
        let second = ReplicaRecord(name: try InstanceName("shop-b"), incidentID: "", at: start)
        _ = samples.take(good, at: first, by: rule)
        _ = samples.take(good, at: first, by: rule)
        let early = samples.take(good, at: second, by: rule)
        #expect(!early && samples.inARow == 1)
        _ = samples.take(good, at: second, by: rule)
        var again = second
        again.enter(.starting, at: start.advanced(by: .seconds(60)))
        let anew = samples.take(good, at: again, by: rule)
        #expect(!anew && samples.inARow == 1)
    }

    @Test(
        "the weight grows in equal steps to the full one",
        arguments: [
            (100, 5, [20, 40, 60, 80, 100]), (100, 1, [100]), (1, 5, [1]), (3, 5, [1, 2, 3]), (7, 3, [2, 4, 7]),
        ])
    func ramp(full: Int, steps: Int, expected: [Int]) {
        let rule = AdmissionRule(rampDuration: .seconds(60), rampSteps: steps)
        var weights: [Int] = []
        while let next = rule.weight(after: weights.last ?? 0, full: full) { weights.append(next) }
        #expect(weights == expected)
    }

    @Test("without a ramp the full weight comes at once; with one it takes the time that was set")
    func duration() {
        #expect(AdmissionRule(rampDuration: .zero).weight(after: 0, full: 100) == 100)
        #expect(rule.rampInterval * 4 == .seconds(60))
        #expect(AdmissionRule(rampDuration: .seconds(60), rampSteps: 1).rampInterval == .seconds(60))
    }

    @Test("a replica gets no less than the configured readers, and begins with the first step of that")
    func fullWeight() throws {
        let name = try InstanceName("shop")
        var reader = BackendServer(name: "shop-a", address: "10.0.0.2", hostgroup: 10, origin: .configured)
        reader.weight = 50
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([reader], [], [])),
            policy: ScalingPolicy(maximumReplicas: 2), primaryInstance: name)
        let replica = try InstanceName("shop-r1")
        record.plan(replica, for: "i", at: start)
        record.admit(replica, address: "10.0.0.9", by: rule, at: start)
        #expect(record.weight(of: replica) == 10)
        #expect(record.replicas.first?.fullWeight == 50)
        let generation = record.configuration.generation
        record.raise(replica, to: 20, at: start)
        #expect(record.weight(of: replica) == 20)
        #expect(record.configuration.generation == generation + 1)
    }

    @Test("wanted back while it drains it is ONLINE again with its share; out of the configuration it is checked again")
    func takeBack() throws {
        let name = try InstanceName("shop")
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], [])),
            policy: ScalingPolicy(maximumReplicas: 2), primaryInstance: name)
        try serving(&record, "shop-r1", at: start)
        let replica = try InstanceName("shop-r1")
        record.drain(replica, for: "remove-1", at: start)
        #expect(record.configuration.servers.map(\.status) == [.offlineSoft])
        let weight = record.weight(of: replica)
        record.takeBack(replica, for: "add-2", at: start)
        #expect(record.configuration.servers.map(\.status) == [.online])
        #expect(record.weight(of: replica) == weight)
        #expect(record.replicas.map(\.state) == [.admitted])
        record.serve(replica, at: start)
        record.drain(replica, for: "remove-3", at: start)
        record.remove(replica, at: start)
        record.takeBack(replica, for: "add-4", at: start)
        #expect(record.replicas.map(\.state) == [.starting])
        #expect(record.configuration.servers.isEmpty)
    }
}

import FleetModel
import Testing

/// SplitMix64: the same on every machine, so that a seed that fails can be run again.
private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

@Suite("What holds for every decision")
struct DecisionPropertyTests {
    private func policy(_ random: inout Random) throws -> ScalingPolicy {
        let minimum = Int.random(in: 0...2, using: &random)
        var policy = ScalingPolicy(
            minimumReplicas: minimum, maximumReplicas: minimum + Int.random(in: 0...4, using: &random))
        policy.step =
            [
                .fixed(out: 2, in: 2), .fixed(out: 1, in: 1), .targetTracking(maximumOut: 3, maximumIn: 2),
                .direct(out: nil, in: nil),
            ].randomElement(using: &random) ?? policy.step
        policy.scaleOutCooldown = .seconds(Int.random(in: 0...300, using: &random))
        policy.scaleInCooldown = .seconds(Int.random(in: 0...300, using: &random))
        if random.chance(50) { policy.scaleInStabilization = .seconds(120) }
        if random.chance(30) { policy.minimumLifetime = .seconds(300) }
        policy.victimChoice = VictimChoice.allCases.randomElement(using: &random) ?? .youngest
        if random.chance(80) {
            var metric = MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.7), scaleIn: .init(0.3))
            if random.chance(50) { metric.target = 0.5 }
            policy.metrics = [metric]
        }
        if random.chance(20) {
            var lag = MetricPolicy(name: "lag", source: .external, scaleOut: .init(1), scaleIn: .init(0))
            lag.role = .replicaLag
            policy.metrics.append(lag)
            policy.lagBrake = LagBrake(engageAbove: .seconds(60), releaseBelow: .seconds(10))
        }
        if random.chance(20) { policy.budgets.actionsPerHour = 3 }
        if random.chance(10) { policy.isDryRun = true }
        if random.chance(20) { policy.scaleInPause = OperatorHold(until: start.advanced(by: .seconds(1_800))) }
        if random.chance(20) {
            policy.pin = SizePin(
                size: Int.random(in: 0...8, using: &random), until: start.advanced(by: .seconds(1_800)))
        }
        return policy
    }

    private func inputs(_ record: GroupRecord, _ memory: DecisionMemory, _ now: Timestamp, _ random: inout Random)
        throws -> DecisionInputs
    {
        var incidents: [Incident] = []
        if random.chance(20) { incidents.append(try incident(.add, random.chance(70) ? .open : .closed)) }
        if random.chance(20) { incidents.append(try incident(.remove)) }
        var readings: [LoadReading] = []
        if random.chance(85) {
            readings.append(
                LoadReading(metric: "cpu", value: Double.random(in: -0.1...1.1, using: &random), measuredAt: now))
        }
        for replica in record.replicas where random.chance(80) {
            let lag = Double.random(in: -1...120, using: &random)
            readings.append(LoadReading(metric: "lag", instance: replica.name.text, value: lag, measuredAt: now))
        }
        return DecisionInputs(record: record, incidents: incidents, readings: readings, memory: memory, now: now)
    }

    /// What must hold, whatever the inputs.
    private func check(_ decision: ScalingDecision, _ inputs: DecisionInputs, _ note: Comment) {
        let (record, policy) = (inputs.record, inputs.record.policy)
        let isBusy = record.replicaUnderWay != nil
        #expect(!isBusy || decision.direction == nil && decision.reason == .inProgress, note)
        #expect(!policy.isDryRun || decision.direction == nil, note)
        switch decision.direction {
        case .out:
            #expect(decision.desired > decision.current && decision.desired <= policy.maximumReplicas, note)
            #expect(decision.victim == nil && decision.notBefore == nil, note)
        case .in:
            #expect(decision.desired < decision.current, note)
            #expect(decision.desired >= policy.minimumReplicas, note)
            #expect(record.replicas.contains { $0.name == decision.victim && $0.state == .serving }, note)
            let pause = policy.scaleInPause.map { inputs.now < $0.until } ?? false
            #expect(!pause, note)
        case nil:
            #expect(!decision.sentence.isEmpty, note)
        }
        if let notBefore = decision.notBefore { #expect(notBefore > inputs.now, note) }
        var shuffled = inputs
        shuffled.record.replicas.reverse()
        shuffled.incidents.reverse()
        shuffled.readings.reverse()
        #expect(ScalingDecision.decide(shuffled) == decision, "the order of lists matters: \(note)")
    }

    @Test("limits, holds and order, over 300 seeded lives of a group", arguments: [0, 1, 2])
    func properties(block: UInt64) throws {
        for seed in block * 100..<(block + 1) * 100 {
            var random = Random(state: seed)
            var record = try group()
            record.policy = try policy(&random)
            var memory = DecisionMemory()
            var now = start
            var named = 0
            for step in 0..<60 {
                now = now.advanced(by: .seconds(Int.random(in: 5...90, using: &random)))
                let inputs = try inputs(record, memory, now, &random)
                let decision = ScalingDecision.decide(inputs)
                check(decision, inputs, "seed \(seed), step \(step): \(decision.sentence)")
                memory = decision.memory
                if let replica = record.replicaUnderWay, random.chance(50) {
                    if replica.state == .planned {
                        record.creationBegan(replica.name, operationID: nil, at: now)
                        record.admit(replica.name, address: "127.0.0.9", by: AdmissionRule(), at: now)
                        record.serve(replica.name, at: now)
                    } else {
                        record.remove(replica.name, at: now)
                        record.deletionMayBegin(replica.name, at: now)
                        record.forget(replica.name, at: now)
                    }
                }
                guard let direction = decision.direction else { continue }
                if direction == .out {
                    named += 1
                    record.plan(try InstanceName("shop-\(named)"), for: "", at: now)
                } else if let victim = decision.victim {
                    record.drain(victim, for: "", at: now)
                }
                record.enter(decision, at: now)
                #expect(record.managedCount <= record.policy.maximumReplicas, "seed \(seed), step \(step)")
            }
        }
    }
}

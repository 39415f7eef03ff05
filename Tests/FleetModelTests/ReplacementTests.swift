import FleetModel
import Foundation
import TestSupport
import Testing

@Suite("A replica whose replication does not run is replaced")
struct ReplacementTests {
    private func due(_ group: WatchedGroup, after seconds: Int) -> String? {
        group.record.dueForReplacement(isProven: { group.watch.isProven($0, by: FitnessPolicy()) }) { _, since in
            group.now.advanced(by: .seconds(seconds)).since(since)
        }?.replica.name.text
    }

    private func inputs(_ group: WatchedGroup) -> DecisionInputs {
        DecisionInputs(record: group.record, now: group.now)
    }

    private func decided(_ group: WatchedGroup, _ name: String = "r1") throws -> ScalingDecision {
        let replica = try #require(group.record.replicas.first { $0.name.text == name })
        return ScalingDecision.replacement(of: replica, try #require(group.record.unfit(name)), inputs(group))
    }

    private func stopped(_ names: [String] = ["r1", "r2"], _ which: [String] = ["r1"]) throws -> WatchedGroup {
        var group = try WatchedGroup(managed: names)
        try group.look(
            Dictionary(which.map { ($0, WatchedGroup.stopped) }, uniquingKeysWith: { first, _ in first }), times: 3)
        return group
    }

    @Test("after the time that the policy names, and only with looks that still say so")
    func after() throws {
        var group = try stopped()
        #expect(due(group, after: 800) == nil)
        #expect(due(group, after: 900) == "r1")
        group.restart()
        #expect(due(group, after: 900) == nil)
        try group.look(["r1": WatchedGroup.stopped], times: 3)
        #expect(due(group, after: 900) == "r1")
    }

    @Test("not for lag, not where people are only told, not where all have the same trouble, not where it is forbidden")
    func not() throws {
        var lagging = try WatchedGroup(managed: ["r1", "r2"])
        try lagging.look(["r1": WatchedGroup.lagging], times: 3)
        #expect(due(lagging, after: 100_000) == nil)
        var told = try stopped()
        told.record.policy.fitness?.isActing = false
        #expect(due(told, after: 100_000) == nil)
        #expect(due(try stopped(["r1", "r2", "r3"], ["r1", "r2"]), after: 100_000) == nil)
        var never = try stopped()
        never.record.policy.fitness?.replacementsPerDay = 0
        #expect(due(never, after: 100_000) == nil)
    }

    @Test("the only reader is replaced too, because the new one serves first")
    func only() throws {
        let group = try stopped(["r1"])
        #expect(group.status("r1") == .online)
        #expect(due(group, after: 900) == "r1")
    }

    @Test("it may exceed the maximum for its time, and holds for what holds any change")
    func holds() throws {
        let group = try stopped()
        #expect(group.record.managedCount == group.record.policy.maximumReplicas)
        #expect(try decided(group).direction == .out)
        let later = OperatorHold(until: group.now.advanced(by: .seconds(60)))
        func held(_ change: (inout GroupRecord) -> Void) throws -> ScalingDecision.Reason? {
            var group = group
            change(&group.record)
            let decision = try decided(group)
            return decision.direction == nil ? decision.reason : nil
        }
        #expect(try held { $0.policy.scaleOutPause = later } == .paused)
        #expect(try held { $0.policy.scaleInPause = later } == .paused)
        #expect(
            try held {
                $0.policy.freezes = [FreezeWindow(name: "x", time: .once(from: group.now, until: later.until))]
            } == .frozen)
        #expect(try held { $0.policy.isDryRun = true } == .dryRun)
        #expect(
            try held {
                $0.consecutiveFailures = 2
                $0.lastScaling = ScalingEvent(direction: .out, completedAt: group.now)
            } == .withinCooldown)
        #expect(
            try held { $0.lastScaling = ScalingEvent(direction: .out, completedAt: group.now) } == nil,
            "a cooldown is about the size")
        #expect(try held { $0.policy.pin = SizePin(size: 2, until: later.until) } == nil, "so is a pin")
        #expect(
            try held {
                $0.policy.budgets = ScalingBudgets(actionsPerHour: 1)
                var ledger = ScalingLedger()
                ledger.act(at: group.now, goal: nil)
                $0.ledger = ledger
            } == .budget)
        #expect(
            try held {
                $0.policy.budgets = ScalingBudgets(replicaHoursPerDay: 0.0001)
                var ledger = ScalingLedger()
                _ = ledger.reconcile(with: $0, at: group.now)
                $0.ledger = ledger
            } == .budget)
        #expect(
            try held {
                var ledger = ScalingLedger()
                for _ in 0..<3 { ledger.replace(at: group.now.advanced(by: .seconds(-3_600))) }
                $0.ledger = ledger
            } == .budget)
        #expect(
            try held {
                var ledger = ScalingLedger()
                for _ in 0..<3 { ledger.replace(at: group.now.advanced(by: .seconds(-86_400))) }
                $0.ledger = ledger
            } == nil)
    }

    @Test("the new one serves, then the old one goes, whatever has become of it; the size is what it was")
    func life() throws {
        var group = try stopped()
        let (old, new) = (try InstanceName("r1"), try InstanceName("r9"))
        group.record.replace(old, by: new, try decided(group), at: group.now)
        #expect(group.record.replicas.last?.replaces == old)
        #expect(due(group, after: 900) == nil, "no second one")
        #expect(group.record.replacementToFinish == nil)
        group.record.admit(new, address: "10.0.2.1", by: AdmissionRule(), at: group.now)
        #expect(group.record.replacementToFinish == nil)
        group.record.serve(new, at: group.now)
        #expect(group.record.replacementToFinish?.old == old)
        #expect(ScalingDecision.mayFinishReplacement(inputs(group)))
        var paused = group
        paused.record.policy.scaleInPause = OperatorHold(until: group.now.advanced(by: .seconds(60)))
        #expect(!ScalingDecision.mayFinishReplacement(inputs(paused)))
        group.record.finishReplacement(by: new, at: group.now)
        #expect(group.record.replicas.map(\.state) == [.draining, .serving, .serving])
        #expect(group.record.replacementToFinish == nil)
        #expect(group.record.ledger?.replacements(inTheDayBefore: group.now).count == 1)
    }

    @Test("one that is unfit itself takes nobody's place, and one whose predecessor is gone forgets it")
    func edges() throws {
        var group = try stopped()
        let (old, new) = (try InstanceName("r1"), try InstanceName("r2"))
        for index in group.record.replicas.indices where group.record.replicas[index].name == new {
            group.record.replicas[index].replaces = old
        }
        var unfit = group
        try unfit.look(["r1": WatchedGroup.stopped, "r2": WatchedGroup.stopped], times: 3)
        #expect(unfit.record.replacementToFinish == nil)
        group.record.remove(old, at: group.now)
        group.record.forget(old, at: group.now)
        #expect(group.record.replacementToFinish?.old == nil)
        group.record.finishReplacement(by: new, at: group.now)
        #expect(group.record.replicas.map(\.state) == [.serving])
        #expect(group.record.replicas.first?.replaces == nil)
    }

    @Test("what is sidelined is no reader for a metric, which asks for what the others lack")
    func metrics() throws {
        var group = try stopped(["r1", "r2", "r3"], ["r1"])
        group.record.policy.maximumReplicas = 9
        group.record.policy.step = .targetTracking(maximumOut: 9, maximumIn: 1)
        let json = #"""
            {"name": "cpu", "source": {"kind": "external"}, "basis": "total", "target": 50,
             "scaleOut": {"threshold": 60}, "scaleIn": {"threshold": 10}}
            """#
        group.record.policy.metrics = [try JSONDecoder().decode(MetricPolicy.self, from: Data(json.utf8))]
        var inputs = inputs(group)
        inputs.readings = [LoadReading(metric: "cpu", value: 150, measuredAt: group.now)]
        let decision = ScalingDecision.decide(inputs)
        // 75 on each of the two that serve; at 50 each three must serve, and one of those that exist does not.
        #expect(decision.desired == 4, "\(decision.sentence)")
        #expect(decision.direction == .out)
    }

    @Test("a scale-in takes what is sidelined first, however young it is, and loses no reader by it")
    func victims() throws {
        var group = try stopped(["r1", "r2", "r3"], ["r1"])
        #expect(ScalingDecision.victim(in: group.record)?.name.text == "r1")
        group.record.policy.victimChoice = .oldest
        group.record.policy.minimumLifetime = .seconds(86_400)
        let incident = Incident(
            alert: Alert(
                incidentID: "i", policyName: "p", state: .open, startedAt: group.now, closedAt: nil,
                primaryInstance: group.record.primaryInstance, group: group.record.name, replicaBaseName: "r-",
                action: .remove, documentation: ""), at: group.now)
        let decision = ScalingDecision.decide(group.record, incidents: [incident], at: group.now)
        #expect(decision.direction == .in)
        #expect(decision.victim?.text == "r1")
        var told = try stopped(["r1", "r2", "r3"], ["r1"])
        told.record.policy.fitness = nil
        try told.look(["r1": WatchedGroup.stopped])
        #expect(told.record.servingCount == 3)
        #expect(ScalingDecision.victim(in: told.record)?.name.text == "r1", "what is unfit is the worst to read from")
    }
}

import FleetModel
import Testing

/// A group whose load is brought along, with `count` serving replicas since `start`.
private func loaded(_ count: Int, maximum: Int = 6) throws -> GroupRecord {
    var record = try group(maximum: maximum)
    record.policy.scaleOutCooldown = .zero
    record.policy.scaleInCooldown = .zero
    record.policy.metrics = [
        MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.6, margin: 0.05), scaleIn: .init(0.25))
    ]
    for index in 0..<count { try serving(&record, "shop-\(index)", at: start) }
    return record
}

private let later = start.advanced(by: .seconds(600))

private func decide(
    _ record: GroupRecord, cpu: Double? = nil, _ incidents: [Incident] = [], at now: Timestamp = later
) -> ScalingDecision {
    let readings = cpu.map { [LoadReading(metric: "cpu", value: $0, measuredAt: now)] } ?? []
    return ScalingDecision.decide(
        DecisionInputs(record: record, incidents: incidents, readings: readings, now: now))
}

@Suite("What metrics ask for")
struct MetricDecisionTests {
    @Test(
        "more above the threshold and its margin, fewer below, nothing between",
        arguments: [(0.66, 3), (0.65, 2), (0.25, 2), (0.24, 1)])
    func thresholds(cpu: Double, desired: Int) throws {
        let decision = decide(try loaded(2), cpu: cpu)
        #expect(decision.desired == desired)
        #expect(decision.reason == (desired == 2 ? .noWish : .metric))
    }

    @Test("target tracking goes to the size that brings the load to its target, a bounded way at once")
    func target() throws {
        var record = try loaded(4, maximum: 20)
        record.policy.step = .targetTracking(maximumOut: 3, maximumIn: 2)
        record.policy.metrics[0].target = 0.5
        #expect(decide(record, cpu: 0.7).desired == 6)
        #expect(decide(record, cpu: 5).desired == 7)
        #expect(decide(record, cpu: 0.01).desired == 2)
    }

    @Test("direct goes to the size that is named, or to the limits")
    func direct() throws {
        var record = try loaded(2)
        record.policy.step = .direct(out: nil, in: 1)
        #expect(decide(record, cpu: 0.9).desired == 6)
        #expect(decide(record, cpu: 0.1).desired == 1)
    }

    @Test("of several metrics the largest wish wins, and out beats in")
    func largest() throws {
        var record = try loaded(2)
        record.policy.metrics.append(
            MetricPolicy(name: "sessions", source: .external, scaleOut: .init(100), scaleIn: .init(10)))
        let decision = ScalingDecision.decide(
            DecisionInputs(
                record: record, incidents: [try incident(.remove)],
                readings: [
                    LoadReading(metric: "cpu", value: 0.1, measuredAt: later),
                    LoadReading(metric: "sessions", value: 200, measuredAt: later),
                ], now: later))
        #expect(decision.direction == .out)
        #expect(decision.wish?.name == "sessions")
        #expect(decision.wishes.count == 2)
    }

    @Test("a metric that is content keeps what an incident would remove")
    func keeps() throws {
        let decision = decide(try loaded(2), cpu: 0.5, [try incident(.remove)])
        #expect(decision.direction == nil)
        #expect(decision.reason == .metric)
    }

    @Test("without a fresh reading nothing is removed, but an incident may still add")
    func stale() throws {
        let record = try loaded(2)
        #expect(decide(record, [try incident(.remove)]).reason == .staleMetrics)
        #expect(decide(record, [try incident(.add)]).direction == .out)
        let old = LoadReading(metric: "cpu", value: 0.1, measuredAt: start)
        let decision = ScalingDecision.decide(DecisionInputs(record: record, readings: [old], now: later))
        #expect(decision.reason == .staleMetrics)
        #expect(decide(record, cpu: .nan).reason == .staleMetrics)
        #expect(decide(record, cpu: -1).reason == .staleMetrics)
    }

    @Test("a wish counts once it has held for its window: out by the smallest, in by the largest")
    func stabilisation() throws {
        var record = try loaded(2)
        record.policy.scaleOutStabilization = .seconds(120)
        record.policy.scaleInStabilization = .seconds(300)
        var memory = DecisionMemory()
        func next(_ second: Int64, _ cpu: Double) -> ScalingDecision {
            let now = later.advanced(by: .seconds(second))
            let decision = ScalingDecision.decide(
                DecisionInputs(
                    record: record, readings: [LoadReading(metric: "cpu", value: cpu, measuredAt: now)],
                    memory: memory, now: now))
            memory = decision.memory
            return decision
        }
        #expect(next(0, 0.9).reason == .stabilizing)
        #expect(next(60, 0.9).reason == .stabilizing)
        #expect(next(120, 0.9).direction == .out)
        #expect(next(180, 0.5).direction == nil)
        #expect(next(240, 0.9).reason == .stabilizing)
        for second in stride(from: Int64(300), to: 600, by: 60) { #expect(next(second, 0.1).direction == nil) }
        #expect(next(600, 0.1).direction == .in)
    }

    @Test("the order of readings and incidents changes nothing")
    func order() throws {
        var record = try loaded(3)
        record.policy.victimChoice = .leastLoaded
        let readings = [0.2, 0.1, 0.15].enumerated().map {
            LoadReading(metric: "cpu", instance: "shop-\($0)", value: $1, measuredAt: later)
        }
        let forwards = ScalingDecision.decide(DecisionInputs(record: record, readings: readings, now: later))
        record.replicas.reverse()
        let backwards = ScalingDecision.decide(
            DecisionInputs(record: record, readings: readings.reversed(), now: later))
        #expect(forwards == backwards)
        #expect(forwards.victim?.text == "shop-1")
    }
}

@Suite("What holds a change")
struct GuardTests {
    @Test("pauses hold one direction, and end by themselves")
    func pause() throws {
        var record = try loaded(2)
        record.policy.scaleInPause = OperatorHold(until: later.advanced(by: .seconds(10)), reason: "import")
        let held = decide(record, cpu: 0.1)
        #expect(held.reason == .paused)
        #expect(held.detail == "import")
        #expect(held.desired == 1)
        #expect(decide(record, cpu: 0.9).direction == .out)
        #expect(decide(record, cpu: 0.1, at: later.advanced(by: .seconds(10))).direction == .in)
    }

    @Test("a pin is gone to whatever is measured, inside the limits, and ends by itself")
    func pin() throws {
        var record = try loaded(2, maximum: 4)
        record.policy.pin = SizePin(size: 9, until: later.advanced(by: .seconds(60)))
        let decision = decide(record, cpu: 0.1)
        #expect(decision.direction == .out)
        #expect(decision.desired == 4)
        #expect(decision.reason == .pinned)
        record.policy.pin = SizePin(size: 2, until: later.advanced(by: .seconds(60)))
        #expect(decide(record, cpu: 0.9).direction == nil)
        #expect(decide(record, cpu: 0.9, at: later.advanced(by: .seconds(60))).direction == .out)
    }

    @Test("a freeze holds both directions until its end")
    func freeze() throws {
        var record = try loaded(2)
        let end = later.advanced(by: .seconds(30))
        record.policy.freezes = [FreezeWindow(name: "release", time: .once(from: start, until: end))]
        for cpu in [0.1, 0.9] {
            let decision = decide(record, cpu: cpu)
            #expect(decision.reason == .frozen)
            #expect(decision.notBefore == end)
        }
    }

    @Test("a schedule is a floor while it holds")
    func schedule() throws {
        // 1,800,000,600 is 08:10 on Friday, 15 January 2027, in UTC.
        var record = try loaded(2)
        record.policy.schedules = [
            ScalingSchedule(
                name: "morning",
                window: RecurringWindow(cron: try CronExpression("0 8 * * mon-fri"), duration: .seconds(3_600)),
                minimumReplicas: 3)
        ]
        let decision = decide(record, cpu: 0.1)
        #expect(decision.direction == .out)
        #expect(decision.reason == .schedule)
        #expect(decision.desired == 3)
        #expect(decide(record, cpu: 0.1, at: later.advanced(by: .seconds(3_600))).direction == .in)
    }

    @Test("budgets hold, and say when there is room again")
    func budgets() throws {
        var record = try loaded(2)
        record.policy.budgets.actionsPerHour = 2
        for second in [Int64(0), 60] {
            let now = start.advanced(by: .seconds(second))
            let decision = decide(record, cpu: 0.9, at: now)
            #expect(decision.direction == .out)
            record.enter(decision, at: now)
        }
        let held = decide(record, cpu: 0.9)
        #expect(held.reason == .budget)
        #expect(held.notBefore == start.advanced(by: .seconds(3_600)))

        var hours = try loaded(2)
        hours.policy.budgets.replicaHoursPerDay = 0.3
        #expect(decide(hours, cpu: 0.9).reason == .budget)
        #expect(decide(hours, cpu: 0.1).direction == .in)
    }

    @Test("nothing is removed that the others would miss, nor what is too young")
    func projection() throws {
        var record = try loaded(2)
        record.policy.metrics[0].scaleIn = .init(0.5)
        #expect(decide(record, cpu: 0.4).reason == .projectedLoad)
        #expect(decide(record, cpu: 0.2).direction == .in)
        record.policy.minimumLifetime = .seconds(1_000)
        let young = decide(record, cpu: 0.2)
        #expect(young.reason == .minimumLifetime)
        #expect(young.notBefore == start.advanced(by: .seconds(1_000)))
    }

    @Test("lagging replicas hold both directions until they caught up; other causes do not")
    func lagBrake() throws {
        var record = try loaded(2)
        var lag = MetricPolicy(name: "lag", source: .external, scaleOut: .init(1), scaleIn: .init(0))
        lag.role = .replicaLag
        record.policy.metrics.append(lag)
        record.policy.lagBrake = LagBrake(engageAbove: .seconds(60), releaseBelow: .seconds(10))
        var memory = DecisionMemory()
        func next(_ lags: [Double], cpu: Double = 0.9) -> ScalingDecision {
            let readings = lags.enumerated().map {
                LoadReading(metric: "lag", instance: "shop-\($0)", value: $1, measuredAt: later)
            }
            let decision = ScalingDecision.decide(
                DecisionInputs(
                    record: record, readings: readings + [LoadReading(metric: "cpu", value: cpu, measuredAt: later)],
                    memory: memory, now: later))
            memory = decision.memory
            return decision
        }
        #expect(next([0, 0]).direction == .out)
        #expect(next([100, 100]).reason == .lagBrake)
        #expect(next([30, 30]).reason == .lagBrake)
        #expect(next([5, 5]).direction == .out)
        #expect(next([30, 30]).direction == .out)
        #expect(next([], cpu: 0.1).reason == .staleMetrics)
    }

    @Test("a dry run decides and does nothing, and says what it would have done")
    func dryRun() throws {
        var record = try loaded(2)
        record.policy.isDryRun = true
        let decision = decide(record, cpu: 0.1)
        #expect(decision.direction == nil)
        #expect(decision.reason == .dryRun)
        #expect(decision.desired == 1)
        #expect(decision.victim?.text == "shop-1")
    }

    @Test("above a maximum that was lowered it shrinks, whatever the load")
    func aboveMaximum() throws {
        let decision = decide(try loaded(3, maximum: 2), cpu: 0.9)
        #expect(decision.direction == .in)
        #expect(decision.reason == .aboveMaximum)
    }

    @Test("a lowered maximum sends one after the other away, with the cooldown between, also with a pin or an alert")
    func paceOfLoweredMaximum() throws {
        for isPinned in [false, true] {
            var record = try loaded(5, maximum: 5)
            record.policy.maximumReplicas = 2
            record.policy.scaleInCooldown = .seconds(300)
            if isPinned { record.policy.pin = SizePin(size: 5, until: later.advanced(by: .seconds(9_000)), reason: "") }
            record.lastScaling = nil
            var gone: [Int64] = []
            for second in stride(from: Int64(0), to: 900, by: 60) {
                let now = later.advanced(by: .seconds(second))
                let decision = decide(record, cpu: 0.1, at: now)
                guard decision.direction == .in, let victim = decision.victim else { continue }
                record.enter(decision, at: now)
                record.drain(victim, for: "", at: now)
                record.remove(victim, at: now)
                record.forget(victim, at: now)
                gone.append(second)
            }
            #expect(gone == [0, 300, 600], "pinned: \(isPinned)")
            #expect(record.managedCount == 2)
        }
    }

    @Test("what a change deletes is known beforehand")
    func deletions() throws {
        let before = try loaded(4, maximum: 5)
        var lowered = before
        lowered.policy.maximumReplicas = 2
        let going = Deletions(from: before, to: lowered)
        #expect(going?.replicas.count == 2 && going?.cause == .loweredMaximum)
        lowered.policy.maximumReplicas = 4
        #expect(Deletions(from: before, to: lowered) == nil && Deletions(from: nil, to: before) == nil)
        var pinned = before
        pinned.policy.pin = SizePin(size: 1, until: later, reason: "")
        let sent = Deletions(from: before, to: pinned)
        #expect(sent?.replicas.count == 3 && sent?.cause == .pin)
        #expect(Deletions(from: pinned, to: pinned) == nil, "it was said before")
        pinned.policy.minimumReplicas = 2
        #expect(Deletions(from: before, to: pinned)?.replicas.count == 2, "no pin goes below the minimum")
        pinned.policy.pin?.size = 4
        #expect(Deletions(from: before, to: pinned) == nil)
        var removed = before
        removed.removal = GroupRemoval(requestedAt: later, deletesReplicas: true)
        removed.replicas[0].leaving = "it was promoted"
        var half = before
        half.replicas[0].leaving = "it was promoted"
        #expect(Deletions(from: before, to: removed)?.replicas.count == 4)
        #expect(Deletions(from: half, to: removed)?.replicas.count == 3)
        #expect(Deletions(from: removed, to: removed) == nil, "it was said before")
    }

    @Test("the rest of a change by several does not wait for the cooldown, and a step is not begun anew with each")
    func goal() throws {
        var record = try loaded(0)
        record.policy.step = .fixed(out: 2, in: 1)
        record.policy.scaleOutCooldown = .seconds(300)
        var sizes: [Int] = []
        for second in stride(from: Int64(0), to: 360, by: 60) {
            let now = later.advanced(by: .seconds(second))
            let decision = decide(record, cpu: 0.9, at: now)
            guard decision.direction == .out else {
                #expect(decision.reason == .withinCooldown)
                continue
            }
            record.enter(decision, at: now)
            try serving(&record, "shop-\(second)", at: now)
            sizes.append(Int(second))
        }
        #expect(sizes == [0, 60])
    }
}

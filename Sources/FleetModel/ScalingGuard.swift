/// What may hold a change that is wished for.
///
/// A guard is asked with the change; it answers with why and until when the change must wait, or nothing. The order
/// is the order in which people look for the cause: their own word first, then money, then the load.
struct ScalingGuard: Sendable {
    /// Why a change must wait.
    struct Hold {
        var reason: ScalingDecision.Reason
        var until: Timestamp?
        var detail: String?
    }

    /// Answers why `decision` must wait.
    var hold: @Sendable (_ situation: Situation, _ decision: ScalingDecision) -> Hold?

    /// All guards, in order. The dry run comes last, so that it shows what would have been done.
    static let all = [pause, freeze, cooldown, budgets, lag, staleness, lifetime, projection, dryRun]

    private static let pause = ScalingGuard { situation, decision in
        guard let direction = decision.direction, let pause = situation.policy.pause(direction),
            situation.now < pause.until
        else { return nil }
        return Hold(reason: .paused, until: pause.until, detail: pause.reason.isEmpty ? nil : pause.reason)
    }

    private static let freeze = ScalingGuard { situation, _ in
        let ends = situation.policy.freezes.compactMap { freeze in
            freeze.end(at: situation.now, offsets: situation.inputs.offsets).map { (end: $0, name: freeze.name) }
        }
        // Of several the one that ends last is named.
        return ends.max { ($0.end, $0.name) < ($1.end, $1.name) }
            .map { Hold(reason: .frozen, until: $0.end, detail: "freeze \($0.name)") }
    }

    /// Counted from the completion of the last change. A change by several replicas waits only after its last one; a
    /// person's pin does not wait, unless creations failed. What a lowered maximum sends away, whoever else wishes for it
    /// too, goes one after the other with a wait each: that person may have erred.
    private static let cooldown = ScalingGuard { situation, decision in
        let record = situation.record
        guard let direction = decision.direction, let earliest = record.earliest(direction),
            situation.now < earliest
        else { return nil }
        let exceeds = direction == .in && situation.current > situation.policy.maximumReplicas
        let isPinned = decision.reason == .pinned && record.consecutiveFailures == 0
        if isPinned, !exceeds || situation.policy.pin.map({ $0.size <= situation.policy.maximumReplicas }) ?? false {
            return nil
        }
        if !exceeds, record.continuesGoal(direction, from: situation.current, at: situation.now) { return nil }
        return Hold(reason: .withinCooldown, until: earliest, detail: nil)
    }

    private static let budgets = ScalingGuard { situation, decision in
        let budgets = situation.policy.budgets
        var ledger = situation.record.ledger ?? ScalingLedger()
        _ = ledger.reconcile(with: situation.record, at: situation.now)
        if let limit = budgets.actionsPerHour {
            let actions = ledger.actions(inTheHourBefore: situation.now)
            if actions.count >= limit {
                // The budget has room again when so many have grown old that fewer than the limit are left.
                let freeing = limit > 0 ? actions[actions.count - limit] : situation.now
                return Hold(
                    reason: .budget, until: freeing.advanced(by: .seconds(3_600)),
                    detail: "\(actions.count) of \(limit) actions per hour")
            }
        }
        // The minimum is always kept, whatever it costs.
        guard decision.direction == .out, decision.reason != .belowMinimum, let limit = budgets.replicaHoursPerDay
        else { return nil }
        let spent = ledger.replicaHours(at: situation.now)
        guard spent >= limit else { return nil }
        let tenths = Int(clamping: (spent * 10).rounded())
        return Hold(
            reason: .budget, until: CivilTime.nextMidnight(after: situation.now),
            detail: "\(tenths / 10).\(tenths % 10) of \(limit) replica-hours per day")
    }

    /// What holds one half of a replacement: the coming of the new replica, or the going of the old one.
    static func ofReplacement(_ situation: Situation, _ decision: ScalingDecision) -> Hold? {
        guard decision.direction == .out else {
            return [pause, freeze, dryRun].lazy.compactMap { $0.hold(situation, decision) }.first
        }
        var second = decision
        second.direction = .in
        // One that could not go afterwards would stay on top of the others.
        if let hold = pause.hold(situation, second) { return hold }
        return [pause, freeze, patience, replacements, budgets, dryRun].lazy
            .compactMap { $0.hold(situation, decision) }.first
    }

    /// After creations that failed.
    private static let patience = ScalingGuard { situation, decision in
        guard situation.record.consecutiveFailures > 0, let earliest = situation.record.earliest(.out),
            situation.now < earliest
        else { return nil }
        return Hold(reason: .withinCooldown, until: earliest, detail: "the last creation failed")
    }

    private static let replacements = ScalingGuard { situation, decision in
        guard let limit = situation.policy.fitness?.replacementsPerDay else { return nil }
        let made = situation.record.ledger?.replacements(inTheDayBefore: situation.now) ?? []
        guard made.count >= limit, let freeing = made.dropFirst(made.count - max(limit, 1)).first else { return nil }
        return Hold(
            reason: .budget, until: freeing.advanced(by: .seconds(86_400)),
            detail: "\(made.count) of \(limit) replacements per day")
    }

    private static let lag = ScalingGuard { situation, decision in
        guard situation.policy.lagBrake != nil, !decision.isOrdered else { return nil }
        if situation.hasStaleLag, decision.direction == .in {
            return Hold(reason: .staleMetrics, until: nil, detail: "no replica's lag is known")
        }
        guard situation.memory.isBraked == true else { return nil }
        let worst = Int(clamping: situation.lags.values.max() ?? 0)
        return Hold(
            reason: .lagBrake, until: nil,
            detail: "replicas lag by up to \(worst) s because the primary writes more than they can follow")
    }

    private static let staleness = ScalingGuard { situation, decision in
        guard decision.direction == .in, situation.hasStaleLoad, !decision.isOrdered else { return nil }
        let unclear = situation.evidence.filter { !$0.isWhole }.sorted { $0.metric.name < $1.metric.name }.map { one in
            one.missing.isEmpty
                ? one.metric.name : "\(one.metric.name) (of \(one.missing.joined(separator: " and ")))"
        }
        return Hold(
            reason: .staleMetrics, until: nil, detail: "no fresh reading of \(unclear.joined(separator: ", "))")
    }

    private static let lifetime = ScalingGuard { situation, decision in
        guard decision.direction == .in, !decision.isOrdered, !situation.victims.all.isEmpty,
            situation.victim == nil
        else { return nil }
        let ready = situation.victims.all.map { $0.stateSince }.min()
        return Hold(
            reason: .minimumLifetime, until: ready?.advanced(by: situation.policy.minimumLifetime), detail: nil)
    }

    private static let projection = ScalingGuard { situation, decision in
        guard decision.direction == .in, !decision.isOrdered else { return nil }
        let fewer = situation.readersLost(by: decision)
        guard fewer > 0 else { return nil }
        let unable = situation.evidence.filter { !situation.bears($0, losing: fewer) }.map(\.metric.name).sorted()
        guard !unable.isEmpty else { return nil }
        guard situation.readers > fewer else {
            return Hold(reason: .projectedLoad, until: nil, detail: "no reader would be left")
        }
        return Hold(
            reason: .projectedLoad, until: nil,
            detail: "\(unable.joined(separator: ", ")) would come near its threshold of scale-out")
    }

    private static let dryRun = ScalingGuard { situation, _ in
        situation.policy.isDryRun ? Hold(reason: .dryRun, until: nil, detail: nil) : nil
    }
}

extension ScalingDecision {
    /// Whether a person asked for exactly this, so that no measurement may hold it.
    fileprivate var isOrdered: Bool { reason == .pinned || reason == .aboveMaximum }
}

extension Situation {
    /// The replicas of ours that could be removed, the first choice first.
    var victims: Victims {
        let load = evidence.sorted { $0.metric.name < $1.metric.name }.first { !$0.instances.isEmpty }
        return Victims(record: record, load: load?.instances ?? [:], lags: lags)
    }

    /// The replica to remove; nil when each is too young.
    var victim: ReplicaRecord? {
        victims.all.first {
            now.since($0.stateSince) >= policy.minimumLifetime || record.isSidelined($0.name.text)
        }
    }

    /// How many readers fewer there would be: the sidelined ones go first, and are none.
    func readersLost(by decision: ScalingDecision) -> Int {
        max(0, decision.current - decision.desired - record.sidelinedCount)
    }

    /// Whether the readers that stay would bear what `evidence` shows.
    func bears(_ evidence: MetricEvidence, losing fewer: Int) -> Bool {
        evidence.bears(losing: fewer, of: readers)
    }

    /// Lets the guards speak about a change that is wished for.
    func restrain(_ decision: inout ScalingDecision) {
        shrinkToBearable(&decision)
        for one in ScalingGuard.all {
            guard let hold = one.hold(self, decision) else { continue }
            if decision.direction == .in { decision.victim = victim?.name }
            decision.direction = nil
            decision.reason = hold.reason
            decision.notBefore = hold.until
            decision.detail = hold.detail
            return
        }
        guard decision.direction == .in else { return }
        let ordered = decision.isOrdered ? victims.all.first : nil
        decision.victim = (victim ?? ordered)?.name
    }

    /// A removal of several becomes one of as many as the others can do without, at least one.
    private func shrinkToBearable(_ decision: inout ScalingDecision) {
        guard decision.direction == .in, !decision.isOrdered else { return }
        while decision.desired < decision.current - 1,
            readersLost(by: decision) > 0,
            !evidence.allSatisfy({ bears($0, losing: readersLost(by: decision)) })
        {
            decision.desired += 1
        }
    }
}

extension ScalingDecision {
    /// A guard that holds a change, or would if those before it did not.
    package struct GuardFinding: Hashable, Sendable {
        /// Why the change must wait.
        package var reason: Reason
        /// Until when, where that is known.
        package var until: Timestamp?
        /// Which freeze, pause or budget.
        package var detail: String?
    }

    /// Every guard that holds the change that is wished for, in their order; `decide` names the first one only.
    package static func guards(_ inputs: DecisionInputs) -> [GuardFinding] {
        let situation = Situation(inputs)
        let wished = situation.wished()
        guard wished.direction != nil else { return [] }
        return ScalingGuard.all.compactMap { one in
            one.hold(situation, wished).map { GuardFinding(reason: $0.reason, until: $0.until, detail: $0.detail) }
        }
    }
}

extension CivilTime {
    /// The end of the day of UTC that `now` is in.
    static func nextMidnight(after now: Timestamp) -> Timestamp {
        Timestamp(secondsSinceEpoch: (floorDivide(now.secondsSinceEpoch, 86_400) + 1) * 86_400)
    }
}

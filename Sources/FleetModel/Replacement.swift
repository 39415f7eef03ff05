// A replica whose replication does not run any more: a new one comes, and then the old one goes.

extension GroupRecord {
    /// The replica that should be replaced now, whose replication has not run for longest; nil for none.
    ///
    /// - Parameters:
    ///   - isProven: whether the newest looks at a reader say the same; what was seen before a restart does not do.
    ///   - age: how long a thing has lasted since a moment, by a clock that nobody sets.
    package func dueForReplacement(
        isProven: (String) -> Bool, age: (_ subject: String, _ since: Timestamp) -> Duration
    ) -> (replica: ReplicaRecord, unfit: UnfitReader)? {
        guard let fitness = policy.fitness, fitness.isActing, fitness.replacementsPerDay > 0 else { return nil }
        // Replicas that all have the same trouble would only be followed by others that have it.
        guard commonTrouble == nil else { return nil }
        let replaced = Set(replicas.compactMap(\.replaces))
        var found: (replica: ReplicaRecord, unfit: UnfitReader)?
        for replica in replicas where replica.state == .serving && !replaced.contains(replica.name) {
            guard let unfit = unfit(replica.name.text), unfit.returningSince == nil, let since = unfit.stoppedSince,
                isProven(unfit.name), age("stop of \(unfit.name)", since) >= fitness.replaceAfter
            else { continue }
            if let found, (found.unfit.stoppedSince ?? since, found.unfit.name) <= (since, unfit.name) { continue }
            found = (replica, unfit)
        }
        return found
    }

    /// A replica that serves and whose predecessor is still there; nil for none.
    package var replacementToFinish: (new: InstanceName, old: InstanceName?)? {
        for replica in replicas where replica.state == .serving {
            guard let old = replica.replaces else { continue }
            // What is unfit itself takes nobody's place.
            guard unfit(replica.name.text) == nil else { continue }
            return (replica.name, replicas.contains { $0.name == old && $0.state == .serving } ? old : nil)
        }
        return nil
    }

    /// Decides on a replica in the place of `old`: the intent and what it costs are one write.
    package mutating func replace(
        _ old: InstanceName, by new: InstanceName, _ decision: ScalingDecision, at now: Timestamp
    ) {
        plan(new, for: "", at: now)
        change(new) { $0.replaces = old }
        enter(decision, at: now)
        ledger?.replace(at: now)
        if var unfit = unfit(old.text), unfit.waitsFor != nil {
            unfit.waitsFor = nil
            note(unfit, of: old.text)
        }
    }

    /// The new replica serves: its predecessor goes, where there still is one.
    package mutating func finishReplacement(by new: InstanceName, at now: Timestamp) {
        guard let replica = replicas.first(where: { $0.name == new }), let old = replica.replaces else { return }
        change(new) { $0.replaces = nil }
        if replicas.contains(where: { $0.name == old && $0.state == .serving }) { drain(old, for: "", at: now) }
    }

    /// Says why a replacement waits; nil when it does not.
    /// - Returns: whether that is news and worth saving.
    package mutating func holdReplacement(of name: String, because reason: String?) -> Bool {
        guard var unfit = unfit(name), unfit.waitsFor != reason else { return false }
        unfit.waitsFor = reason
        note(unfit, of: name)
        return true
    }
}

extension ScalingDecision {
    /// Whether `old` may be replaced now. The size stays: for its time the new replica comes on top, also of the
    /// maximum, because a group at its maximum would otherwise have to lose a reader first.
    ///
    /// Pauses of either direction, freezes, budgets, the wait after failed creations and the dry run hold it like any
    /// other change; cooldowns and pins are about the size and do not.
    package static func replacement(of old: ReplicaRecord, _ unfit: UnfitReader, _ inputs: DecisionInputs)
        -> ScalingDecision
    {
        let situation = Situation(inputs)
        var decision = ScalingDecision(
            direction: .out, reason: .replacement, current: situation.current, desired: situation.current,
            wish: Wish(rule: .replacement, name: old.name.text, size: situation.current), wishes: [],
            victim: old.name, detail: "\(old.name): \(unfit.sentence)", memory: inputs.memory)
        guard let hold = ScalingGuard.ofReplacement(situation, decision) else { return decision }
        decision.direction = nil
        decision.reason = hold.reason
        decision.notBefore = hold.until
        decision.detail = hold.detail
        return decision
    }

    /// Whether the predecessor of a replica that serves may go now.
    package static func mayFinishReplacement(_ inputs: DecisionInputs) -> Bool {
        let situation = Situation(inputs)
        let decision = ScalingDecision(
            direction: .in, reason: .replacement, current: situation.current, desired: situation.current - 1,
            wishes: [], memory: inputs.memory)
        return ScalingGuard.ofReplacement(situation, decision) == nil
    }

    /// The decision that a step of the watch over readers is, for the log.
    package static func fitness(_ step: FitnessWatch.Step, _ inputs: DecisionInputs) -> ScalingDecision {
        let size = inputs.record.managedCount
        return ScalingDecision(
            direction: nil, reason: step.reason, current: size, desired: size, wishes: [],
            victim: try? InstanceName(step.reader), detail: "\(step.reader): \(step.detail)", memory: inputs.memory)
    }
}

/// What is to be done about a group's size, and why.
package struct ScalingDecision: Hashable, Sendable {
    /// The rule that decided; the raw value is used in logs, metrics and the API.
    package enum Reason: String, Hashable, Codable, Sendable, CaseIterable {
        /// An open incident asks for it.
        case openIncident = "OPEN_INCIDENT"
        /// A metric asks for it, or keeps what an incident would remove.
        case metric = "METRIC"
        /// A schedule's floor asks for it, or keeps what would be removed.
        case schedule = "SCHEDULE"
        /// A person's pin asks for it, or keeps the size.
        case pinned = "PINNED"
        /// Fewer replicas than the minimum.
        case belowMinimum = "BELOW_MINIMUM"
        /// More replicas than the maximum, which was lowered.
        case aboveMaximum = "ABOVE_MAXIMUM"
        /// Nothing asks for a change.
        case noWish = "NO_WISH"
        /// The maximum is reached.
        case maximumSize = "MAX_SIZE"
        /// The minimum is reached.
        case minimumSize = "MIN_SIZE"
        /// Too soon after the last change, or after a failure.
        case withinCooldown = "WITHIN_COOLDOWN"
        /// A replica is being created or removed.
        case inProgress = "IN_PROGRESS"
        /// A person paused this direction.
        case paused = "PAUSED"
        /// A freeze window holds.
        case frozen = "FROZEN"
        /// The actions of the hour or the replica-hours of the day are used.
        case budget = "BUDGET"
        /// A metric has no fresh reading, and nothing is removed blindly.
        case staleMetrics = "STALE_METRICS"
        /// Replicas lag because the primary writes too much.
        case lagBrake = "LAG_BRAKE"
        /// It would be done if the policy were not a dry run.
        case dryRun = "DRY_RUN"
        /// Metrics have not asked for it for long enough.
        case stabilizing = "STABILIZING"
        /// Every replica that could go is too young.
        case minimumLifetime = "MIN_LIFETIME"
        /// A reader was found unfit to serve; nothing is done but to tell it.
        case readerUnfit = "READER_UNFIT"
        /// A reader that is not fit to serve takes no new connections.
        case sidelined = "SIDELINED"
        /// A sidelined reader is fit again and takes reads.
        case returning = "RETURNING"
        /// A replica whose replication does not run is replaced.
        case replacement = "REPLACEMENT"
        /// The others could not bear the load.
        case projectedLoad = "PROJECTED_LOAD"
    }

    /// Which way to go; nil holds.
    package var direction: ScalingDirection?
    /// Why.
    package var reason: Reason
    /// Managed replicas now.
    package var current: Int
    /// Managed replicas that are gone to, or, while it holds, would have been.
    package var desired: Int
    /// What asked for it, where something did; the reason says what holds it.
    package var wish: Wish?
    /// Everything that was asked for.
    package var wishes: [Wish]
    /// The incident that asked, if one did.
    package var incidentID: String?
    /// The replica to remove, when the direction is in.
    package var victim: InstanceName?
    /// When to look again, where the reason ends by itself.
    package var notBefore: Timestamp?
    /// Which freeze, pause or budget holds, for people.
    package var detail: String?
    /// What the next decision must know of this one.
    package var memory: DecisionMemory

    /// Decides for a group by incidents alone.
    package static func decide(_ record: GroupRecord, incidents: [Incident], at now: Timestamp) -> ScalingDecision {
        decide(DecisionInputs(record: record, incidents: incidents, now: now))
    }

    /// Decides for a group.
    ///
    /// The largest wish wins, so out beats in; floors raise it and the maximum caps it; then each guard may hold it,
    /// in the order of `ScalingGuard.all`. One group does one thing at a time; cooldowns count from completion.
    package static func decide(_ inputs: DecisionInputs) -> ScalingDecision {
        let situation = Situation(inputs)
        var decision = situation.wished()
        decision.memory = situation.memory
        guard inputs.record.replicaUnderWay == nil else {
            decision.direction = nil
            decision.reason = .inProgress
            return decision
        }
        guard decision.direction != nil else { return decision }
        situation.restrain(&decision)
        return decision
    }

    /// Whether a replica that is about to go is wanted after all: the same rules, asked about the group without it,
    /// would add one. So nothing is taken back that the next decision would send away again, be it by a pin, a lowered
    /// maximum or a schedule.
    package static func wantsBack(_ replica: ReplicaRecord, _ inputs: DecisionInputs) -> Bool {
        var inputs = inputs
        inputs.record.replicas.removeAll { $0.name == replica.name }
        let without = Situation(inputs).wished()
        return without.desired > without.current
    }

    /// The replica to remove under the policy's choice, without knowing any load: ours, serving.
    package static func victim(in record: GroupRecord) -> ReplicaRecord? {
        Victims(record: record, load: [:], lags: [:]).all.first
    }

    /// One sentence for people.
    package var sentence: String {
        let asked = wish.map { "; asked by \($0.phrase)" } ?? ""
        let what = direction.map { "goes \($0.rawValue) from \(current) to \(desired)" } ?? "stays at \(current)"
        let more = [detail, notBefore.map { "until \($0.rfc3339)" }].compactMap(\.self).joined(separator: " ")
        return "\(what): \(reason.rawValue)\(asked)\(more.isEmpty ? "" : "; \(more)")"
    }
}

extension Wish {
    /// Who wishes, for people.
    fileprivate var phrase: String {
        switch rule {
        case .openIncident: "incident \(name)"
        case .metric: "metric \(name)\(value.map { " at \(($0 * 1_000).rounded() / 1_000) a reader" } ?? "")"
        case .schedule: "schedule \(name)"
        case .pinned: "the pin"
        case .belowMinimum: "the minimum"
        case .aboveMaximum: "the maximum"
        case .replacement: "the replacement of \(name)"
        default: rule.rawValue
        }
    }
}

extension GroupRecord {
    /// When the next change in `direction` may begin; creations that fail one after another wait twice as long each
    /// time, from the cooldown (at least five seconds) to an hour.
    func earliest(_ direction: ScalingDirection) -> Timestamp? {
        guard let lastScaling else { return nil }
        let cooldown = policy.cooldown(direction)
        guard consecutiveFailures > 0 else { return lastScaling.completedAt.advanced(by: cooldown) }
        let doubled = max(cooldown, .seconds(5)) * (1 << (consecutiveFailures - 1).clamped(to: 0...10))
        return lastScaling.completedAt.advanced(by: min(doubled, max(cooldown, .seconds(3_600))))
    }
}

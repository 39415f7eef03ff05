/// How far and how fast a group may be scaled, by what it is steered, and what holds it.
///
/// Everything but the two limits has a default that leaves it out, so that the policy of a group that was registered
/// the way of Chester says what Chester does: one more or one fewer per cooldown while an incident is open.
package struct ScalingPolicy: Hashable, Sendable {
    /// Managed replicas that are always kept, 0 or more.
    package var minimumReplicas: Int
    /// Managed replicas that are never exceeded (Chester's `max_chester_instances`).
    package var maximumReplicas: Int
    /// How far a metric's wish goes at once.
    package var step: ScalingStep
    /// How long after the completion of a change the next replica may be added.
    package var scaleOutCooldown: Duration
    /// How long after the completion of a change the next replica may be removed.
    package var scaleInCooldown: Duration
    /// How long metrics must have asked for more before it is done; the smallest wish of that time counts.
    package var scaleOutStabilization: Duration
    /// How long metrics must have asked for fewer before it is done; the largest wish of that time counts.
    package var scaleInStabilization: Duration
    /// How long a draining replica may keep connections in use before it is removed all the same; sessions pinned by
    /// a transaction, a lock or a user variable never leave by themselves (seen on ProxySQL 2.7.1).
    package var drainDeadline: Duration
    /// A replica that serves for less than this is not removed.
    package var minimumLifetime: Duration
    /// Which replica goes first.
    package var victimChoice: VictimChoice
    /// What the scaler reads by itself, besides the incidents.
    package var metrics: [MetricPolicy]
    /// Floors by the calendar.
    package var schedules: [ScalingSchedule]
    /// Times without changes.
    package var freezes: [FreezeWindow]
    /// What may be spent.
    package var budgets: ScalingBudgets
    /// When lagging replicas hold the group; nil never does.
    package var lagBrake: LagBrake?
    /// Adds nothing until then.
    package var scaleOutPause: OperatorHold?
    /// Removes nothing until then.
    package var scaleInPause: OperatorHold?
    /// The size that a person chose.
    package var pin: SizePin?
    /// What is done about readers that are not fit to serve; nil tells people and does nothing.
    package var fitness: FitnessPolicy?
    /// Decides and records, but does nothing.
    package var isDryRun: Bool

    /// Makes a policy with Chester's five minutes of cooldown and ten minutes for a drain.
    package init(minimumReplicas: Int = 0, maximumReplicas: Int) {
        self.minimumReplicas = minimumReplicas
        self.maximumReplicas = maximumReplicas
        self.step = .fixed(out: 1, in: 1)
        self.scaleOutCooldown = .seconds(300)
        self.scaleInCooldown = .seconds(300)
        self.scaleOutStabilization = .zero
        self.scaleInStabilization = .zero
        self.drainDeadline = .seconds(600)
        self.minimumLifetime = .zero
        self.victimChoice = .youngest
        self.metrics = []
        self.schedules = []
        self.freezes = []
        self.budgets = ScalingBudgets()
        self.isDryRun = false
    }

    /// How long after the completion of a change the next one in `direction` may begin.
    package func cooldown(_ direction: ScalingDirection) -> Duration {
        direction == .out ? scaleOutCooldown : scaleInCooldown
    }

    /// The pause of `direction`, whether or not it is over.
    package func pause(_ direction: ScalingDirection) -> OperatorHold? {
        direction == .out ? scaleOutPause : scaleInPause
    }
}

/// More or fewer replicas.
package enum ScalingDirection: String, Hashable, Codable, Sendable {
    /// One more.
    case out
    /// One fewer.
    case `in`
}

/// A change of size that was completed; cooldowns count from it.
package struct ScalingEvent: Hashable, Codable, Sendable {
    /// Which way.
    package var direction: ScalingDirection
    /// When the last node had it.
    package var completedAt: Timestamp

    /// Makes an event.
    package init(direction: ScalingDirection, completedAt: Timestamp) {
        self.direction = direction
        self.completedAt = completedAt
    }
}

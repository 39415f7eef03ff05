// What a policy is made of, besides its numbers, metrics and windows.

/// How far a metric's wish goes at once. Incidents always ask for one more or one fewer, as Chester does.
package enum ScalingStep: Hashable, Sendable {
    /// So many more, so many fewer.
    case fixed(out: Int, in: Int)
    /// As many as bring the metric to its target, but no more at once than this in either direction.
    case targetTracking(maximumOut: Int, maximumIn: Int)
    /// To a size at once: `out` (nil: the maximum) or `in` (nil: the minimum).
    case direct(out: Int?, in: Int?)
}

/// Which replica is removed first; replicas that are alike go by name.
package enum VictimChoice: String, Hashable, Codable, Sendable, CaseIterable {
    /// Its caches are the coldest.
    case youngest
    /// Every replica is renewed in time.
    case oldest
    /// The fewest sessions are disturbed; where nothing is known of the load, the youngest.
    case leastLoaded
    /// It is the worst to read from; where nothing is known of the lag, the youngest.
    case mostLagging
}

/// What may be spent on a group.
package struct ScalingBudgets: Hashable, Sendable {
    /// Replicas added and removed in any sixty minutes; nil is without limit.
    package var actionsPerHour: Int?
    /// Hours of managed replicas in a day of UTC, counted from the plan to the end of each; once they are used,
    /// nothing is added. nil is without limit.
    package var replicaHoursPerDay: Double?

    /// Makes budgets without limits.
    package init(actionsPerHour: Int? = nil, replicaHoursPerDay: Double? = nil) {
        self.actionsPerHour = actionsPerHour
        self.replicaHoursPerDay = replicaHoursPerDay
    }
}

/// Holds both directions while replicas lag because the primary writes more than they can follow: another replica
/// would have to catch up as well, and one fewer would leave its readers to the others.
///
/// It needs a metric of the role `replicaLag`.
package struct LagBrake: Hashable, Sendable {
    /// A replica lags from this on.
    package var engageAbove: Duration
    /// A replica has caught up below this; at most `engageAbove`.
    package var releaseBelow: Duration
    /// The share of the replicas, above 0 up to 1, that must lag; one that lags alone has its own trouble.
    package var share: Double
    /// Engages only while a metric of the role `primaryWrites` is above this; nil asks for no such metric.
    package var writesAbove: Double?

    /// Makes a brake that engages when half of the replicas lag.
    package init(engageAbove: Duration, releaseBelow: Duration, share: Double = 0.5, writesAbove: Double? = nil) {
        self.engageAbove = engageAbove
        self.releaseBelow = releaseBelow
        self.share = share
        self.writesAbove = writesAbove
    }
}

/// A person's word that holds something until a moment that must be named: nothing is held for ever by mistake.
package struct OperatorHold: Hashable, Sendable {
    /// It ends by itself then.
    package var until: Timestamp
    /// Why, for those who find it.
    package var reason: String

    /// Makes a hold.
    package init(until: Timestamp, reason: String = "") {
        self.until = until
        self.reason = reason
    }
}

/// The size that a person chose; it ends by itself.
package struct SizePin: Hashable, Sendable {
    /// Managed replicas; outside the limits it counts as the nearer one.
    package var size: Int
    /// It ends by itself then.
    package var until: Timestamp
    /// Why, for those who find it.
    package var reason: String

    /// Makes a pin.
    package init(size: Int, until: Timestamp, reason: String = "") {
        self.size = size
        self.until = until
        self.reason = reason
    }
}

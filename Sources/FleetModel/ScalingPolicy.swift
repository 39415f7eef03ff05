/// How far and how fast a group may be scaled.
package struct ScalingPolicy: Hashable, Codable, Sendable {
    /// Managed replicas that are always kept, 0 or more.
    package var minimumReplicas: Int
    /// Managed replicas that are never exceeded (Chester's `max_chester_instances`).
    package var maximumReplicas: Int
    /// How long after the completion of a change the next replica may be added.
    package var scaleOutCooldown: Duration
    /// How long after the completion of a change the next replica may be removed.
    package var scaleInCooldown: Duration
    /// How long a draining replica may keep connections in use before it is removed all the same; sessions pinned by
    /// a transaction, a lock or a user variable never leave by themselves (seen on ProxySQL 2.7.1).
    package var drainDeadline: Duration

    /// Makes a policy with Chester's five minutes of cooldown and ten minutes for a drain.
    package init(minimumReplicas: Int = 0, maximumReplicas: Int) {
        self.minimumReplicas = minimumReplicas
        self.maximumReplicas = maximumReplicas
        self.scaleOutCooldown = .seconds(300)
        self.scaleInCooldown = .seconds(300)
        self.drainDeadline = .seconds(600)
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

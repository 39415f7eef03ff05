/// The instances that a change of a group's record deletes, as people must hear of it before they agree.
package struct Deletions: Hashable, Sendable {
    /// Why they go.
    package enum Cause: Hashable, Sendable {
        /// The group goes with them.
        case removal
        /// The maximum was lowered: one after the other, at the pace of scale-in.
        case loweredMaximum
        /// A person pinned a smaller size: one after the other, without a cooldown between.
        case pin
    }

    /// The replicas, the first to go first; of a smaller size those that would go now.
    package var replicas: [ReplicaRecord]
    /// Why they go.
    package var cause: Cause

    /// What `after` deletes that `before` did not; nil for nothing.
    package init?(from before: GroupRecord?, to after: GroupRecord) {
        guard let before, before.removal?.deletesReplicas != true else { return nil }
        // What is left to its owner, or going already, is not this change's doing.
        let staying = before.replicas.filter { $0.leaving == nil && ![.deleting, .gone].contains($0.state) }
        if let removal = after.removal {
            guard removal.deletesReplicas, !staying.isEmpty else { return nil }
            self.init(replicas: staying, cause: .removal)
            return
        }
        let (old, new) = (before.policy, after.policy)
        let pin = new.pin == old.pin ? nil : new.pin.map { max($0.size, new.minimumReplicas) }
        guard new.maximumReplicas < old.maximumReplicas || pin != nil else { return nil }
        let size = min(max(0, new.maximumReplicas), pin ?? .max)
        let serving = Victims(record: after, load: [:], lags: [:]).all.filter { staying.contains($0) }
        let going = serving.prefix(max(0, before.managedCount - size))
        guard !going.isEmpty else { return nil }
        self.init(replicas: Array(going), cause: pin == nil ? .loweredMaximum : .pin)
    }

    private init(replicas: [ReplicaRecord], cause: Cause) {
        self.replicas = replicas
        self.cause = cause
    }
}

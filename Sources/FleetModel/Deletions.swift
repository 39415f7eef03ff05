/// The instances that a change of a group's record deletes, as people must hear of it before they agree.
package struct Deletions: Hashable, Sendable {
    /// The replicas, the first to go first; of a lowered maximum those that would go now.
    package var replicas: [ReplicaRecord]
    /// Whether they go at the pace of scale-in, because the maximum was lowered; else the group goes with them.
    package var isPaced: Bool

    /// What `after` deletes that `before` did not; nil for nothing.
    package init?(from before: GroupRecord?, to after: GroupRecord) {
        guard let before, before.removal?.deletesReplicas != true else { return nil }
        // What is left to its owner, or going already, is not this change's doing.
        let staying = before.replicas.filter { $0.leaving == nil && ![.deleting, .gone].contains($0.state) }
        if let removal = after.removal {
            guard removal.deletesReplicas, !staying.isEmpty else { return nil }
            self.init(replicas: staying, isPaced: false)
            return
        }
        guard after.policy.maximumReplicas < before.policy.maximumReplicas else { return nil }
        let excess = before.managedCount - max(0, after.policy.maximumReplicas)
        let serving = Victims(record: after, load: [:], lags: [:]).all.filter { staying.contains($0) }
        let going = serving.prefix(max(0, excess))
        guard !going.isEmpty else { return nil }
        self.init(replicas: Array(going), isPaced: true)
    }

    private init(replicas: [ReplicaRecord], isPaced: Bool) {
        self.replicas = replicas
        self.isPaced = isPaced
    }
}

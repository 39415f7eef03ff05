// How a replica ends other than by the deletion of its instance, and what a person can force.

extension GroupRecord {
    /// So many names of instances that were let go of are kept.
    private static let keptNames = 100

    /// Begins to let go of a replica without deleting its instance: its rows leave the nodes by the usual withdrawal,
    /// and the record ends after that. A second call changes nothing.
    package mutating func leave(_ name: InstanceName, because reason: String, at now: Timestamp) {
        guard let replica = replicas.first(where: { $0.name == name }), replica.leaving == nil else { return }
        let isInConfiguration = weight(of: name) != nil
        change(name) {
            $0.leaving = reason
            $0.operationID = nil
            // A drain that has begun goes on, and with it its deadline.
            guard $0.state != .draining else { return }
            $0.enter(isInConfiguration ? .draining : .removed, at: now)
        }
        guard isInConfiguration, replica.state != .draining else { return }
        for index in configuration.servers.indices where configuration.servers[index].name == name.text {
            configuration.servers[index].status = .offlineSoft
        }
        configuration.generation += 1
    }

    /// Ends the record of a replica that no node knows any more and whose instance stays; `reason` stands in where
    /// the record does not say why.
    package mutating func letGo(_ name: InstanceName, because reason: String = "", at now: Timestamp) {
        guard let replica = replicas.first(where: { $0.name == name }) else { return }
        var left = (leftReplicas ?? []).filter { $0.name != name }
        left.append(LeftReplica(name: name, at: now, reason: replica.leaving ?? reason))
        leftReplicas = Array(left.suffix(Self.keptNames))
        forget(name, at: now)
    }

    /// Sends away a replica that takes reads and did not come to its full share: a creation that failed, drained because
    /// clients use it already.
    package mutating func giveUp(_ name: InstanceName, because reason: String, at now: Timestamp) {
        guard let replica = replicas.first(where: { $0.name == name }) else { return }
        drain(name, for: replica.incidentID, at: now)
        change(name) { $0.failure = reason }
    }

    /// A replica that served is gone or has failed: it is cleaned up like one that failed, but no creation has failed.
    package mutating func lose(_ name: InstanceName, because reason: String, at now: Timestamp) {
        fail(name, because: reason, at: now)
        change(name) { $0.isLost = true }
    }

    /// Notes what holds a replica in its state; nil when nothing does.
    /// - Returns: whether that is news and worth saving.
    package mutating func hold(_ name: InstanceName, because reason: String?) -> Bool {
        guard let replica = replicas.first(where: { $0.name == name }), replica.waitsFor != reason else { return false }
        change(name) { $0.waitsFor = reason }
        return true
    }

    /// Gives a serving replica the address that its instance has now: the row of the former one is replaced.
    package mutating func move(_ name: InstanceName, to address: String) {
        change(name) { $0.address = address }
        for index in configuration.servers.indices where configuration.servers[index].name == name.text {
            configuration.servers[index].address = address
        }
        configuration.generation += 1
    }

    /// A person wants the present step tried again now: its deadline begins anew, an operation that may never end is
    /// looked for again by the replica's name, and the wait after failed creations is over.
    ///
    /// An instance that was let go of is taken up again by the next look at the provider's list, if it is still ours.
    /// - Returns: false when there is nothing to try: no such replica, or one that serves.
    package mutating func retry(_ name: InstanceName, at now: Timestamp) -> Bool {
        if let left = leftReplicas, left.contains(where: { $0.name == name }) {
            leftReplicas = left.filter { $0.name != name }
            return true
        }
        guard let replica = replicas.first(where: { $0.name == name }), replica.state != .serving else { return false }
        change(name) {
            $0.operationID = nil
            $0.enter($0.state, at: now)
        }
        consecutiveFailures = 0
        return true
    }

    /// Whether readers other than `name` take traffic.
    package func hasReaders(beside name: InstanceName) -> Bool {
        configuration.servers.contains {
            $0.hostgroup == configuration.readerHostgroup && $0.name != name.text && $0.status == .online
                && $0.weight > 0
        }
    }
}

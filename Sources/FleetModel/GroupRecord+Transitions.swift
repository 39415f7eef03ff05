// The only ways in which a group's record changes on behalf of the scaler: pure, so that each can be tested and each
// is one durable write.

extension GroupRecord {
    /// The replica that something is being done to; one group does one thing at a time.
    package var replicaUnderWay: ReplicaRecord? {
        replicas.first { $0.state != .serving }
    }

    /// The replicas that count against the policy's maximum.
    package var managedCount: Int {
        replicas.count { $0.state != .gone }
    }

    /// Decides on a new replica: its name is durable before anything is created.
    package mutating func plan(_ name: InstanceName, for incidentID: String, at now: Timestamp) {
        var replica = ReplicaRecord(name: name, incidentID: incidentID, at: now)
        replica.bearsLabels = true
        replicas.append(replica)
    }

    /// The provider's list shows the instance with this group's labels.
    package mutating func sawLabels(of name: InstanceName) {
        change(name) { $0.bearsLabels = true }
    }

    /// The provider took the create call, or was found to have taken it before a crash.
    package mutating func creationBegan(_ name: InstanceName, operationID: String?, at now: Timestamp) {
        change(name) {
            $0.operationID = operationID
            $0.enter(operationID == nil ? .starting : .creating, at: now)
        }
    }

    /// The create operation ended well.
    package mutating func creationEnded(_ name: InstanceName, at now: Timestamp) {
        change(name) {
            $0.operationID = nil
            $0.enter(.starting, at: now)
        }
    }

    /// The replica may serve: it enters the configuration, whose generation grows, with the first weight of `rule`.
    package mutating func admit(_ name: InstanceName, address: String, by rule: AdmissionRule, at now: Timestamp) {
        let full = readerWeight
        change(name) {
            $0.address = address
            $0.fullWeight = full
            $0.enter(.admitted, at: now)
        }
        configuration.servers.removeAll { $0.name == name.text }
        var server = BackendServer(
            name: name.text, address: address, hostgroup: configuration.readerHostgroup, origin: .managed)
        server.weight = rule.weight(after: 0, full: full) ?? full
        configuration.servers.append(server)
        configuration.generation += 1
    }

    /// The share of a reader: the largest of those that were configured, so that a managed one gets no less.
    private var readerWeight: Int {
        let readers = configuration.servers.filter {
            $0.hostgroup == configuration.readerHostgroup && $0.origin != .managed
        }
        return readers.map(\.weight).max().map { max(1, $0) } ?? BackendServer.usualWeight
    }

    /// The replica's present share; nil while it is not in the configuration.
    package func weight(of name: InstanceName) -> Int? {
        configuration.servers.first { $0.name == name.text }?.weight
    }

    /// Every live node sends the replica the part of its share that the ramp began with.
    package mutating func ramp(_ name: InstanceName, at now: Timestamp) {
        change(name) { $0.enter(.ramping, at: now) }
    }

    /// Gives the replica a larger share; the next one is due an interval later.
    package mutating func raise(_ name: InstanceName, to weight: Int, at now: Timestamp) {
        change(name) { $0.enter(.ramping, at: now) }
        for index in configuration.servers.indices where configuration.servers[index].name == name.text {
            configuration.servers[index].weight = weight
        }
        configuration.generation += 1
    }

    /// Wants a replica back that was about to go. One that still drains takes traffic again at once, its caches are
    /// warm; one that is out of the configuration must show again that it is fit to serve.
    package mutating func takeBack(_ name: InstanceName, for incidentID: String, at now: Timestamp) {
        let isInConfiguration = weight(of: name) != nil
        change(name) {
            $0.incidentID = incidentID
            $0.enter(isInConfiguration ? .admitted : .starting, at: now)
        }
        guard isInConfiguration else { return }
        for index in configuration.servers.indices where configuration.servers[index].name == name.text {
            configuration.servers[index].status = .online
        }
        configuration.generation += 1
    }

    /// Takes over a replica that serves already, under a name that only the provider knew: Chester stores the addresses
    /// of its replicas and not their names.
    /// - Returns: whether there is such a one at `address`.
    package mutating func takeOver(_ name: InstanceName, servingAt address: String, at now: Timestamp) -> Bool {
        let known = Set(replicas.map(\.name.text))
        guard
            let index = configuration.servers.firstIndex(where: {
                $0.origin == .managed && $0.address == address && !known.contains($0.name)
            })
        else { return false }
        configuration.servers[index].name = name.text
        configuration.generation += 1
        var replica = ReplicaRecord(name: name, incidentID: "", at: now)
        replica.address = address
        replica.enter(.serving, at: now)
        replicas.append(replica)
        return true
    }

    /// Takes up a replica that carries our labels and that the record knows nothing of, as after a restored backup.
    package mutating func adopt(_ name: InstanceName, at now: Timestamp) {
        var replica = ReplicaRecord(name: name, incidentID: "", at: now)
        replica.enter(.starting, at: now)
        replicas.append(replica)
    }

    /// Every live node sends the replica its full share: the change of size is complete.
    package mutating func serve(_ name: InstanceName, at now: Timestamp) {
        change(name) { $0.enter(.serving, at: now) }
        lastScaling = ScalingEvent(direction: .out, completedAt: now)
        consecutiveFailures = 0
    }

    /// Begins to remove a serving replica: no node opens another connection to it.
    package mutating func drain(_ name: InstanceName, for incidentID: String, at now: Timestamp) {
        change(name) {
            $0.incidentID = incidentID
            $0.enter(.draining, at: now)
        }
        for index in configuration.servers.indices where configuration.servers[index].name == name.text {
            configuration.servers[index].status = .offlineSoft
        }
        configuration.generation += 1
    }

    /// Takes the replica out of the configuration.
    package mutating func remove(_ name: InstanceName, at now: Timestamp) {
        change(name) { $0.enter(.removed, at: now) }
        if configuration.servers.contains(where: { $0.name == name.text }) {
            configuration.servers.removeAll { $0.name == name.text }
            configuration.generation += 1
        }
        note(nil, of: name.text)
    }

    /// No node knows the replica any more: it may be deleted at the provider.
    package mutating func deletionMayBegin(_ name: InstanceName, at now: Timestamp) {
        change(name) {
            $0.operationID = nil
            $0.enter(.deleting, at: now)
        }
    }

    /// The provider took the delete call; nil after an operation that failed, so that the call is made again.
    package mutating func deletionBegan(_ name: InstanceName, operationID: String?) {
        change(name) { $0.operationID = operationID }
    }

    /// The provider says that the replica does not exist: its record ends.
    package mutating func forget(_ name: InstanceName, at now: Timestamp) {
        guard let replica = replicas.first(where: { $0.name == name }) else { return }
        replicas.removeAll { $0.name == name }
        if replica.failure == nil || replica.isLost == true {
            lastScaling = ScalingEvent(direction: .in, completedAt: now)
        } else {
            consecutiveFailures = consecutiveFailures.clampedSum(1)
            lastScaling = ScalingEvent(direction: .out, completedAt: now)
        }
    }

    /// The replica will never serve; it is cleaned up like one that drains.
    package mutating func fail(_ name: InstanceName, because reason: String, at now: Timestamp) {
        change(name) {
            $0.failure = reason
            $0.operationID = nil
            $0.enter(.failed, at: now)
        }
    }

    mutating func change(_ name: InstanceName, _ body: (inout ReplicaRecord) -> Void) {
        for index in replicas.indices where replicas[index].name == name {
            body(&replicas[index])
        }
    }
}

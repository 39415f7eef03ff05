extension FleetEvent {
    /// What a save of a group's record tells: nothing where only times and operation ids changed.
    ///
    /// - Parameters:
    ///   - old: the record before, nil for a new group.
    ///   - new: the record after, nil when the group was taken away.
    package static func between(old: GroupRecord?, new: GroupRecord?, at now: Timestamp) -> [FleetEvent] {
        switch (old, new) {
        case (nil, nil): []
        case (nil, let new?): [created(new, now)]
        case (let old?, nil):
            [
                FleetEvent(
                    .groupRemoved, .warning, group: old.name, at: now,
                    "Group \(old.name) was removed; its servers, users and rules leave every ProxySQL node.",
                    fields: [.primary: old.primaryInstance.text])
            ]
        case (let old?, let new?):
            replicas(old, new, now) + readers(old, new, now) + configuration(old, new, now) + policy(old, new, now)
                + raise(old, new, now)
        }
    }

    private static func created(_ new: GroupRecord, _ now: Timestamp) -> FleetEvent {
        let configured = new.configuration.servers.count { $0.origin == .configured }
        return FleetEvent(
            .groupCreated, group: new.name, at: now,
            "Group \(new.name) was registered: primary \(new.primaryInstance), "
                + "\(counted(configured, "replica")) of its own, at most "
                + "\(counted(new.policy.maximumReplicas, "replica")) added by Drover.",
            fields: [
                .primary: new.primaryInstance.text, .maximum: "\(new.policy.maximumReplicas)",
                .generation: "\(new.configuration.generation)",
            ])
    }

    // MARK: Replicas

    private static func replicas(_ old: GroupRecord, _ new: GroupRecord, _ now: Timestamp) -> [FleetEvent] {
        let before = Dictionary(old.replicas.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let remaining = Set(new.replicas.map(\.name))
        let changed = new.replicas.filter { before[$0.name]?.state != $0.state }.map { event(for: $0, new, now) }
        let ended = old.replicas.filter { !remaining.contains($0.name) && $0.state != .gone }.map { replica in
            if let left = new.leftReplicas?.first(where: { $0.name == replica.name }) {
                return event(leaving: replica, left.reason, new, now)
            }
            var last = replica
            last.state = .gone
            return event(for: last, new, now)
        }
        let others = new.replicas.flatMap { replica in
            before[replica.name].map { side(before: $0, replica, new, now) } ?? []
        }
        return changed + others + ended
    }

    /// What changed beside the state.
    private static func side(
        before: ReplicaRecord, _ replica: ReplicaRecord, _ record: GroupRecord, _ now: Timestamp
    ) -> [FleetEvent] {
        var events: [FleetEvent] = []
        if let reason = replica.waitsFor, reason != before.waitsFor {
            var fields = fields(of: replica, record)
            fields[.reason] = reason
            events.append(
                FleetEvent(
                    .replicaHeld, .warning, group: record.name, at: now,
                    "Replica \(replica.name) of group \(record.name) stays \(replica.state.rawValue): \(reason).",
                    fields: fields))
        }
        if let old = before.address, let new = replica.address, old != new {
            events.append(
                FleetEvent(
                    .replicaMoved, .warning, group: record.name, at: now,
                    "Replica \(replica.name) of group \(record.name) has moved from \(old) to \(new): generation "
                        + "\(record.configuration.generation) takes the new address to every node.",
                    fields: fields(of: replica, record)))
        }
        return events
    }

    private static func event(
        leaving replica: ReplicaRecord, _ reason: String, _ record: GroupRecord, _ now: Timestamp
    ) -> FleetEvent {
        var fields = fields(of: replica, record)
        fields[.reason] = reason
        return FleetEvent(
            .replicaLeft, .warning, group: record.name, at: now,
            "Drover manages replica \(replica.name) of group \(record.name) no more and leaves its instance to its "
                + "owner: \(reason). No node has a row of Drover's for it; if nobody needs it, delete it in Cloud SQL.",
            fields: fields)
    }

    private static func fields(of replica: ReplicaRecord, _ record: GroupRecord) -> [Field: String] {
        var fields: [Field: String] = [
            .replica: replica.name.text, .state: replica.state.rawValue,
            .replicas: "\(record.managedCount)", .maximum: "\(record.policy.maximumReplicas)",
        ]
        if !replica.incidentID.isEmpty { fields[.incident] = replica.incidentID }
        fields[.address] = replica.address
        fields[.operation] = replica.operationID
        return fields
    }

    private static func event(for replica: ReplicaRecord, _ record: GroupRecord, _ now: Timestamp) -> FleetEvent {
        let (kind, severity, what) = said(of: replica, record)
        var fields = fields(of: replica, record)
        fields[.reason] = replica.failure
        return FleetEvent(kind, severity, group: record.name, at: now, what, fields: fields)
    }

    private static func said(
        of replica: ReplicaRecord, _ record: GroupRecord
    ) -> (kind: Kind, severity: Severity, sentence: String) {
        let (name, group) = (replica.name, record.name)
        let why = replica.incidentID.isEmpty ? "" : " (incident \(replica.incidentID))"
        let size = "\(record.managedCount) of at most \(record.policy.maximumReplicas)"
        switch replica.state {
        case .planned:
            if let old = replica.replaces {
                return (
                    .replicaPlanned, .info,
                    "Group \(group) gets replica \(name) in the place of \(old), which goes once \(name) serves."
                )
            }
            return (.replicaPlanned, .info, "Group \(group) gets one more replica, \(name)\(why); that makes \(size).")
        case .creating:
            return (.replicaCreating, .info, "Replica \(name) of group \(group) is being created.")
        case .starting:
            return (.replicaStarting, .info, "Replica \(name) of group \(group) exists and is being checked.")
        case .admitted:
            let address = replica.address.map { " at \($0)" } ?? ""
            return (
                .replicaAdmitted, .info,
                "Replica \(name)\(address) passed its checks and is being brought to the nodes of group \(group)."
            )
        case .ramping:
            return (
                .replicaRamping, .info,
                "Replica \(name) takes its first reads of group \(group); its share grows step by step."
            )
        case .serving:
            return (.replicaServing, .info, "Replica \(name) serves reads of group \(group): \(size) are in use.")
        case .draining:
            let end = replica.leaving.map { "will be left to its owner, because \($0)" } ?? "will be deleted\(why)"
            return (
                .replicaDraining, .info, "Replica \(name) of group \(group) takes no new connections and \(end)."
            )
        case .removed:
            return (.replicaRemoved, .info, "Replica \(name) is being taken out of every node of group \(group).")
        case .deleting:
            return (.replicaDeleting, .info, "Replica \(name) of group \(group) is being deleted.")
        case .gone:
            guard let failure = replica.failure else {
                return (.replicaGone, .info, "Replica \(name) of group \(group) is deleted; \(size) remain.")
            }
            return (
                .replicaGone, .warning,
                "What was left of replica \(name) of group \(group) is deleted. It had failed: \(failure)"
            )
        case .failed:
            guard replica.isLost != true else {
                return (
                    .replicaFailed, .error,
                    "Replica \(name) of group \(group) serves no more and is cleaned up: "
                        + "\(replica.failure ?? "no reason is known")"
                )
            }
            let tries = record.consecutiveFailures.clampedSum(1)
            let repeated = tries > 1 ? " \(tries) creations failed in a row; the next waits longer." : ""
            return (
                .replicaFailed, .error,
                "Replica \(name) of group \(group) cannot serve and is cleaned up: "
                    + "\(replica.failure ?? "no reason is known")\(repeated)"
            )
        }
    }

    // MARK: Configuration and policy

    /// What a person or a tool changed; servers that the scaler manages have events of their own.
    private static func configuration(_ old: GroupRecord, _ new: GroupRecord, _ now: Timestamp) -> [FleetEvent] {
        let (before, after) = (old.configuration, new.configuration)
        var parts: [String] = []
        if Self.wantedByPeople(old) != Self.wantedByPeople(new) {
            parts.append("servers")
        }
        if before.users != after.users { parts.append("users") }
        if before.queryRules != after.queryRules { parts.append("query rules") }
        if (before.writerHostgroup, before.readerHostgroup) != (after.writerHostgroup, after.readerHostgroup) {
            parts.append("hostgroups")
        }
        guard !parts.isEmpty else { return [] }
        let list = parts.joined(separator: ", ")
        return [
            FleetEvent(
                .configurationChanged, group: new.name, at: now,
                "The \(list) of group \(new.name) changed: generation \(after.generation) goes to every node.",
                fields: [.changed: list, .generation: "\(after.generation)"])
        ]
    }

    /// The servers that are not Drover's own, as people want them: what the watch over readers does has its own events.
    private static func wantedByPeople(_ record: GroupRecord) -> [BackendServer] {
        record.configuration.servers.filter { $0.origin != .managed }.map { server in
            var server = server
            if record.isSidelined(server.name) { server.status = .online }
            return server
        }
    }

    private static func raise(_ old: GroupRecord, _ new: GroupRecord, _ now: Timestamp) -> [FleetEvent] {
        guard let raise = new.generationRaise, raise != old.generationRaise else { return [] }
        return [
            FleetEvent(
                .generationRaised, .warning, group: new.name, at: now,
                "The record of group \(new.name) had generation \(raise.from), and \(raise.seen.place) has "
                    + "\(raise.seen.generation): the store was restored or moved, or the group was registered again. "
                    + "Drover goes on with generation \(raise.to); what the record says goes to every node.",
                fields: [.generation: "\(raise.to)", .reason: "\(raise.seen.place) has \(raise.seen.generation)"])
        ]
    }

    private static func policy(_ old: GroupRecord, _ new: GroupRecord, _ now: Timestamp) -> [FleetEvent] {
        guard old.policy != new.policy else { return [] }
        let (minimum, maximum) = (new.policy.minimumReplicas, new.policy.maximumReplicas)
        var pace = ""
        if let deletions = Deletions(from: old, to: new) {
            let going = counted(deletions.replicas.count, "replica")
            pace =
                deletions.cause == .pin
                ? " The pin sends \(going) away, one after the other."
                : " \(going) beyond that go one after the other, at the pace of scale-in."
        }
        return [
            FleetEvent(
                .policyChanged, group: new.name, at: now,
                "The scaling policy of group \(new.name) changed: it may now have \(minimum) to "
                    + "\(counted(maximum, "replica")) added by Drover.\(pace)",
                fields: [
                    .minimum: "\(minimum)", .maximum: "\(maximum)",
                    .previousMinimum: "\(old.policy.minimumReplicas)",
                    .previousMaximum: "\(old.policy.maximumReplicas)",
                ])
        ]
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}

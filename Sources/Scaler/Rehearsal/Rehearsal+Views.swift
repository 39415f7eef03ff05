import FleetModel

// How a rehearsal shows what it saw.

extension Rehearsal {
    /// A group that could not be looked at.
    static func failed(_ name: InstanceName, _ error: StoreError) -> GroupRehearsal {
        GroupRehearsal(
            group: name.text, failure: "\(error)",
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 0, readerHostgroup: 0, ruleIDBase: 0, content: ([], [], [])),
            policy: ScalingPolicy(maximumReplicas: 0), primaryInstance: name.text, isTakenOver: false, instances: nil,
            replicas: [], incidents: [], decision: nil, steps: [], storeWrites: [], cloudSQLCalls: [],
            publication: [], notes: [])
    }

    /// The configuration without its passwords.
    static func redacted(_ configuration: FleetConfiguration) -> FleetConfiguration {
        var shown = configuration
        for index in shown.users.indices { shown.users[index].password = Secret("REDACTED") }
        return shown
    }

    /// The listed replicas of the group's primary.
    static func instances(
        _ listing: ProviderListing, _ record: GroupRecord, _ provider: any ReplicaProvider
    ) -> [GroupRehearsal.Instance] {
        listing.instances.filter { $0.primary == record.primaryInstance.text }.map { instance in
            let state =
                switch instance.state {
                case .runnable: "runnable"
                case .creating: "creating"
                case .deleting: "deleting"
                case .failed: "failed"
                case .other(let text): text
                }
            return GroupRehearsal.Instance(
                name: instance.name.text, state: state, address: instance.privateAddress,
                isOurs: provider.isOurs(instance, of: record.name)
                    || record.configuration.servers.contains {
                        $0.origin == .managed && $0.address == instance.privateAddress
                    })
        }.sorted { $0.name < $1.name }
    }

    /// The first decision, with every guard that holds it.
    static func decision(
        _ store: RehearsalStore, _ record: GroupRecord, _ incidents: [Incident], _ memory: DecisionMemory,
        _ zones: any UTCOffset
    ) -> GroupRehearsal.Decision? {
        guard let entry = store.decisions.first else { return nil }
        let guards = ScalingDecision.guards(
            DecisionInputs(
                record: record, incidents: incidents, readings: entry.inputs.readings, memory: memory,
                now: entry.firstAt, offsets: zones))
        return GroupRehearsal.Decision(
            sentence: entry.sentence, direction: entry.direction?.rawValue, reason: entry.reason.rawValue,
            current: entry.current, desired: entry.desired, wishes: entry.wishes,
            readings: entry.inputs.readings.map { reading in
                "\(reading.metric)\(reading.instance.map { " of \($0)" } ?? ""): \(reading.value), "
                    + "measured at \(reading.measuredAt.rfc3339)"
            },
            loadFailure: entry.inputs.loadFailure,
            guards: guards.map { finding in
                [finding.reason.rawValue, finding.detail, finding.until.map { "until \($0.rfc3339)" }]
                    .compactMap(\.self).joined(separator: " ")
            })
    }
}

extension [Incident] {
    /// Each as it was found, with what would become of it.
    func rehearsed(
        _ store: RehearsalStore, _ record: GroupRecord, _ decision: GroupRehearsal.Decision?,
        _ listing: ProviderListing?
    ) async throws(StoreError) -> [GroupRehearsal.IncidentView] {
        var views: [GroupRehearsal.IncidentView] = []
        for incident in self {
            let after = try await store.incident(id: incident.id)?.document
            views.append(
                GroupRehearsal.IncidentView(
                    id: incident.id, action: incident.action.rawValue, state: incident.state.rawValue,
                    startedAt: incident.startedAt.rfc3339, lastProcess: incident.lastProcess.rawValue,
                    updatedBy: incident.updatedBy, operationID: incident.operationID,
                    lastReplicaName: incident.lastReplicaName,
                    next: Self.next(incident, after, record, decision, listing)))
        }
        return views
    }

    private static func next(
        _ incident: Incident, _ after: Incident?, _ record: GroupRecord, _ decision: GroupRehearsal.Decision?,
        _ listing: ProviderListing?
    ) -> String {
        var parts: [String] = []
        let isUnderWay = [LastProcess.instanceCall, .configurationUpdate, .publication].contains(incident.lastProcess)
        if isUnderWay, incident.updatedBy != "scaler" {
            parts.append(left(incident, record, listing))
        }
        if incident.state == .closed {
            parts.append("it is over: nothing more is begun for it")
        } else if let replica = record.replicas.first(where: { $0.incidentID == incident.id && $0.state != .serving }) {
            parts.append("for it \(replica.name) would be \(replica.state.rawValue)")
        } else if let decision {
            parts.append("it is weighed at every decision; now the group \(decision.sentence)")
        }
        if let after, after.lastProcess != incident.lastProcess {
            parts.append("last_process becomes \(after.lastProcess.rawValue)")
        }
        return parts.joined(separator: "; ")
    }

    /// What becomes of a step that Chester had begun: its effect is looked for, the step is not gone on with.
    private static func left(_ incident: Incident, _ record: GroupRecord, _ listing: ProviderListing?) -> String {
        let name = incident.lastReplicaName
        let begun = "Chester left it at \(incident.lastProcess.rawValue)"
        guard !name.isEmpty else { return "\(begun), without a replica's name: what it made is found by its label" }
        if record.replicas.contains(where: { $0.name.text == name }) {
            return "\(begun) of \(name), which is listed and taken up"
        }
        let isListed = listing?.instances.contains { $0.name.text == name } ?? false
        return isListed
            ? "\(begun) of \(name), which is listed and not this group's"
            : "\(begun) of \(name), which Cloud SQL does not list: nothing of it is gone on with"
    }
}

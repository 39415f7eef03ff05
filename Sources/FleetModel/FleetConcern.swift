/// Something about a group that is not as it should be, and for how long.
///
/// Alone it is no news: replicas take minutes to come, and nodes restart. It becomes an event when it lasts.
package struct FleetConcern: Hashable, Sendable {
    /// What is wrong; the raw value stands in metrics and fields.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// Fewer replicas serve than are wanted.
        case sizeUnmet = "size-unmet"
        /// A replica stays in a state that it should leave.
        case operationStuck = "operation-stuck"
        /// Nodes do not hold the configuration.
        case publicationFailing = "publication-failing"
        /// Nodes have rows of somebody else in places of the group.
        case foreignRows = "foreign-rows"
        /// An alert fires and nothing is decided: the scaler does not run, or cannot see what it must see first.
        case decisionMissing = "decision-missing"
        /// A reader is not fit to serve.
        case readerUnfit = "reader-unfit"
        /// An alert has fired for so long that its closing may be lost.
        case incidentOld = "incident-old"
        /// Nodes hold rows of a group that is not registered.
        case orphanedRows = "orphaned-rows"
    }

    /// One concern among those of a group.
    package struct Key: Hashable, Sendable {
        /// What is wrong.
        package var code: Code
        /// With what: the replica's name, or empty for the group.
        package var subject: String

        /// Makes a key.
        package init(code: Code, subject: String) {
            self.code = code
            self.subject = subject
        }
    }

    /// How long each may last before it is told.
    package struct Limits: Hashable, Sendable {
        /// For `sizeUnmet`.
        package var sizeUnmet = Duration.seconds(1_800)
        /// For `operationStuck`.
        package var operationStuck = Duration.seconds(5_400)
        /// For `publicationFailing`.
        package var publicationFailing = Duration.seconds(600)
        /// For `decisionMissing`.
        package var decisionMissing = Duration.seconds(600)
        /// For `readerUnfit`.
        package var readerUnfit = Duration.seconds(600)
        /// For `incidentOld`.
        package var incidentOld = Duration.seconds(86_400)

        /// Makes the usual limits.
        package init() {}

        func limit(for code: Code) -> Duration {
            switch code {
            case .sizeUnmet: sizeUnmet
            case .operationStuck: operationStuck
            case .publicationFailing, .foreignRows, .orphanedRows: publicationFailing
            case .decisionMissing: decisionMissing
            case .readerUnfit: readerUnfit
            case .incidentOld: incidentOld
            }
        }
    }

    /// What is wrong, and with what.
    package var key: Key
    /// Since when, as far as the documents tell.
    package var since: Timestamp
    /// Whether no document tells, so that it counts from when it was first seen.
    package var isUndated = false
    /// What a person should know, without group and duration.
    package var sentence: String
    /// The same for tools.
    package var fields: [FleetEvent.Field: String]

    /// Everything that is not as it should be at `now`, from what is stored and what the nodes last showed.
    ///
    /// - Parameters:
    ///   - incidents: the group's incidents that are not done.
    ///   - decision: the newest decision about the group's size.
    ///   - publication: the newest publication of the group.
    package static func all(
        in record: GroupRecord, incidents: [Incident], decision: DecisionEntry?, publication: Publication?,
        at now: Timestamp
    ) -> [FleetConcern] {
        [
            unmet(record, decision), failing(publication, now), foreign(publication, record.name, now),
            undecided(record, incidents, decision, now),
        ].compactMap(\.self) + stuck(record) + unfit(record) + old(incidents)
    }

    // MARK: Parts

    /// Reasons that a person chose: whoever pauses a group does not want to hear that it does not grow.
    private static let chosen: Set<ScalingDecision.Reason> = [.paused, .frozen, .dryRun]

    private static func unmet(_ record: GroupRecord, _ decision: DecisionEntry?) -> FleetConcern? {
        guard let decision, !chosen.contains(decision.reason) else { return nil }
        // One that is sidelined has a concern of its own.
        let serving = record.replicas.count { $0.state == .serving || $0.state == .ramping }
        guard decision.desired > serving, decision.direction != .in else { return nil }
        let detail = decision.detail.map { " (\($0))" } ?? ""
        return FleetConcern(
            key: Key(code: .sizeUnmet, subject: ""), since: decision.firstAt,
            sentence: "wants \(counted(decision.desired, "replica")) of Drover's and has \(serving) in use: "
                + "\(decision.reason.rawValue)\(detail)",
            fields: [
                .desired: "\(decision.desired)", .serving: "\(serving)", .reason: decision.reason.rawValue,
            ])
    }

    private static func failing(_ publication: Publication?, _ now: Timestamp) -> FleetConcern? {
        guard let publication, !publication.isComplete else { return nil }
        let missing = publication.nodes.filter { $0.condition != .current }
        let nodes = missing.map { node in
            "\(node.node) is \(node.condition.rawValue)\(node.detail.map { " (\($0))" } ?? "")"
        }
        return FleetConcern(
            key: Key(code: .publicationFailing, subject: ""), since: now,
            sentence: "cannot bring generation \(publication.generation) to every node: "
                + (nodes.isEmpty ? "there is no node" : nodes.joined(separator: "; ")),
            fields: [
                .generation: "\(publication.generation)", .nodes: missing.map(\.node).joined(separator: ","),
            ])
    }

    private static func foreign(
        _ publication: Publication?, _ group: InstanceName, _ now: Timestamp
    ) -> FleetConcern? {
        let nodes = (publication?.nodes ?? []).filter { $0.reason == ForeignRow.code }
        guard let publication, !nodes.isEmpty else { return nil }
        let names = nodes.map(\.node).joined(separator: ",")
        return FleetConcern(
            key: Key(code: .foreignRows, subject: ""), since: now,
            sentence:
                "has rows of somebody else in its places on \(names): \(FleetEvent.rows(nodes)); remove them, give "
                + "the group other places, or run drover ctl databases adopt \(group)",
            fields: [.generation: "\(publication.generation)", .nodes: names, .rows: FleetEvent.rows(nodes)])
    }

    private static func undecided(
        _ record: GroupRecord, _ incidents: [Incident], _ decision: DecisionEntry?, _ now: Timestamp
    ) -> FleetConcern? {
        // While a replica is under way there is nothing to decide.
        guard record.replicaUnderWay == nil, let incident = incidents.first(where: { $0.state == .open }) else {
            return nil
        }
        // What Chester wrote last may be years old: Drover has had since its start to decide.
        let isTakenOver = decision == nil && !incident.isWrittenHere
        return FleetConcern(
            key: Key(code: .decisionMissing, subject: ""),
            since: isTakenOver ? now : max(incident.updatedAt, decision?.lastAt ?? incident.updatedAt),
            isUndated: isTakenOver,
            sentence: "has alert \"\(incident.policyName)\" firing and nothing was decided about it; the log of the "
                + "scaler says what it waits for",
            fields: [.incident: incident.id])
    }

    /// The concern of an alert that fires for a group which is none of those `registered`.
    package static func unregistered(
        _ incident: Incident, registered: [InstanceName], at now: Timestamp
    ) -> FleetConcern {
        FleetConcern(
            key: Key(code: .decisionMissing, subject: ""),
            since: incident.isWrittenHere ? incident.heardLast ?? incident.updatedAt : now,
            isUndated: !incident.isWrittenHere,
            sentence: "is not registered, and alert \"\(incident.policyName)\" fires for it, so nothing is decided. "
                + FleetEvent.advice(registered).dropLast(),
            fields: [.incident: incident.id])
    }

    /// The concern of a group that is not registered and of which nodes hold rows; nil for any other publication.
    package static func orphaned(_ publication: Publication, of group: InstanceName, at now: Timestamp) -> FleetConcern?
    {
        guard publication.isOfNoGroup == true, !publication.nodes.isEmpty else { return nil }
        let names = publication.nodes.map(\.node).joined(separator: ",")
        let reason = publication.nodes.compactMap(\.detail).first ?? ""
        return FleetConcern(
            key: Key(code: .orphanedRows, subject: ""), since: now,
            sentence: "is not registered, and \(names) hold rows with its mark, users and their passwords among them "
                + "(\(reason)); if it was removed, run drover ctl databases purge \(group), and if it should be "
                + "there, register it again",
            fields: [.nodes: names, .reason: reason])
    }

    private static func old(_ incidents: [Incident]) -> [FleetConcern] {
        incidents.filter { $0.state == .open }.map { incident in
            FleetConcern(
                key: Key(code: .incidentOld, subject: incident.id), since: incident.heardLast ?? incident.updatedAt,
                sentence: "has incident \(incident.id) of alert \"\(incident.policyName)\" open; if the alert fires no "
                    + "more, close the incident with drover ctl incidents close \(incident.id)",
                fields: [.incident: incident.id])
        }
    }

    private static func stuck(_ record: GroupRecord) -> [FleetConcern] {
        record.replicas.filter { ![.serving, .ramping, .gone].contains($0.state) }.map { replica in
            var fields: [FleetEvent.Field: String] = [.replica: replica.name.text, .state: replica.state.rawValue]
            fields[.operation] = replica.operationID
            fields[.reason] = replica.waitsFor
            let operation = replica.operationID.map { " (operation \($0))" } ?? ""
            let held = replica.waitsFor.map { ": \($0)" } ?? ""
            return FleetConcern(
                key: Key(code: .operationStuck, subject: replica.name.text), since: replica.stateSince,
                sentence: "has replica \(replica.name) still in state \(replica.state.rawValue)\(operation)\(held)",
                fields: fields)
        }
    }

    /// Readers that are not fit to serve, whether they still take reads or not.
    private static func unfit(_ record: GroupRecord) -> [FleetConcern] {
        (record.unfitReaders ?? []).filter { $0.phase != .returning }.map { unfit in
            let isOut = record.isSidelined(unfit.name)
            let next =
                isOut
                ? "it takes no new connections"
                : record.policy.fitness?.isActing == true
                    ? "it still takes reads"
                    : "it still takes reads, because the group's policy does not let Drover sideline readers"
            let held = unfit.waitsFor.map { " (\($0))" } ?? ""
            return FleetConcern(
                key: Key(code: .readerUnfit, subject: unfit.name), since: unfit.since,
                sentence: "has reader \(unfit.name), which is not fit to serve (\(unfit.sentence)); \(next)\(held)",
                fields: [.replica: unfit.name, .reason: unfit.sentence, .since: unfit.since.rfc3339])
        }
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}

/// The concerns of one group: how long each has lasted, and which were told.
package struct ConcernBook: Hashable, Sendable {
    private var since: [FleetConcern.Key: Timestamp] = [:]
    private var told: Set<FleetConcern.Key>

    /// Begins with what was told before, so that a restart repeats nothing.
    ///
    /// - Parameter events: the newest events of the group, newest first.
    package init(told events: [FleetEvent] = []) {
        told = []
        var settled: Set<FleetConcern.Key> = []
        for event in events {
            guard let code = event.fields["concern"].flatMap(FleetConcern.Code.init(rawValue:)) else { continue }
            let key = FleetConcern.Key(code: code, subject: event.fields["subject"] ?? "")
            guard settled.insert(key).inserted, event.kind != .concernOver else { continue }
            told.insert(key)
        }
    }

    /// The concerns that were told and are not over.
    package var open: Set<FleetConcern.Key> { told }

    /// Takes up what is wrong at `now`.
    /// - Returns: an event for each concern that has lasted too long, and for each told one that is over.
    package mutating func look(
        _ concerns: [FleetConcern], of group: InstanceName, limits: FleetConcern.Limits, at now: Timestamp
    ) -> [FleetEvent] {
        var events: [FleetEvent] = []
        var present: [FleetConcern.Key: Timestamp] = [:]
        for concern in concerns {
            // A decision that was made in between begins a new wait; what the documents cannot tell is remembered.
            let began =
                concern.key.code == .decisionMissing && !concern.isUndated
                ? concern.since : min(since[concern.key] ?? concern.since, concern.since)
            let lasted = now.since(began)
            let isLong = lasted >= limits.limit(for: concern.key.code)
            // What was decided meanwhile ends one that was told, though its alert fires on.
            if concern.key.code == .decisionMissing, !concern.isUndated, !isLong { continue }
            present[concern.key] = began
            guard isLong, told.insert(concern.key).inserted else { continue }
            events.append(Self.raised(concern, lasted, group, now))
        }
        for key in told.filter({ present[$0] == nil }).sorted(by: { $0.order < $1.order }) {
            told.remove(key)
            events.append(Self.over(key, group, now))
        }
        since = present
        return events
    }

    private static func raised(
        _ concern: FleetConcern, _ lasted: Duration, _ group: InstanceName, _ now: Timestamp
    ) -> FleetEvent {
        var fields = concern.fields
        fields[.concern] = concern.key.code.rawValue
        fields[.subject] = concern.key.subject
        fields[.seconds] = "\(lasted.wholeMilliseconds / 1_000)"
        let kind: FleetEvent.Kind =
            switch concern.key.code {
            case .sizeUnmet: .sizeUnmet
            case .operationStuck: .operationStuck
            case .publicationFailing: .publicationFailing
            case .foreignRows: .foreignRows
            case .decisionMissing: .decisionMissing
            case .readerUnfit: .readerUnfit
            case .incidentOld: .incidentOld
            case .orphanedRows: .rowsOrphaned
            }
        return FleetEvent(
            kind, [.incidentOld, .readerUnfit].contains(concern.key.code) ? .warning : .error, group: group, at: now,
            "For \(lasted.inWords) now, group \(group) \(concern.sentence). Drover goes on trying; please look.",
            fields: fields)
    }

    private static func over(_ key: FleetConcern.Key, _ group: InstanceName, _ now: Timestamp) -> FleetEvent {
        let what =
            switch key.code {
            case .sizeUnmet: "has the replicas that it wants, or wants no more"
            case .operationStuck: "is done with replica \(key.subject)"
            case .publicationFailing: "is on every live node again"
            case .foreignRows: "has its places in ProxySQL to itself"
            case .decisionMissing: "is decided about again, or its alert is over"
            case .readerUnfit: "has reader \(key.subject) fit to serve again, or no more"
            case .incidentOld: "has incident \(key.subject) open no more"
            case .orphanedRows: "is registered again, or no node holds rows of it any more"
            }
        return FleetEvent(
            .concernOver, .info, group: group, at: now, "Over: group \(group) \(what).",
            fields: [.concern: key.code.rawValue, .subject: key.subject])
    }
}

extension FleetConcern.Key {
    fileprivate var order: String { "\(code.rawValue) \(subject)" }
}

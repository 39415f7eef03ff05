/// What an alert asks for.
package enum IncidentAction: String, Hashable, Codable, Sendable {
    /// One more replica while the incident is open.
    case add
    /// One fewer replica while the incident is open.
    case remove
}

/// Whether the alert is still firing.
package enum IncidentState: String, Hashable, Codable, Sendable {
    /// Firing. Can become `closed`.
    case open
    /// Over. Final: Cloud Monitoring gives the next firing a new id.
    case closed
}

/// Chester's words for how far an incident has come; other tools and people read them in the store.
package enum LastProcess: String, Hashable, Codable, Sendable {
    /// The webhook stored it.
    case webhookPush = "gcf_push"
    /// The scaler took it up.
    case acknowledged = "daemon_ack"
    /// The create (add) or delete (remove) call is under way.
    case instanceCall = "instance_insert"
    /// The configuration was changed in the store.
    case configurationUpdate = "config_update"
    /// The configuration is being brought to the nodes; Drover restarts nothing.
    case publication = "proxysql_restart"
    /// The step is complete and the incident is looked at again after the cooldown.
    case statusCheck = "status_check"
    /// The alert is over.
    case closed
    /// The alert is over and nothing of it is under way.
    case clear
    /// A step failed for good.
    case fail
}

/// A durable incident; the properties are Chester's, as it stores them in Datastore.
package struct Incident: Hashable, Codable, Sendable {
    /// Cloud Monitoring's id with every `.` replaced by `-`.
    package var id: String
    /// The alert policy's name.
    package var policyName: String
    /// Whether it is still firing.
    package var state: IncidentState
    /// When it began to fire.
    package var startedAt: Timestamp
    /// When it was over, once it is.
    package var closedAt: Timestamp?
    /// The primary that it is about.
    package var primaryInstance: InstanceName
    /// The group whose size it asks to change; the primary's name where the alert names none.
    package var group: InstanceName
    /// Beginning of the names of the replicas to create.
    package var replicaBaseName: String
    /// What it asks for.
    package var action: IncidentAction
    /// The alert's documentation text, kept for Chester's other tools.
    package var documentation: String
    /// How far it has come.
    package var lastProcess: LastProcess
    /// The provider's operation under way.
    package var operationID: String
    /// The replica last created or removed.
    package var lastReplicaName: String
    /// That replica's address.
    package var lastAddress: String
    /// When the record last changed.
    package var updatedAt: Timestamp
    /// Which role changed it last, or who closed it.
    package var updatedBy: String
    /// When a notification of it came last; nil in records of before, and where the store has no place for it.
    package var heardAt: Timestamp?
    /// Who closed it, other than its alert.
    package var closedBy: String?
    /// Why, as a sentence without a full stop.
    package var closeReason: String?

    /// Makes the record of an alert that was just received.
    package init(alert: Alert, at now: Timestamp) {
        self.id = alert.incidentID
        self.policyName = alert.policyName
        self.state = alert.state
        self.startedAt = alert.startedAt
        self.closedAt = alert.closedAt
        self.primaryInstance = alert.primaryInstance
        self.group = alert.group
        self.replicaBaseName = alert.replicaBaseName
        self.action = alert.action
        self.documentation = alert.documentation
        self.lastProcess = alert.state == .open ? .webhookPush : .closed
        self.operationID = ""
        self.lastReplicaName = ""
        self.lastAddress = ""
        self.updatedAt = now
        self.updatedBy = "ingest"
        self.heardAt = now
    }

    /// Whether anything of it is still to be done or written down.
    package var isActive: Bool { state == .open || lastProcess != .clear }

    /// What an alert did to the incident that was stored under its id.
    package enum Change: Hashable, Sendable {
        /// There was none: it was stored.
        case created
        /// It is over now; what is under way will be finished.
        case closed
        /// A repeated opening, some time after the last: it fires still.
        case heard
        /// A duplicate, or an opening that arrived after its closing: nothing changed.
        case unchanged
    }

    /// Takes up what `alert` says of this incident; a duplicate or a late one changes nothing, and nothing but state
    /// and closing time is ever taken from a later alert, so that work under way keeps its record.
    ///
    /// What a person closed, or what was too old, stays closed: Cloud Monitoring gives the next firing a new id.
    package mutating func take(_ alert: Alert, at now: Timestamp) -> Change {
        guard state == .open else { return .unchanged }
        guard alert.state == .closed else {
            // Duplicates come within seconds and cost no write; a reminder is worth one.
            guard now.since(heardLast ?? updatedAt) >= Self.hearingInterval else { return .unchanged }
            heardAt = now
            updatedAt = now
            updatedBy = "ingest"
            return .heard
        }
        state = .closed
        closedAt = alert.closedAt ?? now
        updatedAt = now
        updatedBy = "ingest"
        heardAt = now
        return .closed
    }

    /// An opening that is repeated within this after one that was heard is a duplicate, and is not written.
    package static let hearingInterval = Duration.seconds(30)

    /// When a notification of it came last, by our own clock; nil where the record does not tell. `startedAt` is what
    /// somebody else said: Chester's data and people's tests have it years ago.
    package var heardLast: Timestamp? {
        heardAt ?? (updatedBy == "ingest" ? updatedAt : nil)
    }

    /// Whether our own roles wrote it last, so that `updatedAt` is of our time and not of Chester's.
    var isWrittenHere: Bool { updatedBy == "ingest" || updatedBy == "scaler" }

    /// Closes it for its alert, whose closing never came.
    /// - Returns: false when it was closed already, and nothing changed.
    package mutating func close(by who: String, because reason: String, at now: Timestamp) -> Bool {
        guard state == .open else { return false }
        state = .closed
        closedAt = now
        updatedAt = now
        updatedBy = who
        closedBy = who
        closeReason = reason
        return true
    }
}

/// A notification of Cloud Monitoring, parsed and checked.
package struct Alert: Hashable, Sendable {
    /// The incident's id, each `.` replaced by `-`.
    package var incidentID: String
    /// The alert policy's name.
    package var policyName: String
    /// Opening or closing.
    package var state: IncidentState
    /// When the incident began.
    package var startedAt: Timestamp
    /// When it ended, for a closing.
    package var closedAt: Timestamp?
    /// From the documentation: `sql_master_instance`.
    package var primaryInstance: InstanceName
    /// From the documentation: `instance_group`, else the primary.
    package var group: InstanceName
    /// From the documentation: `replica_basename`.
    package var replicaBaseName: String
    /// From the documentation: `action`.
    package var action: IncidentAction
    /// The documentation's text as it came.
    package var documentation: String

    /// Makes an alert; the parser in Ingest has checked every part.
    package init(
        incidentID: String, policyName: String, state: IncidentState, startedAt: Timestamp, closedAt: Timestamp?,
        primaryInstance: InstanceName, group: InstanceName, replicaBaseName: String, action: IncidentAction,
        documentation: String
    ) {
        self.incidentID = incidentID
        self.policyName = policyName
        self.state = state
        self.startedAt = startedAt
        self.closedAt = closedAt
        self.primaryInstance = primaryInstance
        self.group = group
        self.replicaBaseName = replicaBaseName
        self.action = action
        self.documentation = documentation
    }
}

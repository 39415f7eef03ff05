/// Something that happened to a group, as people and tools hear of it.
///
/// Events are derived from two documents, before and after, and never the other way round: nothing is ever decided by
/// reading events, so a lost one costs a notice and no correctness.
package struct FleetEvent: Hashable, Codable, Sendable {
    /// What happened; the raw value is used in filters, in the API and in notifications.
    package enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
        /// A group was registered.
        case groupCreated = "group-created"
        /// A group and its configuration were taken away.
        case groupRemoved = "group-removed"
        /// Servers, users, query rules or hostgroups of a group were changed by a person or a tool.
        case configurationChanged = "configuration-changed"
        /// Limits or pauses of a group's scaling were changed.
        case policyChanged = "policy-changed"
        /// A replica is about to be created.
        case replicaPlanned = "replica-planned"
        /// The provider took the create call.
        case replicaCreating = "replica-creating"
        /// The instance exists and is being checked.
        case replicaStarting = "replica-starting"
        /// The replica passed its checks and is being brought to the nodes.
        case replicaAdmitted = "replica-admitted"
        /// Every live node sends the replica traffic.
        case replicaServing = "replica-serving"
        /// A replica takes a part of its share of the traffic, and more with time.
        case replicaRamping = "replica-ramping"
        /// The replica takes no new connections.
        case replicaDraining = "replica-draining"
        /// The replica is being taken out of every node.
        case replicaRemoved = "replica-removed"
        /// The instance is being deleted.
        case replicaDeleting = "replica-deleting"
        /// The instance does not exist any more.
        case replicaGone = "replica-gone"
        /// The replica cannot serve and is cleaned up.
        case replicaFailed = "replica-failed"
        /// Something that is not Drover's work holds the replica in its state.
        case replicaHeld = "replica-held"
        /// The instance has another address, and the nodes' rows follow it.
        case replicaMoved = "replica-moved"
        /// A reader was found unfit to serve, and still takes reads.
        case readerUnfit = "reader-unfit"
        /// A reader that is not fit to serve takes no new connections.
        case readerSidelined = "reader-sidelined"
        /// A sidelined reader is fit again, and its share grows.
        case readerReturning = "reader-returning"
        /// A reader that was unfit is fit to serve again.
        case readerFit = "reader-fit"
        /// Most readers of a group are unfit at the same time.
        case readersUnfitAlike = "readers-unfit-alike"
        /// Drover lets go of the replica and leaves its instance to its owner.
        case replicaLeft = "replica-left"
        /// An alert began to fire.
        case incidentOpened = "incident-opened"
        /// An alert began to fire for a group that is not registered.
        case groupUnknown = "group-unknown"
        /// An alert is over, or a person said so.
        case incidentClosed = "incident-closed"
        /// The scaler closed an incident of which nothing was heard for too long.
        case incidentExpired = "incident-expired"
        /// Everything that an alert asked for is done.
        case incidentCleared = "incident-cleared"
        /// A step that an alert asked for failed for good.
        case incidentFailed = "incident-failed"
        /// Every live node holds a generation.
        case publicationFinished = "publication-finished"
        /// A node that may be alive does not hold a generation yet.
        case publicationIncomplete = "publication-incomplete"
        /// Nodes have rows of somebody else in places of a group.
        case foreignRows = "foreign-rows"
        /// Nodes knew a newer generation than the record: the store was restored, or the group registered again.
        case generationRaised = "generation-raised"
        /// Something else than before was decided about a group's size.
        case decisionMade = "decision-made"
        /// A group has had fewer replicas than it wants for long.
        case sizeUnmet = "size-unmet"
        /// A replica has been in one state for longer than it should be.
        case operationStuck = "operation-stuck"
        /// The nodes have not all held what they must for long.
        case publicationFailing = "publication-failing"
        /// An alert fires, and nothing has been decided about its group for long.
        case decisionMissing = "decision-missing"
        /// An alert has fired for so long that its closing may be lost.
        case incidentOld = "incident-old"
        /// Nodes have held rows of a group that is not registered for long.
        case rowsOrphaned = "orphaned-rows"
        /// One of the lasting troubles is over.
        case concernOver = "concern-over"
        /// Nothing: somebody tries whether notifications arrive. It is in no log.
        case test
    }

    /// How much attention an event wants.
    package enum Severity: String, Hashable, Codable, Sendable, Comparable, CaseIterable {
        /// Worth knowing.
        case info
        /// Something is worse than it should be; Drover goes on by itself.
        case warning
        /// A person must look.
        case error

        private var rank: Int {
            switch self {
            case .info: 0
            case .warning: 1
            case .error: 2
            }
        }

        /// Orders by urgency.
        package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
    }

    /// The position in the event log, from 1; 0 while the event is in no log.
    package var id: Int64
    /// When it happened.
    package var time: Timestamp
    /// The group that it is about.
    package var group: InstanceName
    /// What happened.
    package var kind: Kind
    /// How much attention it wants.
    package var severity: Severity
    /// The whole event in one sentence for a person who knows nothing else of it.
    package var sentence: String
    /// The same for tools: names such as `replica`, `address`, `incident`, `reason`. Never a secret.
    package var fields: [String: String]

    /// Makes an event that is in no log yet.
    package init(
        _ kind: Kind, _ severity: Severity = .info, group: InstanceName, at time: Timestamp, _ sentence: String,
        fields: [Field: String] = [:]
    ) {
        assert(kind.fields.isSuperset(of: fields.keys), "\(kind) has \(fields.keys)")
        self.id = 0
        self.time = time
        self.group = group
        self.kind = kind
        self.severity = severity
        self.sentence = sentence
        self.fields = Dictionary(uniqueKeysWithValues: fields.map { ($0.key.rawValue, $0.value) })
    }
}

/// Whoever wants to hear of events as they happen; must return at once and never hold up the work that it hears of.
package protocol EventSink: Sendable {
    /// Takes events over, oldest first. An event that cannot be taken is dropped and counted by the sink.
    func take(_ events: [FleetEvent])
}

/// The newest events, on disk: a bounded log whose ids only grow.
package protocol EventLog: Sendable {
    /// Appends events and returns them with their ids.
    func append(_ events: [FleetEvent]) async throws(StoreError) -> [FleetEvent]
    /// The events behind `id`, oldest first, at most `limit`; of one group where `group` is given. 0 begins with the
    /// oldest that is kept.
    func events(after id: Int64, group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent]
    /// The newest events, newest first, at most `limit`; of one group where `group` is given.
    func newest(group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent]
}

// The protocols between the roles and the outside systems. They live here because both sides import only this module.

/// A stored document with the version that a later save must name.
package struct Versioned<Document: Sendable>: Sendable {
    /// The document.
    package var document: Document
    /// Grows by one at each save.
    package var version: Int64

    /// Pairs a document with its version.
    package init(document: Document, version: Int64) {
        self.document = document
        self.version = version
    }
}

/// Why a store did not do what it was asked.
package enum StoreError: Error, Sendable, CustomStringConvertible {
    /// Somebody saved the document in between: load it again and decide again.
    case conflict(document: String)
    /// Another scaler leads now: stop acting.
    case fenced(document: String)
    /// The store itself failed; `reason` says what was attempted and what to do.
    case unavailable(reason: String)
    /// The stored bytes are not a document of this version of Drover.
    case corrupt(document: String, reason: String)
    /// The document is one that this store cannot hold; `reason` says why, and repeating it changes nothing.
    case unacceptable(document: String, reason: String)

    package var description: String {
        switch self {
        case .conflict(let document): "\(document) was changed by somebody else; load it again"
        case .fenced(let document): "\(document) was not saved: another scaler leads now"
        case .unavailable(let reason): "the store is unavailable: \(reason)"
        case .corrupt(let document, let reason): "\(document) in the store cannot be read: \(reason)"
        case .unacceptable(let document, let reason): "\(document) cannot be stored: \(reason)"
        }
    }
}

/// Durable incidents.
package protocol IncidentStore: Sendable {
    /// Stores what `alert` says and, where it changed anything, the message that wakes the scaler, in one durable
    /// transaction: when this returns, both survive a crash.
    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change
    /// The incident stored under `id`.
    func incident(id: String) async throws(StoreError) -> Versioned<Incident>?
    /// The incidents of `group` that are open, or closed but not yet cleared, oldest first.
    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>]
    /// The same for whoever looks again and again: of more than `limit`, only the oldest `limit` of each action and state,
    /// and how many are open.
    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents
    /// How many incidents of each group are open; a group without any may be missing.
    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents]
    /// All incidents, newest first, at most `limit`.
    func recent(limit: Int) async throws(StoreError) -> [Incident]
    /// Saves progress; throws `.conflict` when `version` is not the stored one.
    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError)
}

/// Durable groups.
package protocol GroupStore: Sendable {
    /// The group's record.
    func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>?
    /// The names of all groups, in order.
    func names() async throws(StoreError) -> [InstanceName]
    /// All groups, by name.
    func groups() async throws(StoreError) -> [Versioned<GroupRecord>]
    /// Stores a new group; throws `.conflict` when one of that name exists.
    func insert(_ record: GroupRecord) async throws(StoreError)
    /// Saves a change; throws `.conflict` when `version` is not the stored one.
    func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError)
    /// Removes a group and keeps `tombstone` of it, in one durable transaction; throws `.conflict` when `version` is not
    /// the stored one. A group of the name that is stored later ends the tombstone.
    func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError)
    /// What is kept of groups that were removed.
    func tombstones() async throws(StoreError) -> [GroupTombstone]
}

extension GroupStore {
    /// For stores that cannot read names alone.
    package func names() async throws(StoreError) -> [InstanceName] {
        try await groups().map(\.document.name)
    }

    /// Removes a group of which nothing has to be remembered.
    package func remove(_ name: InstanceName, ifVersion version: Int64) async throws(StoreError) {
        try await remove(name, ifVersion: version, leaving: nil)
    }
}

/// A message that wakes the scaler; it carries no state of its own, so losing the order of messages loses nothing.
package struct WorkMessage: Hashable, Codable, Sendable {
    /// Why the scaler should look.
    package enum Reason: String, Hashable, Codable, Sendable {
        /// An incident of the group changed.
        case incident
        /// The group's configuration changed (Chester's `restart`).
        case restart
    }

    /// Why.
    package var reason: Reason
    /// Where to look.
    package var group: InstanceName
    /// The incident, for that reason.
    package var incidentID: String?

    /// Makes a message.
    package init(reason: Reason, group: InstanceName, incidentID: String? = nil) {
        self.reason = reason
        self.group = group
        self.incidentID = incidentID
    }
}

/// A message that was taken from the queue and not yet acknowledged.
package struct WorkDelivery: Sendable {
    /// The queue's handle of this delivery.
    package var id: String
    /// The message.
    package var message: WorkMessage
    /// How often it was delivered, from 1.
    package var attempt: Int

    /// Makes a delivery.
    package init(id: String, message: WorkMessage, attempt: Int) {
        self.id = id
        self.message = message
        self.attempt = attempt
    }
}

/// At-least-once delivery of messages between roles.
package protocol WorkQueue: Sendable {
    /// Makes `message` durable.
    func publish(_ message: WorkMessage, at now: Timestamp) async throws(StoreError)
    /// Takes at most `limit` messages; each comes again after `visibility` unless it is acknowledged.
    func receive(limit: Int, visibility: Duration, at now: Timestamp) async throws(StoreError) -> [WorkDelivery]
    /// Ends deliveries for good, all in one write.
    func acknowledge(_ ids: [String]) async throws(StoreError)
    /// Gives a delivery back; it comes again after `delay`.
    func release(_ id: String, after delay: Duration, at now: Timestamp) async throws(StoreError)
    /// Nobody here receives until `receive` is called again: what was fetched and is not acknowledged goes back to
    /// the queue at once, so that another process gets it.
    func stopReceiving()
}

extension WorkQueue {
    /// For queues that fetch nothing before it is asked for.
    package func stopReceiving() {}
}

/// What brings a configuration to the nodes and reads back what they hold.
package protocol ProxyFleet: Sendable {
    /// Applies the difference to every node that is reachable and reads each back. Never throws: what could not be
    /// done is in the result, node by node.
    func publish(_ configuration: FleetConfiguration) async -> Publication
    /// Takes everything of a group that was removed from every node.
    func withdraw(_ configuration: FleetConfiguration) async -> Publication
    /// Sees to it that the nodes are brought to `configuration`, and says what is known of them: a fleet that keeps
    /// its nodes right by itself asks none anew that it has asked since this was wanted.
    func look(at configuration: FleetConfiguration) async -> Publication
}

/// A fleet that does nothing between publications, so that to look is to publish.
///
/// This is not what every fleet does that says nothing of looks: one that wraps another has to hand them on, or each
/// look at nodes that are kept right already reads them all anew.
package protocol RoundlessFleet: ProxyFleet {}

extension RoundlessFleet {
    package func look(at configuration: FleetConfiguration) async -> Publication {
        await publish(configuration)
    }
}

/// A fleet that keeps its nodes right between publications, each by itself.
package protocol FleetRounds: Sendable {
    /// Goes on until it is cancelled; `onChange` is called when a node stands differently than before. What was
    /// verified before it began does not count. `mayAct` is asked right before each LOAD: a round that was under way when
    /// the lease ended loads nothing any more.
    func run(mayAct: @escaping @Sendable () -> Bool, onChange: @escaping @Sendable () -> Void) async
    /// Forgets what was wanted before: another process may have led since.
    func begin() async
    /// Takes up which groups there are and were: rows of others are orphaned.
    func take(_ register: GroupRegister) async
    /// Whether rows of groups that are not registered turned up since that was taken: nothing is done about them before
    /// the store was read once more.
    func needsRegister() async -> Bool
    /// The rows of groups that are not registered, as the nodes that answer held them last.
    func orphans() async -> [OrphanedGroup]
}

/// What the nodes hold of one generation.
package struct Publication: Hashable, Codable, Sendable {
    /// The generation that was published.
    package var generation: Int64
    /// Every node of the fleet.
    package var nodes: [NodePublication]
    /// The digest of what nodes must hold; nil where the rows themselves are compared.
    package var content: String?
    /// What nodes know that is not older than `generation` and differs. Then nothing was published: the record's
    /// generation must be raised above it first.
    package var newer: NewerGeneration?
    /// Whether this is what nodes hold of a group that is not registered; nil for no.
    package var isOfNoGroup: Bool?

    /// Makes a publication.
    package init(generation: Int64, nodes: [NodePublication]) {
        self.generation = generation
        self.nodes = nodes
    }

    /// Whether every node that is not known to be down holds the generation, and at least one does.
    package var isComplete: Bool {
        nodes.contains { $0.condition == .current }
            && nodes.allSatisfy { $0.condition == .current || $0.condition == .down }
    }

    /// Whether enough nodes hold the generation for more traffic to be given to what is new in it: at least one, and
    /// half of those that answer. A node that does not, or that cannot be brought there, keeps what it has and harms
    /// nobody; only what is taken away has to be gone everywhere (`isComplete`).
    package var isWidespread: Bool {
        let current = nodes.count { $0.condition == .current }
        let behind = nodes.count { $0.condition == .behind }
        return current > 0 && current >= behind
    }

    /// The same as it counts for a replica: rows of somebody else in the place of users and rules keep no server from a
    /// node, and what is done about them is for people.
    package var ofServers: Publication {
        var publication = self
        for index in nodes.indices where nodes[index].condition == .behind {
            guard let foreign = nodes[index].foreignRows, !foreign.isEmpty,
                !foreign.contains(where: { $0.row.table.hasPrefix("mysql_servers") })
            else { continue }
            publication.nodes[index].condition = .current
        }
        return publication
    }

    /// Whether nothing can use any more what this generation took away: the publication is complete, and whoever is
    /// down has been away for longer than a `restart` takes. One that is just being restarted comes back with what is
    /// on its disk.
    package func permitsDeletion(at now: Timestamp, restart: Duration) -> Bool {
        isComplete && returning(at: now, restart: restart).isEmpty
    }

    /// The nodes that are down and may be back at any moment with what is on their disks.
    package func returning(at now: Timestamp, restart: Duration) -> [String] {
        nodes.filter { node in
            guard node.condition == .down, let since = node.awaySince else { return false }
            // A clock that was set back says nothing of how long that is.
            return now.since(since) < restart
        }.map(\.node)
    }

    /// Connections in use to `address`:`port` over all nodes; nil while a node that may be alive was not read.
    package func connectionsInUse(address: String, port: Int) -> Int? {
        guard isComplete else { return nil }
        return nodes.flatMap(\.backends).filter { $0.address == address && $0.port == port }
            .reduce(0) { $0.clampedSum($1.connectionsInUse) }
    }
}

/// What one node holds.
package struct NodePublication: Hashable, Codable, Sendable {
    /// How the node stands to the generation.
    package enum Condition: String, Hashable, Codable, Sendable {
        /// It was read back and holds it.
        case current
        /// It answered but does not hold it; `detail` says why.
        case behind
        /// Its admin interface did not answer in time; it may still serve clients, so nothing is deleted.
        case unknown
        /// It refuses connections, or has not answered for longer than the configured time: it serves nobody.
        case down
    }

    /// The node's name.
    package var node: String
    /// How it stands.
    package var condition: Condition
    /// Why, when it is not current; for one that is, what is still to be done there.
    package var detail: String?
    /// The group's backends as the node's connection pool shows them.
    package var backends: [BackendObservation]
    /// What the node's agent says that it holds of the group; nil where rows are compared, and when it holds nothing.
    package var holds: HeldConfiguration?
    /// Rows of somebody else in places of the group, which keep it from being current; nil for none.
    package var foreignRows: [ForeignRow]?

    /// Servers of somebody else in hostgroups of the group, beside its own: they take its traffic, and keep the node
    /// from nothing; nil for none.
    package var foreignServers: [ForeignRow]?

    /// All rows of somebody else in the group's places.
    package var rowsOfOthers: [ForeignRow] { (foreignRows ?? []) + (foreignServers ?? []) }
    /// The stable code of what is wrong with the node, where there is one.
    package var reason: String? { rowsOfOthers.isEmpty ? nil : ForeignRow.code }
    /// Since when it has not answered, while it does not.
    package var awaySince: Timestamp?

    /// Makes a node's result.
    package init(node: String, condition: Condition, detail: String? = nil, backends: [BackendObservation] = []) {
        self.node = node
        self.condition = condition
        self.detail = detail
        self.backends = backends
    }
}

/// One row of a node's `stats_mysql_connection_pool`.
package struct BackendObservation: Hashable, Codable, Sendable {
    /// ProxySQL's hostgroup.
    package var hostgroup: Int
    /// The backend's address.
    package var address: String
    /// The backend's port.
    package var port: Int
    /// ONLINE, SHUNNED, SHUNNED_REPLICATION_LAG, OFFLINE_SOFT or OFFLINE_HARD.
    package var status: String
    /// ConnUsed.
    package var connectionsInUse: Int
    /// How far it is behind its primary, where that was measured.
    package var lag: LagReading?

    /// Makes an observation.
    package init(hostgroup: Int, address: String, port: Int, status: String, connectionsInUse: Int) {
        self.hostgroup = hostgroup
        self.address = address
        self.port = port
        self.status = status
        self.connectionsInUse = connectionsInUse
    }
}

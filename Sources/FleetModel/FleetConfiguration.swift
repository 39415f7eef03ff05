/// What every ProxySQL node of a fleet must hold for one group: one writer and its readers.
///
/// `generation` only grows: each durable change of anything else in here raises it by one, and a publication is
/// finished when every live node holds the content of that generation.
package struct FleetConfiguration: Hashable, Codable, Sendable {
    /// The group this configuration belongs to.
    package var group: InstanceName
    /// Counts the changes, from 1.
    package var generation: Int64
    /// Where writes go, and the default of the users.
    package var writerHostgroup: Int
    /// Where the reads that the query rules pick go.
    package var readerHostgroup: Int
    /// Added to each rule's own id to give the id in ProxySQL, so that groups that share nodes never collide.
    package var ruleIDBase: Int
    /// The primary, the configured replicas and the ones that Drover manages.
    package var servers: [BackendServer]
    /// Who may log in.
    package var users: [ProxyUser]
    /// How queries are routed, by ascending `id`.
    package var queryRules: [QueryRule]
    /// What verifies each backend; nil when the backends are not verified.
    package var tls: [BackendTLS]?
    /// What the group may take over of rows that are somebody else's; nil for nothing.
    package var adoption: Adoption?

    /// Makes the configuration of generation 1.
    package init(
        group: InstanceName, writerHostgroup: Int, readerHostgroup: Int, ruleIDBase: Int,
        content: (servers: [BackendServer], users: [ProxyUser], queryRules: [QueryRule])
    ) {
        self.group = group
        self.generation = 1
        self.writerHostgroup = writerHostgroup
        self.readerHostgroup = readerHostgroup
        self.ruleIDBase = ruleIDBase
        self.servers = content.servers
        self.users = content.users
        self.queryRules = content.queryRules
    }
}

/// One backend of a group, as it is wanted in ProxySQL's `mysql_servers`.
package struct BackendServer: Hashable, Codable, Sendable {
    /// Who put it there, and so who may take it away.
    package enum Origin: Hashable, Codable, Sendable {
        /// The primary.
        case primary
        /// A replica that a person or Terraform configured; Drover never removes it.
        case configured
        /// A replica that the scaler created.
        case managed
    }

    /// The statuses that a configuration can want; ProxySQL alone decides on SHUNNED.
    package enum Status: String, Hashable, Codable, Sendable, CaseIterable {
        /// Takes traffic.
        case online = "ONLINE"
        /// Takes no new connection and keeps those in use.
        case offlineSoft = "OFFLINE_SOFT"
    }

    /// The instance's name.
    package var name: String
    /// An IP address or host name.
    package var address: String
    /// TCP port, 1–65535.
    package var port: Int
    /// ProxySQL's hostgroup.
    package var hostgroup: Int
    /// What is wanted of it.
    package var status: Status
    /// Share of the traffic, 0–10,000,000 (ProxySQL 2.7 `mysql_servers.weight`).
    package var weight: Int
    /// Connections that ProxySQL may open to it.
    package var maxConnections: Int
    /// Whether ProxySQL uses TLS to it.
    package var useTLS: Bool
    /// Who put it there.
    package var origin: Origin

    /// MySQL's port.
    package static let usualPort = 3_306
    /// The weight of a backend that none is named for. A hundred, so that a new replica can begin with a few
    /// hundredths of a full share; ProxySQL's own 1 cannot be divided.
    package static let usualWeight = 100

    /// Makes a backend that is ONLINE, of the usual weight, on port 3306, with 1,000 connections.
    package init(name: String, address: String, hostgroup: Int, origin: Origin) {
        self.name = name
        self.address = address
        self.port = Self.usualPort
        self.hostgroup = hostgroup
        self.status = .online
        self.weight = Self.usualWeight
        self.maxConnections = 1_000
        self.useTLS = false
        self.origin = origin
    }
}

/// A login of applications, as it is wanted in ProxySQL's `mysql_users`.
package struct ProxyUser: Hashable, Codable, Sendable {
    /// The user name.
    package var username: String
    /// The password, in clear or as ProxySQL accepts it hashed.
    package var password: Secret
    /// Where its queries go when no rule says otherwise.
    package var defaultHostgroup: Int
    /// Whether it may log in.
    package var isActive: Bool

    /// Makes an active user.
    package init(username: String, password: Secret, defaultHostgroup: Int) {
        self.username = username
        self.password = password
        self.defaultHostgroup = defaultHostgroup
        self.isActive = true
    }
}

/// A routing rule, as it is wanted in ProxySQL's `mysql_query_rules`.
package struct QueryRule: Hashable, Codable, Sendable {
    /// The id inside the group, from 1; ProxySQL's `rule_id` is this plus the group's `ruleIDBase`.
    package var id: Int
    /// Applies to this user only.
    package var username: String
    /// Whether it is in force.
    package var isActive: Bool
    /// Regular expression on the query's digest text.
    package var matchDigest: String
    /// Where matching queries go.
    package var destinationHostgroup: Int
    /// Whether matching ends the search for rules.
    package var apply: Bool
    /// Free text for people.
    package var comment: String

    /// Makes an active, final rule.
    package init(id: Int, username: String, matchDigest: String, destinationHostgroup: Int, comment: String) {
        self.id = id
        self.username = username
        self.isActive = true
        self.matchDigest = matchDigest
        self.destinationHostgroup = destinationHostgroup
        self.apply = true
        self.comment = comment
    }

    /// The four rules that a group gets when none are given: Chester's, with its comments.
    package static func defaults(
        group: InstanceName, username: String, writerHostgroup: Int, readerHostgroup: Int
    ) -> [QueryRule] {
        [
            QueryRule(
                id: 1, username: username, matchDigest: "^SELECT .* FOR UPDATE", destinationHostgroup: writerHostgroup,
                comment: "select for update goes to the writer: \(group)"),
            QueryRule(
                id: 2, username: username, matchDigest: "^SELECT", destinationHostgroup: readerHostgroup,
                comment: "selects go to the reader: \(group)"),
            QueryRule(
                id: 3, username: username, matchDigest: ".*", destinationHostgroup: writerHostgroup,
                comment: "catch all to writer: \(group)"),
            QueryRule(
                id: 4, username: username, matchDigest: "^DELETE", destinationHostgroup: writerHostgroup,
                comment: "deletes to writer: \(group)"),
        ]
    }
}

// MARK: Reading

extension FleetConfiguration {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        group = try container.decode(InstanceName.self, forKey: .group)
        generation = try container.decode(Int64.self, forKey: .generation).clamped(to: DocumentRange.generation)
        writerHostgroup = try container.decode(Int.self, forKey: .writerHostgroup).clamped(to: DocumentRange.id)
        readerHostgroup = try container.decode(Int.self, forKey: .readerHostgroup).clamped(to: DocumentRange.id)
        ruleIDBase = try container.decode(Int.self, forKey: .ruleIDBase).clamped(to: DocumentRange.id)
        servers = try container.decode([BackendServer].self, forKey: .servers)
        users = try container.decode([ProxyUser].self, forKey: .users)
        queryRules = try container.decode([QueryRule].self, forKey: .queryRules)
        tls = try container.decodeIfPresent([BackendTLS].self, forKey: .tls)
        adoption = try container.decodeIfPresent(Adoption.self, forKey: .adoption)
    }
}

extension BackendServer {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        address = try container.decode(String.self, forKey: .address)
        port = try container.decode(Int.self, forKey: .port).clamped(to: DocumentRange.port)
        hostgroup = try container.decode(Int.self, forKey: .hostgroup).clamped(to: DocumentRange.id)
        status = try container.decode(Status.self, forKey: .status)
        weight = try container.decode(Int.self, forKey: .weight).clamped(to: DocumentRange.amount)
        maxConnections = try container.decode(Int.self, forKey: .maxConnections).clamped(to: DocumentRange.amount)
        useTLS = try container.decode(Bool.self, forKey: .useTLS)
        origin = try container.decode(Origin.self, forKey: .origin)
    }
}

extension ProxyUser {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        username = try container.decode(String.self, forKey: .username)
        password = try container.decode(Secret.self, forKey: .password)
        defaultHostgroup = try container.decode(Int.self, forKey: .defaultHostgroup).clamped(to: DocumentRange.id)
        isActive = try container.decode(Bool.self, forKey: .isActive)
    }
}

extension QueryRule {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(Int.self, forKey: .id).clamped(to: DocumentRange.id)
        username = try container.decode(String.self, forKey: .username)
        isActive = try container.decode(Bool.self, forKey: .isActive)
        matchDigest = try container.decode(String.self, forKey: .matchDigest)
        destinationHostgroup = try container.decode(Int.self, forKey: .destinationHostgroup)
            .clamped(to: DocumentRange.id)
        apply = try container.decode(Bool.self, forKey: .apply)
        comment = try container.decode(String.self, forKey: .comment)
    }
}

/// The places in ProxySQL that a group owns.
package struct HostgroupAllocation: Hashable, Sendable {
    /// Hostgroup of the writer.
    package var writer: Int
    /// Hostgroup of the readers.
    package var reader: Int
    /// See `FleetConfiguration.ruleIDBase`.
    package var ruleIDBase: Int

    /// Makes an allocation.
    package init(writer: Int, reader: Int, ruleIDBase: Int) {
        self.writer = writer
        self.reader = reader
        self.ruleIDBase = ruleIDBase
    }

    /// The first pair of hostgroups and range of rule ids that neither a group in `existing` nor somebody else on the
    /// nodes uses: 5/10 (Chester's) for the first group, then 15/20 and so on, each with its own thousand of rule ids.
    package static func next(
        beside existing: [FleetConfiguration], avoiding occupied: OccupiedPlaces = OccupiedPlaces()
    ) -> HostgroupAllocation {
        let hostgroups = Set(existing.flatMap(\.hostgroups)).union(occupied.hostgroups)
        let bases = Set(existing.map(\.ruleIDBase)).union(occupied.ruleIDs.map { $0.clampedSum(-1) / 1_000 * 1_000 })
        var index = 0
        while true {
            let candidate = HostgroupAllocation(
                writer: 5 + 10 * index, reader: 10 + 10 * index, ruleIDBase: 1_000 * index)
            if !hostgroups.contains(candidate.writer), !hostgroups.contains(candidate.reader),
                !bases.contains(candidate.ruleIDBase)
            {
                return candidate
            }
            index += 1
        }
    }
}

extension FleetConfiguration {
    /// The hostgroups that are the group's: its writer's, its readers', and any other that has one of its servers.
    package var hostgroups: Set<Int> { Set([writerHostgroup, readerHostgroup] + servers.map(\.hostgroup)) }

    /// Whether `hostgroup` is one of them.
    package func has(hostgroup: Int) -> Bool {
        hostgroup == writerHostgroup || hostgroup == readerHostgroup || servers.contains { $0.hostgroup == hostgroup }
    }

    /// The same in another pair of hostgroups: what was the writer's or the readers' goes along, what was elsewhere
    /// stays.
    package func moved(writer: Int, reader: Int) -> FleetConfiguration {
        let place = { (hostgroup: Int) in
            switch hostgroup {
            case writerHostgroup: writer
            case readerHostgroup: reader
            default: hostgroup
            }
        }
        var moved = self
        moved.writerHostgroup = writer
        moved.readerHostgroup = reader
        for index in servers.indices { moved.servers[index].hostgroup = place(servers[index].hostgroup) }
        for index in users.indices { moved.users[index].defaultHostgroup = place(users[index].defaultHostgroup) }
        for index in queryRules.indices {
            moved.queryRules[index].destinationHostgroup = place(queryRules[index].destinationHostgroup)
        }
        return moved
    }
}

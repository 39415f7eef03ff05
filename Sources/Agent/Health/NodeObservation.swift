package import FleetModel
import MySQLWire
package import ProxySQLAdmin

/// What one look at the node's admin interface showed.
package struct NodeObservation: Hashable, Sendable {
    /// How many backends of a hostgroup have a status.
    package struct Backends: Hashable, Sendable {
        /// ProxySQL's hostgroup.
        package var hostgroup: Int
        /// `ONLINE`, `SHUNNED`, `OFFLINE_SOFT`.
        package var status: String
        /// How many.
        package var count: Int

        /// Makes a count.
        package init(hostgroup: Int, status: String, count: Int) {
            self.hostgroup = hostgroup
            self.status = status
            self.count = count
        }
    }

    /// A row of `runtime_checksums_values`.
    package struct Stamp: Hashable, Sendable {
        /// The module, for example `mysql_servers_v2`.
        package var module: String
        /// How often this node loaded it since it started; not to be compared between nodes.
        package var version: Int64
        /// Seconds since 1970 of the LOAD that made the content.
        package var epoch: Int64
        /// Hash of the content.
        package var checksum: String

        /// Makes a stamp.
        package init(module: String, version: Int64, epoch: Int64, checksum: String) {
            self.module = module
            self.version = version
            self.epoch = epoch
            self.checksum = checksum
        }

        /// Whether the node runs anything of this module.
        package var hasRows: Bool { checksum.contains { !"0x".contains($0) } }
        /// Whether the node has content of this module: loaded since its start, or not empty.
        package var hasContent: Bool { version > 1 || hasRows }
    }

    /// When the look ended.
    package var at: Timestamp
    /// From `runtime_mysql_servers`.
    package var backends: [Backends]
    /// `Client_Connections_connected`.
    package var clients: Int
    /// Whether PAUSE is in force; nil for versions that do not tell (before 2.6).
    package var isPaused: Bool?
    /// Seconds since the node started.
    package var uptimeSeconds: Int
    /// From `runtime_checksums_values`.
    package var stamps: [Stamp]
    /// Servers, users or rules that a peer has and this node has not pulled yet; empty where nobody asked.
    package var awaited: [String] = []
    /// Servers and users that peers run, and this node runs none of; empty where nobody asked.
    package var lacking: [String] = []
    /// What the peers hold.
    package var cores = Cores.unknown

    /// Whether the peers have anything that this node could pull.
    package enum Cores: Hashable, Sendable {
        /// Nobody asked, or no loaded peer is known.
        case unknown
        /// Every loaded peer is without servers, users and rules: the fleet has no group yet.
        case empty
        /// Some have content.
        case filled
    }

    /// Makes an observation.
    package init(
        at: Timestamp, backends: [Backends] = [], clients: Int = 0, isPaused: Bool? = nil, uptimeSeconds: Int = 0,
        stamps: [Stamp] = []
    ) {
        self.at = at
        self.backends = backends
        self.clients = clients
        self.isPaused = isPaused
        self.uptimeSeconds = uptimeSeconds
        self.stamps = stamps
    }

    /// How many backends there are, in all or of one status.
    package func count(_ status: String? = nil) -> Int {
        backends.filter { status == nil || $0.status == status }.reduce(0) { $0 + $1.count }
    }

    /// What a node needs to serve clients.
    private static let contents = ["mysql_servers", "mysql_users", "mysql_query_rules"]
    /// Without servers nobody is served, and without users every login is refused; without rules everybody is served, by
    /// the hostgroup of the user.
    private static let vital = ["mysql_servers", users]
    private static let users = "mysql_users"

    /// Whether servers, users or rules have been configured.
    package var hasConfiguration: Bool {
        stamps.contains { Self.contents.contains($0.module) && $0.hasContent }
    }

    /// Whether the node runs any users.
    package var hasUsers: Bool { stamps.contains { $0.module == Self.users && $0.hasRows } }
    /// Whether its peers run users and the node runs none.
    package var lacksUsers: Bool { lacking.contains(Self.users) }

    /// Looks at the node: three statements, each within `timeout`, and more for what its peers have, which is asked of a
    /// node without servers or users that should have some too.
    package static func look(
        _ port: AdminPort, timeout: Duration, asksPeers: Bool = false, requiresContent: Bool = false,
        now: () -> Timestamp
    ) async throws(AdminError) -> NodeObservation {
        // Each statement may hang for long, with all that happens meanwhile: what peers have is asked first, so that nothing
        // counts as missing that arrived in between, and the uptime is that of the end.
        var peers = asksPeers ? try await Self.peers(port, timeout) : []
        let servers = try await port.query(
            "SELECT hostgroup_id, status, COUNT(*) AS servers FROM runtime_mysql_servers "
                + "GROUP BY hostgroup_id, status", within: timeout)
        let global = try await port.query(
            "SELECT Variable_Name, Variable_Value FROM stats_mysql_global WHERE Variable_Name IN "
                + "('Client_Connections_connected','mysql_listener_paused','ProxySQL_Uptime')", within: timeout)
        let askedAt = now()
        var own = try await Self.own(port, timeout)
        let isEmpty = servers.rows.isEmpty || !own.contains { $0.module == users && $0.hasRows }
        if !asksPeers, requiresContent, isEmpty {
            peers = try await Self.peers(port, timeout)
            own = try await Self.own(port, timeout)
        }
        let values = Dictionary(
            global.rows.map { ($0[0] ?? "", $0[1] ?? "") }, uniquingKeysWith: { first, _ in first })
        let at = now()
        let passed = Int(max(0, at.since(askedAt).wholeMilliseconds / 1_000))
        var observation = NodeObservation(
            at: at,
            backends: servers.rows.map {
                Backends(hostgroup: $0.integer(0), status: ($0[1] ?? "").uppercased(), count: $0.integer(2))
            },
            clients: values["Client_Connections_connected"].flatMap { Int($0) } ?? 0,
            isPaused: values["mysql_listener_paused"].map { $0 == "true" || $0 == "1" },
            uptimeSeconds: (values["ProxySQL_Uptime"].flatMap { Int($0) } ?? 0).clampedSum(passed),
            stamps: own)
        observation.compare(with: peers)
        return observation
    }

    private static func own(_ port: AdminPort, _ timeout: Duration) async throws(AdminError) -> [Stamp] {
        try await port.query("SELECT name, version, epoch, checksum FROM runtime_checksums_values", within: timeout)
            .rows.map { stamp($0) }
    }

    private static func peers(_ port: AdminPort, _ timeout: Duration) async throws(AdminError) -> [Stamp] {
        try await port.query(
            "SELECT name, version, epoch, checksum FROM stats_proxysql_servers_checksums", within: timeout
        ).rows.map { stamp($0) }
    }

    /// What the peers offer beside what the node has.
    mutating func compare(with peers: [Stamp]) {
        let filled = peers.filter { Self.contents.contains($0.module) && $0.hasRows }
        // A core loads its variables and never an empty table, so it is by them that an empty one shows that it is done.
        let areLoaded = peers.contains { $0.version > 1 && $0.module != "proxysql_servers" }
        cores = filled.isEmpty ? (areLoaded ? .empty : .unknown) : .filled
        // Only what was loaded can be pulled.
        let offered = filled.filter { $0.version > 1 }.map(\.module)
        // The modules arrive one after the other; without users a node that has servers turns everybody away.
        let own = stamps.filter(\.hasContent).map(\.module)
        awaited = Self.contents.filter { offered.contains($0) && !own.contains($0) }
        // What a core only has on its disk never comes, and the row of one that is gone stays for a while: the newest that
        // was loaded tells.
        lacking = Self.vital.filter { module in
            let loaded = peers.filter { $0.module == module && $0.version > 1 }
            let newest = loaded.max { ($0.epoch, $0.version) < ($1.epoch, $1.version) }
            return newest?.hasRows == true && !stamps.contains { $0.module == module && $0.hasRows }
        }
    }

    private static func stamp(_ row: MySQLRow) -> Stamp {
        Stamp(
            module: row[0] ?? "", version: Int64(row.integer(1)), epoch: Int64(row.integer(2)), checksum: row[3] ?? "")
    }
}

extension MySQLRow {
    /// The number in a cell, in a range in which those of all rows can be added up; 0 where there is none.
    func integer(_ index: Int) -> Int { self[index].flatMap { Int($0) }?.clamped(to: -1 << 48...1 << 48) ?? 0 }
}

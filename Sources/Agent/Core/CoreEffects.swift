import FleetModel
import Observability
package import Logging
package import Pacing
package import ProxySQLAdmin

/// What `CoreConfiguration` and `MembershipPlan` decide, carried out on one node.
package struct CoreEffects: Sendable {
    let shell: any AdminShell
    private let time: (clock: any Clock<Duration>, wallClock: any WallClock)
    let logger: Logger

    /// Works over `shell`, on the machine of the node, whose clock stamps what is loaded.
    package init(
        _ shell: any AdminShell, time: (clock: any Clock<Duration>, wallClock: any WallClock), logger: Logger
    ) {
        self.shell = shell
        self.time = time
        self.logger = logger
    }

    /// What the node runs.
    package func stamps() async throws(AdminError) -> [CoreModule: NodeObservation.Stamp] {
        CoreModule.stamps(
            try await shell.rows("SELECT name, version, epoch, checksum FROM runtime_checksums_values").compactMap {
                row in Self.stamp(row)
            })
    }

    /// What the node has seen of its peers, by host.
    package func peerStamps() async throws(AdminError) -> [String: [CoreModule: NodeObservation.Stamp]] {
        let rows = try await shell.rows(
            "SELECT name, version, epoch, checksum, hostname FROM stats_proxysql_servers_checksums WHERE version > 0")
        var byHost: [String: [NodeObservation.Stamp]] = [:]
        for row in rows {
            guard row.count > 4, let host = row[4], let stamp = Self.stamp(row) else { continue }
            byHost[host, default: []].append(stamp)
        }
        return byHost.mapValues { CoreModule.stamps($0) }
    }

    /// The modules that ProxySQL pulls when peers have something newer, of those that it has seen of `peers`.
    func pulls(_ peers: [String: [CoreModule: NodeObservation.Stamp]]) async throws(AdminError) -> Set<CoreModule> {
        let rows = try await shell.rows(
            "SELECT variable_name, variable_value FROM runtime_global_variables "
                + "WHERE variable_name LIKE 'admin-cluster_%_diffs_before_sync'")
        let left = Set(rows.filter { $0.count > 1 && $0[1] == "0" }.compactMap { $0[0] })
        return Set(
            CoreModule.allCases.filter { module in
                peers.values.contains { $0[module] != nil }
                    && !left.contains("admin-cluster_\(module.checksumName)_diffs_before_sync")
            })
    }

    static let tries = 10

    /// What the node runs of a module, once no LOAD of now bears the same second: whoever pulled what is replaced would
    /// never pull what replaces it.
    func stampOfThePast(_ module: CoreModule) async throws(AdminError) -> NodeObservation.Stamp? {
        let stamp = try await stamps()[module]
        guard let stamp, stamp.version > 1 else { return stamp }
        let nextSecond = Timestamp(secondsSinceEpoch: stamp.epoch.clampedSum(1))
        let wait = nextSecond.since(time.wallClock.now())
        // A stamp of the future comes from another machine's clock.
        guard wait > .zero, wait <= .seconds(1) else { return stamp }
        try? await time.clock.sleep(for: wait)
        return try await stamps()[module]
    }

    /// Loads modules as they are in memory.
    package func load(_ modules: [CoreModule]) async throws(AdminError) {
        for module in modules { try await load(module) }
    }

    func load(_ module: CoreModule) async throws(AdminError) {
        try await refuseEmpty(module)
        _ = try await shell.rows("LOAD \(module.rawValue) TO RUNTIME")
        AgentMetric.loads.count(module.checksumName)
        try await save(module.rawValue, module.checksumName)
    }

    /// No empty set of servers or users is put in the place of one that runs, here or on a peer.
    private func refuseEmpty(_ module: CoreModule) async throws(AdminError) {
        guard let table = module.vitalTable, try await count(table) == 0 else { return }
        if try await count("runtime_\(table)") > 0 {
            // Whoever emptied memory did not load it: what runs goes on.
            _ = try await shell.rows("SAVE \(module.rawValue) TO MEMORY")
            return
        }
        let peers = try await peerStamps().filter { $0.value[module]?.hasRows == true }
        guard peers.isEmpty else {
            throw AdminError(
                .readBackDiffers,
                "\(table) is empty here and not on \(peers.keys.sorted().joined(separator: ", ")); nothing was loaded")
        }
    }

    /// Saves what was loaded if peers would save it when they pull it: the node that was loaded does not do so itself.
    private func save(_ module: String, _ name: String) async throws(AdminError) {
        let rows = try await shell.rows(
            "SELECT variable_value FROM global_variables WHERE variable_name='admin-cluster_\(name)_save_to_disk'")
        guard rows.first?.first == "true" else { return }
        _ = try await shell.rows("SAVE \(module) TO DISK")
    }

    // MARK: Membership

    /// The table of peers in memory, or what runs of it.
    package func members(atRuntime: Bool = false) async throws(AdminError) -> [MemberRow] {
        try await shell.rows(
            "SELECT hostname, port, comment FROM \(atRuntime ? "runtime_" : "")proxysql_servers"
        ).map { row in
            MemberRow(host: row[0] ?? "", port: row[1].flatMap { Int($0) } ?? 0, comment: row[2] ?? "")
        }
    }

    /// Changes the table and loads it, and nothing else; what `loadMembers` says.
    package func carryOut(_ plan: MembershipPlan) async throws(AdminError) -> Bool {
        for statement in try plan.statements() { _ = try await shell.rows(statement) }
        let isShared = try await loadMembers()
        logger.info(
            "members of the cluster changed",
            metadata: [
                "written": "\(Self.names(plan.writes))", "removed": "\(Self.names(plan.removals))",
            ])
        return isShared
    }

    /// Loads the table of peers; whether what ran before bears the same second, whoever loaded it, so that who pulled it
    /// will not pull this.
    package func loadMembers() async throws(AdminError) -> Bool {
        let before = try await epochOfMembers()
        _ = try await shell.rows("LOAD PROXYSQL SERVERS TO RUNTIME")
        AgentMetric.loads.count("proxysql_servers")
        try await save("PROXYSQL SERVERS", "proxysql_servers")
        guard let before else { return false }
        return try await epochOfMembers() == before
    }

    /// The second of the LOAD that made the table; nil when it was not loaded since the node's start.
    private func epochOfMembers() async throws(AdminError) -> Int64? {
        let row = try await shell.rows(
            "SELECT version, epoch FROM runtime_checksums_values WHERE name='proxysql_servers'"
        ).first
        guard let row, row.count > 1, let version = row[0].flatMap({ Int64($0) }), version > 1 else { return nil }
        return row[1].flatMap { Int64($0) }
    }

    private static func names(_ rows: [MemberRow]) -> String {
        let shown = rows.prefix(10).map { $0.comment.isEmpty ? $0.host : "\($0.comment) \($0.host)" }
        return shown.joined(separator: ", ") + (rows.count > 10 ? " and \(rows.count - 10) more" : "")
    }

    private func count(_ table: String) async throws(AdminError) -> Int {
        let rows = try await shell.rows("SELECT COUNT(*) FROM \(table)")
        return rows.first?.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    }

    private static func stamp(_ row: [String?]) -> NodeObservation.Stamp? {
        guard row.count > 3, let name = row[0], let checksum = row[3] else { return nil }
        return NodeObservation.Stamp(
            module: name, version: row[1].flatMap { Int64($0) } ?? 0, epoch: row[2].flatMap { Int64($0) } ?? 0,
            checksum: checksum)
    }
}

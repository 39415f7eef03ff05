import FleetModel
package import Logging
import Metrics
package import ProxySQLAdmin

/// What `CoreConfiguration` and `MembershipPlan` decide, carried out on one node.
package struct CoreEffects: Sendable {
    private let shell: any AdminShell
    private let logger: Logger

    /// Works over `shell`.
    package init(_ shell: any AdminShell, logger: Logger) {
        self.shell = shell
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
            "SELECT name, version, epoch, checksum, hostname FROM stats_proxysql_servers_checksums")
        var byHost: [String: [NodeObservation.Stamp]] = [:]
        for row in rows {
            guard row.count > 4, let host = row[4], let stamp = Self.stamp(row), stamp.version > 0 else { continue }
            byHost[host, default: []].append(stamp)
        }
        return byHost.mapValues { CoreModule.stamps($0) }
    }

    /// Replaces what is there by the mounted configuration and loads it; what runs right after each LOAD.
    ///
    /// - Throws: `readBackDiffers` when nothing came of the file although something runs; nothing was loaded then and
    ///   memory is as it was.
    package func restore() async throws(AdminError) -> [CoreModule: NodeObservation.Stamp] {
        for module in CoreModule.allCases {
            // FROM CONFIG merges: rows that a stale peer brought would survive and be stamped as the newest.
            for table in module.tables { _ = try await shell.rows("DELETE FROM \(table)") }
            _ = try await shell.rows("LOAD \(module.rawValue) FROM CONFIG")
        }
        let contents = ["mysql_servers", "mysql_users", "mysql_query_rules"]
        var inMemory = 0
        var atRuntime = 0
        for table in contents {
            inMemory += try await count(table)
            atRuntime += try await count("runtime_\(table)")
        }
        guard inMemory > 0 || atRuntime == 0 else {
            for module in CoreModule.allCases { _ = try await shell.rows("SAVE \(module.rawValue) TO MEMORY") }
            throw AdminError(
                .readBackDiffers,
                "the mounted configuration has no servers, users or query rules, or cannot be read; nothing was loaded")
        }
        var after: [CoreModule: NodeObservation.Stamp] = [:]
        for module in CoreModule.allCases {
            try await load(module)
            after[module] = try await stamps()[module]
        }
        return after
    }

    /// Loads modules as they are in memory.
    package func load(_ modules: [CoreModule]) async throws(AdminError) {
        for module in modules { try await load(module) }
    }

    private func load(_ module: CoreModule) async throws(AdminError) {
        _ = try await shell.rows("LOAD \(module.rawValue) TO RUNTIME")
        Counter(label: "drover_agent_loads_total", dimensions: [("module", module.checksumName)]).increment()
        try await save(module.rawValue, module.checksumName)
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

    /// Changes the table and loads it, and nothing else.
    package func carryOut(_ plan: MembershipPlan) async throws(AdminError) {
        for statement in try plan.statements() { _ = try await shell.rows(statement) }
        try await loadMembers()
        logger.info(
            "members of the cluster changed",
            metadata: [
                "written": "\(Self.names(plan.writes))", "removed": "\(Self.names(plan.removals))",
            ])
    }

    /// Loads the table of peers.
    package func loadMembers() async throws(AdminError) {
        _ = try await shell.rows("LOAD PROXYSQL SERVERS TO RUNTIME")
        Counter(label: "drover_agent_loads_total", dimensions: [("module", "proxysql_servers")]).increment()
        try await save("PROXYSQL SERVERS", "proxysql_servers")
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

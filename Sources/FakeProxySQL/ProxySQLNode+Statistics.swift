import FleetModel
import Pacing

extension ProxySQLNode {
    /// Fills the generated tables that `statement`, in lower case, mentions.
    func refresh(for statement: String) throws {
        if statement.contains("runtime_checksums_values") {
            try fill(
                StatisticsTables.checksums, in: "main",
                with: ModuleChecksum.order.compactMap { checksums[$0] }.map {
                    [$0.name, "\($0.version)", "\($0.epoch)", $0.checksum]
                })
        }
        guard statement.contains("stats") else { return }
        if statement.contains("stats_mysql_connection_pool") {
            let rows = pool.sorted { $0.key < $1.key }.map { $0.value.row($0.key) }
            try fill(StatisticsTables.connectionPool, in: "stats", with: rows)
            if statement.contains("stats_mysql_connection_pool_reset") {
                let copy = StatisticsTables.connectionPool.renamed("stats_mysql_connection_pool_reset")
                try fill(copy, in: "stats", with: rows)
                resetPoolCounters()
            }
        }
        if statement.contains("stats_mysql_global") {
            try fill(StatisticsTables.global, in: "stats", with: globalRows)
        }
        if statement.contains("stats_mysql_processlist") {
            try fill(StatisticsTables.processlist, in: "stats", with: processlist)
        }
        if statement.contains("stats_memory_metrics") {
            let digests = try digestCount()
            try fill(
                StatisticsTables.memory, in: "stats",
                with: [
                    ["SQLite3_memory_bytes", "2677856"], ["jemalloc_resident", "15089664"],
                    ["jemalloc_allocated", "9042600"], ["query_digest_memory", "\(digests * 300)"],
                ])
        }
        if statement.contains("stats_mysql_query_digest_reset") {
            try database.apply([
                "DELETE FROM stats.stats_mysql_query_digest_reset",
                "INSERT INTO stats.stats_mysql_query_digest_reset SELECT * FROM stats.stats_mysql_query_digest",
                "DELETE FROM stats.stats_mysql_query_digest",
            ])
        } else if statement.contains("stats_mysql_query_digest") {
            // Any reading of the digests takes away what the last reset left (ProxySQL's
            // `stats___save_mysql_query_digest_to_sqlite`).
            try database.apply(["DELETE FROM stats.stats_mysql_query_digest_reset"])
        }
        if statement.contains("stats_proxysql_servers_") { try refreshPeerTables() }
    }

    private func fill(_ table: TableSpec, in schema: String, with rows: [[String?]]) throws {
        try database.replaceRows(of: "\(schema).\(table.name)", columns: table.columns.map(\.name), with: rows)
    }

    private func digestCount() throws -> Int {
        let rows = try database.run("SELECT COUNT(*) FROM stats.stats_mysql_query_digest").rows
        return rows.first?.first?.flatMap { Int($0) } ?? 0
    }

    private var globalRows: [[String?]] {
        let uptime = wallClock.now().secondsSinceEpoch - startedAt.secondsSinceEpoch
        let live: [(String, String)] = [
            ("ProxySQL_Uptime", "\(max(0, uptime))"),
            ("Client_Connections_connected", "\(clientConnections)"),
            ("Client_Connections_created", "\(clientConnectionsCreated)"),
            ("Questions", "\(pool.values.reduce(0) { $0 + $1.queries })"),
            ("Servers_table_version", "\(serversTableVersion)"),
            ("MySQL_Thread_Workers", runtimeVariable("mysql-threads") ?? "4"),
            ("mysql_listener_paused", isPaused ? "true" : "false"),
        ]
        return live.map { [$0.0, $0.1] } + StatisticsTables.idleCounters.map { [$0, "0"] }
    }

    private func resetPoolCounters() {
        pool = pool.mapValues { entry in
            var entry = entry
            entry.ok = 0
            entry.errors = 0
            entry.queries = 0
            entry.maximumUsed = entry.used
            return entry
        }
    }

    private func refreshPeerTables() throws {
        let configured = try configuredPeers()
        let now = wallClock.now()
        var checksumRows: [[String?]] = []
        var metricRows: [[String?]] = []
        for peer in configured {
            let view = peers[peer] ?? PeerView()
            for name in ModuleChecksum.order {
                guard let seen = view.modules[name] else { continue }
                checksumRows.append([
                    peer.host, "\(peer.port)", name, "\(seen.checksum.version)", "\(seen.checksum.epoch)",
                    seen.checksum.checksum, "\(seen.changedAt.secondsSinceEpoch)",
                    "\(seen.updatedAt.secondsSinceEpoch)", "\(seen.differences)",
                ])
            }
            let age = now.since(view.lastAnswer ?? startedAt).wholeMilliseconds
            metricRows.append([
                peer.host, "\(peer.port)", "0", "", "0", "0", "\(max(0, age))", "0", "0", "0",
            ])
        }
        try fill(StatisticsTables.peerChecksums, in: "stats", with: checksumRows)
        try fill(StatisticsTables.peerMetrics, in: "stats", with: metricRows)
    }

    /// Adds or replaces digests, as client traffic would; each row has the 14 columns of `stats_mysql_query_digest`.
    package func addQueryDigests(_ rows: [[String?]]) throws {
        for start in stride(from: 0, to: rows.count, by: 400) {
            let values = rows[start..<min(start + 400, rows.count)].map { row in
                "(" + row.map(NodeDatabase.literal).joined(separator: ",") + ")"
            }
            try database.apply([
                "INSERT OR REPLACE INTO stats.stats_mysql_query_digest VALUES " + values.joined(separator: ",")
            ])
        }
    }

    /// Tells who is on the MySQL port.
    func setProcesslist(_ rows: [[String?]]) { processlist = rows }

    /// Tells how many clients are on the MySQL port, and how many ever came.
    package func setClientConnections(_ connected: Int, created: Int) {
        clientConnections = connected
        clientConnectionsCreated = created
    }
}

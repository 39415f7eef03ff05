package import ProxySQLAdmin

/// The modules that a node runs differently from a peer that it checks.
package enum ClusterDrift {
    /// Reads them from the node's own view of its peers; a difference that was seen once may be a pull under way, so
    /// two checks in a row count.
    package static func read(_ port: any AdminShell) async throws(AdminError) -> [String] {
        try await port.rows(
            "SELECT DISTINCT name FROM stats_proxysql_servers_checksums WHERE diff_check > 1 ORDER BY name"
        ).compactMap { $0[0] }
    }
}

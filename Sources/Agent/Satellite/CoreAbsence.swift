/// Which cores a satellite misses.
///
/// The Go agent took a core for missing when it was not checked for 30 s. ProxySQL asks for these figures only each
/// `admin-cluster_check_status_frequency` checks, so that with long intervals every core looked missing; here three
/// such rounds must have been missed as well.
package struct CoreAbsence: Hashable, Sendable {
    /// A row of `stats_proxysql_servers_metrics`.
    package struct Metrics: Hashable, Sendable {
        /// As in `proxysql_servers`.
        package var host: String
        /// Admin port.
        package var port: Int
        /// Milliseconds since the last answer.
        package var lastCheck: Int
        /// Seconds since the core started, as it said; 0 before it ever answered.
        package var uptime: Int

        /// Makes a row.
        package init(host: String, port: Int, lastCheck: Int, uptime: Int) {
            self.host = host
            self.port = port
            self.lastCheck = lastCheck
            self.uptime = uptime
        }
    }

    /// Milliseconds after which a core that once answered is missing.
    package let limit: Int
    /// The row with which nodes begin, which is no core.
    package let bootstrapHost: String

    /// The rule for a node that checks each `interval` milliseconds and asks for figures each `frequency` checks.
    package init(interval: Int, frequency: Int, bootstrapHost: String) {
        let (round, overflow) = max(0, interval).multipliedReportingOverflow(by: max(1, frequency))
        limit = overflow ? .max : max(30_000, round.multipliedReportingOverflow(by: 3).partialValue)
        self.bootstrapHost = bootstrapHost
    }

    /// The cores that are missing.
    package func missing(_ rows: [Metrics]) -> [Metrics] {
        rows.filter { $0.host != bootstrapHost && $0.uptime > 0 && $0.lastCheck > limit }
    }
}

import Observability
package import Logging
import MySQLWire
package import ProxySQLAdmin
import ServiceLifecycle

/// Keeps a satellite in its cluster: when a core is missing it goes back to the bootstrap row, from where it learns the
/// cores anew. When all are gone it keeps serving with what it has.
package struct SatelliteKeeper: Service {
    private let port: any AdminConnection
    private let role: RoleBoard
    private let bootstrap: AgentAddress
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// Makes the keeper; `bootstrap` is the row that is put in when the node's own configuration file has none.
    package init(
        port: any AdminConnection, role: RoleBoard, bootstrap: AgentAddress, interval: Duration,
        clock: any Clock<Duration>, logger: Logger
    ) {
        self.port = port
        self.role = role
        self.bootstrap = bootstrap
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do throws(AdminError) {
                    try await step()
                } catch {
                    role.update { $0.note = "the cores could not be looked at: \(error.message)" }
                    logger.debug("the cores cannot be looked at", metadata: ["error": "\(error)"])
                }
                try? await clock.sleep(for: interval)
            }
        }
    }

    /// One look, and a resync when a core is missing.
    package func step() async throws(AdminError) {
        let variables = try await port.query(
            "SELECT variable_name, variable_value FROM global_variables WHERE variable_name IN "
                + "('admin-cluster_check_interval_ms','admin-cluster_check_status_frequency')")
        var values: [String: Int] = [:]
        for row in variables.rows { values[row[0] ?? ""] = row.integer(1) }
        let absence = CoreAbsence(
            interval: values["admin-cluster_check_interval_ms"] ?? 1_000,
            frequency: values["admin-cluster_check_status_frequency"] ?? 10, bootstrapHost: bootstrap.host)
        let rows = try await port.query(
            "SELECT hostname, port, last_check_ms, Uptime_s FROM stats_proxysql_servers_metrics")
        let metrics = rows.rows.map {
            CoreAbsence.Metrics(
                host: $0[0] ?? "", port: $0.integer(1), lastCheck: $0.integer(2), uptime: $0.integer(3))
        }
        let missing = absence.missing(metrics)
        let cores = metrics.filter { $0.host != bootstrap.host }.map(\.host)
        let drift = try await ClusterDrift.read(port)
        role.update {
            $0.peers = cores
            $0.drift = drift
        }
        guard !missing.isEmpty else {
            role.update { $0.note = cores.count == 1 ? "1 core answers" : "\(cores.count) cores answer" }
            return
        }
        let names = missing.map(\.host).joined(separator: ", ")
        logger.warning("cores are missing, back to the bootstrap row", metadata: ["cores": "\(names)"])
        let note = try await resync()
        role.update { $0.note = "\(names) did not answer for \(absence.limit / 1_000) s; \(note)" }
    }

    /// Goes back to the bootstrap row; says so in a sentence.
    package func resync() async throws(AdminError) -> String {
        _ = try await port.query("DELETE FROM proxysql_servers")
        do throws(AdminError) {
            _ = try await port.query("LOAD PROXYSQL SERVERS FROM CONFIG")
        } catch {
            guard error.code == .statementRefused else { throw error }
            logger.warning("the configuration file cannot be read", metadata: ["error": "\(error)"])
        }
        let count = try await port.query("SELECT COUNT(*) FROM proxysql_servers").rows.first?.integer(0) ?? 0
        if count == 0 {
            // Without any row the node would be alone for ever.
            _ = try await port.query(
                "INSERT OR REPLACE INTO proxysql_servers (hostname, port) VALUES "
                    + "(\(try SQLText.quote(bootstrap.host)), \(bootstrap.port))")
        }
        _ = try await port.query("LOAD PROXYSQL SERVERS TO RUNTIME")
        AgentMetric.resyncs.count()
        return count == 0
            ? "the file has no bootstrap row, so \(bootstrap) was put in and loaded"
            : "the bootstrap row was loaded from the file, the cores are learnt anew"
    }
}

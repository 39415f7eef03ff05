import FleetModel
import MySQLWire

/// A node's connection pool, read once for all groups.
struct PoolReading: Sendable {
    private var rows: [BackendObservation] = []
    private var byHostgroup: [Int: [Int]] = [:]
    private var byAddress: [String: [Int]] = [:]

    /// Of a node that was not read.
    init() {}

    /// Reads the pool, and what Monitor measured last.
    /// - Throws: `AdminError`.
    init(of connection: any AdminConnection, where condition: String = "1=1") async throws(AdminError) {
        let result = try await connection.query(
            "SELECT hostgroup, srv_host, srv_port, status, ConnUsed FROM stats_mysql_connection_pool "
                + "WHERE \(condition)")
        let lags = await Self.lags(connection)
        for row in result.rows {
            var backend = BackendObservation(
                hostgroup: try row.number("hostgroup"), address: try row.required("srv_host"),
                port: try row.number("srv_port"), status: try row.required("status"),
                connectionsInUse: try row.count("ConnUsed"))
            if !lags.isEmpty { backend.lag = lags["\(backend.address) \(backend.port)"] }
            byHostgroup[backend.hostgroup, default: []].append(rows.count)
            byAddress[backend.address, default: []].append(rows.count)
            rows.append(backend)
        }
    }

    /// A group's backends, those included that were removed while connections were in use, and those in other
    /// hostgroups that have the address of one of the group's: a person may have put a replica there, and it must not
    /// be deleted while it is used.
    func backends(of configuration: FleetConfiguration) -> [BackendObservation] {
        var found = Set(
            [configuration.writerHostgroup, configuration.readerHostgroup].flatMap { byHostgroup[$0] ?? [] })
        for server in configuration.servers { found.formUnion(byAddress[server.address] ?? []) }
        return found.sorted().map { rows[$0] }
    }

    /// What Monitor measured last, by address and port. It measures only servers with a `max_replication_lag` (ProxySQL
    /// documentation, "Monitor Module"), and is for people: a node that cannot tell is none the worse for it.
    private static func lags(_ connection: any AdminConnection) async -> [String: LagReading] {
        let result = try? await connection.query(
            "SELECT hostname, port, MAX(time_start_us) AS time_start_us, repl_lag "
                + "FROM monitor.mysql_server_replication_lag_log WHERE repl_lag IS NOT NULL GROUP BY hostname, port")
        var lags: [String: LagReading] = [:]
        for row in result?.rows ?? [] {
            guard let address = row.string("hostname"), let port = row.string("port"),
                let seconds = row.string("repl_lag").flatMap({ Double($0) }), seconds.isFinite, seconds >= 0,
                let at = row.string("time_start_us").flatMap({ Int64($0) })
            else { continue }
            lags["\(address) \(port)"] = LagReading(
                seconds: seconds, measuredAt: Timestamp(millisecondsSinceEpoch: at / 1_000))
        }
        return lags
    }
}

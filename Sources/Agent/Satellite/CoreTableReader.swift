import FleetModel
package import Logging
package import MySQLWire
package import Pacing
package import ProxySQLAdmin

/// Reads the table of cores where a core keeps it.
package protocol CoreTableReader: Sendable {
    /// The table that the core at `address`, or behind that Service, runs.
    func table(at address: AgentAddress) async throws(AdminError) -> [CoreRow]
    /// What the core at `address` runs of `tables`; those that it does not have, or that are empty, are left out.
    func content(of tables: [String], at address: AgentAddress) async throws(AdminError) -> [TableContent]
}

/// The rows of a table.
package struct TableContent: Sendable {
    /// Its name, without `runtime_`.
    package var table: String
    /// The names of its columns.
    package var columns: [String]
    /// The cells, as many in each row as there are columns.
    package var rows: [[String?]]
}

/// Reads it as ProxySQL itself does: over the core's admin interface, as the cluster's user.
package struct AdminCoreTableReader: CoreTableReader {
    private static let timeout = Duration.seconds(3)

    private let node: any AdminShell
    private let tls: ClientTLSSettings
    private let time: (clock: any Clock<Duration>, wallClock: any WallClock)
    private let logger: Logger

    /// `node` is the satellite's own admin interface, which knows the cluster's user.
    package init(
        node: any AdminShell, tls: ClientTLSSettings = .disabled,
        time: (clock: any Clock<Duration>, wallClock: any WallClock), logger: Logger
    ) {
        self.node = node
        self.tls = tls
        self.time = time
        self.logger = logger
    }

    package func table(at address: AgentAddress) async throws(AdminError) -> [CoreRow] {
        try await ask(address) { port async throws(AdminError) in
            try await port.rows("SELECT hostname, port, weight, comment FROM runtime_proxysql_servers")
        }.compactMap { CoreRow($0) }
    }

    package func content(of tables: [String], at address: AgentAddress) async throws(AdminError) -> [TableContent] {
        try await ask(address) { port async throws(AdminError) in
            let present = Set(try await port.rows("SHOW TABLES").compactMap(\.first).compactMap(\.self))
            var contents: [TableContent] = []
            for table in tables where present.contains("runtime_\(table)") {
                let result = try await port.query("SELECT * FROM runtime_\(table)")
                guard !result.rows.isEmpty else { continue }
                contents.append(
                    TableContent(
                        table: table, columns: result.columns.map(\.name),
                        rows: result.rows.map { row in result.columns.indices.map { row[$0] } }))
            }
            return contents
        }
    }

    private func ask<Value: Sendable>(
        _ address: AgentAddress, _ body: (AdminPort) async throws(AdminError) -> Value
    ) async throws(AdminError) -> Value {
        let rows = try await node.rows(
            "SELECT variable_name, variable_value FROM global_variables WHERE variable_name IN "
                + "('admin-cluster_username','admin-cluster_password')")
        var values: [String: String] = [:]
        for row in rows { if let name = row[0] { values[name] = row[1] } }
        var settings = AdminPort.Settings(
            address: address, username: values["admin-cluster_username"] ?? "",
            password: Secret(values["admin-cluster_password"] ?? ""), timeout: Self.timeout)
        settings.tls = tls
        let port = AdminPort(
            settings, clock: time.clock, wallClock: time.wallClock, logger: logger)
        let result: Result<Value, AdminError>
        do throws(AdminError) {
            result = .success(try await body(port))
        } catch {
            result = .failure(error)
        }
        await port.close()
        return try result.get()
    }
}

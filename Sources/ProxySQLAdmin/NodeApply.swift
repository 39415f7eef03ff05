package import FleetModel
package import Logging
import Metrics
import MySQLWire

/// Brings one group's configuration to one node and reads it back.
package struct NodeApply: Sendable {
    let connection: any AdminConnection
    let node: String
    let savesToDisk: Bool
    let logger: Logger

    /// Works over `connection`; `savesToDisk` repeats every LOAD with a SAVE, because peers persist what they pull and
    /// the origin does not (seen on ProxySQL 2.7.1).
    package init(connection: any AdminConnection, node: String, savesToDisk: Bool, logger: Logger) {
        self.connection = connection
        self.node = node
        self.savesToDisk = savesToDisk
        self.logger = logger
    }

    /// Writes what differs, module by module; each is loaded only if memory holds what was wanted and runtime does
    /// not, because a LOAD stamps an epoch that the whole cluster then believes.
    /// - Returns: the modules that were loaded.
    /// - Throws: `AdminError`.
    package func apply(_ configuration: FleetConfiguration) async throws(AdminError) -> [AdminModule] {
        let group = configuration.group
        var loaded: [AdminModule] = []
        let servers = configuration.servers.map { ServerRow($0, group: group) }
        if try await apply(servers, group) { loaded.append(.servers) }
        let users = configuration.users.map { UserRow($0, group: group) }
        if try await apply(users, group) { loaded.append(.users) }
        let rules = configuration.queryRules.map { QueryRuleRow($0, of: configuration) }
        if try await apply(rules, group) { loaded.append(.queryRules) }
        return loaded
    }

    /// Whether runtime holds the configuration, without changing anything.
    /// - Throws: `AdminError`.
    package func holds(_ configuration: FleetConfiguration) async throws(AdminError) -> Bool {
        let group = configuration.group
        let servers = configuration.servers.map { ServerRow($0, group: group) }
        guard try await holds(servers, group) else { return false }
        let users = configuration.users.map { UserRow($0, group: group) }
        guard try await holds(users, group) else { return false }
        return try await holds(configuration.queryRules.map { QueryRuleRow($0, of: configuration) }, group)
    }

    /// The group's backends as the connection pool shows them, those included that were removed while connections
    /// were in use, and those in other hostgroups that have the address of one of the group's: a person may have put
    /// a replica there, and it must not be deleted while it is used.
    /// - Throws: `AdminError`.
    package func backends(of configuration: FleetConfiguration) async throws(AdminError) -> [BackendObservation] {
        let hostgroups = "\(configuration.writerHostgroup),\(configuration.readerHostgroup)"
        let result = try await connection.query(
            "SELECT hostgroup, srv_host, srv_port, status, ConnUsed FROM stats_mysql_connection_pool "
                + "WHERE hostgroup IN (\(hostgroups))\(try Self.orAddressed(configuration.servers))")
        var backends: [BackendObservation] = []
        for row in result.rows {
            backends.append(
                BackendObservation(
                    hostgroup: try row.number("hostgroup"), address: try row.required("srv_host"),
                    port: try row.number("srv_port"), status: try row.required("status"),
                    connectionsInUse: try row.number("ConnUsed")))
        }
        return backends
    }

    private static func orAddressed(_ servers: [BackendServer]) throws(AdminError) -> String {
        guard !servers.isEmpty else { return "" }
        var addresses: [String] = []
        for address in Set(servers.map(\.address)).sorted() { addresses.append(try SQLText.quote(address)) }
        return " OR srv_host IN (\(addresses.joined(separator: ",")))"
    }

    private func apply<Row: ManagedRow>(_ wanted: [Row], _ group: InstanceName) async throws(AdminError) -> Bool {
        let difference = try Difference(current: try await rows(Row.table), wanted: wanted, group: group.text)
        // Removing comes last: if a statement is refused, memory holds too much rather than too little.
        for row in difference.updates { _ = try await connection.query(try row.update()) }
        for row in difference.inserts { _ = try await connection.query(try row.upsert()) }
        for row in difference.deletes { _ = try await connection.query(try row.delete()) }
        if !difference.isEmpty {
            let written: [Row] = try await rows(Row.table)
            let remaining = try Difference(current: written, wanted: wanted, group: group.text)
            guard remaining.isEmpty else {
                throw AdminError(
                    .readBackDiffers,
                    "\(node) holds something else in \(Row.table) than was written (still to do: \(remaining)); "
                        + "nothing was loaded")
            }
        }
        guard try await !runtimeHolds(difference.result, of: group, as: Row.self) else { return false }
        _ = try await connection.query("LOAD \(Row.module.rawValue) TO RUNTIME")
        Counter(
            label: "drover_proxysql_loads_total", dimensions: [("node", node), ("module", Row.module.rawValue)]
        ).increment()
        logger.info(
            "loaded",
            metadata: [
                "node.id": "\(node)", "module": "\(Row.module.rawValue)", "group.name": "\(group)",
                "difference": "\(difference)",
            ])
        if savesToDisk { _ = try await connection.query("SAVE \(Row.module.rawValue) TO DISK") }
        guard try await runtimeHolds(difference.result, of: group, as: Row.self) else {
            throw AdminError(.readBackDiffers, "\(node) does not run what \(Row.table) holds after its LOAD")
        }
        return true
    }

    private func holds<Row: ManagedRow>(_ wanted: [Row], _ group: InstanceName) async throws(AdminError) -> Bool {
        let difference = try Difference(current: try await rows(Row.table), wanted: wanted, group: group.text)
        guard difference.isEmpty else { return false }
        return try await runtimeHolds(difference.result, of: group, as: Row.self)
    }

    /// Compares what runtime shows with what it should; what is out of force is looked for on neither side.
    private func runtimeHolds<Row: ManagedRow>(
        _ expected: Set<Row>, of group: InstanceName, as type: Row.Type
    ) async throws(AdminError) -> Bool {
        let runtime: [Row] = try await rows("runtime_\(Row.table)", where: Row.runtimeCondition)
        let ours = Set(runtime.filter { $0.mark?.group == group.text && $0.isShownAtRuntime }.map(\.comparable))
        return ours == expected.filter(\.isShownAtRuntime)
    }

    private func rows<Row: ManagedRow>(
        _ table: String, where condition: String = "1=1"
    ) async throws(AdminError) -> [Row] {
        let result = try await connection.query(
            "SELECT \(Row.columns.joined(separator: ",")) FROM \(table) WHERE \(condition)")
        var rows: [Row] = []
        for row in result.rows { rows.append(try Row(row)) }
        return rows
    }
}

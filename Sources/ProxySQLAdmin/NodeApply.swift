package import FleetModel
package import Logging
import Observability
import MySQLWire

/// Brings one group's configuration to one node and reads it back.
package struct NodeApply: Sendable {
    let connection: any AdminConnection
    let node: String
    let savesToDisk: Bool
    let tlsDirectory: String
    let logger: Logger
    let unsaved: UnsavedModules?

    /// Works over `connection`; `savesToDisk` repeats every LOAD with a SAVE, because peers persist what they pull and
    /// the origin does not (seen on ProxySQL 2.7.1). `tlsDirectory` is where the node finds the files of `TLSFile`.
    /// With `unsaved`, a SAVE that fails is made up for by a later call.
    package init(
        connection: any AdminConnection, node: String, savesToDisk: Bool,
        tlsDirectory: String = TLSFile.usualDirectory, unsaved: UnsavedModules? = nil, logger: Logger
    ) {
        self.unsaved = unsaved
        self.connection = connection
        self.node = node
        self.savesToDisk = savesToDisk
        self.tlsDirectory = tlsDirectory
        self.logger = logger
    }

    /// Writes what differs, module by module; each is loaded only if memory holds what was wanted and runtime does
    /// not, because a LOAD stamps an epoch that the whole cluster then believes.
    /// - Returns: the modules that were loaded.
    /// - Throws: `AdminError`; `foreignRows` when everything was brought but what is in somebody else's place.
    package func apply(_ configuration: FleetConfiguration) async throws(AdminError) -> [AdminModule] {
        let group = configuration.group
        var loaded: [AdminModule] = []
        // One LOAD brings both tables to runtime (seen on ProxySQL 2.7.1): no server runs with TLS before what verifies it.
        let trust = try await write(sslRows(configuration), configuration)
        let servers = try await write(serverRows(configuration), configuration)
        let runsTrust = try await runtimeHolds(trust, of: group)
        let runsServers = try await runtimeHolds(servers, of: group)
        if !runsTrust || !runsServers {
            try await load(.servers, group, "\(trust); \(servers)")
            try await check(trust, group)
            try await check(servers, group)
            loaded.append(.servers)
        }
        let users = try await write(configuration.users.map { UserRow($0, group: group) }, configuration)
        if try await load(users, group) { loaded.append(.users) }
        let rules = try await write(
            configuration.queryRules.map { QueryRuleRow($0, of: configuration) }, configuration)
        if try await load(rules, group) { loaded.append(.queryRules) }
        if savesToDisk, let unsaved {
            if unsaved.isNew(group) {
                try await compareDisk(trust, of: group, unsaved)
                try await compareDisk(servers, of: group, unsaved)
                try await compareDisk(users, of: group, unsaved)
                try await compareDisk(rules, of: group, unsaved)
                unsaved.compared(group)
            }
            await save(unsaved)
        }
        let foreign = servers.collisions + users.collisions + rules.collisions
        guard foreign.isEmpty else { throw AdminError(foreign, of: group, on: node) }
        return loaded
    }

    func serverRows(_ configuration: FleetConfiguration) -> [ServerRow] {
        configuration.plannedServers.map { ServerRow($0, group: configuration.group) }
    }

    /// The rows that verify the group's backends.
    /// - Throws: `contradictory`, when a server would be spoken with unverified.
    func sslRows(_ configuration: FleetConfiguration) throws(AdminError) -> [SSLParamsRow] {
        try SSLParamsRow.rows(of: configuration, directory: tlsDirectory)
    }

    /// Whether runtime holds the configuration, without changing anything.
    /// - Throws: `AdminError`; `foreignRows` when somebody else's row is in a place of it.
    package func holds(_ configuration: FleetConfiguration) async throws(AdminError) -> Bool {
        let group = configuration.group
        guard try await holds(serverRows(configuration), configuration) else { return false }
        guard try await holds(sslRows(configuration), configuration) else { return false }
        let users = configuration.users.map { UserRow($0, group: group) }
        guard try await holds(users, configuration) else { return false }
        return try await holds(configuration.queryRules.map { QueryRuleRow($0, of: configuration) }, configuration)
    }

    /// The group's backends as the connection pool shows them, those included that were removed while connections
    /// were in use, and those in other hostgroups that have the address of one of the group's: a person may have put
    /// a replica there, and it must not be deleted while it is used.
    /// - Throws: `AdminError`.
    package func backends(of configuration: FleetConfiguration) async throws(AdminError) -> [BackendObservation] {
        let hostgroups = "\(configuration.writerHostgroup),\(configuration.readerHostgroup)"
        let condition = "hostgroup IN (\(hostgroups))\(try Self.orAddressed(configuration.servers))"
        return try await PoolReading(of: connection, where: condition).backends(of: configuration)
    }

    private static func orAddressed(_ servers: [BackendServer]) throws(AdminError) -> String {
        guard !servers.isEmpty else { return "" }
        var addresses: [String] = []
        for address in Set(servers.map(\.address)).sorted() { addresses.append(try SQLText.quote(address)) }
        return " OR srv_host IN (\(addresses.joined(separator: ",")))"
    }

    /// Writes what differs into memory, and reads it back.
    private func write<Row: ManagedRow>(
        _ wanted: [Row], _ configuration: FleetConfiguration
    ) async throws(AdminError) -> Difference<Row> {
        let difference = try await difference(wanted, configuration)
        // Removing comes last: if a statement is refused, memory holds too much rather than too little.
        for row in difference.updates { _ = try await connection.query(try row.update()) }
        for row in difference.inserts { _ = try await connection.query(try row.upsert()) }
        for row in difference.deletes { _ = try await connection.query(try row.delete()) }
        guard !difference.isEmpty else { return difference }
        let remaining = try await self.difference(wanted, configuration)
        guard remaining.isEmpty else {
            throw AdminError(
                .readBackDiffers,
                "\(node) holds something else in \(Row.table) than was written (still to do: \(remaining)); "
                    + "nothing was loaded")
        }
        return difference
    }

    private func load<Row: ManagedRow>(
        _ difference: Difference<Row>, _ group: InstanceName
    ) async throws(AdminError) -> Bool {
        guard try await !runtimeHolds(difference, of: group) else { return false }
        try await load(Row.module, group, "\(difference)")
        try await check(difference, group)
        return true
    }

    private func load(_ module: AdminModule, _ group: InstanceName, _ what: String) async throws(AdminError) {
        if savesToDisk { unsaved?.note(module) }
        _ = try await connection.query("LOAD \(module.rawValue) TO RUNTIME")
        AdminMetric.loads.count(node, module.rawValue)
        logger.info(
            "loaded",
            metadata: [
                "node.id": "\(node)", "module": "\(module.rawValue)", "group.name": "\(group)", "difference": "\(what)",
            ])
        if savesToDisk, unsaved == nil { _ = try await connection.query("SAVE \(module.rawValue) TO DISK") }
    }

    private func check<Row: ManagedRow>(
        _ difference: Difference<Row>, _ group: InstanceName
    ) async throws(AdminError) {
        guard try await runtimeHolds(difference, of: group) else {
            throw AdminError(.readBackDiffers, "\(node) does not run what \(Row.table) holds after its LOAD")
        }
    }

    private func holds<Row: ManagedRow>(
        _ wanted: [Row], _ configuration: FleetConfiguration
    ) async throws(AdminError) -> Bool {
        let difference = try await difference(wanted, configuration)
        guard difference.collisions.isEmpty else {
            throw AdminError(difference.collisions, of: configuration.group, on: node)
        }
        guard difference.isEmpty else { return false }
        return try await runtimeHolds(difference, of: configuration.group)
    }

    private func difference<Row: ManagedRow>(
        _ wanted: [Row], _ configuration: FleetConfiguration
    ) async throws(AdminError) -> Difference<Row> {
        try Difference(
            current: try await memory(wanted), wanted: wanted, group: configuration.group.text,
            adoption: configuration.adoption)
    }

    /// Compares what runtime shows with what it should; what is out of force is looked for on neither side.
    private func runtimeHolds<Row: ManagedRow>(
        _ difference: Difference<Row>, of group: InstanceName
    ) async throws(AdminError) -> Bool {
        let expected = difference.result.filter(\.isShownAtRuntime)
        let runtime: [Row]
        do throws(AdminError) {
            runtime = try await rows("runtime_\(Row.table)", where: Row.runtimeCondition)
        } catch {
            guard Self.isMissing(Row.self, error), expected.isEmpty else { throw error }
            return true
        }
        let ours = Set(runtime.filter { $0.mark?.group == group.text && $0.isShownAtRuntime }.map(\.comparable))
        if ours == expected { return true }
        // Only a difference is worth looking for who else moves servers.
        guard Row.self is ServerRow.Type else { return false }
        return try await ReplicationPairs(of: connection).agree(ours, with: expected)
    }

    /// The rows in memory. A table that this ProxySQL does not have holds none, as long as none are wanted in it: a
    /// global setting in its place would be another backend's too, so that is left to people.
    func memory<Row: ManagedRow>(_ wanted: [Row]) async throws(AdminError) -> [Row] {
        do throws(AdminError) {
            return try await rows(Row.table)
        } catch {
            guard Self.isMissing(Row.self, error) else { throw error }
            guard !wanted.isEmpty else { return [] }
            throw Self.missing(Row.table, on: node)
        }
    }

    static func missing(_ table: String, on node: String) -> AdminError {
        AdminError(
            .unsupported,
            "\(node) runs a ProxySQL without \(table), which came with 2.6: backends cannot be verified one by "
                + "one there, and mysql-ssl_p2s_ca is not touched, because it would hold for all of them; upgrade "
                + "ProxySQL, or set the group's backendTLS to off")
    }

    static func isMissing<Row: ManagedRow>(_ type: Row.Type, _ error: AdminError) -> Bool {
        Row.isOptional && error.code == .statementRefused && error.message.contains("no such table")
    }

    func rows<Row: ManagedRow>(
        _ table: String, where condition: String = "1=1"
    ) async throws(AdminError) -> [Row] {
        let result = try await connection.query(
            "SELECT \(Row.columns.joined(separator: ",")) FROM \(table) WHERE \(condition)")
        var rows: [Row] = []
        for row in result.rows { rows.append(try Row(row)) }
        return rows
    }
}

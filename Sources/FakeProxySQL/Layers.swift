/// Moves configuration between memory, runtime and disk.
struct Layers {
    let database: NodeDatabase

    /// Memory becomes what the proxy runs. `freshStart` lets even read-only variables take their configured values.
    func activate(_ module: ConfigurationModule, freshStart: Bool = false) throws(SQLFailure) {
        switch module {
        case .servers: try database.apply(Self.activateServers)
        case .users: try database.apply(Self.activateUsers)
        case .queryRules:
            try database.apply([
                "DELETE FROM runtime_mysql_query_rules",
                "INSERT INTO runtime_mysql_query_rules SELECT * FROM main.mysql_query_rules WHERE active=1 "
                    + "ORDER BY rule_id",
            ])
        case .mysqlVariables, .adminVariables:
            if !freshStart { try revertImpossibleVariables(of: module) }
            try copy(module, from: "main.", to: "main.runtime_")
        case .peers, .scheduler: try copy(module, from: "main.", to: "main.runtime_")
        }
    }

    /// What runs becomes memory.
    func saveToMemory(_ module: ConfigurationModule) throws(SQLFailure) {
        try copy(module, from: "main.runtime_", to: "main.")
    }

    /// Memory becomes the disk layer.
    func saveToDisk(_ module: ConfigurationModule) throws(SQLFailure) {
        try copy(module, from: "main.", to: "disk.")
    }

    /// The disk layer becomes memory.
    func loadFromDisk(_ module: ConfigurationModule) throws(SQLFailure) {
        try copy(module, from: "disk.", to: "main.")
    }

    private func copy(_ module: ConfigurationModule, from source: String, to target: String) throws(SQLFailure) {
        try database.apply(
            module.tables.flatMap { table in
                [
                    "DELETE FROM \(target)\(table.name) WHERE \(module.condition)",
                    "INSERT OR REPLACE INTO \(target)\(table.name) SELECT * FROM \(source)\(table.name) "
                        + "WHERE \(module.condition)",
                ]
            })
    }

    /// OFFLINE_HARD means absent; and writing every status anew is what un-shuns servers.
    private static let activateServers = [
        "DELETE FROM runtime_mysql_servers",
        "INSERT INTO runtime_mysql_servers SELECT * FROM main.mysql_servers WHERE UPPER(status)<>'OFFLINE_HARD' "
            + "ORDER BY hostgroup_id, hostname, port",
        "UPDATE runtime_mysql_servers SET status=UPPER(status)",
        "DELETE FROM runtime_mysql_replication_hostgroups",
        "INSERT INTO runtime_mysql_replication_hostgroups SELECT * FROM main.mysql_replication_hostgroups",
        "DELETE FROM runtime_mysql_hostgroup_attributes",
        "INSERT INTO runtime_mysql_hostgroup_attributes SELECT * FROM main.mysql_hostgroup_attributes",
        "DELETE FROM runtime_mysql_servers_ssl_params",
        "INSERT INTO runtime_mysql_servers_ssl_params SELECT * FROM main.mysql_servers_ssl_params",
    ]

    /// At runtime a user is two rows, one for each side; an absent schema is the empty text. Passwords stay as they
    /// were written: 2.7.1 no longer hashes them.
    private static var activateUsers: [String] {
        func side(_ name: String) -> String {
            let columns = ConfigurationTables.users.columns.map(\.name)
            let values = columns.map { column in
                switch column {
                case "backend": name == "backend" ? "1" : "0"
                case "frontend": name == "frontend" ? "1" : "0"
                case "default_schema": "IFNULL(default_schema, '')"
                case "password": "IFNULL(password, '')"
                default: column
                }
            }
            return "INSERT INTO runtime_mysql_users SELECT \(values.joined(separator: ", ")) "
                + "FROM main.mysql_users WHERE active=1 AND \(name)=1"
        }
        return ["DELETE FROM runtime_mysql_users", side("frontend"), side("backend")]
    }

    /// Values that cannot be used are put back in memory, as ProxySQL does with a warning in its log.
    private func revertImpossibleVariables(of module: ConfigurationModule) throws(SQLFailure) {
        let differing = try database.run(
            """
            SELECT m.variable_name, m.variable_value, r.variable_value FROM main.global_variables m \
            JOIN runtime_global_variables r ON r.variable_name = m.variable_name \
            WHERE m.variable_value <> r.variable_value AND m.\(module.condition)
            """
        ).rows
        for row in differing {
            guard let name = row[0], let wanted = row[1], let current = row[2],
                !VariableDefaults.accepts(wanted, for: name, current: current)
            else { continue }
            try database.apply([
                "UPDATE main.global_variables SET variable_value=\(NodeDatabase.literal(current)) "
                    + "WHERE variable_name=\(NodeDatabase.literal(name))"
            ])
        }
    }

    /// The hashes of what runs, by the names of `runtime_checksums_values`.
    func checksums(of module: ConfigurationModule) throws(SQLFailure) -> [(String, String)] {
        var result: [(String, String)] = []
        for name in module.checksumNames {
            // The first of the servers' two covers only what runs, the second the whole module.
            let tables = name == "mysql_servers" ? [ConfigurationTables.servers] : module.tables
            var rows: [[String?]] = []
            for table in tables { rows += try self.rows(of: table, in: module) }
            result.append((name, ModuleChecksum.of(rows)))
        }
        return result
    }

    /// The running rows of `table` that take part in the checksum and travel to peers.
    func rows(of table: TableSpec, in module: ConfigurationModule) throws(SQLFailure) -> [[String?]] {
        let columns = table.columns.map(\.name).joined(separator: ", ")
        let answer = try database.run(
            "SELECT \(columns) FROM runtime_\(table.name) WHERE \(module.condition) ORDER BY \(columns)")
        guard module.variablePrefix != nil else { return answer.rows }
        return answer.rows.filter { row in row[0].map { !VariableDefaults.local.contains($0) } ?? false }
    }
}

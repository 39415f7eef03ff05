import FleetModel
package import Pacing

/// A ProxySQL 2.7.1 node without its sockets: layers of configuration, admin statements, statistics and cluster
/// synchronisation, answering as the recorded node did. No time passes in here; the wall clock is the caller's.
package actor ProxySQLNode {
    let configuration: NodeConfiguration
    let database: NodeDatabase
    let wallClock: any WallClock

    /// What runs, per name of `runtime_checksums_values`.
    var checksums: [String: ModuleChecksum] = [:]
    /// What was seen of the peers, per peer and name.
    var peers: [PeerAddress: PeerView] = [:]
    /// The connection pool's rows, in the order in which they appeared.
    var pool: [PoolKey: PoolEntry] = [:]
    var isPaused = false
    /// The rows of `stats_mysql_processlist`, told by whoever owns the sockets.
    var processlist: [[String?]] = []
    /// Connections on the MySQL port, told by whoever owns the sockets.
    var clientConnections = 0
    var clientConnectionsCreated = 0
    var startedAt: Timestamp
    var serversTableVersion = 0
    var questions = 0

    /// Opens the layers and starts as a fresh process would.
    ///
    /// - Throws: when the disk layer's file cannot be opened or used.
    package init(_ configuration: NodeConfiguration, wallClock: any WallClock) throws {
        self.configuration = configuration
        self.wallClock = wallClock
        startedAt = wallClock.now()
        database = try NodeDatabase(diskPath: configuration.diskPath)
        for table in ConfigurationTables.all {
            try database.apply([
                table.createStatement(schema: "main"),
                table.renamed("runtime_" + table.name).createStatement(schema: "main"),
                Self.ifMissing(table.createStatement(schema: "disk")),
            ])
        }
        try database.apply([StatisticsTables.checksums.createStatement(schema: "main")])
        try database.apply(StatisticsTables.all.map { $0.createStatement(schema: "stats") })
        let state = try Self.boot(configuration, database, now: wallClock.now())
        checksums = state
        try pool = Self.poolAfterLoad([:], database)
    }

    /// Starts over, as a process that was killed and started again: memory and runtime come from the disk layer, every
    /// version is 1 again.
    package func reboot() throws {
        startedAt = wallClock.now()
        checksums = try Self.boot(configuration, database, now: startedAt)
        peers = [:]
        try pool = Self.poolAfterLoad([:], database)
        isPaused = false
        clientConnections = 0
        clientConnectionsCreated = 0
        serversTableVersion = 0
        questions = 0
        try database.apply(StatisticsTables.all.map { "DELETE FROM stats.\($0.name)" })
    }

    private static func ifMissing(_ statement: String) -> String {
        "CREATE TABLE IF NOT EXISTS" + statement.dropFirst("CREATE TABLE".count)
    }

    /// Fills memory from disk (or, the first time, from the configuration, which is then saved) and loads all of it.
    private static func boot(
        _ configuration: NodeConfiguration, _ database: NodeDatabase, now: Timestamp
    ) throws -> [String: ModuleChecksum] {
        let isFirst = try database.run("SELECT 1 FROM disk.global_variables LIMIT 1").rows.isEmpty
        try database.replaceRows(
            of: "main.global_variables", columns: ["variable_name", "variable_value"],
            with: VariableDefaults.all.map { [$0.name, $0.value] })
        for table in ConfigurationTables.all {
            if table.name != "global_variables" { try database.apply(["DELETE FROM main.\(table.name)"]) }
            try database.apply([
                "INSERT OR REPLACE INTO main.\(table.name) SELECT * FROM disk.\(table.name)"
            ])
        }
        var variables = configuration.variables
        variables["admin-admin_credentials"] = configuration.credentials.reveal()
        variables["admin-mysql_ifaces"] = "\(configuration.address)"
        try database.apply(
            variables.sorted { $0.key < $1.key }.map { name, value in
                "INSERT OR REPLACE INTO main.global_variables VALUES "
                    + "(\(NodeDatabase.literal(name)), \(NodeDatabase.literal(value)))"
            })
        if isFirst {
            try database.apply(configuration.peerStatements + configuration.fileStatements)
            try database.apply(
                ConfigurationTables.all.map { "INSERT OR REPLACE INTO disk.\($0.name) SELECT * FROM main.\($0.name)" })
        }
        var checksums: [String: ModuleChecksum] = [:]
        for module in ConfigurationModule.allCases {
            try Layers(database: database).activate(module, freshStart: true)
            for (name, checksum) in try Layers(database: database).checksums(of: module) {
                checksums[name] = ModuleChecksum(
                    name: name, version: 1, epoch: now.secondsSinceEpoch, checksum: checksum)
            }
        }
        return checksums
    }

    /// The present value of a variable at runtime; nil when there is no such variable.
    package func variable(_ name: String) -> String? { runtimeVariable(name) }

    func runtimeVariable(_ name: String) -> String? {
        let answer = try? database.run(
            "SELECT variable_value FROM runtime_global_variables WHERE variable_name=\(NodeDatabase.literal(name))")
        return answer?.rows.first?.first ?? nil
    }
}

extension NodeConfiguration {
    /// The statements of the file that belong to a module; what is there already stays unless a row has its key.
    func fileStatements(of module: ConfigurationModule) -> [String] {
        let tables = Set(module.tables.map(\.name))
        return fileStatements.filter { statement in
            let words = statement.split { !($0.isLetter || $0.isNumber || $0 == "_") }.prefix(6).map(String.init)
            return words.contains { tables.contains($0) }
                && (module.variablePrefix.map { statement.contains($0) } ?? true)
        }
    }

    /// Puts the configured peers into memory; rows that are there already stay, as ProxySQL's FROM CONFIG does.
    var peerStatements: [String] {
        bootstrapPeers.map { peer in
            "INSERT OR REPLACE INTO main.proxysql_servers (hostname, port) VALUES "
                + "(\(NodeDatabase.literal(peer.host)), \(peer.port))"
        }
    }
}

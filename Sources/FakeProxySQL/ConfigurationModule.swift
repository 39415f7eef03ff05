/// A part of the configuration that is loaded, saved, stamped and synchronised as one.
package enum ConfigurationModule: String, CaseIterable, Sendable {
    case adminVariables = "ADMIN VARIABLES"
    case queryRules = "MYSQL QUERY RULES"
    case servers = "MYSQL SERVERS"
    case users = "MYSQL USERS"
    case mysqlVariables = "MYSQL VARIABLES"
    case peers = "PROXYSQL SERVERS"
    case scheduler = "SCHEDULER"

    /// The tables that belong to it.
    var tables: [TableSpec] {
        switch self {
        case .adminVariables, .mysqlVariables: [ConfigurationTables.variables]
        case .queryRules: [ConfigurationTables.queryRules]
        case .servers:
            [
                ConfigurationTables.servers, ConfigurationTables.replicationHostgroups,
                ConfigurationTables.hostgroupAttributes, ConfigurationTables.sslParams,
            ]
        case .users: [ConfigurationTables.users]
        case .peers: [ConfigurationTables.peers]
        case .scheduler: [ConfigurationTables.scheduler]
        }
    }

    /// Its names in `runtime_checksums_values`; the scheduler has none.
    package var checksumNames: [String] {
        switch self {
        case .adminVariables: ["admin_variables"]
        case .queryRules: ["mysql_query_rules"]
        case .servers: ["mysql_servers", "mysql_servers_v2"]
        case .users: ["mysql_users"]
        case .mysqlVariables: ["mysql_variables"]
        case .peers: ["proxysql_servers"]
        case .scheduler: []
        }
    }

    /// How its variables' names begin, for the two modules that are sets of variables.
    var variablePrefix: String? {
        switch self {
        case .adminVariables: "admin-"
        case .mysqlVariables: "mysql-"
        default: nil
        }
    }

    /// The module's part in names such as `admin-cluster_mysql_servers_diffs_before_sync`.
    var clusterName: String? { checksumNames.first }

    /// The rows of `table` that belong to the module, as a condition.
    var condition: String {
        variablePrefix.map { "variable_name LIKE '\($0)%'" } ?? "1"
    }
}

/// One row of `runtime_checksums_values`: what a node runs, and since when.
package struct ModuleChecksum: Sendable, Equatable {
    /// The module's name, for example `mysql_servers_v2`.
    package var name: String
    /// How often this node loaded the module since it started; never compared between nodes.
    package var version: Int64
    /// Seconds since 1970 of the LOAD that made this content, wherever in the cluster it happened.
    package var epoch: Int64
    /// A hash of the content; `0x0000000000000000` when there is none.
    package var checksum: String

    /// Makes a row.
    package init(name: String, version: Int64, epoch: Int64, checksum: String) {
        self.name = name
        self.version = version
        self.epoch = epoch
        self.checksum = checksum
    }

    /// The checksum of an empty module.
    package static let empty = "0x0000000000000000"

    /// The order of `runtime_checksums_values`.
    static let order = [
        "admin_variables", "mysql_query_rules", "mysql_servers", "mysql_users", "mysql_variables",
        "proxysql_servers", "mysql_servers_v2",
    ]

    /// FNV-1a over every value; equal content gives an equal text on every node.
    static func of(_ rows: [[String?]]) -> String {
        guard !rows.isEmpty else { return empty }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for row in rows {
            for value in row {
                for byte in (value ?? "\u{0}").utf8 { add(byte) }
                add(0x1F)
            }
            add(0x1E)
        }
        let digits = String(hash, radix: 16, uppercase: true)
        return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// A part of the configuration that a core restores, stamps and compares.
package enum CoreModule: String, Hashable, Sendable, CaseIterable {
    case adminVariables = "ADMIN VARIABLES"
    case mysqlVariables = "MYSQL VARIABLES"
    case servers = "MYSQL SERVERS"
    case users = "MYSQL USERS"
    case queryRules = "MYSQL QUERY RULES"

    /// Its name in `runtime_checksums_values` and in the names of the cluster's variables.
    package var checksumName: String {
        switch self {
        case .adminVariables: "admin_variables"
        case .mysqlVariables: "mysql_variables"
        case .servers: "mysql_servers"
        case .users: "mysql_users"
        case .queryRules: "mysql_query_rules"
        }
    }

    /// The tables that LOAD … FROM CONFIG merges into, the one first that says whether there is anything. Variables have
    /// no rows that could be too many.
    var tables: [String] {
        switch self {
        case .adminVariables, .mysqlVariables: []
        case .servers:
            [
                "mysql_servers", "mysql_replication_hostgroups", "mysql_group_replication_hostgroups",
                "mysql_galera_hostgroups", "mysql_aws_aurora_hostgroups", "mysql_hostgroup_attributes",
                "mysql_servers_ssl_params",
            ]
        case .users: ["mysql_users"]
        case .queryRules: ["mysql_query_rules"]
        }
    }

    /// Whether it is a set of rows, of which some may be of groups.
    var hasRows: Bool { !tables.isEmpty }

    /// The table without a row of which clients get nothing: an empty one is never put in the place of one that is not.
    var vitalTable: String? {
        switch self {
        case .servers: "mysql_servers"
        case .users: "mysql_users"
        default: nil
        }
    }

    /// The stamps by module. What runs of the servers also shows what Monitor did, so their second checksum is taken
    /// where there is one (ProxySQL 2.6 and later).
    package static func stamps(_ all: [NodeObservation.Stamp]) -> [CoreModule: NodeObservation.Stamp] {
        let byName = Dictionary(all.map { ($0.module, $0) }, uniquingKeysWith: { first, _ in first })
        var stamps: [CoreModule: NodeObservation.Stamp] = [:]
        for module in allCases {
            stamps[module] =
                module == .servers
                ? byName["mysql_servers_v2"] ?? byName["mysql_servers"]
                : byName[module.checksumName]
        }
        return stamps
    }
}

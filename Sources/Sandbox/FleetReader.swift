import Logging
import MySQLWire

/// Reads ProxySQL nodes as an operator would, over their admin interfaces: the other side of what Drover did.
struct FleetReader: Sendable {
    /// A row of `runtime_mysql_servers`.
    struct Server: Hashable, Sendable {
        var hostgroup: String
        var hostname: String
        var status: String
    }

    /// What must not move while only servers change.
    struct Marks: Hashable, Sendable {
        /// `runtime_checksums_values`: version by module.
        var versions: [String: String]
        /// `ProxySQL_Uptime`, seconds.
        var uptime: Int
    }

    let nodes: [SandboxEndpoints.Node]
    let logger: Logger

    func servers(of node: SandboxEndpoints.Node) async throws -> Set<Server> {
        let rows = try await query("SELECT hostgroup_id, hostname, status FROM runtime_mysql_servers", node)
        return Set(
            rows.map {
                Server(hostgroup: $0[0] ?? "", hostname: $0[1] ?? "", status: $0[2] ?? "")
            })
    }

    /// Whether the user may log in, and how many rules are in force for it.
    func routes(of user: String, on node: SandboxEndpoints.Node) async throws -> (isThere: Bool, rules: Int) {
        let users = try await query("SELECT username FROM runtime_mysql_users", node)
        let rules = try await query("SELECT username FROM runtime_mysql_query_rules", node)
        return (users.contains { $0[0] == user }, rules.count { $0[0] == user })
    }

    func connectionsInUse(to hostname: String, on node: SandboxEndpoints.Node) async throws -> Int {
        let rows = try await query("SELECT srv_host, ConnUsed FROM stats_mysql_connection_pool", node)
        return rows.filter { $0[0] == hostname }.reduce(0) { $0 + (Int($1[1] ?? "0") ?? 0) }
    }

    func marks(of node: SandboxEndpoints.Node) async throws -> Marks {
        let checksums = try await query("SELECT name, version FROM runtime_checksums_values", node)
        let uptime = try await query(
            "SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='ProxySQL_Uptime'", node)
        return Marks(
            versions: Dictionary(checksums.map { ($0[0] ?? "", $0[1] ?? "") }, uniquingKeysWith: { $1 }),
            uptime: uptime.first?[0].flatMap { Int($0) } ?? 0)
    }

    func query(_ sql: String, _ node: SandboxEndpoints.Node) async throws -> [[String?]] {
        let address = node.admin.split(separator: ":")
        let connection = try await MySQLConnection.connect(
            MySQLConfiguration(
                host: String(address[0]), port: Int(address[1]) ?? 0, username: node.username,
                password: node.password),
            logger: logger)
        let rows = try await connection.query(sql).rows.map(\.values)
        await connection.close()
        return rows
    }
}

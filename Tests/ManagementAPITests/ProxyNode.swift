import FakeProxySQL
import FleetModel
import MySQLWire
import Pacing
import ProxySQLAdmin
import TestSupport
import Testing

/// A ProxySQL of a test's own, simulated or real.
struct ProxyNode: Sendable {
    let connection: AdminClient

    /// Runs `body` with a simulated one.
    static func withSimulated(_ body: @escaping @Sendable (ProxyNode) async throws -> Void) async throws {
        try await withNode(freeNode("core-0")) { fake in
            let node = ProxyNode(
                connection: try await connect(fake.adminEndpoint.host, fake.adminEndpoint.port))
            try await body(node)
            await node.connection.close()
        }
    }

    /// Runs `body` with a real one that started with `sections` in its configuration file.
    static func withReal(
        sections: String = "", _ body: @escaping @Sendable (ProxyNode) async throws -> Void
    ) async throws {
        let real = try await PrivateProxySQL(binary: try #require(PrivateProxySQL.binary), sections: sections)
        defer { real.stop() }
        let node = ProxyNode(connection: try await patientlyConnected(real))
        try await body(node)
        await node.connection.close()
    }

    private static func patientlyConnected(_ real: PrivateProxySQL) async throws -> AdminClient {
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        while true {
            do throws(AdminError) {
                return try await connect(real.host, real.adminPort)
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private static func connect(_ host: String, _ port: Int) async throws(AdminError) -> AdminClient {
        try await AdminClient(
            MySQLConfiguration(host: host, port: port, username: "radmin", password: "radmin"), node: "core-0",
            timeout: .seconds(20), logger: silent)
    }

    /// Brings groups to it, as the scaler does.
    func publish(_ configurations: [FleetConfiguration]) async throws {
        for configuration in configurations {
            let apply = NodeApply(connection: connection, node: "core-0", savesToDisk: false, logger: silent)
            #expect(try await apply.apply(configuration) == AdminModule.allCases)
            let again = try await apply.apply(configuration)
            #expect(again.isEmpty, "\(configuration.group)")
        }
    }

    /// Every byte of the three tables, row by row; `managed` leaves out the columns that Drover does not write.
    func rows(managed: Bool = false) async throws -> [[[UInt8]?]] {
        var rows: [[[UInt8]?]] = []
        for (columns, table) in [
            (ServerRow.columns, "mysql_servers ORDER BY 1, 2, 3"), (UserRow.columns, "mysql_users ORDER BY username"),
            (QueryRuleRow.columns, "mysql_query_rules ORDER BY rule_id"),
        ] {
            let columns = managed ? columns.joined(separator: ",") : "*"
            rows += try await connection.query("SELECT \(columns) FROM \(table)").rows.map { row in
                row.values.map { $0.map { Array($0.utf8) } }
            }
        }
        return rows
    }

    /// Brings `wanted` to it, and reads every text back.
    func expectArrival(of wanted: FleetConfiguration) async throws {
        try await publish([wanted])
        try await expectHeld(wanted)
    }

    /// Expects every text of `wanted` to be there, byte for byte.
    func expectHeld(_ wanted: FleetConfiguration) async throws {
        let mark = RowMark(group: wanted.group.text)
        let users = try await connection.query("SELECT username, password FROM mysql_users")
        let passwords = Dictionary(
            users.rows.map {
                (Array(($0.string("username") ?? "").utf8), $0.string("password").map { Array($0.utf8) })
            },
            uniquingKeysWith: { first, _ in first })
        for user in wanted.users {
            #expect(
                passwords[Array(user.username.utf8)] == Array(user.password.reveal().utf8),
                "\(user.username.debugDescription): \(user.password.reveal().debugDescription)")
        }
        let rules = try await connection.query(
            "SELECT rule_id, username, match_digest, comment FROM mysql_query_rules")
        for rule in wanted.queryRules {
            let row = rules.rows.first { $0.string("rule_id") == "\(rule.id + wanted.ruleIDBase)" }
            for (column, text) in [
                ("username", rule.username), ("match_digest", rule.matchDigest),
                ("comment", mark.marking(rule.comment)),
            ] {
                #expect(
                    row?.string(column).map { Array($0.utf8) } == Array(text.utf8), "\(column) \(text.debugDescription)"
                )
            }
        }
    }
}

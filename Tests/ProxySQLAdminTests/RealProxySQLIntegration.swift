import FleetModel
import Logging
import MySQLWire
import ProxySQLAdmin
import TestSupport
import Testing

@Suite(
    "Publishing to a real ProxySQL", .enabled(if: RealProxySQL.binary != nil), .serialized, .timeLimit(.minutes(2)))
struct RealProxySQLIntegration {
    private func withNode(_ body: (AdminFleet, RealProxySQL, MySQLConnection) async throws -> Void) async throws {
        try await RealProxySQL.with { real in
            let admin = try await real.admin()
            let fleet = AdminFleet(
                nodes: [FleetNode(name: "real", role: .core, host: real.host, port: real.adminPort)],
                settings: AdminFleet.Settings(username: "radmin", password: Secret("radmin")),
                wallClock: TestWallClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await fleet.run(mayAct: { true }) {} }
                defer { tasks.cancelAll() }
                try await body(fleet, real, admin)
            }
            await admin.close()
        }
    }

    private func configuration() throws -> FleetConfiguration {
        let group = try InstanceName("shop")
        return FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [
                    BackendServer(name: "shop", address: "127.0.9.1", hostgroup: 5, origin: .primary),
                    BackendServer(name: "shop-r", address: "127.0.9.2", hostgroup: 10, origin: .configured),
                ],
                [ProxyUser(username: "app", password: Secret("it's"), defaultHostgroup: 5)],
                QueryRule.defaults(group: group, username: "app", writerHostgroup: 5, readerHostgroup: 10)
            ))
    }

    /// Publishes twice: the second time every module must be found equal.
    private func expectSettles(
        _ fleet: AdminFleet, _ wanted: FleetConfiguration, _ admin: MySQLConnection,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let first = await fleet.publish(wanted)
        #expect(first.isComplete, "\(first)", sourceLocation: sourceLocation)
        let stamps = try await admin.cells("SELECT name, version FROM runtime_checksums_values ORDER BY name")
        let second = await fleet.publish(wanted)
        #expect(second.isComplete, "\(second)", sourceLocation: sourceLocation)
        let after = try await admin.cells("SELECT name, version FROM runtime_checksums_values ORDER BY name")
        #expect(stamps == after, "a publication without a difference loaded", sourceLocation: sourceLocation)
    }

    @Test("a configuration arrives and is not loaded twice")
    func settles() async throws {
        try await withNode { fleet, _, admin in
            try await expectSettles(fleet, try configuration(), admin)
            let saved = try await admin.cells("SELECT comment FROM disk.mysql_servers ORDER BY hostname")
            #expect(saved == [["shop [drover shop]"], ["shop-r [drover shop]"]])
        }
    }

    @Test("users and rules that are not active settle, though runtime does not show them")
    func inactive() async throws {
        try await withNode { fleet, _, admin in
            var wanted = try configuration()
            wanted.users.append(ProxyUser(username: "gone", password: Secret("x"), defaultHostgroup: 5))
            wanted.users[1].isActive = false
            wanted.queryRules[3].isActive = false
            try await expectSettles(fleet, wanted, admin)
        }
    }

    @Test("a status that a person set settles", arguments: ["OFFLINE_SOFT", "OFFLINE_HARD", "SHUNNED"])
    func setByHand(status: String) async throws {
        try await withNode { fleet, _, admin in
            var wanted = try configuration()
            #expect(await fleet.publish(wanted).isComplete)
            _ = try await admin.query("UPDATE mysql_servers SET status='\(status)' WHERE hostname='127.0.9.2'")
            _ = try await admin.query("LOAD MYSQL SERVERS TO RUNTIME")
            wanted.servers.append(BackendServer(name: "n", address: "127.0.9.3", hostgroup: 10, origin: .managed))
            try await expectSettles(fleet, wanted, admin)
            let kept = try await admin.cells("SELECT status FROM mysql_servers WHERE hostname='127.0.9.2'")
            #expect(kept == [[status]])
        }
    }

    @Test("what is withdrawn is gone")
    func withdrawn() async throws {
        try await withNode { fleet, _, admin in
            let wanted = try configuration()
            #expect(await fleet.publish(wanted).isComplete)
            let result = await fleet.withdraw(wanted)
            #expect(result.isComplete, "\(result)")
            for table in ["mysql_servers", "mysql_users", "mysql_query_rules"] {
                #expect(try await admin.cells("SELECT * FROM \(table)") == [])
                #expect(try await admin.cells("SELECT * FROM runtime_\(table)") == [])
            }
        }
    }

    @Test(
        "hostile texts arrive byte for byte",
        arguments: [
            "'; DROP TABLE mysql_users", "a'\u{301} || (SELECT 1) || '\u{301}", "\\' \\\\ \"q\"", "日本 😀 %s \n\t",
        ])
    func hostile(text: String) async throws {
        try await withNode { fleet, _, admin in
            var wanted = try configuration()
            wanted.queryRules[0].comment = text
            wanted.users[0].password = Secret(text)
            try await expectSettles(fleet, wanted, admin)
            #expect(try await admin.cells("SELECT password FROM mysql_users") == [[text]])
            let comments = try await admin.cells("SELECT comment FROM runtime_mysql_query_rules WHERE rule_id=1")
            #expect(comments == [[text + " [drover shop]"]])
        }
    }

    @Test("a server leaves while a session is pinned to it", .enabled(if: PrivateMariaDB.isInstalled))
    func pinnedSession() async throws {
        let database = try await PrivateMariaDB(
            usesTLS: false,
            initialStatements: "CREATE USER app@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO app@'%';\n")
        defer { database.stop() }
        let direct = try await RealProxySQL.connect(
            host: "127.0.0.1", port: database.port, username: "app", password: "secret")
        await direct.close()
        try await withNode { fleet, real, admin in
            var wanted = try configuration()
            wanted.users[0].password = Secret("secret")
            wanted.queryRules = []
            wanted.servers = [5, 10].map {
                var server = BackendServer(name: "s", address: "127.0.0.1", hostgroup: $0, origin: .managed)
                server.port = database.port
                return server
            }
            #expect(await fleet.publish(wanted).isComplete)
            let client = try await RealProxySQL.connect(
                host: real.host, port: real.mysqlPort, username: "app", password: "secret")
            _ = try await client.query("BEGIN")
            _ = try await client.query("SELECT 1")
            wanted.servers[0].status = .offlineSoft
            let draining = await fleet.publish(wanted)
            #expect(draining.connectionsInUse(address: "127.0.0.1", port: database.port) == 1)
            wanted.servers.removeFirst()
            try await expectSettles(fleet, wanted, admin)
            let pool = try await admin.cells(
                "SELECT status, ConnUsed FROM stats_mysql_connection_pool WHERE hostgroup=5")
            #expect(pool == [["OFFLINE_HARD", "1"]])
            await client.close()
        }
    }

    @Test("a node that starts with the rendered proxysql.cnf runs exactly what was rendered")
    func renderedFile() async throws {
        let wanted = try hostileConfiguration()
        try await RealProxySQL.with(rewriting: { try CnfRenderer(wanted).rendered(over: $0) }) { real in
            let connection = try await real.admin()
            let client = try await AdminClient(
                MySQLConfiguration(
                    host: real.host, port: real.adminPort, username: "radmin", password: "radmin"), node: "real",
                timeout: .seconds(10), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let apply = NodeApply(
                connection: client, node: "real", savesToDisk: false,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let holds = try await apply.holds(wanted)
            #expect(holds)
            let loaded = try await apply.apply(wanted)
            #expect(loaded.isEmpty)
            let password = try await connection.query("SELECT password FROM mysql_users WHERE default_hostgroup=5")
            #expect(password.rows.first?[0] == hostileText)
            await client.close()
            await connection.close()
        }
    }
}

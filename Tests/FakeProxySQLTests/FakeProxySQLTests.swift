import FleetModel
import MySQLWire
import TestSupport
import Testing

@testable import FakeProxySQL

@Suite("A simulated node on the wire")
struct FakeProxySQLTests {
    func configuration(_ name: String = "node") -> FakeProxySQL.Configuration {
        FakeProxySQL.Configuration(
            name: name, host: OwnAddress.next(), adminPort: 0, mysqlPort: 0, clusterCheckInterval: .milliseconds(10))
    }

    @Test("an administrator changes servers over the wire, and the statements are on record")
    func administration() async throws {
        try await withNode(configuration()) { fake in
            let connection = try await connect(to: fake.adminEndpoint)
            let inserted = try await connection.query("INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.5')")
            #expect(inserted.completion.affectedRows == 1)
            _ = try await connection.query("LOAD MYSQL SERVERS TO RUNTIME")
            let rows = try await connection.query("SELECT hostname, status FROM runtime_mysql_servers").rows
            #expect(rows.map(\.values) == [["127.0.0.5", "ONLINE"]])
            let refused = await #expect(throws: MySQLServerError.self) { try await connection.query("SELEC 1") }
            #expect(refused?.code == 1045)
            #expect(refused?.message == "ProxySQL Admin Error: near \"SELEC\": syntax error")
            #expect(fake.statements.map(\.text).contains("LOAD MYSQL SERVERS TO RUNTIME"))
            await connection.close()
        }
    }

    @Test("wrong passwords are refused in ProxySQL's words")
    func wrongPassword() async throws {
        try await withNode(configuration()) { fake in
            let refused = await #expect(throws: MySQLServerError.self) {
                try await connect(to: fake.adminEndpoint, password: "wrong")
            }
            #expect(
                refused?.message == "ProxySQL Error: Access denied for user 'admin'@'127.0.0.1' (using password: YES)")
            await #expect(throws: MySQLServerError.self) { try await connect(to: fake.adminEndpoint, as: "nobody") }
            try await connect(to: fake.adminEndpoint, as: "radmin", password: "radmin").close()
        }
    }

    @Test("a paused node refuses new clients, keeps the old ones, and says so")
    func pause() async throws {
        try await withNode(configuration()) { fake in
            let admin = try await connect(to: fake.adminEndpoint)
            _ = try await admin.query("INSERT INTO mysql_users (username,password) VALUES ('app','pw')")
            _ = try await admin.query("LOAD MYSQL USERS TO RUNTIME")
            let client = try await connect(to: fake.mysqlEndpoint, as: "app", password: "pw")
            _ = try await admin.query("PROXYSQL PAUSE")
            await #expect(throws: MySQLWireError.self) {
                try await connect(to: fake.mysqlEndpoint, as: "app", password: "pw")
            }
            try await client.ping()
            let status = try await admin.query(
                "SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name IN "
                    + "('mysql_listener_paused','Client_Connections_connected') ORDER BY Variable_Name")
            #expect(status.rows.map(\.values) == [["1"], ["true"]])
            _ = try await admin.query("PROXYSQL RESUME")
            let second = try await connect(to: fake.mysqlEndpoint, as: "app", password: "pw")
            let noBackend = await #expect(throws: MySQLServerError.self) { try await second.query("SELECT 1") }
            #expect(noBackend?.code == 9001)
        }
    }

    @Test("a killed node drops everybody, loses its runtime and keeps its disk")
    func kill() async throws {
        try await withNode(configuration()) { fake in
            let admin = try await connect(to: fake.adminEndpoint)
            _ = try await admin.query("INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.5')")
            _ = try await admin.query("LOAD MYSQL SERVERS TO RUNTIME")
            _ = try await admin.query("SAVE MYSQL SERVERS TO DISK")
            _ = try await admin.query("INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.6')")
            _ = try await admin.query("LOAD MYSQL SERVERS TO RUNTIME")
            await fake.kill()
            await #expect(throws: MySQLWireError.self) { try await admin.query("SELECT 1") }
            await #expect(throws: MySQLWireError.self) { try await connect(to: fake.adminEndpoint) }
            try await fake.restart()
            let again = try await connect(to: fake.adminEndpoint)
            let rows = try await again.query("SELECT hostname FROM runtime_mysql_servers").rows
            #expect(rows.map(\.values) == [["127.0.0.5"]])
        }
    }

    @Test("PROXYSQL SHUTDOWN ends the node without an answer")
    func shutdown() async throws {
        try await withNode(configuration()) { fake in
            let admin = try await connect(to: fake.adminEndpoint)
            await #expect(throws: MySQLWireError.self) { try await admin.query("PROXYSQL SHUTDOWN SLOW") }
            await #expect(throws: MySQLWireError.self) { try await connect(to: fake.adminEndpoint) }
        }
    }

    @Test("a wedged node accepts connections and answers nobody, until it goes on")
    func wedge() async throws {
        try await withNode(configuration()) { fake in
            let admin = try await connect(to: fake.adminEndpoint)
            try await fake.wedge()
            await #expect(throws: MySQLWireError.self) {
                try await connect(to: fake.adminEndpoint, timeout: .milliseconds(50))
            }
            async let late = admin.query("SELECT 7", timeout: .seconds(10))
            try await fake.unwedge()
            #expect(try await late.rows.first?.values == ["7"])
            try await connect(to: fake.adminEndpoint).close()
        }
    }

    @Test("nodes pull from each other over the wire", .timeLimit(.minutes(1)))
    func cluster() async throws {
        try await withNode(configuration("core")) { core in
            var second = configuration("satellite")
            second.bootstrapPeers = [core.adminEndpoint]
            try await withNode(second) { satellite in
                let admin = try await connect(to: core.adminEndpoint)
                _ = try await admin.query("INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.5')")
                _ = try await admin.query("LOAD MYSQL SERVERS TO RUNTIME")
                let reader = try await connect(to: satellite.adminEndpoint)
                while true {
                    let rows = try await reader.query("SELECT hostname FROM runtime_mysql_servers").rows
                    if rows.map(\.values) == [["127.0.0.5"]] { break }
                    await Task.yield()
                }
            }
        }
    }
}

import FleetModel
import Foundation
import Testing

@testable import FakeProxySQL

@Suite("The engine of a simulated ProxySQL node")
struct NodeTests {
    let time = TestTime()

    func node(_ configure: (inout NodeConfiguration) -> Void = { _ in }) throws -> ProxySQLNode {
        var configuration = NodeConfiguration(name: "n", address: PeerAddress(host: "127.0.3.1", port: 6032))
        configure(&configuration)
        return try ProxySQLNode(configuration, wallClock: time)
    }

    @Test("a server goes from memory to runtime to disk, one command at a time")
    func layers() async throws {
        let node = try node()
        #expect(await node.run("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (2,'127.0.0.5')") == [])
        #expect(await node.select("SELECT * FROM runtime_mysql_servers") == [])
        #expect(await node.run("LOAD MYSQL SERVERS TO RUNTIME") == [])
        let row: [String?] = ["2", "127.0.0.5", "3306", "0", "ONLINE", "1", "0", "1000", "0", "0", "0", ""]
        #expect(await node.select("SELECT * FROM runtime_mysql_servers") == [row])
        #expect(await node.select("SELECT * FROM disk.mysql_servers") == [])
        #expect(await node.run("SAVE MYSQL SERVERS TO DISK", "DELETE FROM mysql_servers") == [])
        #expect(await node.select("SELECT * FROM mysql_servers") == [])
        try await node.reboot()
        #expect(await node.select("SELECT * FROM mysql_servers") == [row])
        #expect(await node.select("SELECT * FROM runtime_mysql_servers") == [row])
    }

    @Test("every LOAD stamps its module, even when nothing differs")
    func stamps() async throws {
        let node = try node()
        #expect(await node.checksum("mysql_servers")?.checksum == ModuleChecksum.empty)
        _ = await node.run("INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.5')")
        time.advance(seconds: 5)
        _ = await node.run("LOAD MYSQL SERVERS TO RUNTIME")
        let first = await node.checksum("mysql_servers_v2")
        time.advance(seconds: 5)
        _ = await node.run("LOAD MYSQL SERVERS TO RUNTIME")
        let second = await node.checksum("mysql_servers_v2")
        #expect(first?.version == 2)
        #expect(second?.version == 3)
        #expect(second?.epoch == first.map { $0.epoch + 5 })
        #expect(second?.checksum == first?.checksum)
        #expect(await node.checksum("mysql_servers")?.version == 3)
        #expect(await node.checksum("mysql_users")?.version == 1)
    }

    @Test("OFFLINE_SOFT keeps its connections and a deleted server stays until the last one ends")
    func poolRows() async throws {
        let node = try node()
        _ = await node.run(
            "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (2,'127.0.0.5')", "LOAD MYSQL SERVERS TO RUNTIME")
        await node.setConnectionsInUse(address: "127.0.0.5", port: 3306, count: 3)
        _ = await node.run("UPDATE mysql_servers SET status='OFFLINE_SOFT'", "LOAD MYSQL SERVERS TO RUNTIME")
        let sql = "SELECT srv_host, status, ConnUsed FROM stats_mysql_connection_pool"
        #expect(await node.select(sql) == [["127.0.0.5", "OFFLINE_SOFT", "3"]])
        _ = await node.run("DELETE FROM mysql_servers", "LOAD MYSQL SERVERS TO RUNTIME")
        #expect(await node.select("SELECT * FROM runtime_mysql_servers") == [])
        #expect(await node.select(sql) == [["127.0.0.5", "OFFLINE_HARD", "3"]])
        await node.setConnectionsInUse(address: "127.0.0.5", port: 3306, count: 0)
        #expect(await node.select(sql) == [])
    }

    @Test("an unchanged LOAD un-shuns, and shunning moves no checksum")
    func unshunning() async throws {
        let node = try node()
        _ = await node.run("INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.5')", "LOAD MYSQL SERVERS TO RUNTIME")
        let before = await node.checksum("mysql_servers")
        try await node.shun(address: "127.0.0.5", port: 3306, forLag: true)
        #expect(await node.select("SELECT status FROM runtime_mysql_servers") == [["SHUNNED"]])
        #expect(await node.select("SELECT status FROM stats_mysql_connection_pool") == [["SHUNNED_REPLICATION_LAG"]])
        #expect(await node.checksum("mysql_servers") == before)
        _ = await node.run("LOAD MYSQL SERVERS TO RUNTIME")
        #expect(await node.select("SELECT status FROM runtime_mysql_servers") == [["ONLINE"]])
    }

    @Test("reading the resetting digest table reads each digest once")
    func digests() async throws {
        let node = try node()
        try await node.addQueryDigests([
            ["2", "app", "u", "", "0xAB", "SELECT ?", "4", "1", "2", "900", "100", "300", "0", "4"]
        ])
        #expect(await node.select("SELECT digest FROM stats_mysql_query_digest") == [["0xAB"]])
        #expect(await node.select("SELECT digest, count_star FROM stats_mysql_query_digest_reset") == [["0xAB", "4"]])
        #expect(await node.select("SELECT digest FROM stats_mysql_query_digest_reset") == [])
    }

    @Test("a lone semicolon ends the process, as in 2.7.1")
    func semicolon() async throws {
        #expect(try await node().execute(" ;") == AdminOutcome(.gone, effect: .exit))
    }

    @Test("passwords do not reach the log of statements")
    func redaction() {
        let statement = StatementText("INSERT INTO mysql_users (username,password) VALUES ('u','it''s secret')")
        #expect(!statement.redacted.contains("secret"))
        #expect(!StatementText("SET admin-admin_credentials='a:hidden'").redacted.contains("hidden"))
        #expect(StatementText("SELECT 'x'").redacted == "SELECT 'x'")
    }

    @Test("variables that cannot be used are put back by LOAD")
    func impossibleVariables() async throws {
        let node = try node()
        _ = await node.run("SET mysql-max_connections='abc'", "SET mysql-threads=9", "SET mysql-wait_timeout=1000")
        _ = await node.run("LOAD MYSQL VARIABLES TO RUNTIME")
        #expect(await node.select("SELECT @@mysql-max_connections") == [["10000"]])
        #expect(await node.select("SELECT @@mysql-threads") == [["4"]])
        #expect(await node.variable("mysql-wait_timeout") == "1000")
    }

    @Test("a disk layer in a file outlives the process")
    func diskFile() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString).db")
        defer { try? FileManager.default.removeItem(at: file) }
        do {
            let first = try node { $0.diskPath = file.path() }
            _ = await first.run(
                "INSERT INTO mysql_servers (hostname) VALUES ('127.0.0.5')", "SAVE MYSQL SERVERS TO DISK")
        }
        let second = try node { $0.diskPath = file.path() }
        #expect(await second.select("SELECT hostname FROM runtime_mysql_servers") == [["127.0.0.5"]])
        #expect(await second.checksum("mysql_servers")?.version == 1)
    }
}

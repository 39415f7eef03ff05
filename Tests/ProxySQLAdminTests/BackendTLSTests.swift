import FakeProxySQL
import FleetModel
import Logging
import MySQLWire
import ProxySQLAdmin
import TestSupport
import Testing

/// A node of a ProxySQL before 2.6: it has no table for backends.
private struct OldNode: AdminConnection {
    let base: AdminClient
    var isOpen: Bool { true }

    func query(_ statement: String) async throws(AdminError) -> MySQLResult {
        guard !statement.contains("ssl_params") else {
            throw AdminError(.statementRefused, "ProxySQL Admin Error: no such table: mysql_servers_ssl_params")
        }
        return try await base.query(statement)
    }

    func close() async {}
}

@Suite("Backends that are verified", .timeLimit(.minutes(1)))
struct BackendTLSTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func configuration(_ authorities: String = "CA one") throws -> FleetConfiguration {
        var made = FleetConfiguration(
            group: try InstanceName("shop"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [
                    BackendServer(name: "s", address: "127.0.9.1", hostgroup: 5, origin: .primary),
                    BackendServer(name: "s", address: "127.0.9.1", hostgroup: 10, origin: .primary),
                ], [], []
            ))
        made.tls = [
            BackendTLS(
                address: "127.0.9.1", port: 3306, authorities: authorities,
                identity: ClientIdentity(certificate: "C", key: Secret("K")))
        ]
        return made
    }

    private func withNode(_ body: (FakeProxySQL, NodeApply, AdminClient) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let fake = try await FakeProxySQL.start(
                .init(name: "node", host: OwnAddress.next(), adminPort: 0, mysqlPort: 0), logger: logger)
            tasks.addTask { try await fake.run() }
            let client = try await AdminClient(
                MySQLConfiguration(
                    host: fake.adminEndpoint.host, port: fake.adminEndpoint.port, username: "radmin",
                    password: "radmin"),
                node: "node", timeout: .seconds(5), logger: logger)
            try await body(
                fake,
                NodeApply(connection: client, node: "node", savesToDisk: true, tlsDirectory: "/tls/", logger: logger),
                client)
            await client.close()
            await fake.stop()
            tasks.cancelAll()
        }
    }

    @Test("the row that verifies a backend and the server with TLS are loaded by one LOAD, and only once")
    func loadedOnce() async throws {
        try await withNode { fake, apply, _ in
            let wanted = try configuration()
            let loaded = try await apply.apply(wanted)
            #expect(loaded == [.servers])
            let again = try await apply.apply(wanted)
            #expect(again == [])
            let trust = await fake.cells("SELECT hostname, port, ssl_ca, comment FROM runtime_mysql_servers_ssl_params")
            let file = TLSFile.authorities(of: try #require(wanted.tls?.first)).name
            #expect(trust == [["127.0.9.1", "3306", "/tls/\(file)", "[drover shop]"]])
            let servers = await fake.cells("SELECT use_ssl FROM runtime_mysql_servers")
            #expect(servers == [["1"], ["1"]])
            let stamp = await fake.cells("SELECT version FROM runtime_checksums_values WHERE name='mysql_servers'")
            #expect(stamp == [["2"]])
        }
    }

    @Test("new content is a new name; what an operator set stays, and so does the operator's own row")
    func rotated() async throws {
        try await withNode { fake, apply, _ in
            _ = try await apply.apply(try configuration())
            _ = await fake.query("UPDATE mysql_servers_ssl_params SET tls_version='TLSv1.3'")
            _ = await fake.query("INSERT INTO mysql_servers_ssl_params(hostname,ssl_ca) VALUES ('theirs','/x')")
            let rotated = try configuration("CA two")
            let loaded = try await apply.apply(rotated)
            #expect(loaded == [.servers])
            let names = TLSFile.all(of: rotated).map(\.name)
            #expect(
                Set(names).isDisjoint(
                    with: TLSFile.all(of: try configuration()).map(\.name).filter { $0.contains(".ca.") }))
            let rows = await fake.cells(
                "SELECT hostname, tls_version FROM runtime_mysql_servers_ssl_params ORDER BY hostname")
            #expect(rows == [["127.0.9.1", "TLSv1.3"], ["theirs", ""]])
            _ = try await apply.apply(rotated.emptied)
            let left = await fake.cells("SELECT hostname FROM runtime_mysql_servers_ssl_params")
            #expect(left == [["theirs"]])
        }
    }

    @Test("a server without a CA is not spoken with unverified: nothing is loaded")
    func unverifiable() async throws {
        try await withNode { fake, apply, _ in
            var wanted = try configuration()
            wanted.servers.append(BackendServer(name: "r", address: "127.0.9.2", hostgroup: 10, origin: .managed))
            let error = await #expect(throws: AdminError.self) { try await apply.apply(wanted) }
            #expect(error?.code == .contradictory)
            #expect(error?.message.contains("no server CA for r;") == true)
            let rows = await fake.cells("SELECT * FROM runtime_mysql_servers")
            #expect(rows == [])
        }
    }

    @Test("a ProxySQL without the table is told of, and mysql-ssl_p2s_ca is not set in its place")
    func tooOld() async throws {
        try await withNode { fake, _, client in
            let old = NodeApply(connection: OldNode(base: client), node: "old", savesToDisk: false, logger: logger)
            let error = await #expect(throws: AdminError.self) { try await old.apply(try configuration()) }
            #expect(error?.code == .unsupported)
            #expect(error?.message.contains("2.6") == true)
            var plain = try configuration()
            plain.tls = nil
            let loaded = try await old.apply(plain)
            #expect(loaded == [.servers])
            let ca = await fake.cells("SELECT use_ssl FROM runtime_mysql_servers")
            #expect(ca == [["0"], ["0"]])
        }
    }

    @Test("names of files are keys of a Secret whatever the address is; no name or print shows a key")
    func names() throws {
        let hostile = BackendTLS(
            address: "../é/::1 \"'\n" + String(repeating: "x", count: 500), port: 1, authorities: "A",
            identity: ClientIdentity(certificate: "C", key: Secret("K-secret")))
        var wanted = try configuration()
        wanted.servers[0].address = hostile.address
        wanted.servers[0].port = hostile.port
        wanted.tls = [hostile]
        let files = TLSFile.all(of: wanted)
        #expect(files.count == 3)
        #expect(files.allSatisfy { TLSFile.isOurs($0.name) && $0.name.utf8.count <= 200 && !$0.name.contains("/") })
        #expect(!"\(files) \(wanted)".contains("K-secret"))
        #expect(
            !TLSFile.isOurs("proxysql-key.pem") && !TLSFile.isOurs("tls-/../x.pem") && !TLSFile.isOurs("tls-x.pem~"))
    }

    @Test("a row has a folder of CAs of its own, and keeps the one that an operator gave it")
    func separateStores() throws {
        let backend = try #require(try configuration().tls?.first)
        let wanted = SSLParamsRow(backend, directory: "/tls/", group: try InstanceName("shop"))
        #expect(wanted.others == ["/tls", "", "", "", ""])
        var older = wanted
        older.others = ["", "", "", "ECDHE", ""]
        #expect(wanted.merged(over: older).others == ["/tls", "", "", "ECDHE", ""])
        older.others[0] = "/etc/ssl/certs"
        #expect(wanted.merged(over: older).others[0] == "/etc/ssl/certs")
    }

    @Test("the file for nodes that start names the same files")
    func rendered() throws {
        let wanted = try configuration()
        let text = try CnfRenderer(wanted, tlsDirectory: "/tls").rendered(over: "")
        let file = TLSFile.authorities(of: try #require(wanted.tls?.first)).name
        #expect(text.contains("mysql_servers_ssl_params =\n(\n    { hostname=\"127.0.9.1\""))
        #expect(text.contains("ssl_ca=\"/tls/\(file)\""))
        #expect(text.contains("ssl_capath=\"/tls\""))
        #expect(text.contains("use_ssl=1"))
        let without = try CnfRenderer(wanted.emptied, tlsDirectory: "/tls").rendered(over: text)
        #expect(!without.contains(file))
        #expect(try !CnfRenderer(wanted.emptied).rendered(over: "").contains("ssl_params"))
    }
}

import FleetModel
import Foundation
import Logging
import MySQLWire
import ProxySQLAdmin
import TestSupport
import Testing

@Suite(
    "TLS from a real ProxySQL to a real MariaDB",
    .enabled(if: RealProxySQL.binary != nil && PrivateMariaDB.isInstalled), .serialized, .timeLimit(.minutes(2)))
struct BackendTLSIntegration {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Writes what the rows name, as an agent does.
    private func writeFiles(of wanted: FleetConfiguration, to folder: String) throws {
        for file in TLSFile.all(of: wanted) {
            try file.content.reveal().write(toFile: "\(folder)/\(file.name)", atomically: true, encoding: .utf8)
        }
    }

    @Test("traffic passes with the backend's CA, in rows and in the file, and not with another's")
    func verified() async throws {
        let database = try await PrivateMariaDB(
            usesTLS: true,
            initialStatements: "CREATE USER app@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO app@'%';\n"
        )
        defer { database.stop() }
        let other = try await PrivateMariaDB(usesTLS: true, initialStatements: "SELECT 1;\n")
        defer { other.stop() }
        let own = try String(contentsOfFile: "\(database.folder)/certificate.pem", encoding: .utf8)
        let wrong = try String(contentsOfFile: "\(other.folder)/certificate.pem", encoding: .utf8)
        let folder = database.folder
        var wanted = FleetConfiguration(
            group: try InstanceName("shop"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [BackendServer(name: "s", address: "127.0.0.1", hostgroup: 5, origin: .primary)],
                [ProxyUser(username: "app", password: Secret("secret"), defaultHostgroup: 5)], []
            ))
        wanted.servers[0].port = database.port
        wanted.tls = [BackendTLS(address: "127.0.0.1", port: database.port, authorities: own)]
        try writeFiles(of: wanted, to: folder)
        let rendered = wanted
        try await RealProxySQL.with(
            rewriting: { base in
                let quick = base.replacing(
                    "threads=2",
                    with: "threads=2 connect_timeout_server_max=2000")
                return try CnfRenderer(rendered, tlsDirectory: folder).rendered(over: quick)
            },
            { real in
                await (try await real.admin()).close()
                #expect(try await cipher(real) != "")
                let client = try await AdminClient(
                    MySQLConfiguration(
                        host: real.host, port: real.adminPort, username: "radmin", password: "radmin"),
                    node: "real", timeout: .seconds(10), logger: logger)
                let apply = NodeApply(
                    connection: client, node: "real", savesToDisk: false, tlsDirectory: folder, logger: logger)
                let holds = try await apply.holds(wanted)
                #expect(holds, "what the file said is what is planned")
                for (authorities, passes) in [(wrong, false), (wrong + own, true), (own, true)] {
                    wanted.tls?[0].authorities = authorities
                    try writeFiles(of: wanted, to: folder)
                    // A pooled connection was verified when it was opened, and would go on being used.
                    _ = try await apply.apply(wanted.emptied)
                    for _ in 0..<200 {
                        let pool = try await client.query("SELECT 1 FROM stats_mysql_connection_pool WHERE hostgroup=5")
                        if pool.rows.isEmpty { break }
                        try await Task.sleep(for: .milliseconds(50))
                    }
                    let loaded = try await apply.apply(wanted)
                    #expect(loaded.contains(.servers))
                    if passes {
                        #expect(try await cipher(real) != "")
                    } else {
                        await #expect(throws: (any Error).self) { try await cipher(real) }
                    }
                }
                await client.close()
            })
    }

    private func cipher(_ real: RealProxySQL) async throws -> String? {
        let session = try await RealProxySQL.connect(
            host: real.host, port: real.mysqlPort, username: "app", password: "secret")
        do {
            let rows = try await session.cells("SHOW STATUS LIKE 'Ssl_cipher'")
            await session.close()
            return rows.first?[1]
        } catch {
            await session.close()
            throw error
        }
    }
}

import Foundation
import Logging
import MySQLWire
import NIOSSL
import TestSupport
import Testing

@Suite(
    "Talking to a real MariaDB server",
    .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1" && PrivateMariaDB.isInstalled),
    .serialized, .timeLimit(.minutes(5)))
struct MariaDBIntegration {
    static let statements = """
        CREATE USER native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('se''cret');
        CREATE USER modern@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret');
        CREATE USER empty@'%' IDENTIFIED BY '';
        CREATE USER guarded@'%' IDENTIFIED BY 'secret' REQUIRE SSL;
        CREATE DATABASE fleet;
        GRANT ALL ON *.* TO native@'%';
        GRANT ALL ON *.* TO guarded@'%';
        """

    private func withServer(
        tls: Bool,
        _ body: (PrivateMariaDB, (String, String, MySQLConfiguration.TLS) async throws -> MySQLConnection)
            async throws -> Void
    ) async throws {
        let server = try await PrivateMariaDB(usesTLS: tls, initialStatements: Self.statements)
        defer { server.stop() }
        let logger = Logger(label: "test")
        func connect(
            _ user: String, _ password: String, _ tls: MySQLConfiguration.TLS
        ) async throws -> MySQLConnection {
            var configuration = MySQLConfiguration(
                host: "127.0.0.1", port: server.port, username: user, password: password)
            configuration.tls = tls
            // The server needs a moment until it listens.
            for _ in 0..<300 {
                do {
                    return try await MySQLConnection.connect(configuration, logger: logger)
                } catch let error as MySQLWireError where error.code == .connectionFailed {
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            return try await MySQLConnection.connect(configuration, logger: logger)
        }
        try await body(server, connect)
    }

    @Test("login, results, types, errors and databases")
    func basics() async throws {
        try await withServer(tls: false) { _, connect in
            let connection = try await connect("native", "se'cret", .disabled)
            #expect(connection.serverVersion.contains("MariaDB"))
            try await connection.ping()
            try await connection.selectDatabase("fleet")
            let row = try await connection.query("SELECT DATABASE() d, NULL n, 'it''s' s, 42 i, '' e").rows.first
            #expect(row?.values == ["fleet", nil, "it's", "42", ""])
            _ = try await connection.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)")
            #expect(try await connection.query("INSERT INTO t (v) VALUES ('a'), ('b')").affectedRows == 2)
            let error = await #expect(throws: MySQLServerError.self) { _ = try await connection.query("SELEC 1") }
            #expect(error?.code == 1_064)
            let large = try await connection.query("SELECT REPEAT('x', 16777215) a, 'y' b", timeout: .seconds(60))
            #expect(large.rows.first?[0]?.utf8.count == 16_777_215 && large.rows.first?[1] == "y")
            await connection.close()
            let empty = try await connect("empty", "", .disabled)
            #expect(try await empty.query("SELECT 1").rows.count == 1)
            await empty.close()
            await #expect(throws: MySQLServerError.self) { _ = try await connect("native", "wrong", .disabled) }
        }
    }

    @Test("a method that is not spoken is refused by name, and nothing secret is sent")
    func otherPlugin() async throws {
        try await withServer(tls: false) { _, connect in
            let error = await #expect(throws: MySQLWireError.self) {
                _ = try await connect("modern", "secret", .disabled)
            }
            #expect(error?.code == .authenticationUnsupported)
            #expect(error?.message.contains("ed25519") == true)
        }
    }

    @Test("TLS is verified; a certificate of somebody else's and a server without TLS are refused")
    func tls() async throws {
        try await withServer(tls: true) { server, connect in
            let certificates = try NIOSSLCertificate.fromPEMFile("\(server.folder)/certificate.pem")
            var trusting = TLSConfiguration.makeClientConfiguration()
            trusting.trustRoots = .certificates(certificates)
            let context = try NIOSSLContext(configuration: trusting)
            let connection = try await connect("guarded", "secret", .required(context, hostname: nil))
            let cipher = try await connection.query("SHOW STATUS LIKE 'Ssl_cipher'").rows.first?[1]
            #expect(cipher?.isEmpty == false)
            await connection.close()
            let strangers = try NIOSSLContext(configuration: .makeClientConfiguration())
            await #expect(throws: MySQLWireError.self) {
                _ = try await connect("guarded", "secret", .required(strangers, hostname: nil))
            }
            await #expect(throws: MySQLServerError.self) { _ = try await connect("guarded", "secret", .disabled) }
        }
        try await withServer(tls: false) { _, connect in
            let context = try NIOSSLContext(configuration: .makeClientConfiguration())
            _ = try await connect("native", "se'cret", .preferred(context, hostname: nil))
            let error = await #expect(throws: MySQLWireError.self) {
                _ = try await connect("native", "se'cret", .required(context, hostname: nil))
            }
            #expect(error?.code == .tlsUnavailable)
        }
    }

    @Test("a million rows stream in bounded memory")
    func streaming() async throws {
        try await withServer(tls: false) { _, connect in
            let connection = try await connect("native", "se'cret", .disabled)
            try await connection.selectDatabase("fleet")
            let before = try Self.residentBytes()
            let seen = try await connection.withRows(
                "SELECT seq, REPEAT('x', 100) FROM seq_1_to_1000000",
                timeout: .seconds(120)
            ) { rows in
                var count = 0
                for try await _ in rows { count += 1 }
                return count
            }
            #expect(seen == 1_000_000)
            #expect(try Self.residentBytes() - before < 64 << 20)
            #expect(try await connection.query("SELECT 1").rows.count == 1)
            await connection.close()
        }
    }

    private static func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4_096
    }
}

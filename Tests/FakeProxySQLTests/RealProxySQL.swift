import Foundation
import MySQLWire
import TestSupport
import Testing

@testable import FakeProxySQL

/// A real ProxySQL on loopback, in a folder of its own that goes away with it.
struct RealProxySQL {
    let admin: PeerAddress

    /// The binary that the tests may start, when the environment names one.
    static var binary: String? {
        let environment = ProcessInfo.processInfo.environment
        guard environment["DROVER_INTEGRATION"] == "1" else { return nil }
        return environment["PROXYSQL_BIN"]
    }

    static func with<Value: Sendable>(
        _ binary: String, _ body: (RealProxySQL) async throws -> Value
    ) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-proxysql-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let admin = PeerAddress(host: "127.0.0.1", port: try await SilentListener.freePort(on: "127.0.0.1"))
        let mysql = try await SilentListener.freePort(on: "127.0.0.1")
        let configuration = folder.appending(path: "proxysql.cnf")
        try """
        datadir="\(folder.path())"
        admin_variables={ admin_credentials="admin:admin" mysql_ifaces="\(admin)" }
        mysql_variables={ interfaces="127.0.0.1:\(mysql)" monitor_enabled=false threads=2 }
        """.write(to: configuration, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments = ["-f", "-M", "--no-version-check", "-c", configuration.path(), "-D", folder.path()]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Not SIGTERM: the child inherits the signals that a test process blocks.
        defer { kill(process.processIdentifier, SIGKILL) }
        return try await body(RealProxySQL(admin: admin))
    }

    /// Connects as soon as the node answers, for at most ten seconds.
    func connection() async throws -> MySQLConnection {
        let deadline = ContinuousClock.now.advanced(by: .seconds(10))
        while true {
            do {
                return try await connect(to: admin, timeout: .seconds(1))
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}

extension MySQLConnection {
    /// What the server answered, in the simulator's terms.
    func reply(to sql: String) async throws -> AdminReply {
        do {
            let result = try await query(sql, timeout: .seconds(20))
            guard !result.columns.isEmpty else { return .ok(affectedRows: result.completion.affectedRows) }
            return .rows(columns: result.columns.map(\.name), rows: result.rows.map(\.values))
        } catch let error as MySQLServerError {
            #expect(error.code == AdminReply.errorCode)
            #expect(error.sqlState == AdminReply.errorState)
            return .error(error.message)
        }
    }
}

@Suite(
    "The recorded dialogues with the real ProxySQL and with the simulated node, both over the wire", .serialized,
    .enabled(if: RealProxySQL.binary != nil))
struct DialogueIntegration {
    private func hold(_ connection: MySQLConnection) async throws {
        for turn in try Dialogue("dialogue.txt").turns {
            let difference = turn.difference(from: try await connection.reply(to: turn.statement))
            #expect(difference == nil)
        }
    }

    @Test("the real one answers as recorded", .timeLimit(.minutes(1)))
    func real() async throws {
        let binary = try #require(RealProxySQL.binary)
        try await RealProxySQL.with(binary) { real in
            let connection = try await real.connection()
            try await hold(connection)
            await connection.close()
        }
    }

    @Test("the simulated one answers the same over the wire", .timeLimit(.minutes(1)))
    func simulated() async throws {
        let configuration = FakeProxySQL.Configuration(name: "simulated", adminPort: 0, mysqlPort: 0)
        try await withNode(configuration) { fake in
            let connection = try await connect(to: fake.adminEndpoint)
            try await hold(connection)
            await connection.close()
        }
    }
}

import Foundation
import Logging
import MySQLWire
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// A real ProxySQL on loopback, in a folder of its own; it ends with the test.
struct RealProxySQL {
    /// The loopback address that both ports are on: one that no outgoing connection takes a port of.
    let host: String
    /// The admin port.
    let adminPort: Int
    /// The port for clients.
    let mysqlPort: Int

    /// The binary that the tests may start, when the environment names one.
    static var binary: String? {
        let environment = ProcessInfo.processInfo.environment
        guard environment["DROVER_INTEGRATION"] == "1" else { return nil }
        return environment["PROXYSQL_BIN"]
    }

    static func with(
        rewriting rewrite: (String) throws -> String = { $0 }, _ body: (RealProxySQL) async throws -> Void
    ) async throws {
        let binary = try #require(binary)
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-admin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let host = OwnAddress.next()
        let real = RealProxySQL(
            host: host, adminPort: try await freePort(on: host), mysqlPort: try await freePort(on: host))
        let configuration = folder.appending(path: "proxysql.cnf")
        try rewrite(
            """
            datadir="\(folder.path())"
            admin_variables={ admin_credentials="radmin:radmin" mysql_ifaces="\(host):\(real.adminPort)" }
            mysql_variables={ interfaces="\(host):\(real.mysqlPort)" monitor_enabled=false threads=2 }
            """
        ).write(to: configuration, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments = ["-f", "-M", "--no-version-check", "-c", configuration.path(), "-D", folder.path()]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Not SIGTERM: the child inherits the signals that a test process blocks.
        defer { kill(process.processIdentifier, SIGKILL) }
        try await body(real)
    }

    /// Connects to a loopback port as soon as something answers there, for at most ten seconds.
    static func connect(host: String, port: Int, username: String, password: String) async throws -> MySQLConnection {
        var configuration = MySQLConfiguration(
            host: host, port: port, username: username, password: password)
        configuration.connectTimeout = .seconds(1)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let deadline = ContinuousClock.now.advanced(by: .seconds(10))
        while true {
            do {
                return try await MySQLConnection.connect(configuration, logger: logger)
            } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// An admin session of the test's own.
    func admin() async throws -> MySQLConnection {
        try await Self.connect(host: host, port: adminPort, username: "radmin", password: "radmin")
    }

    private static func freePort(on host: String) async throws -> Int {
        let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: host, port: 0).get()
        defer { probe.close(promise: nil) }
        return probe.localAddress?.port ?? 0
    }
}

extension MySQLConnection {
    /// The cells that a statement answers with.
    func cells(_ sql: String) async throws -> [[String?]] {
        try await query(sql).rows.map(\.values)
    }

    /// The epoch of a module at runtime, and its version: both change at each LOAD.
    func stamp(_ module: String) async throws -> [[String?]] {
        try await cells("SELECT version, epoch FROM runtime_checksums_values WHERE name='\(module)'")
    }
}

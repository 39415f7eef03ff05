import Foundation
import NIOCore
import NIOPosix

/// A real ProxySQL of a test's own on a loopback address; it ends with the test.
package final class PrivateProxySQL: Sendable {
    /// The address that both ports are on: one that no outgoing connection takes a port of.
    package let host: String
    /// The admin port; `radmin` with the password `radmin` logs in there.
    package let adminPort: Int
    private let folder: String
    private let process: Process

    /// The binary that tests may start: `PROXYSQL_BIN`, when `DROVER_INTEGRATION` is 1.
    package static var binary: String? {
        let environment = ProcessInfo.processInfo.environment
        return environment["DROVER_INTEGRATION"] == "1" ? environment["PROXYSQL_BIN"] : nil
    }

    /// Starts it with `sections` in its configuration file; it may take a second until it answers.
    package init(binary: String, sections: String = "") async throws {
        folder = NSTemporaryDirectory() + "drover-proxysql-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        host = OwnAddress.next()
        adminPort = try await Self.freePort(on: host)
        let clients = try await Self.freePort(on: host)
        try """
        datadir="\(folder)"
        admin_variables={ admin_credentials="radmin:radmin" mysql_ifaces="\(host):\(adminPort)" }
        mysql_variables={ interfaces="\(host):\(clients)" monitor_enabled=false threads=2 }
        \(sections)
        """.write(toFile: "\(folder)/proxysql.cnf", atomically: true, encoding: .utf8)
        process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["-f", "-M", "--no-version-check", "-c", "\(folder)/proxysql.cnf", "-D", folder]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    /// Ends it and removes its folder.
    package func stop() {
        // Not SIGTERM: the child inherits the signals that a test process blocks.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func freePort(on host: String) async throws -> Int {
        let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: host, port: 0).get()
        defer { probe.close(promise: nil) }
        return probe.localAddress?.port ?? 0
    }
}

import Foundation
import NIOCore
import NIOPosix

/// A MariaDB server of a test's own: its folder, port and socket are nobody else's, and it ends with the test.
package final class PrivateMariaDB: Sendable {
    /// Where Debian's package puts the server.
    private static let binary = "/usr/sbin/mariadbd"

    /// Whether the server is installed.
    package static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: binary) }

    /// The port on 127.0.0.1.
    package let port: Int
    /// The folder with everything, certificates included where `usesTLS` was asked for.
    package let folder: String
    private let process: Process

    /// Starts a server and waits until it listens; `usesTLS` makes a certificate for 127.0.0.1 with openssl.
    package init(usesTLS: Bool, initialStatements: String) async throws {
        folder = NSTemporaryDirectory() + "drover-mariadb-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        port = probe.localAddress?.port ?? 0
        try await probe.close()
        try Self.run(
            "/usr/bin/mariadb-install-db",
            ["--no-defaults", "--datadir=\(folder)/data", "--skip-test-db", "--auth-root-authentication-method=normal"])
        var arguments = [
            "--no-defaults", "--datadir=\(folder)/data", "--socket=\(folder)/socket", "--pid-file=\(folder)/pid",
            "--bind-address=127.0.0.1", "--port=\(port)", "--user=\(NSUserName())", "--skip-name-resolve",
            "--init-file=\(folder)/init.sql", "--plugin-load-add=auth_ed25519", "--innodb-flush-log-at-trx-commit=2",
        ]
        try initialStatements.write(toFile: "\(folder)/init.sql", atomically: true, encoding: .utf8)
        if usesTLS {
            try Self.run(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=drover-test",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "\(folder)/key.pem", "-out",
                    "\(folder)/certificate.pem",
                ])
            arguments += ["--ssl-cert=\(folder)/certificate.pem", "--ssl-key=\(folder)/key.pem"]
        }
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.binary)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    /// Ends the server and removes its folder.
    package func stop() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func run(_ path: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw NSError(domain: "\(path) failed", code: Int(process.terminationStatus))
        }
    }
}

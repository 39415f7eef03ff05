import FleetModel
import Foundation
import MySQLWire
import TestSupport
import Testing

@testable import DigestExport

@Suite(
    "drover dump --reset, killed again and again", .serialized, .enabled(if: PrivateProxySQL.binary != nil),
    .timeLimit(.minutes(3)))
struct KillIntegration {
    /// The executable that was built beside the tests.
    private static var drover: URL {
        let beside = Bundle.main.bundleURL.appending(path: "drover")
        let isThere = FileManager.default.isExecutableFile(atPath: beside.path())
        return isThere ? beside : URL(filePath: ".build/debug/drover")
    }

    private func dump(_ node: PrivateProxySQL, to path: String) throws -> Process {
        let process = Process()
        process.executableURL = Self.drover
        process.arguments = [
            "dump", "--reset", "--output", path, "--columns", "count_star,digest", "--address",
            "\(node.host):\(node.adminPort)",
        ]
        process.environment = ["AGENT_PROXYSQL_PASSWORD": "radmin"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    @Test("every query is in exactly one file, whenever the process died")
    func killed() async throws {
        let node = try await PrivateProxySQL(binary: try #require(PrivateProxySQL.binary))
        defer { node.stop() }
        let server = MySQLConfiguration(host: node.host, port: node.adminPort, username: "radmin", password: "radmin")
        var connected: MySQLConnection?
        for _ in 0..<200 where connected == nil {
            connected = try? await MySQLConnection.connect(server, logger: quiet)
            if connected == nil { try await Task.sleep(for: .milliseconds(50)) }
        }
        let admin = try #require(connected)
        try await withFolder { folder in
            var generator = SeededGenerator(seed: 7)
            let rounds = 20
            for _ in 0..<rounds {
                // ProxySQL counts 20,000 random queries of its own.
                _ = try await admin.query("PROXYSQLTEST 1 20", timeout: .seconds(30))
                let process = try dump(node, to: "\(folder)/d.csv")
                try await Task.sleep(for: .milliseconds(Int.random(in: 30...450, using: &generator)))
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            // Twice: the statement of a dump that was killed may still wait its turn when the first one looks.
            for _ in 0..<2 {
                let last = try dump(node, to: "\(folder)/d.csv")
                last.waitUntilExit()
                #expect(last.terminationStatus == 0)
            }
            var total = 0
            for name in try names(in: folder) where name.hasPrefix("d-") {
                for line in try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).split(separator: "\r\n") {
                    total += line.prefix { $0 != "," }.wholeNumber ?? 0
                }
            }
            #expect(total == rounds * 20_000)
        }
        await admin.close()
    }
}

extension Substring {
    fileprivate var wholeNumber: Int? { Int(self) }
}

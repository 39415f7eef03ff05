import FleetModel
import Foundation
import MySQLWire
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

/// A node of the real binary, with a mounted file of its own; it ends with the test.
private final class RealNode {
    static var binary: String? {
        let environment = ProcessInfo.processInfo.environment
        return environment["DROVER_INTEGRATION"] == "1" ? environment["PROXYSQL_BIN"] : nil
    }

    let host = OwnAddress.next()
    let folder = NSTemporaryDirectory() + "drover-node-\(UUID().uuidString)"
    private var process: Process?

    /// Writes the file of a core's generation, or of a satellite without content.
    func configure(generation: Int?, cores: [String]) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let content =
            generation.map { generation in
                """
                mysql_servers=( { address="127.1.0.\(generation)" port=3306 hostgroup=1 } )
                mysql_users=( { username="app" password="app" default_hostgroup=1 } )
                mysql_query_rules=( { rule_id=\(generation) active=1 match_digest="^S" destination_hostgroup=1 } )
                """
            } ?? ""
        let peers = cores.map { "{ hostname=\"\($0)\" port=6032 }" }.joined(separator: ", ")
        try """
        # drover-generation: \(generation ?? 0)
        datadir="\(folder)"
        admin_variables={
            admin_credentials="admin:admin;radmin:radmin" mysql_ifaces="\(host):6032" cluster_username="radmin"
            cluster_password="radmin" cluster_check_interval_ms=200 cluster_mysql_servers_sync_algorithm=2
        }
        mysql_variables={ interfaces="\(host):6033" monitor_enabled=false threads=2 }
        \(content)
        proxysql_servers=( \(peers) )
        """.write(toFile: folder + "/proxysql.cnf", atomically: true, encoding: .utf8)
    }

    func start() throws {
        let started = Process()
        started.executableURL = URL(filePath: try #require(Self.binary))
        started.arguments = ["-f", "-M", "--no-version-check", "-c", folder + "/proxysql.cnf", "-D", folder]
        started.standardOutput = FileHandle.nullDevice
        started.standardError = FileHandle.nullDevice
        try started.run()
        process = started
    }

    /// Ends it as SIGKILL does; its database goes, as it does with a pod.
    func kill() {
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
        for name in ["proxysql.db", "proxysql_stats.db"] {
            try? FileManager.default.removeItem(atPath: folder + "/" + name)
        }
    }

    var isRunning: Bool { process?.isRunning == true }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func rows(_ statement: String) async throws -> [[String?]] {
        var configuration = MySQLConfiguration(host: host, port: 6_032, username: "radmin", password: "radmin")
        configuration.connectTimeout = .seconds(2)
        let connection = try await MySQLConnection.connect(configuration, logger: quiet)
        let result = try await connection.query(statement)
        await connection.close()
        return result.rows.map(\.values)
    }
}

@Suite("Agents and real nodes", .enabled(if: RealNode.binary != nil), .serialized, .timeLimit(.minutes(5)))
struct RealClusterIntegration {
    private func eventually(_ isSo: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<300 {
            if (try? await isSo()) == true { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private func runs(_ generation: Int, _ nodes: [RealNode]) async throws -> Bool {
        for node in nodes {
            let servers = try await node.rows("SELECT hostname FROM runtime_mysql_servers")
            let rules = try await node.rows("SELECT rule_id FROM runtime_mysql_query_rules")
            guard servers == [["127.1.0.\(generation)"]], rules == [["\(generation)"]] else { return false }
        }
        return true
    }

    @Test("A new core's file replaces the old one on every node; an old core that comes back empty pulls it")
    func rollout() async throws {
        let nodes = (0..<4).map { _ in RealNode() }
        let cores = nodes[0..<3].map(\.host)
        let ports = try await freePorts(3)
        let peers = cores.enumerated().map { "core-\($0)@\($1):6032/\(ports[$0])" }.joined(separator: ",")
        for (node, generation) in zip(nodes, [1, 1, 2, nil]) {
            try node.configure(generation: generation, cores: Array(cores[0..<2]))
        }
        func more(_ index: Int) -> [String: String] {
            [
                "agent.name": "core-\(index)", "agent.peers": peers, "agent.api.port": "\(ports[index])",
                "agent.api.host": cores[index], "agent.core.interval-seconds": "0.5",
                "agent.core.configuration-file": nodes[index].folder + "/proxysql.cnf",
            ]
        }
        for index in [0, 1, 3] { try nodes[index].start() }
        try await withAgent(address: "\(cores[0]):6032", mode: "core", more(0)) { first in
            try await withAgent(address: "\(cores[1]):6032", mode: "core", more(1)) { _ in
                #expect(try await eventually { try await runs(1, [nodes[0], nodes[1], nodes[3]]) })
                try nodes[2].start()
                try await withAgent(address: "\(cores[2]):6032", mode: "core", more(2)) { third in
                    #expect(try await eventually { try await runs(2, nodes) })
                    let status = try await third.status { $0["boot"] as? String == "settled" }
                    #expect(status["boot"] as? String == "settled")
                    nodes[0].kill()
                    try nodes[0].start()
                    _ = try await first.status { $0["boot"] as? String == "booting" }
                    #expect(try await eventually { try await runs(2, nodes) })
                    let lifted = "SELECT COUNT(*) FROM runtime_checksums_values WHERE version > 1"
                    #expect(
                        try await eventually { try await nodes[0].rows(lifted).first?.first.flatMap { $0 } == "7" })
                    #expect(try await runs(2, nodes))
                }
            }
        }
    }

    @Test("A drain ends a real node, and PAUSE, timeout and SHUTDOWN are understood")
    func drain() async throws {
        let node = RealNode()
        try node.configure(generation: 1, cores: [])
        try node.start()
        try await withAgent(address: "\(node.host):6032", mode: "satellite") { agent in
            _ = try await agent.status { $0["live"] as? Bool == true }
            let answer = try await agent.call(.POST, "/shutdown")
            #expect(answer.status == 200)
        }
        #expect(try await eventually { !node.isRunning })
    }
}

import FakeKubernetes
import FakeProxySQL
import FleetModel
import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

@Suite("A rollout of the cores beside a published group, over real sockets", .timeLimit(.minutes(3)))
struct CoreRolloutTests {
    private static let group = [
        "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (10, '10.9.0.2', '[drover shop]')",
        "INSERT OR REPLACE INTO mysql_users (username, password, default_hostgroup, comment) VALUES "
            + "('app', 'secret', 5, '[drover shop]')",
        "INSERT OR REPLACE INTO mysql_query_rules (rule_id, active, match_digest, comment) VALUES "
            + "(7, 1, '^SELECT', '[drover shop]')",
        "LOAD MYSQL SERVERS TO RUNTIME", "LOAD MYSQL USERS TO RUNTIME", "LOAD MYSQL QUERY RULES TO RUNTIME",
    ]

    private func rows(_ fake: FakeProxySQL, _ sql: String) async -> [String] {
        guard case .rows(_, let rows) = await fake.query(sql) else { return [] }
        return rows.compactMap { $0.first ?? nil }
    }

    private func holds(_ fake: FakeProxySQL) async -> Bool {
        let servers = await rows(fake, "SELECT hostname FROM runtime_mysql_servers WHERE hostgroup_id=10")
        let users = await rows(fake, "SELECT DISTINCT username FROM runtime_mysql_users")
        let rules = await rows(fake, "SELECT rule_id FROM runtime_mysql_query_rules WHERE rule_id=7")
        return servers == ["10.9.0.2"] && users == ["app"] && rules == ["7"]
    }

    /// With the writer in the file, without any table, and with an agent that looks before ProxySQL's first pull.
    @Test(
        "The group stays on every core at every moment, and the new core settles",
        arguments: [(true, 20), (false, 20), (true, 700), (false, 700)])
    func beside(hasServers: Bool, checkMilliseconds: Int) async throws {
        let configurations = (0..<2).map { index in
            var configuration = node("core-\(index)")
            configuration.adminPort = 6_032
            configuration.mysqlPort = 6_033
            if index == 1 { configuration.clusterCheckInterval = .milliseconds(checkMilliseconds) }
            if hasServers {
                configuration.fileStatements = [
                    "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname) VALUES (5, '10.9.0.1')"
                ]
            }
            return configuration
        }
        let ports = try await freePorts(2)
        let peers = configurations.enumerated().map { "core-\($0)@\($1.host):6032/\(ports[$0])" }
            .joined(separator: ",")
        func more(_ index: Int) -> [String: String] {
            [
                "agent.name": "core-\(index)", "agent.peers": peers, "agent.api.port": "\(ports[index])",
                "agent.core.generation": "\(index + 1)", "agent.core.interval-seconds": "0.05",
                "agent.api.host": configurations[index].host,
            ]
        }
        func settled(_ agent: RunningAgent) async throws -> Bool {
            try await agent.status { $0["boot"] as? String == "settled" }["boot"] as? String == "settled"
        }
        try await withNode(configurations[0]) { old in
            try await withAgent(old, mode: "core", more(0)) { first in
                #expect(try await settled(first))
                for statement in Self.group { _ = await old.query(statement) }
                #expect(await holds(old))
                try await withNode(configurations[1]) { new in
                    async let lost = watch(old)
                    try await withAgent(new, mode: "core", more(1)) { second in
                        #expect(try await settled(second))
                        #expect(await holds(new))
                        let running = try await second.status { _ in true }["running"] as? [String: Any]
                        #expect((running?["order"] as? [String: Any])?["value"] as? Int == 2)
                    }
                    let missing = await lost
                    #expect(missing == 0)
                    #expect(await holds(old))
                    let writer = "SELECT hostname FROM runtime_mysql_servers WHERE hostgroup_id=5"
                    #expect(await rows(new, writer) == (hasServers ? ["10.9.0.1"] : []))
                }
            }
        }
    }

    /// How often the group was not there, over some seconds.
    private func watch(_ fake: FakeProxySQL) async -> Int {
        var lost = 0
        for _ in 0..<150 {
            if await !holds(fake) { lost += 1 }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return lost
    }
}

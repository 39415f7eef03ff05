import FakeKubernetes
import FakeProxySQL
import FleetModel
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

@Suite("An agent of a core, over real sockets", .timeLimit(.minutes(3)))
struct CoreAgentTests {
    private func hosts(_ fake: FakeProxySQL) async -> Set<String> {
        guard case .rows(_, let rows) = await fake.query("SELECT hostname FROM runtime_proxysql_servers") else {
            return []
        }
        return Set(rows.compactMap { $0[0] })
    }

    private func settle(_ fake: FakeProxySQL, _ wanted: Set<String>) async throws -> Set<String> {
        var last: Set<String> = []
        for _ in 0..<200 {
            last = await hosts(fake)
            if last == wanted { return last }
            try await Task.sleep(for: .milliseconds(20))
        }
        return last
    }

    private func loads(_ fake: FakeProxySQL) -> [String] {
        fake.statements.map(\.text).filter { $0.hasPrefix("LOAD") && $0.hasSuffix("TO RUNTIME") }
    }

    @Test(
        "The table of cores follows the pods, with this module's LOAD alone, by every set of rights",
        arguments: [true, false])
    func membership(isPodReader: Bool) async throws {
        try await Cluster.run(isPodReader: isPodReader) { cluster in
            if !isPodReader { try await cluster.replicaSet("t1", revision: 1) }
            try await withNode(node("core-0")) { fake in
                let own = fake.adminEndpoint.host
                _ = await fake.query("INSERT INTO proxysql_servers (hostname, port) VALUES ('127.0.0.77', 6032)")
                try await cluster.pod("core-0", ip: own)
                try await cluster.pod("core-1", ip: "127.0.3.1")
                try await cluster.pod("core-2", ip: "127.0.3.2", ready: false)
                try await withAgent(
                    fake, mode: "core", ["agent.name": "core-0", "agent.kubernetes": "auto"],
                    environment: cluster.environment
                ) { agent in
                    #expect(
                        try await settle(fake, [own, "127.0.3.1", "127.0.3.2"]) == [own, "127.0.3.1", "127.0.3.2"])
                    let status = try await agent.status { $0["boot"] as? String == "settled" }
                    #expect(status["is_leader"] as? Bool == true)
                    #expect(
                        (status["order"] as? [String: Any])?["source"] as? String == (isPodReader ? "age" : "revision"))
                    fake.forgetStatements()
                    try await cluster.delete("core-1")
                    #expect(try await settle(fake, [own, "127.0.3.2"]) == [own, "127.0.3.2"])
                    try await cluster.pod("core-3", ip: "127.0.3.3")
                    #expect(
                        try await settle(fake, [own, "127.0.3.2", "127.0.3.3"]) == [own, "127.0.3.2", "127.0.3.3"])
                    #expect(Set(loads(fake)) == ["LOAD PROXYSQL SERVERS TO RUNTIME"])
                    #expect(loads(fake).count == 2)
                }
            }
        }
    }

    @Test("Where the named cluster cannot be used a core does not take itself for the only one, and loads nothing")
    func brokenCredentials() async throws {
        try await withNode(node("core-0")) { fake in
            _ = await fake.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.0.0.9')")
            try await withAgent(
                fake, mode: "core", ["agent.kubernetes": "auto"], environment: ["KUBECONFIG": "/nonexistent"]
            ) { agent in
                let status = try await agent.status { $0["note"] as? String == "the cores are not known" }
                #expect(status["note"] as? String == "the cores are not known")
                _ = try await agent.status { $0["live"] as? Bool == true }
                #expect(status["is_leader"] as? Bool == false)
                #expect(loads(fake) == [])
                let live = try await agent.call(.GET, "/healthz/live")
                #expect(live.status == 200)
            }
        }
    }

    @Test("Two hundred pods that are already there cost one LOAD")
    func many() async throws {
        try await Cluster.run { cluster in
            var configuration = node("core-0")
            configuration.clusterCheckInterval = .seconds(60)
            try await withNode(configuration) { fake in
                let own = fake.adminEndpoint.host
                try await cluster.pod("core-0", ip: own)
                for index in 0..<200 {
                    try await cluster.pod("core-x\(index)", ip: "127.9.\(index / 250).\(index % 250 + 1)", ready: false)
                }
                try await withAgent(
                    fake, mode: "core",
                    ["agent.name": "core-0", "agent.kubernetes": "auto", "agent.core.restore": "false"],
                    environment: cluster.environment
                ) { _ in
                    for _ in 0..<500 where await hosts(fake).count < 201 {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    #expect(await hosts(fake).count == 201)
                }
                #expect(loads(fake).filter { $0.contains("PROXYSQL SERVERS") }.count == 1)
            }
        }
    }

    @Test("One core acts by the Lease; when its agent ends the other one takes over and keeps the table")
    func leader() async throws {
        try await Cluster.run { cluster in
            try await cluster.replicaSet("t1", revision: 1)
            try await withNode(node("core-0")) { a in
                try await withNode(node("core-1")) { b in
                    try await cluster.pod("core-0", ip: a.adminEndpoint.host)
                    try await cluster.pod("core-1", ip: b.adminEndpoint.host)
                    let common = ["agent.kubernetes": "auto", "agent.core.interval-seconds": "0.2"]
                    try await withAgent(
                        a, mode: "core", common.merging(["agent.name": "core-0"]) { $1 },
                        environment: cluster.environment
                    ) { first in
                        let leads = try await first.status { $0["is_leader"] as? Bool == true }
                        #expect(leads["is_leader"] as? Bool == true)
                        try await withAgent(
                            b, mode: "core", common.merging(["agent.name": "core-1"]) { $1 },
                            environment: cluster.environment
                        ) { second in
                            let follows = try await second.status { $0["leader"] as? String == "core-0" }
                            #expect(follows["is_leader"] as? Bool == false)
                            await first.process.stopNow()
                            let takes = try await second.status { $0["is_leader"] as? Bool == true }
                            #expect(takes["is_leader"] as? Bool == true)
                            try await cluster.pod("core-9", ip: "127.0.3.9")
                            let wanted: Set = [a.adminEndpoint.host, b.adminEndpoint.host, "127.0.3.9"]
                            #expect(try await settle(b, wanted) == wanted)
                        }
                    }
                }
            }
        }
    }

    /// The file of one generation: a rule, and a server that is in no other.
    private func file(_ generation: Int) -> [String] {
        [
            "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.1.0.\(generation)')",
            "INSERT OR REPLACE INTO mysql_query_rules (rule_id, active, match_digest) VALUES (\(generation), 1, '.')",
        ]
    }

    private func servers(_ fake: FakeProxySQL) async -> [String] {
        guard case .rows(_, let rows) = await fake.query("SELECT hostname FROM runtime_mysql_servers") else {
            return []
        }
        return rows.compactMap { $0[0] }
    }

    @Test("A late core of an old ReplicaSet reverts nothing, where agents may read pods and nothing else")
    func late() async throws {
        let names = ["new-0", "late-0"]
        let configurations = names.enumerated().map { index, name in
            var configuration = node(name)
            configuration.adminPort = 6_032
            configuration.mysqlPort = 6_033
            configuration.fileStatements = file(2 - index)
            return configuration
        }
        let port = try await freePorts(1)[0]
        func more(_ index: Int) -> [String: String] {
            [
                "agent.name": names[index], "agent.kubernetes": "auto", "agent.api.port": "\(port)",
                "agent.core.interval-seconds": "0.2", "agent.api.host": configurations[index].host,
            ]
        }
        func isSettled(_ agent: RunningAgent, knowing template: String) async throws -> Bool {
            func isThere(_ status: [String: Any]) -> Bool {
                status["boot"] as? String == "settled" && (status["seen"] as? [String: Any])?[template] != nil
            }
            return isThere(try await agent.status(until: isThere))
        }
        try await Cluster.run(isPodReader: true) { cluster in
            try await cluster.pod("old-0", ip: "127.0.4.1", template: "t1", ready: false)
            // The API server's times have whole seconds.
            try await Task.sleep(for: .milliseconds(1_100))
            try await withNode(configurations[0]) { new in
                try await cluster.pod("new-0", ip: new.adminEndpoint.host, template: "t2")
                try await withAgent(new, mode: "core", more(0), environment: cluster.environment) { first in
                    #expect(try await isSettled(first, knowing: "t1"))
                    #expect(await servers(new) == ["127.1.0.2"])
                    try await cluster.delete("old-0")
                    try await Task.sleep(for: .milliseconds(1_100))
                    try await withNode(configurations[1]) { late in
                        // By the age of the pods alone the old template is the newer one now.
                        try await cluster.pod("late-0", ip: late.adminEndpoint.host, template: "t1")
                        try await withAgent(late, mode: "core", more(1), environment: cluster.environment) { second in
                            var reverted = 0
                            for _ in 0..<60 {
                                if await servers(new) != ["127.1.0.2"] { reverted += 1 }
                                try await Task.sleep(for: .milliseconds(50))
                            }
                            #expect(reverted == 0)
                            #expect(try await isSettled(second, knowing: "t2"))
                            #expect(await servers(late) == ["127.1.0.2"])
                            let status = try await second.status { _ in true }
                            #expect((status["order"] as? [String: Any])?["source"] as? String == "age", "\(status)")
                        }
                    }
                }
            }
        }
    }

    @Test(
        "Over the wire too: a new core's file replaces the old one everywhere, and an old core that restarts pulls it")
    func generations() async throws {
        let configurations = [1, 1, 2].enumerated().map { index, generation in
            var configuration = node("core-\(index)")
            configuration.adminPort = 6_032
            configuration.mysqlPort = 6_033
            configuration.fileStatements = file(generation)
            return configuration
        }
        let ports = try await freePorts(3)
        let peers = configurations.enumerated().map { "core-\($0)@\($1.host):6032/\(ports[$0])" }
            .joined(separator: ",")
        func more(_ index: Int, _ generation: Int) -> [String: String] {
            [
                "agent.name": "core-\(index)", "agent.peers": peers, "agent.api.port": "\(ports[index])",
                "agent.core.generation": "\(generation)", "agent.core.interval-seconds": "0.2",
                "agent.api.host": configurations[index].host,
            ]
        }
        func settled(_ agent: RunningAgent) async throws -> Bool {
            try await agent.status { $0["boot"] as? String == "settled" }["boot"] as? String == "settled"
        }
        try await withNode(configurations[0]) { a in
            try await withNode(configurations[1]) { b in
                try await withAgent(a, mode: "core", more(0, 1)) { first in
                    try await withAgent(b, mode: "core", more(1, 1)) { second in
                        let before = try await (settled(first), settled(second))
                        #expect(before == (true, true))
                        try await withNode(configurations[2]) { c in
                            try await withAgent(c, mode: "core", more(2, 2)) { third in
                                #expect(try await settled(third))
                                for fake in [a, b, c] { #expect(await servers(fake) == ["127.1.0.2"]) }
                                // The old core's process begins anew, with its own file and at version 1.
                                try await a.restart()
                                for statement in ["DELETE FROM mysql_servers", "LOAD MYSQL SERVERS FROM CONFIG"] {
                                    _ = await a.query(statement)
                                }
                                _ = try await first.status { $0["boot"] as? String == "booting" }
                                #expect(try await settled(first))
                                for fake in [a, b, c] { #expect(await servers(fake) == ["127.1.0.2"]) }
                            }
                        }
                    }
                }
            }
        }
    }
}

import FakeKubernetes
import FakeProxySQL
import FleetModel
import Foundation
import KubernetesClient
import Logging
import NIOHTTP1
import Pacing
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// What a source gives, one text after the other.
private struct Copies: FollowSource {
    let next: @Sendable () -> String
    var place: String { "here" }
    func text() -> Secret? { Secret(next()) }
}

/// Hands on every line that is logged.
private struct Lines: LogHandler {
    let take: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    init(_ take: @escaping @Sendable (String) -> Void) { self.take = take }

    func log(event: LogEvent) { take("\(event.message) \(event.metadata ?? [:])") }
}

@Suite("A configuration that is followed", .timeLimit(.minutes(2)))
struct FollowTests {
    private func document(_ generation: Int64, address: String) throws -> String {
        let group = try InstanceName("shop")
        var configuration = FleetConfiguration(
            group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: (
                [BackendServer(name: "primary", address: address, hostgroup: 5, origin: .primary)],
                [ProxyUser(username: "shop", password: Secret("hush"), defaultHostgroup: 5)],
                QueryRule.defaults(group: group, username: "shop", writerHostgroup: 5, readerHostgroup: 10)
            ))
        configuration.generation = generation
        return String(decoding: try JSONEncoder().encode(configuration), as: UTF8.self)
    }

    private func servers(_ fake: FakeProxySQL) async -> [[String?]] {
        guard case .rows(_, let rows) = await fake.query("SELECT hostname FROM runtime_mysql_servers") else {
            return []
        }
        return rows
    }

    @Test("A file: the acting core applies it, reports its generation, takes a later one and no earlier one")
    func file() async throws {
        let path = NSTemporaryDirectory() + "drover-fleet-\(UUID().uuidString).json"
        try document(3, address: "127.0.0.5").write(toFile: path, atomically: true, encoding: .utf8)
        try await withNode(node("a")) { fake in
            try await withAgent(
                fake, mode: "core", ["agent.follow.file": path, "agent.core.interval-seconds": "0.1"]
            ) { agent in
                var status = try await agent.status { $0["generation"] as? Int == 3 }
                #expect(status["generation"] as? Int == 3)
                #expect(await servers(fake) == [["127.0.0.5"]])
                try document(4, address: "127.0.0.6").write(toFile: path, atomically: true, encoding: .utf8)
                let answer = try await agent.call(.POST, "/v1/reload", token: "let-me")
                #expect(answer.status == 200)
                status = try await agent.status { $0["generation"] as? Int == 4 }
                #expect(await servers(fake) == [["127.0.0.6"]])
                try document(2, address: "127.0.0.7").write(toFile: path, atomically: true, encoding: .utf8)
                try await Task.sleep(for: .milliseconds(400))
                #expect(await servers(fake) == [["127.0.0.6"]])
            }
        }
    }

    @Test("A copy that comes late is complained about once, and what the node runs is still told")
    func late() async throws {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "test") { _ in Lines { line in lines.withLock { $0.append(line) } } }
        let texts = Mutex([
            try document(3, address: "127.0.0.5"), try document(2, address: "127.0.0.6"),
            try document(2, address: "127.0.0.6"), try document(2, address: "127.0.0.6"),
        ])
        try await withNode(node("a")) { fake in
            let port = AdminPort(
                .init(
                    address: AgentAddress(host: fake.adminEndpoint.host, port: fake.adminEndpoint.port),
                    username: "radmin", password: Secret("radmin"), patience: .seconds(5), timeout: .seconds(5)),
                clock: ContinuousClock(), wallClock: SystemWallClock(), logger: quiet)
            let role = RoleBoard()
            let keeper = FollowKeeper(
                source: Copies(next: { texts.withLock { $0.removeFirst() } }),
                directory: TLSDirectory(path: NSTemporaryDirectory() + "drover-tls-\(UUID().uuidString)"),
                node: ("a", port), role: role,
                events: AgentEvents(node: "a", role: "core", wallClock: SystemWallClock()), mayApply: { true },
                pace: .init(change: Wakeup(), interval: .seconds(1), clock: ContinuousClock()), logger: logger)
            for _ in 0..<4 {
                let isCurrent = try await keeper.step()
                #expect(isCurrent)
                #expect(role.report.generation == 3 && role.report.wantedGeneration == 3)
            }
            await port.close()
            #expect(await servers(fake) == [["127.0.0.5"]])
        }
        #expect(lines.withLock { $0.filter { $0.contains("left alone") }.count } == 1)
    }

    @Test("A satellite verifies and never applies")
    func satellite() async throws {
        let path = NSTemporaryDirectory() + "drover-fleet-\(UUID().uuidString).json"
        try document(1, address: "127.0.0.5").write(toFile: path, atomically: true, encoding: .utf8)
        try await withNode(node("a")) { fake in
            try await withAgent(fake, ["agent.follow.file": path, "agent.core.interval-seconds": "0.1"]) { agent in
                let status = try await agent.status { $0["wanted_generation"] as? Int == 1 }
                #expect(status["generation"] == nil)
                #expect(!fake.statements.contains { $0.text.hasPrefix("LOAD MYSQL SERVERS") })
            }
        }
    }

    @Test("A Secret: its change arrives by watch")
    func secret() async throws {
        try await Cluster.run { cluster in
            try await cluster.replicaSet("t1", revision: 1)
            try await withNode(node("core-0")) { fake in
                try await cluster.pod("core-0", ip: fake.adminEndpoint.host)
                try await withAgent(
                    fake, mode: "core",
                    ["agent.name": "core-0", "agent.kubernetes": "auto", "agent.follow.secret": "fleet"],
                    environment: cluster.environment
                ) { agent in
                    _ = try await agent.status { $0["boot"] as? String == "settled" }
                    _ = try await cluster.admin.create(
                        SecretResource(
                            name: "fleet", namespace: Cluster.namespace,
                            texts: ["fleet.json": Secret(try document(7, address: "127.0.0.5"))]))
                    let status = try await agent.status { $0["generation"] as? Int == 7 }
                    #expect(status["generation"] as? Int == 7)
                    #expect(await servers(fake) == [["127.0.0.5"]])
                }
            }
        }
    }

    @Test("A document that cannot be used says what is wrong and no value")
    func problems() throws {
        func problem(_ text: String) -> String {
            do throws(FleetDocument.Problem) {
                _ = try FleetDocument(Secret(text))
                return ""
            } catch {
                return error.description
            }
        }
        #expect(problem("hush") == "it is not JSON")
        #expect(problem("{\"group\": \"hush\"}").contains("missing"))
        let twice = try "[\(document(1, address: "a")),\(document(2, address: "a"))]"
        #expect(problem(twice) == "a group stands twice in it")
    }
}

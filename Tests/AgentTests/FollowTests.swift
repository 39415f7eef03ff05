import FakeKubernetes
import FakeProxySQL
import FleetModel
import Foundation
import KubernetesClient
import Logging
import NIOHTTP1
import Pacing
import ProxySQLAdmin
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

    /// A keeper of `fake`'s node that is driven step by step.
    private func withKeeper(
        _ fake: FakeProxySQL, _ texts: @escaping @Sendable () -> String, mayApply: @escaping @Sendable () -> Bool,
        repairsAfter: Duration? = nil, _ body: (FollowKeeper, RoleBoard) async throws -> Void
    ) async throws {
        let port = AdminPort(
            .init(
                address: AgentAddress(host: fake.adminEndpoint.host, port: fake.adminEndpoint.port),
                username: "radmin", password: Secret("radmin"), patience: .seconds(5), timeout: .seconds(5)),
            clock: ContinuousClock(), wallClock: SystemWallClock(), logger: quiet)
        let role = RoleBoard()
        let keeper = FollowKeeper(
            source: Copies(next: texts),
            directory: TLSDirectory(path: NSTemporaryDirectory() + "drover-tls-\(UUID().uuidString)"),
            node: ("a", port), role: role,
            events: AgentEvents(node: "a", role: "core", wallClock: SystemWallClock()), mayApply: mayApply,
            repairsAfter: repairsAfter, pace: .init(change: Wakeup(), interval: .seconds(1), clock: ContinuousClock()),
            logger: quiet)
        do {
            try await body(keeper, role)
            await port.close()
        } catch {
            await port.close()
            throw error
        }
    }

    /// One round, and whether the node runs what is wanted after it.
    private func expect(_ keeper: FollowKeeper, holds expected: Bool) async throws {
        let isCurrent = try await keeper.step()
        #expect(isCurrent == expected)
    }

    /// `document` as a scaler publishes it, with a key of its own.
    private func published(
        _ generation: Int64, address: String, key: ContentKey = ContentKey()
    ) throws -> (text: String, held: HeldConfiguration) {
        let plain = try JSONDecoder().decode(
            FleetConfiguration.self, from: Data(try document(generation, address: address).utf8))
        let published = PublishedConfiguration(plain, contentKey: key)
        return (String(decoding: try JSONEncoder().encode(published), as: UTF8.self), published.held)
    }

    @Test("A satellite that pulls nothing, because its own LOAD is newer, is loaded by its own agent after a while")
    func leftAlone() async throws {
        let wanted = try published(57, address: "127.0.0.5")
        try await withNode(node("a")) { fake in
            try await withKeeper(fake, { wanted.text }, mayApply: { false }, repairsAfter: .zero) { keeper, role in
                try await expect(keeper, holds: false)
                try await expect(keeper, holds: true)
                _ = await fake.query("DELETE FROM mysql_users")
                _ = await fake.query("LOAD MYSQL USERS TO RUNTIME")
                try await expect(keeper, holds: false)
                try await expect(keeper, holds: true)
                #expect(role.report.holds == [wanted.held])
            }
            try await withKeeper(fake, { wanted.text }, mayApply: { false }) { keeper, _ in
                _ = await fake.query("DELETE FROM mysql_users")
                _ = await fake.query("LOAD MYSQL USERS TO RUNTIME")
                for _ in 0..<3 { try await expect(keeper, holds: false) }
            }
        }
    }

    @Test("A satellite that can be seen to pull nothing is loaded by its own agent without waiting")
    func stranded() async throws {
        let wanted = try published(57, address: "127.0.0.5")
        let hosts = (OwnAddress.next(), OwnAddress.next())
        let nodes = [("core", hosts.0), ("satellite", hosts.1)].map { name, host in
            FakeProxySQL.Configuration(
                name: name, role: name == "core" ? .core : .satellite, host: host,
                bootstrapPeers: [PeerAddress(host: hosts.0, port: 6_032)], clusterCheckInterval: .milliseconds(20))
        }
        try await withNodes(nodes) { fakes in
            try await withKeeper(fakes[0], { wanted.text }, mayApply: { true }) { keeper, _ in
                try await expect(keeper, holds: true)
            }
            try await withKeeper(
                fakes[1], { wanted.text }, mayApply: { false }, repairsAfter: .seconds(3_600)
            ) { keeper, role in
                var isCurrent = false
                for _ in 0..<500 where !isCurrent {
                    isCurrent = try await keeper.step()
                    try await Task.sleep(for: .milliseconds(20))
                }
                #expect(isCurrent, "as it was pulled")
                _ = await fakes[1].query("DELETE FROM mysql_users")
                _ = await fakes[1].query("LOAD MYSQL USERS TO RUNTIME")
                try await expect(keeper, holds: false)
                try await expect(keeper, holds: false)
                try await expect(keeper, holds: true)
                #expect(role.report.holds == [wanted.held])
            }
        }
    }

    @Test("What is reported is what the node holds, by content, and no longer than it holds it")
    func takenBack() async throws {
        let wanted = try published(57, address: "127.0.0.5")
        let mayApply = Mutex(true)
        try await withNode(node("a")) { fake in
            try await withKeeper(fake, { wanted.text }, mayApply: { mayApply.withLock { $0 } }) { keeper, role in
                try await expect(keeper, holds: true)
                #expect(role.report.holds == [wanted.held] && wanted.held.content != nil)
                #expect(role.report.generation == 57)
                mayApply.withLock { $0 = false }
                // Somebody else's change.
                _ = await fake.query("UPDATE mysql_users SET default_hostgroup=6")
                _ = await fake.query("LOAD MYSQL USERS TO RUNTIME")
                try await expect(keeper, holds: false)
                #expect(role.report.holds == [] && role.report.generation == nil)
                mayApply.withLock { $0 = true }
                try await expect(keeper, holds: true)
                #expect(role.report.holds == [wanted.held])
                mayApply.withLock { $0 = false }
                for table in ["mysql_servers", "mysql_users", "mysql_query_rules"] {
                    _ = await fake.query("DELETE FROM disk.\(table)")
                }
                await fake.kill()
                await #expect(throws: AdminError.self) { _ = try await keeper.step() }
                #expect(role.report.holds == [] && role.report.generation == nil)
                // It comes back from an empty disk.
                try await fake.restart()
                try await expect(keeper, holds: false)
                #expect(role.report.holds == [] && role.report.generation == nil)
            }
        }
    }

    @Test("An older copy keeps what the node ran, a node that holds the former content says so, a raised one is taken")
    func former() async throws {
        let (old, new) = (try published(57, address: "127.0.0.5"), try published(41, address: "127.0.0.6"))
        let raised = try published(58, address: "127.0.0.6")
        let text = Mutex(old.text)
        let mayApply = Mutex(true)
        try await withNode(node("a")) { fake in
            try await withKeeper(
                fake, { text.withLock { $0 } }, mayApply: { mayApply.withLock { $0 } }
            ) { keeper, role in
                try await expect(keeper, holds: true)
                text.withLock { $0 = new.text }
                try await expect(keeper, holds: true)
                #expect(role.report.holds == [old.held])
                mayApply.withLock { $0 = false }
                text.withLock { $0 = raised.text }
                try await expect(keeper, holds: false)
                #expect(role.report.holds == [old.held] && role.report.generation == 57)
                #expect(role.report.wantedGeneration == 58)
                mayApply.withLock { $0 = true }
                try await expect(keeper, holds: true)
                #expect(role.report.holds == [raised.held])
                #expect(await servers(fake) == [["127.0.0.6"]])
            }
        }
    }

    @Test("A node that pulled its users in two rows holds them")
    func pulled() async throws {
        let wanted = try published(2, address: "127.0.0.5")
        let hosts = (OwnAddress.next(), OwnAddress.next())
        let peers = [PeerAddress(host: hosts.0, port: 6_032)]
        let nodes = [("core", hosts.0), ("satellite", hosts.1)].map { name, host in
            FakeProxySQL.Configuration(
                name: name, role: name == "core" ? .core : .satellite, host: host, bootstrapPeers: peers,
                clusterCheckInterval: .milliseconds(20))
        }
        try await withNodes(nodes) { fakes in
            try await withKeeper(fakes[0], { wanted.text }, mayApply: { true }) { keeper, _ in
                try await expect(keeper, holds: true)
            }
            try await withKeeper(fakes[1], { wanted.text }, mayApply: { false }) { keeper, role in
                let stopwatch = Stopwatch(ContinuousClock())
                var isCurrent = false
                while !isCurrent, stopwatch.elapsed < .seconds(20) {
                    isCurrent = try await keeper.step()
                    try await Task.sleep(for: .milliseconds(20))
                }
                #expect(role.report.holds == [wanted.held])
                guard case .rows(_, let rows) = await fakes[1].query("SELECT username FROM mysql_users") else {
                    return
                }
                #expect(rows.count == 2, "as ProxySQL's cluster sync leaves them")
            }
        }
    }

    @Test("A node that lost its rows is verified at once, however long the interval is")
    func watched() async throws {
        let path = NSTemporaryDirectory() + "drover-fleet-\(UUID().uuidString).json"
        try published(3, address: "127.0.0.5").text.write(toFile: path, atomically: true, encoding: .utf8)
        try await withNode(node("a")) { fake in
            try await withAgent(
                fake, mode: "core", ["agent.follow.file": path, "agent.core.interval-seconds": "60"]
            ) { agent in
                _ = try await agent.status { $0["generation"] as? Int == 3 }
                _ = await fake.query("DELETE FROM mysql_servers")
                _ = await fake.query("LOAD MYSQL SERVERS TO RUNTIME")
                for _ in 0..<500 where await servers(fake).isEmpty { try await Task.sleep(for: .milliseconds(20)) }
                #expect(await servers(fake) == [["127.0.0.5"]])
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

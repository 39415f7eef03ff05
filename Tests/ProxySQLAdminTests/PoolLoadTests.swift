import FakeProxySQL
import FleetModel
import Logging
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@Suite("Load as ProxySQL sees it", .timeLimit(.minutes(1)))
struct PoolLoadTests {
    private func record(readers: [String]) throws -> GroupRecord {
        let group = try InstanceName("shop")
        let servers = readers.map { address in
            var server = BackendServer(
                name: "r\(address.last ?? "0")", address: address, hostgroup: 10, origin: .managed)
            server.maxConnections = 50
            return server
        }
        return GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: (servers, [], [])),
            policy: ScalingPolicy(maximumReplicas: 5), primaryInstance: group)
    }

    private let metrics = [
        MetricPolicy(name: "pool", source: .proxySQLConnections, scaleOut: .init(0.7), scaleIn: .init(0.3)),
        MetricPolicy(name: "queries", source: .proxySQLQueries, scaleOut: .init(100), scaleIn: .init(10)),
        MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.7), scaleIn: .init(0.3)),
    ]

    private func withSource(
        nodes count: Int, timeout: Duration = .seconds(20),
        _ body: (PoolLoad, [FakeProxySQL], TestWallClock) async throws -> Void
    ) async throws {
        try await withNodes((0..<count).map { freeNode("node-\($0)") }) { fakes in
            let clock = TestWallClock()
            let directory = ListedNodes(fakes.map(Self.node))
            let source = PoolLoad(
                directory: directory,
                settings: .init(username: "radmin", password: Secret("radmin"), timeout: timeout),
                wallClock: clock, logger: quiet)
            try await body(source, fakes, clock)
        }
    }

    private static func node(_ fake: FakeProxySQL) -> FleetNode {
        FleetNode(
            name: fake.adminEndpoint.host, role: .core, host: fake.adminEndpoint.host, port: fake.adminEndpoint.port)
    }

    @Test("nodes that come and go are asked while they are there, and an unknown fleet has no load")
    func changingNodes() async throws {
        try await withNodes([freeNode("node-0"), freeNode("node-1")]) { fakes in
            let directory = ChangingNodes()
            let clock = TestWallClock()
            let source = PoolLoad(
                directory: directory, settings: .init(username: "radmin", password: Secret("radmin")),
                wallClock: clock, logger: quiet)
            let record = try record(readers: ["127.0.9.2"])
            for (fake, count) in zip(fakes, [30, 10]) {
                await fake.serve(["127.0.9.2"])
                await fake.setConnectionsInUse(address: "127.0.9.2", count: count)
            }
            var shares: [Double?] = []
            for present in [fakes, [fakes[1]], [fakes[0]]] {
                directory.present.withLock { $0 = .success(present.map(Self.node)) }
                clock.advance(by: .seconds(60))
                let readings = try await source.readings(for: record, metrics: metrics, at: clock.now())
                shares.append(readings.first { $0.metric == "pool" && $0.instance == nil }?.value)
            }
            #expect(shares == [0.4, 0.2, 0.6])
            for (state, word) in [
                (Result<[FleetNode], NodeDirectoryError>.success([]), "no node"),
                (.failure(NodeDirectoryError("the API server is silent")), "API server is silent"),
            ] {
                directory.present.withLock { $0 = state }
                clock.advance(by: .seconds(60))
                await #expect {
                    try await source.readings(for: record, metrics: metrics, at: clock.now())
                } throws: { "\($0)".contains(word) }
            }
        }
    }

    @Test("connections in use are a share of what all nodes may open, of each reader and of all")
    func connections() async throws {
        try await withSource(nodes: 2) { source, fakes, clock in
            let record = try record(readers: ["127.0.9.2", "127.0.9.3"])
            for fake in fakes {
                await fake.serve(["127.0.9.2", "127.0.9.3"])
                await fake.setConnectionsInUse(address: "127.0.9.2", count: 30)
                await fake.setConnectionsInUse(address: "127.0.9.3", count: 10)
            }
            let readings = try await source.readings(for: record, metrics: metrics, at: clock.now())
            let pool = readings.filter { $0.metric == "pool" }
            #expect(pool.first { $0.instance == "r2" }?.value == 0.6)
            #expect(pool.first { $0.instance == nil }?.value == 0.4)
            #expect(readings.count == 3, "a rate needs two looks, and other sources' metrics are not ours")
        }
    }

    @Test("queries per second are what was counted between two looks; one that began anew tells nothing")
    func queries() async throws {
        try await withSource(nodes: 1) { source, fakes, clock in
            let record = try record(readers: ["127.0.9.2"])
            let fake = try #require(fakes.first)
            await fake.serve(["127.0.9.2"])
            var rates: [Double?] = []
            for count in [100, 3_000] {
                await fake.node.addQueries(address: "127.0.9.2", port: 3306, hostgroup: 10, count: count)
                let readings = try await source.readings(for: record, metrics: metrics, at: clock.now())
                rates.append(readings.first { $0.metric == "queries" && $0.instance == nil }?.value)
                clock.advance(by: .seconds(60))
            }
            #expect(rates == [nil, 50])
            await fake.node.addQueries(address: "127.0.9.2", port: 3306, hostgroup: 10, count: -2_000)
            let readings = try await source.readings(for: record, metrics: metrics, at: clock.now())
            #expect(readings.allSatisfy { $0.metric == "pool" })
        }
    }

    @Test("a node that refuses is left out; one that hangs leaves no reading at all")
    func nodes() async throws {
        try await withSource(nodes: 2, timeout: .seconds(3)) { source, fakes, clock in
            let record = try record(readers: ["127.0.9.2"])
            for fake in fakes {
                await fake.serve(["127.0.9.2"])
                await fake.setConnectionsInUse(address: "127.0.9.2", count: 25)
            }
            await fakes[1].kill()
            let readings = try await source.readings(for: record, metrics: metrics, at: clock.now())
            #expect(readings.first { $0.instance == nil }?.value == 0.5)
            try await fakes[0].wedge()
            clock.advance(by: .seconds(60))
            await #expect(throws: LoadSourceError.self) {
                try await source.readings(for: record, metrics: metrics, at: clock.now())
            }
        }
    }
}

extension FakeProxySQL {
    fileprivate func serve(_ addresses: [String]) async {
        for address in addresses {
            _ = await query("INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (10, '\(address)', 3306)")
        }
        _ = await query("LOAD MYSQL SERVERS TO RUNTIME")
    }
}

/// A fleet whose nodes a test sets.
private final class ChangingNodes: NodeDirectory {
    let present = Mutex<Result<[FleetNode], NodeDirectoryError>>(.success([]))

    func nodes() async throws(NodeDirectoryError) -> [FleetNode] {
        try present.withLock { $0 }.get()
    }
}

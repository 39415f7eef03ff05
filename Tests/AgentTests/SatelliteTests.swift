import FakeProxySQL
import FleetModel
import Pacing
import ProxySQLAdmin
import TestSupport
import Testing

@testable import Agent

@Suite("Whether ProxySQL will still bring a satellite the table of cores")
struct CoreTableTests {
    private func stamp(_ version: Int64, _ epoch: Int64, _ checksum: String) -> NodeObservation.Stamp {
        .init(module: "proxysql_servers", version: version, epoch: epoch, checksum: checksum)
    }

    private func peer(_ host: String, _ version: Int64, _ epoch: Int64, _ checksum: String) -> CoreTable.Peer {
        .init(address: AgentAddress(host: host, port: 6_032), stamp: stamp(version, epoch, checksum))
    }

    @Test("it does when a peer was loaded later, when the node was never loaded, and when nothing differs")
    func pulls() {
        let later = CoreTable(own: stamp(3, 100, "0xA"), peers: [peer("a", 2, 101, "0xB"), peer("b", 2, 90, "0xC")])
        #expect(later.stranded == nil)
        let fresh = CoreTable(own: stamp(1, 100, "0xA"), peers: [peer("a", 2, 90, "0xB")])
        #expect(fresh.stranded == nil)
        let same = CoreTable(own: stamp(3, 100, "0xA"), peers: [peer("a", 2, 90, "0xA"), peer("b", 2, 80, "0xB")])
        #expect(same.stranded == nil)
        #expect(CoreTable(own: stamp(3, 100, "0xA"), peers: []).stranded == nil)
        // A peer that was never loaded decides nothing.
        #expect(CoreTable(own: stamp(3, 100, "0xA"), peers: [peer("a", 1, 90, "0xB")]).stranded == nil)
    }

    @Test("it does not when its own is later, or of the same second; then the newest peer is the source")
    func stranded() {
        let own = stamp(3, 100, "0xA")
        let earlier = CoreTable(own: own, peers: [peer("a", 2, 80, "0xB"), peer("b", 2, 90, "0xC")])
        #expect(earlier.stranded?.host == "b")
        #expect(CoreTable(own: own, peers: [peer("a", 2, 100, "0xB")]).stranded?.host == "a")
        // Of two that were loaded in one second neither is the newer; whoever agrees with one of them waits.
        let tied = CoreTable(own: own, peers: [peer("a", 2, 100, "0xB"), peer("b", 2, 100, "0xA")])
        #expect(tied.stranded == nil)
    }
}

@Suite("A satellite's agent", .timeLimit(.minutes(1)))
struct SatelliteTests {
    /// A core that knows two, and a satellite that checks it under the Service's address.
    private func withPair(
        checkInterval: Duration,
        _ body: (_ core: FakeProxySQL, _ satellite: FakeProxySQL, _ keeper: SatelliteKeeper) async throws -> Void
    ) async throws {
        var satelliteConfiguration = node("satellite")
        satelliteConfiguration.clusterCheckInterval = checkInterval
        let core = node("core-0")
        try await withNode(core) { core in
            satelliteConfiguration.bootstrapPeers = [core.adminEndpoint]
            try await withNode(satelliteConfiguration) { satellite in
                let port = AdminPort(
                    .init(
                        address: AgentAddress(host: satellite.adminEndpoint.host, port: satellite.adminEndpoint.port),
                        username: "radmin", password: Secret("radmin")),
                    clock: ContinuousClock(), wallClock: SystemWallClock(), logger: quiet)
                let time: (any Clock<Duration>, any WallClock) = (ContinuousClock(), SystemWallClock())
                let cores = AdminCoreTableReader(node: port, time: time, logger: quiet)
                let keeper = SatelliteKeeper(
                    port: port, cores: cores,
                    content: LostContent(port: port, cores: cores, time: time, logger: quiet), role: RoleBoard(),
                    bootstrap: AgentAddress(host: core.adminEndpoint.host, port: core.adminEndpoint.port),
                    pace: .init(change: Wakeup(), interval: .seconds(1), clock: ContinuousClock()), logger: quiet)
                try await body(core, satellite, keeper)
                await port.close()
            }
        }
    }

    private func table(_ fake: FakeProxySQL) async -> Set<[String?]> {
        let sql = "SELECT hostname, port, weight, comment FROM runtime_proxysql_servers"
        guard case .rows(_, let rows) = await fake.query(sql) else { return [] }
        return Set(rows)
    }

    private func fill(_ core: FakeProxySQL) async {
        _ = await core.query("DELETE FROM proxysql_servers")
        _ = await core.query(
            "INSERT INTO proxysql_servers (hostname, port, weight, comment) VALUES "
                + "('\(core.adminEndpoint.host)', \(core.adminEndpoint.port), 0, 'core''s 0'), "
                + "('127.0.3.9', 6032, 7, 'core-1')")
        _ = await core.query("LOAD PROXYSQL SERVERS TO RUNTIME")
    }

    @Test("what arrived while a look hung does not count as missing, and the node's age goes on meanwhile")
    func hangs() async throws {
        try await withPair(checkInterval: .milliseconds(20)) { core, satellite, _ in
            await fill(core)
            let wall = TestWallClock()
            let port = AdminPort(
                .init(
                    address: AgentAddress(host: satellite.adminEndpoint.host, port: satellite.adminEndpoint.port),
                    username: "radmin", password: Secret("radmin")),
                clock: ContinuousClock(), wallClock: wall, logger: quiet)
            func look(hangingAt statement: String, _ meanwhile: () async throws -> Void) async throws -> NodeObservation
            {
                satellite.hang(statement)
                async let seen = NodeObservation.look(port, timeout: .seconds(60), asksPeers: true, now: wall.now)
                for _ in 0..<500 where !satellite.isHanging { try await Task.sleep(for: .milliseconds(10)) }
                #expect(satellite.isHanging)
                try await meanwhile()
                wall.advance(by: .seconds(40))
                satellite.letGo()
                return try await seen
            }
            let arrived = try await look(hangingAt: "SELECT name, version, epoch, checksum FROM stats_proxysql") {
                _ = await core.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.0.0.9')")
                _ = await core.query("LOAD MYSQL SERVERS TO RUNTIME")
                // The satellite's own pull does not wait for its admin interface.
                try await Task.sleep(for: .milliseconds(1_000))
            }
            #expect(arrived.cores == .filled && arrived.awaited.isEmpty, "\(arrived)")
            let later = try await look(hangingAt: "SELECT name, version, epoch, checksum FROM runtime_checksums") {}
            #expect(later.uptimeSeconds >= 40, "\(later)")
            await port.close()
        }
    }

    @Test("a resync takes over the table that runs at the bootstrap Service, byte for byte, and once is enough")
    func resync() async throws {
        // What ProxySQL's own sync brings must not be what is seen here.
        try await withPair(checkInterval: .seconds(3_600)) { core, satellite, keeper in
            await fill(core)
            let note = try await keeper.resync()
            #expect(note.hasPrefix("2 cores were learnt"))
            #expect(await table(satellite) == table(core))
            let again = try await keeper.resync()
            #expect(again.hasPrefix("the table of cores is the one"))
        }
    }

    @Test("a satellite that went back to the bootstrap row while nobody answered finds the cores again by itself")
    func stranded() async throws {
        try await withPair(checkInterval: .milliseconds(20)) { core, satellite, keeper in
            let known = try await keeper.resync()
            #expect(known.contains("back to the bootstrap row"))
            // The core was loaded before: its clock is what ProxySQL compares.
            await fill(core)
            _ = await satellite.query("LOAD PROXYSQL SERVERS TO RUNTIME")
            var memory = SatelliteKeeper.Memory()
            for _ in 0..<500 where await table(satellite) != table(core) {
                try await keeper.step(&memory)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(await table(satellite) == table(core))
        }
    }

    private func count(_ fake: FakeProxySQL, _ table: String) async -> Int {
        guard case .rows(_, let rows) = await fake.query("SELECT 1 FROM runtime_\(table)") else { return -1 }
        return rows.count
    }

    private func publish(_ core: FakeProxySQL) async {
        for statement in [
            "INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (5, '127.0.0.5', 'it''s'), "
                + "(10, '127.0.0.6', '')",
            "INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('a', 'b''c', 5), ('d', 'e', 5)",
            "INSERT INTO mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, apply) "
                + "VALUES (1, 1, '^SELECT', 10, 1)",
            "LOAD MYSQL SERVERS TO RUNTIME", "LOAD MYSQL USERS TO RUNTIME", "LOAD MYSQL QUERY RULES TO RUNTIME",
        ] { _ = await core.query(statement) }
    }

    @Test(
        "What a satellite lost by a LOAD of its own, which ProxySQL never pulls again, comes back from a core",
        arguments: ["SERVERS", "USERS", "QUERY RULES"])
    func lost(module: String) async throws {
        let table = "mysql_" + module.lowercased().replacing(" ", with: "_")
        try await withPair(checkInterval: .milliseconds(20)) { core, satellite, keeper in
            await publish(core)
            for _ in 0..<500 where await count(satellite, table) < 1 { try await Task.sleep(for: .milliseconds(10)) }
            let before = await count(satellite, table)
            #expect(before > 0)
            _ = await satellite.query("DELETE FROM \(table)")
            _ = await satellite.query("LOAD MYSQL \(module) TO RUNTIME")
            #expect(await count(satellite, table) == 0)
            var memory = SatelliteKeeper.Memory()
            for _ in 0..<500 where await count(satellite, table) < before {
                await keeper.bringBack(&memory)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(await count(satellite, table) == before)
            #expect(await checksum(satellite, table) == checksum(core, table))
        }
    }

    private func checksum(_ fake: FakeProxySQL, _ table: String) async -> [[String?]] {
        let sql = "SELECT checksum FROM runtime_checksums_values WHERE name='\(table)'"
        guard case .rows(_, let rows) = await fake.query(sql) else { return [] }
        return rows
    }

    @Test("What the cores do not have either is no loss: nothing is loaded")
    func noLoss() async throws {
        try await withPair(checkInterval: .milliseconds(20)) { core, satellite, keeper in
            await publish(core)
            for _ in 0..<500 where await count(satellite, "mysql_users") < 1 {
                try await Task.sleep(for: .milliseconds(10))
            }
            for fake in [core, satellite] {
                _ = await fake.query("DELETE FROM mysql_users")
                _ = await fake.query("LOAD MYSQL USERS TO RUNTIME")
            }
            // The satellite may not have seen yet that the core has none.
            satellite.forgetStatements()
            var memory = SatelliteKeeper.Memory()
            for _ in 0..<5 { await keeper.bringBack(&memory) }
            #expect(!satellite.statements.contains { $0.text.hasPrefix("LOAD") })
            #expect(await count(satellite, "mysql_users") == 0)
        }
    }
}

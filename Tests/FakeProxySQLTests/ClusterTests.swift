import FleetModel
import Testing

@testable import FakeProxySQL

@Suite("Synchronisation between simulated nodes")
struct ClusterTests {
    let time = TestTime()
    let one = PeerAddress(host: "127.0.3.1", port: 6032)
    let two = PeerAddress(host: "127.0.3.2", port: 6032)
    let three = PeerAddress(host: "127.0.3.3", port: 6032)

    func node(_ address: PeerAddress) throws -> ProxySQLNode {
        try ProxySQLNode(
            NodeConfiguration(name: address.host, address: address, bootstrapPeers: [one, two, three]), wallClock: time)
    }

    static let insert = "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (2,'127.0.0.5')"

    @Test("a change is pulled at the third check, with the source's epoch and checksum and an own version, and saved")
    func pulls() async throws {
        let source = try node(one)
        let puller = try node(two)
        time.advance(seconds: 10)
        _ = await source.run(Self.insert, "LOAD MYSQL SERVERS TO RUNTIME", "LOAD MYSQL SERVERS TO RUNTIME")
        let peer = LocalPeer(source, address: one)
        for check in 1...2 {
            await puller.clusterCheck(peers: [peer])
            #expect(await puller.select("SELECT hostname FROM runtime_mysql_servers") == [])
            let seen = await puller.select(
                "SELECT diff_check FROM stats_proxysql_servers_checksums WHERE name='mysql_servers_v2'")
            #expect(seen == [["\(check)"]])
        }
        await puller.clusterCheck(peers: [peer])
        #expect(await puller.select("SELECT hostname FROM runtime_mysql_servers") == [["127.0.0.5"]])
        #expect(await puller.select("SELECT hostname FROM mysql_servers") == [["127.0.0.5"]])
        #expect(await puller.select("SELECT hostname FROM disk.mysql_servers") == [["127.0.0.5"]])
        #expect(await source.select("SELECT hostname FROM disk.mysql_servers") == [])
        for name in ["mysql_servers", "mysql_servers_v2"] {
            let pulled = await puller.checksum(name)
            let original = await source.checksum(name)
            #expect(pulled?.epoch == original?.epoch)
            #expect(pulled?.checksum == original?.checksum)
            #expect(pulled?.version == 2)
            #expect(original?.version == 3)
        }
    }

    @Test("a peer at version 1 is never a source, a node at version 1 takes what is older")
    func versionOne() async throws {
        let source = try node(one)
        _ = await source.run(Self.insert, "SAVE MYSQL SERVERS TO DISK")
        try await source.reboot()
        let puller = try node(two)
        for _ in 1...5 { await puller.clusterCheck(peers: [LocalPeer(source, address: one)]) }
        #expect(await puller.select("SELECT hostname FROM runtime_mysql_servers") == [])
        _ = await source.run("LOAD MYSQL SERVERS TO RUNTIME")
        time.advance(seconds: 60)
        let fresh = try node(three)
        for _ in 1...3 { await fresh.clusterCheck(peers: [LocalPeer(source, address: one)]) }
        #expect(await fresh.select("SELECT hostname FROM runtime_mysql_servers") == [["127.0.0.5"]])
    }

    @Test("equal epochs with different content never settle, until a later LOAD decides")
    func tie() async throws {
        let left = try node(one)
        let right = try node(two)
        _ = await left.run(Self.insert, "LOAD MYSQL SERVERS TO RUNTIME")
        _ = await right.run("LOAD MYSQL SERVERS TO RUNTIME")
        for _ in 1...10 {
            await left.clusterCheck(peers: [LocalPeer(right, address: two)])
            await right.clusterCheck(peers: [LocalPeer(left, address: one)])
        }
        #expect(await right.select("SELECT hostname FROM runtime_mysql_servers") == [])
        #expect(await left.select("SELECT hostname FROM runtime_mysql_servers") == [["127.0.0.5"]])
        time.advance(seconds: 1)
        _ = await left.run("LOAD MYSQL SERVERS TO RUNTIME")
        await right.clusterCheck(peers: [LocalPeer(left, address: one)])
        #expect(await right.select("SELECT hostname FROM runtime_mysql_servers") == [["127.0.0.5"]])
    }

    @Test("the newest epoch wins, and the one who lost takes it back")
    func newestWins() async throws {
        let left = try node(one)
        let right = try node(two)
        let satellite = try node(three)
        time.advance(seconds: 1)
        _ = await left.run(Self.insert, "LOAD MYSQL SERVERS TO RUNTIME")
        time.advance(seconds: 1)
        _ = await right.run("LOAD MYSQL SERVERS TO RUNTIME")
        for _ in 1...4 {
            await satellite.clusterCheck(peers: [LocalPeer(left, address: one), LocalPeer(right, address: two)])
            await left.clusterCheck(peers: [LocalPeer(right, address: two)])
        }
        #expect(await satellite.select("SELECT hostname FROM runtime_mysql_servers") == [])
        #expect(await left.select("SELECT hostname FROM runtime_mysql_servers") == [])
    }

    @Test("diffs_before_sync 0 switches a module off")
    func switchedOff() async throws {
        let source = try node(one)
        let puller = try node(two)
        _ = await puller.run(
            "SET admin-cluster_mysql_servers_diffs_before_sync=0", "LOAD ADMIN VARIABLES TO RUNTIME")
        time.advance(seconds: 1)
        _ = await source.run(Self.insert, "LOAD MYSQL SERVERS TO RUNTIME")
        for _ in 1...5 { await puller.clusterCheck(peers: [LocalPeer(source, address: one)]) }
        #expect(await puller.select("SELECT hostname FROM runtime_mysql_servers") == [])
    }
}

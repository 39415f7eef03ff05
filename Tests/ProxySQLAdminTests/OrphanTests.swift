import FakeProxySQL
import FleetModel
import ProxySQLAdmin
import TestSupport
import Testing

/// Each fleet here is that of a process that was started after the group was removed: it remembers nothing.
@Suite("Rows of a removed group that are back on a node", .timeLimit(.minutes(2)))
struct OrphanTests {
    private static let tables = ["mysql_servers", "mysql_users", "mysql_query_rules", "mysql_servers_ssl_params"]

    private static func bringBack(_ fake: FakeProxySQL) async {
        for sql in [
            "INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (77,'127.0.9.70','[drover cafe]')",
            "INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (78,'127.0.9.71','[drover cafe draining]')",
            "INSERT INTO mysql_users (username,password,default_hostgroup,comment) VALUES ('old','still valid',77,"
                + "'a [drover cafe]')",
            "INSERT INTO mysql_query_rules (rule_id,active,match_digest,comment) VALUES (7001,1,'^S','[drover cafe]')",
            "INSERT INTO mysql_servers (hostgroup_id,hostname,comment) VALUES (79,'127.0.9.72','a person''s')",
            "LOAD MYSQL SERVERS TO RUNTIME", "LOAD MYSQL USERS TO RUNTIME", "LOAD MYSQL QUERY RULES TO RUNTIME",
            "SAVE MYSQL SERVERS TO DISK", "SAVE MYSQL USERS TO DISK", "SAVE MYSQL QUERY RULES TO DISK",
        ] { _ = await fake.query(sql) }
    }

    /// Where rows of `cafe` are.
    private static func places(_ fake: FakeProxySQL) async -> [String] {
        var found: [String] = []
        for table in tables {
            for place in ["", "runtime_", "disk."] {
                let rows = await fake.cells("SELECT count(*) FROM \(place)\(table) WHERE comment LIKE '%[drover cafe%'")
                if rows != [["0"]] { found.append(place + table) }
            }
        }
        return found
    }

    private static func tombstone(_ nodes: [String], at now: Timestamp) throws -> GroupTombstone {
        var record = GroupRecord(
            configuration: try configuration(), policy: ScalingPolicy(maximumReplicas: 1),
            primaryInstance: try InstanceName("cafe"))
        record.configuration.group = try InstanceName("cafe")
        return GroupTombstone(record, withdrawnFrom: nodes, at: now)
    }

    @Test("they go from memory, runtime and disk, and nothing else does", arguments: [true, false])
    func removed(isAlone: Bool) async throws {
        try await withFleet(nodes: 2) { fleet, fakes, clock in
            await Self.bringBack(fakes[1])
            let names = isAlone ? [] : [try InstanceName("shop")]
            if !isAlone {
                let publication1 = await fleet.publish(try configuration())
                #expect(publication1.isComplete)
            }
            let register = GroupRegister(names: names, tombstones: [try Self.tombstone(["node-0"], at: clock.now())])
            // As the publisher does: it reads the store once more when something turned up.
            let isGone = await eventually {
                await fleet.take(register)
                return await Self.places(fakes[1]).isEmpty
            }
            let left = await "\(Self.places(fakes[1])) \(fleet.orphans())"
            #expect(isGone, "\(left)")
            #expect(
                await fakes[1].cells("SELECT hostname FROM mysql_servers WHERE hostgroup_id=79") == [["127.0.9.72"]])
            if !isAlone {
                #expect(await fakes[1].cells("SELECT username FROM mysql_users") == [["app"]])
                let publication2 = await fleet.publish(try configuration())
                #expect(publication2.isComplete)
            }
            let isTold = await eventually { await fleet.orphans().isEmpty }
            #expect(isTold)
        }
    }

    @Test("they stay, and are told, while clients use them or nothing speaks for a removal", arguments: [0, 1, 2, 3])
    func kept(which: Int) async throws {
        try await withFleet(nodes: 2) { fleet, fakes, clock in
            await Self.bringBack(fakes[1])
            if which == 1 { await Self.bringBack(fakes[0]) }
            if which == 2 {
                await fakes[1].setConnectionsInUse(address: "127.0.9.70", port: 3_306, hostgroup: 77, count: 2)
            }
            let tombstones =
                switch which {
                case 0: [GroupTombstone]()
                case 3: [try Self.tombstone([], at: clock.now())]
                default: [try Self.tombstone(["node-0"], at: clock.now())]
                }
            let register = GroupRegister(names: [], tombstones: tombstones)
            for _ in 0..<20 {
                await fleet.take(register)
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(await Self.places(fakes[1]).count == 9)
            let found = await fleet.orphans()
            #expect(found.map(\.group.text) == ["cafe"] && found.first?.nodes.contains("node-1") == true, "\(found)")
            let reasons = ["no removal", "older than the nodes", "clients use it on node-1", "can be read"]
            #expect(found.first?.doubt?.contains(reasons[which]) == true, "\(found)")
            // A person says so.
            var order = GroupTombstone(group: try InstanceName("cafe"), at: clock.now())
            order.purgeUntil = clock.now().advanced(by: .seconds(60))
            let isGone = await eventually {
                await fleet.take(GroupRegister(names: [], tombstones: [order]))
                return await Self.places(fakes[1]).isEmpty
            }
            #expect(isGone)
        }
    }

    @Test("a group that is registered keeps its rows, and one that this process publishes does too")
    func registered() async throws {
        try await withFleet(nodes: 2) { fleet, fakes, clock in
            let wanted = try configuration()
            #expect(await fleet.publish(wanted).isComplete)
            var tombstone = try Self.tombstone(["node-0", "node-1"], at: clock.now())
            tombstone.group = wanted.group
            tombstone.purgeUntil = clock.now().advanced(by: .seconds(60))
            for _ in 0..<10 {
                await fleet.take(GroupRegister(names: [], tombstones: [tombstone]))
                try await Task.sleep(for: .milliseconds(50))
            }
            for fake in fakes { #expect(await fake.cells("SELECT username FROM mysql_users") == [["app"]]) }
            #expect(await fleet.orphans().isEmpty)
        }
    }

    @Test("whoever leads again begins with nothing that was wanted when it led before")
    func leadsAgain() async throws {
        try await withNodes([freeNode("node-0")]) { fakes in
            let fleet = fleet(of: fakes[0])
            try await running(fleet) {
                let publication3 = await fleet.publish(try configuration(password: "first"))
                #expect(publication3.isComplete)
                let withdrawal = await fleet.withdraw(try configuration())
                #expect(withdrawal.isComplete)
                #expect(await fakes[0].cells("SELECT username FROM mysql_users") == [])
            }
            // Another process led meanwhile, and the group was registered again.
            let other = self.other(of: fakes[0])
            try await running(other) {
                let publication4 = await other.publish(try configuration(password: "second"))
                #expect(publication4.isComplete)
            }
            await fleet.begin()
            try await running(fleet) {
                for _ in 0..<10 {
                    try await Task.sleep(for: .milliseconds(50))
                    #expect(
                        await fakes[0].cells("SELECT username FROM runtime_mysql_users WHERE frontend=1") == [["app"]])
                }
            }
        }
    }

    private func other(of fake: FakeProxySQL) -> AdminFleet { fleet(of: fake) }

    private func fleet(of fake: FakeProxySQL) -> AdminFleet {
        ProxySQLAdminTests.fleet(of: fake) { $0.verifyEvery = .milliseconds(50) }
    }
}

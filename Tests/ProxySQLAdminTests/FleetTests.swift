import FakeProxySQL
import FleetModel
import Logging
import ProxySQLAdmin
import TestSupport
import Testing

@Suite("Publishing to nodes", .timeLimit(.minutes(1)))
struct FleetTests {
    @Test("what is published is read back, and published again it loads nothing")
    func noLoadWithoutDifference() async throws {
        try await withFleet(nodes: 2) { fleet, fakes, _ in
            let wanted = try configuration()
            let first = await fleet.publish(wanted)
            #expect(first.isComplete, "\(first)")
            for fake in fakes {
                #expect(fake.loads.count == 3)
                fake.forgetStatements()
            }
            #expect(await fleet.publish(wanted).isComplete)
            for fake in fakes { #expect(fake.loads.isEmpty) }
        }
    }

    @Test(
        "a row of somebody else in the group's place is left alone, the node is behind with its code, and adopting ends it"
    )
    func foreignRows() async throws {
        try await withFleet(nodes: 2) { fleet, fakes, _ in
            var wanted = try configuration()
            for sql in [
                "INSERT INTO mysql_query_rules (rule_id,active,match_digest,destination_hostgroup,apply,comment) "
                    + "VALUES (1,1,'^BEGIN',77,1,'mine')",
                "INSERT INTO mysql_users (username,password,default_hostgroup) VALUES ('app','theirs',77)",
                "LOAD MYSQL QUERY RULES TO RUNTIME", "LOAD MYSQL USERS TO RUNTIME",
            ] { _ = await fakes[0].query(sql) }
            let theirs = "SELECT match_digest, comment FROM mysql_query_rules WHERE rule_id=1"
            for _ in 0..<2 {
                let publication = await fleet.publish(wanted)
                let node = try #require(publication.nodes.first)
                #expect(node.condition == .behind && node.reason == "foreign-rows", "\(publication)")
                #expect(
                    Set((node.foreignRows ?? []).map(\.row)) == [
                        RowName(table: "mysql_query_rules", key: ["1"]), RowName(table: "mysql_users", key: ["app"]),
                    ])
                #expect(node.detail?.contains("mysql_query_rules 1") == true)
                #expect(await fakes[0].cells(theirs) == [["^BEGIN", "mine"]])
                #expect(
                    await fakes[0].cells("SELECT password FROM mysql_users WHERE username='app'") == [["theirs"]])
                #expect(await fakes[0].cells("SELECT hostname FROM runtime_mysql_servers").count == 2, "the rest came")
            }
            wanted.generation += 1
            wanted.adoption = Adoption([RowName(table: "mysql_users", key: ["app"])])
            let half = await fleet.publish(wanted)
            #expect(half.nodes.first?.foreignRows?.map(\.row.table) == ["mysql_query_rules"], "only what was named")
            wanted.adoption?.add([RowName(table: "mysql_query_rules", key: ["1"])])
            let whole = await fleet.publish(wanted)
            #expect(whole.isComplete, "\(whole)")
            #expect(await fakes[0].cells(theirs) == [["^SELECT", "c [drover shop]"]])
        }
    }

    @Test("withdrawing a group takes nothing that it did not write")
    func withdrawal() async throws {
        try await withFleet { fleet, fakes, _ in
            let wanted = try configuration()
            _ = await fakes[0].query(
                "INSERT INTO mysql_query_rules (rule_id,active,match_digest,destination_hostgroup,apply,comment) "
                    + "VALUES (1,1,'^BEGIN',77,1,'mine')")
            _ = await fakes[0].query("INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (10,'127.0.9.77')")
            #expect(await fleet.publish(wanted).nodes.first?.reason == "foreign-rows")
            #expect(await fleet.withdraw(wanted).isComplete)
            #expect(await fakes[0].cells("SELECT rule_id FROM mysql_query_rules") == [["1"]])
            #expect(await fakes[0].cells("SELECT hostname FROM mysql_servers") == [["127.0.9.77"]])
        }
    }

    @Test("a rehearsal shows the rows that are in the way")
    func rehearsal() async throws {
        try await withFleet { fleet, fakes, _ in
            _ = await fakes[0].query(
                "INSERT INTO mysql_users (username,password,default_hostgroup) VALUES ('app','theirs',77)")
            let target = try #require(await fleet.rehearse(try configuration()).first)
            #expect(target.foreignRows.map(\.description) == ["mysql_users app (without Drover's mark)"])
            #expect(!target.rows.contains { $0.table == "mysql_users" })
        }
    }

    @Test("a change of servers loads servers and nothing else")
    func onlyTheModule() async throws {
        try await withFleet { fleet, fakes, _ in
            var wanted = try configuration()
            _ = await fleet.publish(wanted)
            fakes[0].forgetStatements()
            wanted.servers.append(BackendServer(name: "n", address: "127.0.9.3", hostgroup: 10, origin: .managed))
            #expect(await fleet.publish(wanted).isComplete)
            #expect(fakes[0].loads == ["LOAD MYSQL SERVERS TO RUNTIME"])
        }
    }

    @Test(
        "hostile texts arrive byte for byte",
        arguments: [
            "it's", "'; DROP TABLE mysql_users; --", "\\' \\\\", "\"q\"", "a;b", "日本 😀", "%s \n\t",
            "a'\u{301} || (SELECT 1) || '\u{301}",
        ])
    func hostile(text: String) async throws {
        try await withFleet { fleet, fakes, _ in
            let publication = await fleet.publish(try configuration(comment: text, password: text))
            #expect(publication.isComplete, "\(publication)")
            let users = await fakes[0].cells("SELECT password FROM mysql_users")
            #expect(users == [[text]])
            let rules = await fakes[0].cells("SELECT comment FROM runtime_mysql_query_rules")
            #expect(rules == [[text + " [drover shop]"]])
        }
    }

    @Test("a row and a status that a person set are kept; ours are drained, taken back and removed")
    func setByHand() async throws {
        try await withFleet { fleet, fakes, _ in
            var wanted = try configuration()
            _ = await fleet.publish(wanted)
            _ = await fakes[0].query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (10, '127.0.9.77')")
            _ = await fakes[0].query("UPDATE mysql_servers SET status='OFFLINE_SOFT' WHERE hostname='127.0.9.2'")
            _ = await fakes[0].query("LOAD MYSQL SERVERS TO RUNTIME")
            wanted.servers.append(BackendServer(name: "n", address: "127.0.9.3", hostgroup: 10, origin: .managed))
            #expect(await fleet.publish(wanted).isComplete)
            let status = "SELECT status FROM runtime_mysql_servers WHERE hostname="
            #expect(await fakes[0].cells(status + "'127.0.9.2'") == [["OFFLINE_SOFT"]])
            #expect(await fakes[0].cells(status + "'127.0.9.77'") == [["ONLINE"]])
            wanted.servers[2].status = .offlineSoft
            #expect(await fleet.publish(wanted).isComplete)
            #expect(await fakes[0].cells(status + "'127.0.9.3'") == [["OFFLINE_SOFT"]])
            wanted.servers[2].status = .online
            #expect(await fleet.publish(wanted).isComplete)
            #expect(await fakes[0].cells(status + "'127.0.9.3'") == [["ONLINE"]])
            wanted.servers.removeLast()
            #expect(await fleet.publish(wanted).isComplete)
            #expect(await fakes[0].cells(status + "'127.0.9.3'") == [])
            #expect(await fakes[0].cells(status + "'127.0.9.77'") == [["ONLINE"]])
        }
    }

    @Test("a wedged node holds nobody else, and is down only after a long silence")
    func wedged() async throws {
        try await withFleet(nodes: 3, patience: .seconds(2)) { fleet, fakes, clock in
            let wanted = try configuration()
            try await fakes[1].wedge()
            let first = await fleet.publish(wanted)
            #expect(first.nodes.map(\.condition) == [.current, .unknown, .current])
            #expect(!first.isComplete)
            #expect(first.connectionsInUse(address: "127.0.9.2", port: 3306) == nil)
            clock.advance(by: .seconds(301))
            let second = await fleet.publish(wanted)
            #expect(second.nodes[1].condition == .down)
            #expect(second.isComplete)
            try await fakes[1].unwedge()
            #expect(await fleet.publish(wanted).nodes.map(\.condition) == [.current, .current, .current])
        }
    }

    @Test("a node that refuses connections is down, and gets everything when it is back")
    func killed() async throws {
        try await withFleet(nodes: 2) { fleet, fakes, clock in
            let wanted = try configuration()
            await fakes[1].kill()
            var first = await fleet.publish(wanted)
            // One that dies while it is asked is silent until it is asked again.
            if first.nodes[1].condition == .unknown {
                clock.advance(by: .seconds(1))
                first = await fleet.publish(wanted)
            }
            #expect(first.nodes.map(\.condition) == [.current, .down])
            try await fakes[1].restart()
            let second = await fleet.publish(wanted)
            #expect(second.nodes.map(\.condition) == [.current, .current], "\(second)")
        }
    }

    @Test("a node that hangs is not asked again at once, and other groups do not pay for it")
    func backsOff() async throws {
        try await withFleet(nodes: 2, patience: .seconds(2)) { fleet, fakes, clock in
            let wanted = try configuration()
            try await fakes[1].wedge()
            #expect(await fleet.publish(wanted).nodes.map(\.condition) == [.current, .unknown])
            try await fakes[1].unwedge()
            fakes[1].forgetStatements()
            let soon = await fleet.publish(wanted)
            #expect(soon.nodes.map(\.condition) == [.current, .unknown])
            #expect(soon.nodes[1].detail?.contains("asked again") == true)
            #expect(fakes[1].loads.isEmpty)
            clock.advance(by: .seconds(1))
            #expect(await fleet.publish(wanted).isComplete)
        }
    }

    @Test("a node that was restarted between two publications is connected to anew")
    func restarted() async throws {
        try await withFleet { fleet, fakes, _ in
            let wanted = try configuration()
            #expect(await fleet.publish(wanted).isComplete)
            try await fakes[0].restart()
            let again = await fleet.publish(wanted)
            #expect(again.isComplete, "\(again)")
        }
    }

    @Test("columns that are not managed survive a change of the row")
    func otherColumns() async throws {
        try await withFleet { fleet, fakes, _ in
            var wanted = try configuration()
            #expect(await fleet.publish(wanted).isComplete)
            _ = await fakes[0].query("UPDATE mysql_users SET max_connections=7")
            _ = await fakes[0].query("UPDATE mysql_servers SET max_replication_lag=30")
            _ = await fakes[0].query("UPDATE mysql_query_rules SET cache_ttl=100")
            wanted.users[0].password = Secret("other")
            wanted.servers[0].weight = 3
            wanted.servers[1].weight = 3
            wanted.queryRules[0].matchDigest = "^SELECT .*"
            let publication = await fleet.publish(wanted)
            #expect(publication.isComplete, "\(publication)")
            #expect(await fakes[0].cells("SELECT max_connections FROM mysql_users") == [["7"]])
            #expect(await fakes[0].cells("SELECT DISTINCT max_replication_lag FROM mysql_servers") == [["30"]])
            #expect(await fakes[0].cells("SELECT cache_ttl FROM mysql_query_rules") == [["100"]])
        }
    }

    @Test("connections are counted wherever a person put the address")
    func countedElsewhere() async throws {
        try await withFleet { fleet, fakes, _ in
            let wanted = try configuration()
            _ = await fakes[0].query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (77, '127.0.9.2')")
            #expect(await fleet.publish(wanted).isComplete)
            await fakes[0].setConnectionsInUse(address: "127.0.9.2", hostgroup: 77, count: 3)
            let publication = await fleet.publish(wanted)
            #expect(publication.connectionsInUse(address: "127.0.9.2", port: 3306) == 3)
        }
    }
}

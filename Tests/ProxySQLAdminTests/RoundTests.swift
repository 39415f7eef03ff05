import FakeProxySQL
import FleetModel
import MySQLWire
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

extension FakeProxySQL {
    /// What was asked of configuration tables and of nothing else.
    fileprivate var readings: [String] {
        statements.map(\.text).filter { $0.hasPrefix("SELECT") && !$0.contains("checksums") && !$0.contains("pool") }
            .filter { !$0.contains("replication_lag_log") }
    }
}

@Suite("Rounds of all groups", .timeLimit(.minutes(2)))
struct RoundTests {
    /// Publishes `count` groups at once.
    private func publishAll(_ count: Int, _ fleet: AdminFleet) async throws {
        let complete = try await withThrowingTaskGroup(of: Bool.self) { tasks in
            for number in 0..<count {
                let wanted = try group(number)
                tasks.addTask { await fleet.publish(wanted).isComplete }
            }
            return try await tasks.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(complete == count)
    }

    @Test("thirty groups that change at once are loaded in a few LOADs, not in thirty")
    func together() async throws {
        try await withFleet(nodes: 3) { fleet, fakes, _ in
            try await publishAll(30, fleet)
            for fake in fakes {
                #expect(fake.loads.count <= 9, "\(fake.loads.count) LOADs")
                let servers = await fake.cells("SELECT COUNT(*) FROM runtime_mysql_servers")
                #expect(servers == [["60"]])
            }
        }
    }

    @Test("a server of somebody else in the group's readers is told of, stays, and keeps the node from nothing")
    func foreignServer() async throws {
        try await withFleet { fleet, fakes, _ in
            var wanted = try configuration()
            #expect(await fleet.publish(wanted).nodes.map(\.rowsOfOthers) == [[]])
            _ = await fakes[0].query(
                "INSERT INTO mysql_servers (hostgroup_id,hostname,port,comment) VALUES (10,'10.66.0.1',3306,'by hand')")
            // The group's own writer among its readers is Monitor's doing.
            _ = await fakes[0].query(
                "INSERT INTO mysql_servers (hostgroup_id,hostname,port,comment) VALUES (10,'127.0.9.1',3306,'copied')")
            _ = await fakes[0].query("LOAD MYSQL SERVERS TO RUNTIME")
            let foreign = ForeignRow(
                row: RowName(table: "mysql_servers", key: ["10", "10.66.0.1", "3306"]), owner: nil)
            let publication = await fleet.publish(wanted)
            #expect(publication.isComplete && publication.nodes.map(\.rowsOfOthers) == [[foreign]])
            fakes[0].forgetStatements()
            #expect(
                await fleet.publish(wanted).nodes.map(\.reason) == ["foreign-rows"], "also from the checksums alone")
            #expect(fakes[0].readings.isEmpty && fakes[0].loads.isEmpty, "\(fakes[0].readings)")
            #expect(await fleet.rehearse(wanted).map(\.foreignServers) == [[foreign]])
            wanted.adopt([foreign.row])
            wanted.generation += 1
            #expect(await fleet.publish(wanted).nodes.map(\.rowsOfOthers) == [[]])
            #expect(
                await fakes[0].cells("SELECT hostname FROM runtime_mysql_servers WHERE hostgroup_id=10 ORDER BY 1")
                    == [["10.66.0.1"], ["127.0.9.1"], ["127.0.9.2"]])
        }
    }

    @Test("a node whose checksums are the verified ones has no table read, until something is loaded there")
    func checksums() async throws {
        try await withFleet { fleet, fakes, _ in
            try await publishAll(3, fleet)
            fakes[0].forgetStatements()
            #expect(try await fleet.publish(group(1)).isComplete)
            #expect(fakes[0].readings.isEmpty, "\(fakes[0].readings)")
            _ = await fakes[0].query("DELETE FROM mysql_users")
            _ = await fakes[0].query("LOAD MYSQL USERS TO RUNTIME")
            #expect(try await fleet.publish(group(1)).isComplete)
            #expect(await fakes[0].cells("SELECT COUNT(*) FROM runtime_mysql_users WHERE frontend=1") == [["3"]])
            #expect(fakes[0].readings.allSatisfy { $0.contains("mysql_users") }, "\(fakes[0].readings)")
        }
    }

    @Test("a change of memory alone, which moves no checksum, is found by reading, and loads nothing")
    func memoryAlone() async throws {
        try await withFleet(
            change: {
                $0.readEvery = .milliseconds(100)
                $0.verifyEvery = .milliseconds(100)
            },
            { fleet, fakes, _ in
                let wanted = try configuration()
                #expect(await fleet.publish(wanted).isComplete)
                fakes[0].forgetStatements()
                _ = await fakes[0].query("DELETE FROM mysql_users")
                let isBack = await eventually { await fakes[0].cells("SELECT username FROM mysql_users") == [["app"]] }
                #expect(isBack)
                #expect(fakes[0].loads.isEmpty)
            })
    }

    @Test("a group that contradicts itself, or wants another's place, holds up no other")
    func contradictory() async throws {
        try await withFleet { fleet, fakes, _ in
            var wrong = try group(1)
            wrong.users.append(wrong.users[0])
            var thief = try group(2)
            thief.users[0].username = "app3"
            #expect(try await fleet.publish(group(3)).isComplete)
            for wanted in [wrong, thief] {
                let publication = await fleet.publish(wanted)
                #expect(publication.nodes.map(\.condition) == [.behind], "\(publication)")
            }
            #expect(try await fleet.publish(group(4)).isComplete)
            #expect(try await fleet.publish(group(3)).isComplete)
            let users = await fakes[0].cells("SELECT username FROM runtime_mysql_users WHERE frontend=1 ORDER BY 1")
            #expect(users == [["app3"], ["app4"]])
        }
    }

    @Test("a node is loaded by nobody whose lease has ended, also by a round that was under way")
    func leaseEnded() async throws {
        let leads = Mutex(true)
        try await withFleet(change: { $0.patience = .milliseconds(400) }, mayAct: { leads.withLock { $0 } }) {
            fleet, fakes, _ in
            let first = await fleet.publish(try group(1))
            #expect(first.isComplete)
            leads.withLock { $0 = false }
            fakes[0].forgetStatements()
            let second = await fleet.publish(try group(2))
            #expect(!second.isComplete)
            #expect(fakes[0].loads.isEmpty, "\(fakes[0].loads)")
        }
    }

    @Test("a node that hangs delays no other, and no group waits for it twice")
    func hanging() async throws {
        try await withFleet(nodes: 3, patience: .seconds(20), change: { $0.patience = .milliseconds(400) }) {
            fleet, fakes, _ in
            let one = try group(1)
            #expect(await eventually { await fleet.publish(one).isComplete })
            try await fakes[1].wedge()
            let first = await fleet.publish(try group(2))
            #expect(first.nodes.map(\.condition) == [.current, .unknown, .current])
            let clock = ContinuousClock()
            let began = clock.now
            for number in 3..<8 {
                let publication = await fleet.look(at: try group(number))
                #expect(publication.isWidespread && !publication.isComplete)
            }
            #expect(clock.now - began < .seconds(5))
            try await fakes[1].unwedge()
        }
    }

    @Test("what was read in the store before something newer was published is not taken for wanted")
    func olderReading() async throws {
        try await withFleet { fleet, _, _ in
            let before = try configuration()
            var after = before
            after.generation += 1
            after.users[0].password = Secret("new")
            #expect(await fleet.publish(after).isComplete)
            #expect(await fleet.look(at: before).generation == after.generation)
            // A store that was put back says so again and again.
            #expect(await fleet.look(at: before).generation == before.generation)
        }
    }

    @Test("a node that is down says since when, and may be back with what it had")
    func away() async throws {
        try await withFleet(nodes: 2) { fleet, fakes, clock in
            #expect(try await fleet.publish(configuration()).isComplete)
            await fakes[1].kill()
            let publication = await fleet.publish(try configuration())
            #expect(publication.isComplete)
            #expect(!publication.permitsDeletion(at: clock.now(), restart: .seconds(60)))
            #expect(publication.returning(at: clock.now(), restart: .seconds(60)) == ["node-1"])
            #expect(publication.permitsDeletion(at: clock.now().advanced(by: .seconds(61)), restart: .seconds(60)))
            try await fakes[1].restart()
            let wanted = try configuration()
            let back = await eventually {
                await fleet.publish(wanted).permitsDeletion(at: clock.now(), restart: .seconds(60))
            }
            #expect(back)
        }
    }
}

@Suite("What is saved to disk", .timeLimit(.minutes(2)))
struct SavingTests {
    private let saved = "SELECT username FROM disk.mysql_users ORDER BY username"

    @Test("a SAVE that was refused after its LOAD is made up for")
    func repeated() async throws {
        try await withFleet { fleet, fakes, _ in
            var wanted = try configuration()
            #expect(await fleet.publish(wanted).isComplete)
            #expect(await eventually { await fakes[0].cells(saved) == [["app"]] })
            wanted.users = []
            fakes[0].refuse("SAVE MYSQL USERS", times: 2)
            fakes[0].forgetStatements()
            #expect(await fleet.publish(wanted).isComplete)
            #expect(await eventually { await fakes[0].cells(saved) == [] })
            #expect(fakes[0].loads == ["LOAD MYSQL USERS TO RUNTIME"])
        }
    }

    @Test("also when this process was restarted in between, without a LOAD")
    func afterRestart() async throws {
        try await withNode(freeNode("node-0")) { fake in
            var wanted = try configuration()
            let before = fleet(of: fake)
            try await running(before) {
                #expect(await before.publish(wanted).isComplete)
                #expect(await eventually { await fake.cells(saved) == [["app"]] })
                wanted.users = []
                fake.refuse("SAVE MYSQL USERS", times: 1_000)
                let publication = await before.publish(wanted)
                #expect(publication.isComplete)
                let isTold = await eventually {
                    await before.look(at: wanted).nodes.first?.detail?.contains("not on its disk yet") == true
                }
                #expect(isTold)
            }
            #expect(await fake.cells(saved) == [["app"]])
            fake.refuse("SAVE MYSQL USERS", times: 0)
            fake.forgetStatements()
            let after = fleet(of: fake)
            try await running(after) {
                #expect(await after.publish(wanted).isComplete)
                #expect(await eventually { await fake.cells(saved) == [] })
            }
            #expect(fake.loads.isEmpty)
        }
    }

    @Test("a SAVE that hangs holds up neither the publication nor another node")
    func hanging() async throws {
        try await withFleet(nodes: 2, change: { $0.patience = .milliseconds(500) }) { fleet, fakes, _ in
            var wanted = try configuration()
            #expect(await eventually { await fleet.publish(wanted).isComplete })
            fakes[1].hang("SAVE")
            wanted.users[0].password = Secret("new")
            wanted.generation += 1
            let publication = await fleet.look(at: wanted)
            #expect(publication.isWidespread && publication.generation == wanted.generation)
            #expect(await eventually { fakes[1].isHanging })
            wanted.users[0].password = Secret("newer")
            wanted.generation += 1
            let second = await fleet.look(at: wanted)
            #expect(second.nodes.map(\.condition) == [.current, .unknown])
            fakes[1].letGo()
            #expect(await eventually { await fleet.publish(wanted).isComplete })
            #expect(await eventually { await fakes[1].cells("SELECT password FROM disk.mysql_users") == [["newer"]] })
        }
    }
}

@Suite("Beside mysql_replication_hostgroups", .timeLimit(.minutes(2)))
struct ReplicationHostgroupTests {
    private let servers = "SELECT hostgroup_id, hostname FROM runtime_mysql_servers ORDER BY 1, 2"

    /// A fleet of one node with the group's pair, published.
    private func withPair(_ body: (AdminFleet, FakeProxySQL, FleetConfiguration) async throws -> Void) async throws {
        try await withFleet(
            change: {
                $0.verifyEvery = .milliseconds(100)
                $0.readEvery = .milliseconds(100)
            },
            { fleet, fakes, _ in
                _ = await fakes[0].query(
                    "INSERT INTO mysql_replication_hostgroups (writer_hostgroup, reader_hostgroup) VALUES (5, 10)")
                _ = await fakes[0].query("LOAD MYSQL SERVERS TO RUNTIME")
                let wanted = try configuration()
                #expect(await fleet.publish(wanted).isComplete)
                fakes[0].forgetStatements()
                try await body(fleet, fakes[0], wanted)
            })
    }

    @Test("what Monitor moves between the two is left alone: complete, and not one LOAD")
    func moved() async throws {
        try await withPair { fleet, fake, wanted in
            // The writer also reads; then a failover: the old primary only reads, the replica writes and reads.
            try await fake.engine.moveByMonitor(address: "127.0.9.1", from: 5, to: 10, staysToo: true)
            #expect(await fleet.publish(wanted).isComplete)
            try await fake.engine.moveByMonitor(address: "127.0.9.1", from: 5, to: 10)
            try await fake.engine.moveByMonitor(address: "127.0.9.2", from: 10, to: 5, staysToo: true)
            let publication = await fleet.publish(wanted)
            #expect(publication.isComplete, "\(publication)")
            #expect(fake.loads.isEmpty)
            #expect(
                await fake.cells(servers) == [["5", "127.0.9.2"], ["10", "127.0.9.1"], ["10", "127.0.9.2"]])
        }
    }

    @Test("a server that is in neither, or in a hostgroup of nobody's pair, is put right")
    func lost() async throws {
        try await withPair { fleet, fake, wanted in
            try await fake.engine.moveByMonitor(address: "127.0.9.2", from: 10, to: 77)
            #expect(await eventually { await fake.cells(servers) == [["5", "127.0.9.1"], ["10", "127.0.9.2"]] })
            #expect(await fleet.publish(wanted).isComplete)
        }
    }

    @Test("the agent's comparison leaves it alone as well")
    func agent() async throws {
        try await withPair { fleet, fake, wanted in
            try await fake.engine.moveByMonitor(address: "127.0.9.1", from: 5, to: 10)
            let client = try await AdminClient(
                .init(
                    host: fake.adminEndpoint.host, port: fake.adminEndpoint.port, username: "radmin",
                    password: "radmin"), node: "node", timeout: .seconds(30), logger: silentLogger)
            let apply = NodeApply(connection: client, node: "node", savesToDisk: true, logger: silentLogger)
            #expect(try await apply.holds(wanted))
            #expect(try await apply.apply(wanted) == [])
            await client.close()
        }
    }
}

import FleetModel
import ProxySQLAdmin
import Testing

private func server(
    _ address: String = "127.0.9.2", status: BackendServer.Status = .online, weight: Int = 1
) throws -> ServerRow {
    var server = BackendServer(name: "r", address: address, hostgroup: 10, origin: .managed)
    server.status = status
    server.weight = weight
    return ServerRow(server, group: try InstanceName("shop"))
}

private func user(_ password: String = "secret") throws -> UserRow {
    UserRow(
        ProxyUser(username: "app", password: Secret(password), defaultHostgroup: 5), group: try InstanceName("shop"))
}

private func rule(_ id: Int = 1) throws -> QueryRuleRow {
    let group = try InstanceName("shop")
    let configuration = FleetConfiguration(
        group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 1_000, content: ([], [], []))
    return QueryRuleRow(
        QueryRule(id: id, username: "app", matchDigest: "^SELECT", destinationHostgroup: 10, comment: "c"),
        of: configuration)
}

private func difference<Row: ManagedRow>(_ current: [Row], _ wanted: [Row]) throws -> Difference<Row> {
    try Difference(current: current, wanted: wanted, group: "shop")
}

@Suite("Differences")
struct DifferenceTests {
    @Test("what is there is not written again")
    func equal() throws {
        #expect(try difference([try server()], [try server()]).isEmpty)
        #expect(try difference([try user()], [try user()]).isEmpty)
        #expect(try difference([try rule()], [try rule()]).isEmpty)
        #expect(try difference([ServerRow](), []).isEmpty)
    }

    @Test("a new row is inserted, a changed one updated, one that is not wanted removed")
    func kinds() throws {
        let found = try difference(
            [try server("127.0.9.1"), try server("127.0.9.2")], [try server("127.0.9.2", weight: 7), try server("b")])
        #expect(found.inserts.map(\.hostname) == ["b"])
        #expect(found.updates.map(\.weight) == [7])
        #expect(found.deletes.map(\.hostname) == ["127.0.9.1"])
        #expect(found.description == "writes 10 b 3306, 10 127.0.9.2 3306; removes 10 127.0.9.1 3306")
    }

    @Test(
        "rows without our mark stay",
        arguments: ["", "by hand", "[drover other]", "[drover shopping]", "[drover shop] x"])
    func foreign(comment: String) throws {
        var row = try server()
        row.comment = comment
        #expect(try difference([row], []).isEmpty)
    }

    @Test("a foreign row in a wanted place is taken over: the mark and what is managed, not the rest")
    func adopted() throws {
        var row = try server(weight: 9)
        row.comment = "by hand"
        row.maxReplicationLag = 30
        row.gtidPort = 4_000
        row.compression = 1
        row.maxLatencyMilliseconds = 50
        let taken = try #require(try difference([row], [try server()]).updates.first)
        #expect(taken.mark?.group == "shop")
        #expect(taken.weight == 1)
        #expect(taken.maxReplicationLag == 30)
        #expect(taken.gtidPort == 4_000)
        #expect(taken.compression == 1)
        #expect(taken.maxLatencyMilliseconds == 50)
    }

    @Test(
        "a status that a person set is kept while ONLINE is wanted",
        arguments: ["OFFLINE_SOFT", "OFFLINE_HARD", "SHUNNED"])
    func kept(status: String) throws {
        var row = try server()
        row.status = status
        #expect(try difference([row], [try server()]).isEmpty)
        #expect(try difference([row], [try server(weight: 2)]).updates.map(\.status) == [status])
    }

    @Test(
        "a drain wins over everything but OFFLINE_HARD",
        arguments: [
            ("ONLINE", "OFFLINE_SOFT"), ("SHUNNED", "OFFLINE_SOFT"), ("OFFLINE_SOFT", "OFFLINE_SOFT"),
            ("OFFLINE_HARD", "OFFLINE_HARD"),
        ])
    func drained(status: String, expected: String) throws {
        var row = try server()
        row.status = status
        let written = try difference([row], [try server(status: .offlineSoft)]).updates
        #expect(written.map(\.status) == [expected])
        #expect(written.first?.mark?.isDraining == true)
        #expect(try difference(written, [try server(status: .offlineSoft)]).isEmpty)
    }

    @Test("a drain that is called off ends in ONLINE")
    func calledOff() throws {
        let written = try difference([try server(status: .offlineSoft)], [try server()]).updates
        #expect(written.map(\.status) == ["ONLINE"])
        #expect(written.first?.mark?.isDraining == false)
    }

    @Test("two rows for one place are refused with their place")
    func contradictory() throws {
        let error = #expect(throws: AdminError.self) {
            try difference([], [try server(weight: 1), try server(weight: 2)])
        }
        #expect(error?.code == .contradictory)
        #expect(error?.message.contains("10 127.0.9.2 3306") == true)
    }

    @Test("a password and its hash are no difference, another password is")
    func passwords() throws {
        // SELECT PASSWORD('secret') in MariaDB 10.11.
        let hash = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"
        #expect(try difference([try user(hash)], [try user()]).isEmpty)
        #expect(try difference([try user()], [try user(hash)]).isEmpty)
        let (hashed, clear) = (try user(hash).comparable, try user().comparable)
        #expect(hashed == clear)
        let changed = try difference([try user(hash)], [try user("other")])
        #expect(changed.updates.map { $0.password.reveal() } == ["other"])
        #expect(!changed.description.contains("other"))
        #expect(!"\(changed)".contains(hash))
    }

    @Test("a user that a person made in two rows becomes one")
    func sides() throws {
        var backend = try user()
        backend.sides = .backend
        let found = try difference([backend, backend], [try user()])
        #expect(found.inserts == [try user()])
        #expect(found.updates.isEmpty)
    }

    /// Rows that a wanted row meets in its place, and whether it is taken over without anybody being asked.
    private func expect<Row: ManagedRow>(
        _ present: Row, under wanted: Row, isTaken: Bool, owner: String? = nil
    ) throws {
        let found = try difference([present], [wanted])
        #expect(found.collisions == (isTaken ? [] : [ForeignRow(row: wanted.name, owner: owner)]))
        #expect((found.inserts + found.updates).isEmpty == !isTaken, "\(found)")
        #expect(found.result.isEmpty == !isTaken && found.deletes.isEmpty)
        let adopting = try Difference(
            current: [present], wanted: [wanted], group: "shop", adoption: Adoption([wanted.name]))
        #expect(adopting.collisions.isEmpty && (adopting.inserts + adopting.updates).count == 1)
        let another = RowName(table: Row.table, key: ["another"])
        let adoptingOther = try Difference(
            current: [present], wanted: [wanted], group: "shop", adoption: Adoption([another]))
        #expect(adoptingOther.collisions == found.collisions)
        let whole = try Difference(
            current: [present], wanted: [wanted], group: "shop", adoption: Adoption(isWhole: true))
        #expect(whole.collisions.isEmpty)
    }

    @Test("a row of somebody else in a wanted place is left alone, unless it says the same or was adopted")
    func collisions() throws {
        for comment in ["", "by hand"] {
            var present = try rule()
            present.comment = comment
            try expect(present, under: try rule(), isTaken: true)
            present.matchDigest = "^SELECT 1"
            try expect(present, under: try rule(), isTaken: false)
            var login = try user()
            login.comment = comment
            try expect(login, under: try user(), isTaken: true)
            login.password = Secret("*14E65567ABDB5135D0CFD9A70B3032C179A49EE7")
            try expect(login, under: try user(), isTaken: true)
            try expect(login, under: try user("other"), isTaken: false)
            login.defaultHostgroup = 7
            try expect(login, under: try user(), isTaken: false)
            var backend = try server(weight: 9)
            backend.comment = comment
            try expect(backend, under: try server(), isTaken: true)
        }
        let mark = RowMark(group: "other").marking("")
        var (present, login, backend) = (try rule(), try user(), try server(weight: 2))
        (present.comment, login.comment, backend.comment) = (mark, mark, mark)
        try expect(present, under: try rule(), isTaken: false, owner: "other")
        try expect(login, under: try user(), isTaken: false, owner: "other")
        try expect(backend, under: try server(), isTaken: false, owner: "other")
    }

    @Test("a collision keeps nothing else from being written")
    func besideCollision() throws {
        var present = try rule()
        present.comment = ""
        present.matchDigest = "x"
        let found = try difference([present], [try rule(), try rule(2)])
        #expect(found.inserts.map(\.id) == [1_002] && found.collisions.map(\.row.key) == [["1001"]])
        #expect(found.result.map(\.id) == [1_002])
        #expect(
            try difference([present], [QueryRuleRow]()).deletes.isEmpty, "nothing is removed that is not the group's")
    }

    @Test("the two rows in which cluster sync leaves a user are that user, and stay two when it changes or goes")
    func pulled() throws {
        var (frontend, backend) = (try user(), try user())
        frontend.sides = .frontend
        backend.sides = .backend
        let pulled = [frontend, backend]
        let same = try difference(pulled, [try user()])
        let comparable = try user().comparable
        #expect(same.isEmpty && same.result == [comparable])
        let changed = try difference(pulled, [try user("other")])
        #expect(changed.inserts.isEmpty && changed.deletes.isEmpty)
        let update = try #require(changed.updates.first).update()
        #expect(update.contains("'other'") && !update.contains("frontend") && !update.contains("backend"))
        let gone = try difference(pulled, [UserRow]())
        #expect(try gone.deletes.map { try $0.delete() } == ["DELETE FROM mysql_users WHERE username='app'"])
        frontend.password = Secret("for clients")
        #expect(try !difference([frontend, backend], [try user()]).isEmpty, "sides that differ are not one user")
    }

    @Test("an adopted rule is replaced whole, our own is changed in place")
    func rules() throws {
        var foreign = try rule()
        foreign.comment = "by hand"
        foreign.matchDigest = "x"
        let adopted = try Difference(
            current: [foreign], wanted: [try rule()], group: "shop", adoption: Adoption([try rule().name]))
        #expect(adopted.inserts.map(\.id) == [1_001])
        var ours = try rule()
        ours.matchDigest = "^UPDATE"
        #expect(try difference([ours], [try rule()]).updates.map(\.matchDigest) == ["^SELECT"])
    }
}

import FakeProxySQL
import FleetModel
import MySQLWire
import Synchronization

@testable import ProxySQLAdmin

/// One ProxySQL node without its sockets: the engine of the stand-in, and what can befall a process, its disk and its
/// admin interface.
final class SimulatedNode: Sendable {
    /// How the admin interface stands.
    enum Mood: String, CaseIterable, Sendable {
        case well, hangs, refusesLogins, refusesSaves, down
    }

    /// What is on the disk at a restart.
    enum DiskState: String, CaseIterable, Sendable {
        case present, old, empty
    }

    private struct State {
        var mood = Mood.well
        var moodSince = Duration.zero
        /// Counts the starts; a connection is one start's.
        var boot = 0
        var bootedAt = Duration.zero
        var oldDisk: [String] = []
        /// Since when an address takes no new connections.
        var softSince: [String: Duration] = [:]
        /// Peers look at each other until then.
        var restlessUntil = Duration.seconds(20)
        var loads = 0
    }

    static let tables = ["mysql_servers", "mysql_users", "mysql_query_rules"]
    /// Rows that bear no mark of ours.
    private static let foreign = "comment NOT LIKE '%[drover %]'"

    let world: World
    let fleetNode: FleetNode
    let engine: ProxySQLNode
    private let state = Mutex(State())

    init(world: World, number: Int, peers: [Int]) throws {
        self.world = world
        let address = Self.address(number)
        fleetNode = FleetNode(
            name: "node-\(number)", role: number < 2 ? .core : .satellite, host: address.host, port: address.port)
        engine = try ProxySQLNode(
            NodeConfiguration(
                name: "node-\(number)", address: address,
                bootstrapPeers: peers.map { Self.address($0) }),
            wallClock: world.wallClock)
    }

    static func address(_ number: Int) -> PeerAddress { PeerAddress(host: "10.0.0.\(number + 1)", port: 6_032) }

    var name: String { fleetNode.name }
    var mood: Mood { state.withLock { $0.mood } }
    var boot: Int { state.withLock { $0.boot } }
    var loads: Int { state.withLock { $0.loads } }
    var isRestless: Bool { state.withLock { world.clock.now.offset < $0.restlessUntil } }

    func setMood(_ mood: Mood) {
        state.withLock { state in
            if state.mood != mood { state.moodSince = world.clock.now.offset }
            state.mood = mood
        }
    }

    /// Peers take some rounds to see that something changed.
    private func stir() {
        let until = world.clock.now.offset + .seconds(20)
        state.withLock { $0.restlessUntil = until }
    }

    // MARK: What people and machines do to it

    /// Whatever somebody types at the admin prompt.
    @discardableResult
    func type(_ sql: String) async -> [[String?]] {
        let outcome = await engine.execute(sql)
        if sql.hasPrefix("LOAD") { stir() }
        switch outcome.reply {
        case .rows(_, let rows): return rows
        case .error(let message):
            world.violate("the simulation's own statement failed: \(sql): \(message)")
            return []
        case .ok, .gone: return []
        }
    }

    /// Keeps what is on the disk now, for a restart with an old one.
    func keepDisk() async {
        var statements: [String] = []
        for table in Self.tables {
            statements.append("DELETE FROM disk.\(table)")
            let columns = await type("PRAGMA disk.table_info(\(table))").compactMap { $0.count > 1 ? $0[1] : nil }
            for row in await type("SELECT \(columns.joined(separator: ",")) FROM disk.\(table)") {
                let cells = row.map { cell in
                    cell.map {
                        "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
                    }
                        ?? "NULL"
                }
                statements.append(
                    "INSERT INTO disk.\(table) (\(columns.joined(separator: ","))) VALUES (\(cells.joined(separator: ",")))"
                )
            }
        }
        let kept = statements
        state.withLock { $0.oldDisk = kept }
    }

    /// Ends the process; it is down until `start`.
    func stop() {
        setMood(.down)
        state.withLock { $0.boot += 1 }
    }

    /// Starts the process with what is on its disk.
    func start(_ disk: DiskState) async {
        switch disk {
        case .present: break
        case .old: for statement in state.withLock({ $0.oldDisk }) { await type(statement) }
        case .empty:
            for table in Self.tables + ["global_variables", "proxysql_servers"] {
                await type("DELETE FROM disk.\(table)")
            }
        }
        do {
            try await engine.reboot()
        } catch {
            world.violate("\(name) does not start: \(error)")
        }
        state.withLock { state in
            state.boot += 1
            state.bootedAt = world.clock.now.offset
            state.softSince = [:]
        }
        setMood(.well)
        stir()
    }

    // MARK: The cluster

    /// Looks at its peers every two seconds for as long as anybody may have something new.
    func keepInStep(with others: [SimulatedNode]) async {
        while !Task.isCancelled {
            if mood != .down, isRestless || others.contains(where: \.isRestless) {
                for other in others { await engine.clusterCheck(SimulatedPeer(node: other)) }
                await world.sleep(.seconds(2))
            } else {
                await world.sleep(.seconds(30))
            }
        }
    }

    /// What a peer is answered.
    func answerPeer(_ sql: String) async throws -> [[String?]] {
        guard mood != .down, mood != .hangs else { throw AdminError(.unreachable, name) }
        guard case .rows(_, let rows) = await engine.execute(sql).reply else {
            throw AdminError(.statementRefused, name)
        }
        return rows
    }

    // MARK: What we ask of it

    func connect(_ life: Life) async throws(AdminError) -> any AdminConnection {
        guard life.goesOn() else { throw AdminError(.unreachable, "the process is dead") }
        await world.sleep(.milliseconds(world.chance.pick(1...10)))
        switch mood {
        case .down: throw AdminError(.refused, "\(name) refuses connections")
        case .hangs:
            await world.sleep(.seconds(10))
            throw AdminError(.unreachable, "\(name) did not answer")
        case .refusesLogins: throw AdminError(.statementRefused, "\(name) refused the login of radmin")
        case .well, .refusesSaves: return SimulatedConnection(node: self, life: life, boot: boot)
        }
    }

    /// One statement of ours, with everything that it must not do.
    fileprivate func answer(_ sql: String, boot: Int) async throws(AdminError) -> MySQLResult {
        try SQLText.check(sql)
        await world.sleep(.milliseconds(world.chance.pick(1...8)))
        guard boot == self.boot, mood != .down else { throw AdminError(.unreachable, "\(name) was restarted") }
        if mood == .hangs {
            await world.sleep(.seconds(10))
            throw AdminError(.unreachable, "\(name) did not answer")
        }
        if mood == .refusesSaves, sql.hasPrefix("SAVE") {
            throw AdminError(.statementRefused, "\(name) refused \(sql): database is locked")
        }
        if sql.contains("stats_mysql_connection_pool") { await setTraffic() }
        let reply = await watched(sql)
        switch reply {
        case .ok(let affected, _):
            return try result([], [], affected)
        case .rows(let columns, let rows): return try result(columns, rows, 0)
        case .error(let message): throw AdminError(.statementRefused, "\(name) refused \(sql): \(message)")
        case .gone: throw AdminError(.unreachable, "\(name) is gone")
        }
    }

    private func result(_ columns: [String], _ rows: [[String?]], _ affected: UInt64) throws(AdminError) -> MySQLResult
    {
        do throws(MySQLWireError) {
            return try MySQLResult(columns: columns, rows: rows, affectedRows: affected)
        } catch {
            throw AdminError(.unexpectedAnswer, "\(error)")
        }
    }

    private func watched(_ sql: String) async -> AdminReply {
        if sql.hasPrefix("LOAD") {
            let before = await online()
            let lostBefore = await lostGroups()
            let reply = await engine.execute(sql, user: "radmin").reply
            state.withLock { $0.loads += 1 }
            world.count(.loads)
            world.note("\(name): \(sql)")
            stir()
            expectBackends(before, await online(), after: sql)
            let lost = lostBefore.subtracting(await lostGroups())
            if !lost.isEmpty { world.violate("\(name) loses rows of \(lost.sorted()), which clients use, by \(sql)") }
            return reply
        }
        let verbs = ["INSERT", "UPDATE", "DELETE", "REPLACE"]
        guard verbs.contains(where: { sql.hasPrefix($0) }) else {
            return await engine.execute(sql, user: "radmin").reply
        }
        let before = await foreignRows()
        let reply = await engine.execute(sql, user: "radmin").reply
        if await foreignRows() != before { world.violate("\(name): a row of somebody else was changed by \(sql)") }
        return reply
    }

    private func foreignRows() async -> [[[String?]]] {
        var rows: [[[String?]]] = []
        for table in Self.tables where table != "mysql_users" {
            rows.append(await type("SELECT * FROM \(table) WHERE \(Self.foreign) ORDER BY 1, 2, 3"))
        }
        rows.append(await type("SELECT * FROM mysql_users WHERE \(Self.foreign) ORDER BY username, backend"))
        return rows
    }

    /// How many servers take traffic at runtime, by hostgroup.
    private func online() async -> [Int: Int] {
        var found: [Int: Int] = [:]
        for row in await type("SELECT hostgroup_id FROM runtime_mysql_servers WHERE status IN ('ONLINE','SHUNNED')") {
            if let hostgroup = row.first.flatMap({ $0 }).flatMap({ Int($0) }) { found[hostgroup, default: 0] += 1 }
        }
        return found
    }

    /// The groups that the store has lost and that clients of this node use all the same.
    private func lostGroups() async -> Set<String> {
        let lost = Set(world.lost.map(\.text))
        guard !lost.isEmpty else { return [] }
        var found: Set<String> = []
        for table in Self.tables {
            for row in await type("SELECT DISTINCT comment FROM runtime_\(table)") {
                if let mark = RowMark(comment: row.first.flatMap { $0 } ?? ""), lost.contains(mark.group) {
                    found.insert("\(mark.group) in \(table)")
                }
            }
        }
        return found
    }

    /// No LOAD of ours takes the last reader or writer that the record still has.
    private func expectBackends(_ before: [Int: Int], _ after: [Int: Int], after sql: String) {
        world.count(.checks)
        for record in world.groups where record.removal == nil {
            let configuration = record.configuration
            for hostgroup in [configuration.writerHostgroup, configuration.readerHostgroup]
            where before[hostgroup] ?? 0 > 0 && after[hostgroup] ?? 0 == 0
                && configuration.servers.contains(where: { $0.hostgroup == hostgroup && $0.status == .online })
            {
                world.violate("\(name) is without a server in hostgroup \(hostgroup) of \(record.name) after \(sql)")
            }
        }
    }

    /// Clients use what is ONLINE, and for a while what was until a moment ago.
    private func setTraffic() async {
        let now = world.clock.now.offset
        // Nobody uses what was removed.
        var unused: Set<[String]> = []
        for row in await type("SELECT hostgroup_id, hostname, comment FROM runtime_mysql_servers") {
            guard let mark = RowMark(comment: row.last.flatMap { $0 } ?? ""), !world.used.contains(mark.group) else {
                continue
            }
            unused.insert(row.prefix(2).map { $0 ?? "" })
        }
        for row in await type("SELECT DISTINCT hostgroup, srv_host, status FROM stats_mysql_connection_pool") {
            guard row.count == 3, let address = row[1], let status = row[2],
                let hostgroup = row[0].flatMap({ Int($0) })
            else { continue }
            let isUsed = state.withLock { state in
                if unused.contains(["\(hostgroup)", address]) { return false }
                guard status != "ONLINE" else {
                    state.softSince[address] = nil
                    return true
                }
                let since = state.softSince[address] ?? now
                state.softSince[address] = since
                return now - since < .seconds(45)
            }
            await engine.setConnectionsInUse(
                address: address, port: 3_306, hostgroup: hostgroup, count: isUsed ? 3 : 0)
        }
    }

    /// Nothing is deleted that this node sends traffic to, unless it has not answered for so long that it counts as
    /// down, or came back within the last moments.
    func expectNoTraffic(to address: String, of replica: InstanceName) async {
        world.count(.checks)
        let now = world.clock.now.offset
        let (mood, moodSince, bootedAt) = state.withLock { ($0.mood, $0.moodSince, $0.bootedAt) }
        guard mood != .down, !(mood == .hangs && now - moodSince >= .seconds(300)), now - bootedAt > .seconds(3) else {
            return
        }
        let rows = await type(
            "SELECT hostgroup_id FROM runtime_mysql_servers WHERE hostname='\(address)' AND status='ONLINE'")
        if !rows.isEmpty {
            world.violate(
                "\(replica) at \(address) is deleted, and \(name), which \(mood.rawValue), sends traffic to it")
        }
    }
}

/// An admin connection in memory: one process's, to one start of a node.
private struct SimulatedConnection: AdminConnection {
    let node: SimulatedNode
    let life: Life
    let boot: Int

    var isOpen: Bool { boot == node.boot && node.mood != .down }

    func query(_ statement: String) async throws(AdminError) -> MySQLResult {
        guard life.goesOn() else { throw AdminError(.unreachable, "the process is dead") }
        let result = try await node.answer(statement, boot: boot)
        guard life.goesOn() else { throw AdminError(.unreachable, "the process died after the statement") }
        return result
    }

    func close() async {}
}

private struct SimulatedPeer: ClusterPeer {
    let node: SimulatedNode

    var address: PeerAddress { PeerAddress(host: node.fleetNode.host, port: node.fleetNode.port) }

    func rows(_ sql: String) async throws -> [[String?]] { try await node.answerPeer(sql) }
}

/// Looks at the nodes for the API, as `AdminSurvey` does.
struct SimulatedSurvey: NodeSurveying {
    let nodes: [SimulatedNode]
    let life: Life

    func survey(isFresh: Bool) async -> NodeSurvey {
        var tables: [NodeSurvey.Tables] = []
        var silent: [String] = []
        for node in nodes {
            do throws(AdminError) {
                tables.append(try await NodeSurvey.Tables(of: try await node.connect(life), node: node.name))
            } catch {
                silent.append(node.name)
            }
        }
        return NodeSurvey(nodes: tables, silent: silent)
    }
}

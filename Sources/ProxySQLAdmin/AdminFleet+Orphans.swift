package import FleetModel
import Logging
import MySQLWire
import Pacing

// Rows of groups that are not registered: a node that was away when its group was removed comes back with them from its
// disk. Which of them go is decided by `GroupRegister`; here it is done, and here it is looked at who uses them.

extension AdminFleet {
    package func begin() {
        wanted = WantedFleet()
        takenAt = [:]
        older = [:]
        register = nil
        loadedAt = [:]
        for node in nodes { states[node] = NodeState() }
    }

    package func take(_ groups: GroupRegister) {
        stamp += 1
        let isFirst = register == nil
        register = (groups, stamp)
        // Where no group wants anything, nobody has looked at the tables yet.
        if isFirst { wakeAll() }
        let names = Set(orphans().filter { $0.doubt == nil }.flatMap(\.nodes))
        for node in nodes where names.contains(node.name) { states[node]?.wakeup.wake() }
    }

    package func needsRegister() -> Bool {
        guard let register, !orphans().isEmpty else { return false }
        return nodes.contains { states[$0]?.heldSince ?? 0 > register.takenAt }
    }

    package func orphans() -> [OrphanedGroup] {
        guard let register else { return [] }
        var held: [String: HeldMarks] = [:]
        for node in nodes {
            guard let state = states[node], state.absence == nil, let marks = state.memory.held else { continue }
            held[node.name] = marks
        }
        // What this process publishes or withdraws by itself is no orphan, whatever was read since.
        return register.groups.orphans(in: held, at: wallClock.now()).filter { wanted.groups[$0.group] == nil }.map {
            var orphan = $0
            let used = nodes.filter { states[$0]?.usage?.groups.contains(orphan.group.text) ?? false }.map(\.name)
            if orphan.doubt == nil, !orphan.isPurged, !used.isEmpty {
                orphan.isInUse = true
                orphan.doubt = "clients use it on \(used.sorted().joined(separator: ", "))"
            }
            return orphan
        }
    }

    /// Takes up what is remembered of a node, and has the store read anew when rows of nobody turned up.
    func noteHeld(_ memory: NodeMemory, of node: FleetNode) {
        let before = states[node]?.memory.held
        states[node]?.memory = memory
        guard memory.held != before else { return }
        stamp += 1
        states[node]?.heldSince = stamp
        if register != nil { onChange() }
    }

    /// Whether it was looked on each node that holds the rows who uses them.
    private func isSeen(_ orphan: OrphanedGroup, since: Int) -> Bool {
        nodes.filter { orphan.nodes.contains($0.name) }.allSatisfy { states[$0]?.usage?.seenAt ?? 0 > since }
    }

    /// The groups whose rows are to be taken from the node in this round: when none of the nodes that hold them was seen
    /// to be used, because what is loaded on one reaches the others by cluster sync.
    func gone(from node: FleetNode, _ connection: any AdminConnection) async throws(AdminError) -> [WantedGroup] {
        guard mayAct(), let register, let state = states[node], state.heldSince < register.takenAt else { return [] }
        let before = orphans()
        let mine = before.filter { $0.nodes.contains(node.name) && ($0.isInUse || $0.doubt == nil) }
        guard !mine.isEmpty else {
            states[node]?.usage = nil
            return []
        }
        stamp += 1
        let began = stamp
        var used = Set(mine.map(\.group.text))
        do throws(AdminError) {
            used = try await OrphanTraffic(of: connection).groups
        } catch {
            // A node that does not say who uses it is used, and keeps everything else right all the same.
            guard error.code == .statementRefused else { throw error }
        }
        states[node]?.usage = .init(groups: used, seenAt: began)
        let after = orphans()
        if after != before { onChange() }
        let going = after.filter { orphan in
            orphan.nodes.contains(node.name) && orphan.doubt == nil
                && (orphan.isPurged || isSeen(orphan, since: register.takenAt))
        }.map(\.group)
        // Whoever waited for this node to be looked at need not wait for its own time.
        if state.usage == nil {
            let names = Set(mine.flatMap(\.nodes))
            for other in nodes where other != node && names.contains(other.name) { states[other]?.wakeup.wake() }
        }
        if !going.isEmpty {
            logger.notice(
                "takes away rows of groups that were removed",
                metadata: [
                    "node.id": "\(node.name)", "group.name": "\(going.map(\.text).joined(separator: " "))",
                ])
        }
        return going.map { group in
            WantedGroup(
                FleetConfiguration(
                    group: group, writerHostgroup: 0, readerHostgroup: 0, ruleIDBase: 0, content: ([], [], [])),
                tlsDirectory: tlsDirectory, isWithdrawn: true)
        }
    }
}

/// The groups whose users are logged in on a node, or to whose servers it has connections in use.
struct OrphanTraffic: Sendable {
    private(set) var groups: Set<String> = []

    init(of connection: any AdminConnection) async throws(AdminError) {
        let clients = try await connection.query(
            "SELECT username, frontend_connections FROM stats_mysql_users WHERE frontend_connections > 0")
        var users: Set<String> = []
        for row in clients.rows { users.insert(try row.required("username")) }
        for row in try await connection.query("SELECT username, comment FROM runtime_mysql_users").rows {
            guard users.contains(try row.required("username")) else { continue }
            note(row)
        }
        let pool = try await connection.query(
            "SELECT hostgroup, srv_host, srv_port FROM stats_mysql_connection_pool WHERE ConnUsed > 0")
        var used: Set<[String]> = []
        for row in pool.rows {
            used.insert([try row.required("hostgroup"), try row.required("srv_host"), try row.required("srv_port")])
        }
        let servers = try await connection.query(
            "SELECT hostgroup_id, hostname, port, comment FROM runtime_mysql_servers")
        for row in servers.rows {
            let place = [try row.required("hostgroup_id"), try row.required("hostname"), try row.required("port")]
            if used.contains(place) { note(row) }
        }
    }

    private mutating func note(_ row: MySQLRow) {
        if let mark = RowMark(comment: row.string("comment") ?? "") { groups.insert(mark.group) }
    }
}

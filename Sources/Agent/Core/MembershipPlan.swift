package import ProxySQLAdmin

/// A row of `proxysql_servers`, as far as it is kept.
package struct MemberRow: Hashable, Sendable {
    /// Address.
    package var host: String
    /// Admin port.
    package var port: Int
    /// The pod's name.
    package var comment: String

    /// Makes a row.
    package init(host: String, port: Int, comment: String) {
        self.host = host
        self.port = port
        self.comment = comment
    }

    fileprivate var key: String { "\(host):\(port)" }
}

/// What makes `proxysql_servers` equal to the running cores: never more than one set of statements and one LOAD, of
/// this module alone. Loading any other would stamp it anew, and a core with an old configuration would so revert the
/// whole cluster.
package struct MembershipPlan: Hashable, Sendable {
    private static let rowsPerStatement = 500

    /// Rows to write, by host.
    package var writes: [MemberRow] = []
    /// Rows to remove, by host.
    package var removals: [MemberRow] = []

    /// Compares `current`, the whole table, with the running cores.
    ///
    /// Without any core nothing is removed: knowing nobody is no reason to forget everybody. The bootstrap row is a row
    /// like any other and goes as soon as a real core is known.
    package init(current: [MemberRow], members: [CoreMember]) {
        self.init(current: members.isEmpty ? [] : current, wanted: members)
    }

    private init(current: [MemberRow], wanted members: [CoreMember]) {
        var wanted: [String: MemberRow] = [:]
        for member in members {
            let row = MemberRow(host: member.host, port: member.adminPort, comment: member.name)
            // Two pods never run with one address; while one of them is ending, the order of names decides.
            if let other = wanted[row.key], other.comment < row.comment { continue }
            wanted[row.key] = row
        }
        var present: Set<MemberRow> = []
        for row in current {
            if wanted[row.key] == nil { removals.append(row) } else { present.insert(row) }
        }
        writes = wanted.values.filter { !present.contains($0) }.sorted { ($0.host, $0.port) < ($1.host, $1.port) }
        removals.sort { ($0.host, $0.port) < ($1.host, $1.port) }
    }

    /// What turns the table of `old` cores into that of `new` ones, both in the order of their names; only rows whose
    /// cores differ are looked at.
    package init(from old: [CoreMember], to new: [CoreMember]) {
        var touched: Set<AgentAddress> = []
        var (left, right) = (old[...], new[...])
        while let before = left.first, let after = right.first {
            if before.name == after.name {
                if before.address != after.address { touched.formUnion([before.address, after.address]) }
                left.removeFirst()
                right.removeFirst()
            } else if before.name < after.name {
                touched.insert(before.address)
                left.removeFirst()
            } else {
                touched.insert(after.address)
                right.removeFirst()
            }
        }
        for member in left + right { touched.insert(member.address) }
        // Knowing nobody is no reason to forget everybody.
        if new.isEmpty { touched = [] }
        // Whoever else has such an address has a say in whose name the row bears.
        self.init(
            current: MembershipPlan(current: [], members: old.filter { touched.contains($0.address) }).writes,
            wanted: new.filter { touched.contains($0.address) })
    }

    /// Whether the table is as it should be.
    package var isEmpty: Bool { writes.isEmpty && removals.isEmpty }

    /// The statements that change the table in memory. Adding comes first: if one fails, a node knows too many peers
    /// rather than none.
    package func statements() throws(AdminError) -> [String] {
        var statements: [String] = []
        for start in stride(from: 0, to: writes.count, by: Self.rowsPerStatement) {
            var values: [String] = []
            for row in writes[start..<min(start + Self.rowsPerStatement, writes.count)] {
                values.append("(\(try SQLText.quote(row.host)),\(row.port),0,\(try SQLText.quote(row.comment)))")
            }
            statements.append(
                "INSERT OR REPLACE INTO proxysql_servers (hostname,port,weight,comment) VALUES "
                    + values.joined(separator: ","))
        }
        for start in stride(from: 0, to: removals.count, by: Self.rowsPerStatement) {
            var keys: [String] = []
            for row in removals[start..<min(start + Self.rowsPerStatement, removals.count)] {
                keys.append(try SQLText.quote(row.key))
            }
            statements.append(
                "DELETE FROM proxysql_servers WHERE hostname || ':' || port IN (\(keys.joined(separator: ",")))")
        }
        return statements
    }
}

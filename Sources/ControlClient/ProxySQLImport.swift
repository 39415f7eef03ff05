import FleetModel
package import ManagementAPI
import MySQLWire
package import ProxySQLAdmin

/// Reads the tables of a running ProxySQL into the documents of groups.
package enum ProxySQLImport {
    /// Where a group is in ProxySQL.
    package struct Place: Hashable, Sendable {
        /// The group's name.
        package var name: String
        /// Its writer hostgroup.
        package var writer: Int
        /// Its reader hostgroup.
        package var reader: Int

        /// Makes a place.
        package init(name: String, writer: Int, reader: Int) {
            self.name = name
            self.writer = writer
            self.reader = reader
        }
    }

    /// What was found.
    package struct Found: Hashable, Sendable {
        /// As `databases.yaml` has it.
        package var document: JSONValue
        /// What could not be expressed, a sentence each.
        package var remarks: [String]
    }

    /// Reads `node`; without `places`, they are what `mysql_replication_hostgroups` says.
    /// - Throws: `AdminError`, or `ControlError` when nothing says what the hostgroups are.
    package static func read(_ node: any AdminConnection, places: [Place]) async throws -> Found {
        let pairs = try await node.query(
            "SELECT writer_hostgroup, reader_hostgroup, comment FROM mysql_replication_hostgroups")
        var places = places
        if places.isEmpty {
            for (index, row) in pairs.rows.enumerated() {
                guard let writer = row.string("writer_hostgroup").flatMap({ Int($0) }),
                    let reader = row.string("reader_hostgroup").flatMap({ Int($0) })
                else { continue }
                let comment = row.string("comment") ?? ""
                let name = (try? InstanceName(comment)) == nil ? "database-\(index + 1)" : comment
                places.append(Place(name: name, writer: writer, reader: reader))
            }
        }
        guard !places.isEmpty else {
            throw ControlError(
                .unusableInput,
                "mysql_replication_hostgroups is empty: name each database by --database name=writer,reader")
        }
        let servers = try await node.query(
            "SELECT \(ServerRow.columns.joined(separator: ",")) FROM mysql_servers ORDER BY hostgroup_id, hostname")
        let users = try await node.query(
            "SELECT \(UserRow.columns.joined(separator: ",")) FROM mysql_users WHERE frontend=1 ORDER BY username")
        let rules = try await node.query("SELECT * FROM mysql_query_rules ORDER BY rule_id")
        return try document(
            places, servers: servers.rows.map { try ServerRow($0) }, users: users.rows.map { try UserRow($0) },
            rules: rules.rows.map { try (QueryRuleRow($0), Self.unmanaged($0, rules.columns.map(\.name))) })
    }

    private static let managed = Set(QueryRuleRow.columns)
    private static let defaults: Set<String> = ["", "0", "CASELESS"]

    /// The columns of a rule that say something which Drover's rules cannot.
    private static func unmanaged(_ row: MySQLRow, _ columns: [String]) -> [String] {
        columns.filter { !managed.contains($0) && !defaults.contains(row.string($0) ?? "") }
    }

    static func document(
        _ places: [Place], servers: [ServerRow], users: [UserRow], rules: [(QueryRuleRow, [String])]
    ) -> Found {
        var remarks: [String] = []
        var groups: [JSONValue] = []
        for place in places {
            let hostgroups = [place.writer, place.reader]
            let ours = servers.filter { hostgroups.contains($0.hostgroup) }
            if ours.count(where: { $0.hostgroup == place.writer }) != 1 {
                remarks.append("\(place.name): exactly one server should be in the writer hostgroup \(place.writer)")
            }
            var names: Set<String> = []
            groups.append([
                "name": .text(place.name), "writerHostgroup": .integer(Int64(place.writer)),
                "readerHostgroup": .integer(Int64(place.reader)),
                "servers": .list(
                    ours.map { server($0, place, isPrimary: $0 == ours.first { $0.hostgroup == place.writer }, &names) }
                ),
                "users": .list(users.filter { hostgroups.contains($0.defaultHostgroup) }.map(user)),
                "queryRules": .list(
                    rules.map(\.0).filter { $0.destinationHostgroup.map(hostgroups.contains) ?? false }.enumerated()
                        .map { rule($1, number: $0 + 1) }),
            ])
        }
        let all = Set(places.flatMap { [$0.writer, $0.reader] })
        for row in servers where !all.contains(row.hostgroup) {
            remarks.append("the server \(row.hostname) is left out: hostgroup \(row.hostgroup) is no database's")
        }
        for row in users where !all.contains(row.defaultHostgroup) {
            remarks.append("the user \(row.username) is left out: hostgroup \(row.defaultHostgroup) is no database's")
        }
        for (row, columns) in rules {
            guard let destination = row.destinationHostgroup, all.contains(destination) else {
                remarks.append("the query rule \(row.id) is left out: it goes to no database's hostgroup")
                continue
            }
            if row.matchDigest == nil { remarks.append("the query rule \(row.id) has no match_digest") }
            if !columns.isEmpty {
                remarks.append("the query rule \(row.id) loses its columns \(columns.joined(separator: ", "))")
            }
        }
        return Found(document: ["databases": .list(groups)], remarks: remarks)
    }

    private static func server(
        _ row: ServerRow, _ place: Place, isPrimary: Bool, _ names: inout Set<String>
    ) -> JSONValue {
        let comment = row.comment.split(separator: " ").first.map(String.init) ?? ""
        let preferred =
            (try? InstanceName(comment)) == nil ? (isPrimary ? place.name : "\(place.name)-replica") : comment
        var name = preferred
        var number = 2
        while !names.insert(name).inserted {
            name = "\(preferred)-\(number)"
            number += 1
        }
        return [
            "name": .text(name), "address": .text(row.hostname), "port": .integer(Int64(row.port)),
            "hostgroup": .integer(Int64(row.hostgroup)), "weight": .integer(Int64(row.weight)),
            "maxConnections": .integer(Int64(row.maxConnections)), "useTLS": .bool(row.useTLS),
            "status": row.status.uppercased().hasPrefix("OFFLINE") ? "OFFLINE_SOFT" : "ONLINE",
            "origin": isPrimary ? "primary" : "configured",
        ]
    }

    private static func user(_ row: UserRow) -> JSONValue {
        [
            "username": .text(row.username), "password": .text(row.password.reveal()),
            "defaultHostgroup": .integer(Int64(row.defaultHostgroup)), "isActive": .bool(row.isActive),
        ]
    }

    private static func rule(_ row: QueryRuleRow, number: Int) -> JSONValue {
        var comment = row.comment
        if let mark = row.mark {
            comment = String(comment.dropLast("[drover \(mark.group)]".count))
            while comment.hasSuffix(" ") { comment.removeLast() }
        }
        return [
            "id": .integer(Int64(number)), "username": .text(row.username ?? ""),
            "matchDigest": .text(row.matchDigest ?? ".*"),
            "destinationHostgroup": .integer(Int64(row.destinationHostgroup ?? 0)), "isActive": .bool(row.isActive),
            "apply": .bool(row.apply), "comment": .text(comment),
        ]
    }
}

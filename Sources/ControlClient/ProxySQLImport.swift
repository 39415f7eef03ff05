import FleetModel
package import JSONValues
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

        /// Whether `row`, which goes to one of the hostgroups or is marked as the group's, belongs here.
        fileprivate func owns(_ hostgroup: Int?, _ mark: RowMark?) -> Bool {
            if let mark { return mark.group == name }
            return hostgroup == writer || hostgroup == reader
        }
    }

    /// The tables as they were read.
    struct Tables {
        var servers: [ServerRow]
        var users: [UserRow]
        /// Each with the columns that say something which Drover's rules cannot.
        var rules: [(row: QueryRuleRow, unmanaged: [String])]
        /// Columns of users that Drover has no word for, by user name.
        var unmanagedOfUsers: [String: [String]] = [:]
    }

    /// What was found.
    package struct Found: Hashable, Sendable {
        /// As `databases.yaml` has it.
        package var document: JSONValue
        /// What could not be expressed, a sentence each.
        package var remarks: [String]
    }

    /// Reads `node`; without `places`, they are what `mysql_replication_hostgroups` says, or else what the marks of
    /// Drover's own rows say.
    /// - Throws: `AdminError`, or `ControlError` when nothing says what the hostgroups are.
    package static func read(_ node: any AdminConnection, places: [Place]) async throws -> Found {
        let pairs = try await node.query(
            "SELECT writer_hostgroup, reader_hostgroup, comment FROM mysql_replication_hostgroups")
        let servers = try await node.query(
            "SELECT \(ServerRow.columns.joined(separator: ",")) FROM mysql_servers ORDER BY hostgroup_id, hostname")
        let users = try await node.query("SELECT * FROM mysql_users WHERE frontend=1 ORDER BY username")
        let rules = try await node.query("SELECT * FROM mysql_query_rules ORDER BY rule_id")
        var tables = Tables(
            servers: try servers.rows.map { try ServerRow($0) }, users: try users.rows.map { try UserRow($0) },
            rules: try rules.rows.map { row in
                (try QueryRuleRow(row), unmanaged(row, rules.columns.map(\.name), QueryRuleRow.columns))
            })
        for row in users.rows {
            tables.unmanagedOfUsers[row.string("username") ?? ""] = unmanaged(
                row, users.columns.map(\.name), UserRow.columns)
        }
        var places = places
        if places.isEmpty { places = Self.places(pairs.rows) }
        if places.isEmpty { places = marked(tables) }
        guard !places.isEmpty else {
            throw ControlError(
                .unusableInput,
                "mysql_replication_hostgroups is empty, and no row is Drover's: name each database by --database "
                    + "name=writer,reader")
        }
        return document(places, tables)
    }

    private static func places(_ pairs: [MySQLRow]) -> [Place] {
        pairs.enumerated().compactMap { index, row in
            guard let writer = row.string("writer_hostgroup").flatMap({ Int($0) }),
                let reader = row.string("reader_hostgroup").flatMap({ Int($0) })
            else { return nil }
            let comment = row.string("comment") ?? ""
            let name = (try? InstanceName(comment)) == nil ? "database-\(index + 1)" : comment
            return Place(name: name, writer: writer, reader: reader)
        }
    }

    /// What the rows say that Drover wrote: a group's users write by default, and its other hostgroup is the readers'.
    private static func marked(_ tables: Tables) -> [Place] {
        var hostgroups: [String: Set<Int>] = [:]
        for row in tables.servers {
            if let mark = row.mark { hostgroups[mark.group, default: []].insert(row.hostgroup) }
        }
        for rule in tables.rules {
            if let mark = rule.row.mark, let hostgroup = rule.row.destinationHostgroup {
                hostgroups[mark.group, default: []].insert(hostgroup)
            }
        }
        return hostgroups.sorted { $0.key < $1.key }.compactMap { name, hostgroups in
            let user = tables.users.first { $0.mark?.group == name }?.defaultHostgroup
            guard let writer = user.flatMap({ hostgroups.contains($0) ? $0 : nil }) ?? hostgroups.min(),
                let reader = hostgroups.filter({ $0 != writer }).min()
            else { return nil }
            return Place(name: name, writer: writer, reader: reader)
        }
    }

    private static let defaults: Set<String> = ["", "0", "CASELESS"]
    /// ProxySQL's defaults of the columns of users that are not nothing.
    private static let usual = ["transaction_persistent": "1", "max_connections": "10000"]

    /// The columns of a row that say something which Drover has no word for.
    private static func unmanaged(_ row: MySQLRow, _ columns: [String], _ managed: [String]) -> [String] {
        columns.filter { column in
            let value = row.string(column) ?? ""
            return !managed.contains(column) && !defaults.contains(value) && usual[column] != value
        }
    }

    static func document(_ places: [Place], _ tables: Tables) -> Found {
        var remarks: [String] = []
        var groups: [JSONValue] = []
        var bases: Set<Int> = []
        for place in places {
            let ours = tables.servers.filter { place.owns($0.hostgroup, $0.mark) }
            if ours.count(where: { $0.hostgroup == place.writer }) != 1 {
                remarks.append("\(place.name): exactly one server should be in the writer hostgroup \(place.writer)")
            }
            let rules = tables.rules.map(\.row).filter { place.owns($0.destinationHostgroup, $0.mark) }
            var names: Set<String> = []
            var group: [String: JSONValue] = [
                "name": .string(place.name), "writerHostgroup": .integer(Int64(place.writer)),
                "readerHostgroup": .integer(Int64(place.reader)),
                "servers": .array(
                    ours.map { server($0, place, isPrimary: $0 == ours.first { $0.hostgroup == place.writer }, &names) }
                ),
                "users": .array(tables.users.filter { place.owns($0.defaultHostgroup, $0.mark) }.map(user)),
            ]
            let marks =
                ours.map(\.mark) + rules.map(\.mark)
                + tables.users.filter { place.owns($0.defaultHostgroup, $0.mark) }.map(\.mark)
            // The rows that this was read from become the group's.
            if marks.contains(where: { $0?.group != place.name }) { group["adopt"] = true }
            if let base = base(of: rules), bases.insert(base).inserted {
                group["ruleIDBase"] = .integer(Int64(base))
                group["queryRules"] = .array(rules.map { rule($0, number: $0.id - base) })
            } else {
                group["queryRules"] = .array(rules.enumerated().map { rule($1, number: $0 + 1) })
                remarks += rules.map {
                    "the query rule \($0.id) gets another id, because each database has a thousand of its own; "
                        + "remove it from ProxySQL once the database is published"
                }
            }
            groups.append(.object(group))
        }
        return Found(document: ["databases": .array(groups)], remarks: remarks + leftOut(places, tables))
    }

    /// The thousand that all ids of `rules` are in, so that each keeps its own; nil when there is none.
    private static func base(of rules: [QueryRuleRow]) -> Int? {
        let bases = Set(rules.map { ($0.id / 1_000) * 1_000 })
        guard let base = bases.first, bases.count == 1, (0...1_000_000).contains(base),
            rules.allSatisfy({ $0.id > base })
        else { return nil }
        return base
    }

    /// What the document does not say of the tables.
    private static func leftOut(_ places: [Place], _ tables: Tables) -> [String] {
        var remarks: [String] = []
        func isTaken(_ hostgroup: Int?, _ mark: RowMark?) -> Bool { places.contains { $0.owns(hostgroup, mark) } }
        for row in tables.servers {
            guard isTaken(row.hostgroup, row.mark) else {
                remarks.append(
                    "the server \(row.hostname) is left out: hostgroup \(row.hostgroup) is no database's")
                continue
            }
            let columns = [
                ("gtid_port", row.gtidPort), ("compression", row.compression),
                ("max_replication_lag", row.maxReplicationLag), ("max_latency_ms", row.maxLatencyMilliseconds),
            ].filter { $0.1 != 0 }.map(\.0)
            if !columns.isEmpty {
                remarks.append(
                    "the server \(row.hostname) keeps \(columns.joined(separator: ", ")) where it is, and nodes that "
                        + "do not have it get ProxySQL's default")
            }
        }
        for row in tables.users {
            guard isTaken(row.defaultHostgroup, row.mark) else {
                remarks.append(
                    "the user \(row.username) is left out: hostgroup \(row.defaultHostgroup) is no database's")
                continue
            }
            if let columns = tables.unmanagedOfUsers[row.username], !columns.isEmpty {
                remarks.append(
                    "the user \(row.username) keeps \(columns.joined(separator: ", ")) where it is, and nodes that do "
                        + "not have it get ProxySQL's default")
            }
        }
        for (row, columns) in tables.rules {
            guard isTaken(row.destinationHostgroup, row.mark) else {
                remarks.append("the query rule \(row.id) is left out: it goes to no database's hostgroup")
                continue
            }
            if row.matchDigest == nil { remarks.append("the query rule \(row.id) has no match_digest") }
            if !columns.isEmpty {
                remarks.append("the query rule \(row.id) loses its columns \(columns.joined(separator: ", "))")
            }
        }
        return remarks
    }

    private static func server(
        _ row: ServerRow, _ place: Place, isPrimary: Bool, _ names: inout Set<String>
    ) -> JSONValue {
        let comment = unmarked(row.comment, row.mark).split(separator: " ").first.map(String.init) ?? ""
        let preferred =
            (try? InstanceName(comment)) == nil ? (isPrimary ? place.name : "\(place.name)-replica") : comment
        var name = preferred
        var number = 2
        while !names.insert(name).inserted {
            name = "\(preferred)-\(number)"
            number += 1
        }
        return [
            "name": .string(name), "address": .string(row.hostname), "port": .integer(Int64(row.port)),
            "hostgroup": .integer(Int64(row.hostgroup)), "weight": .integer(Int64(row.weight)),
            "maxConnections": .integer(Int64(row.maxConnections)), "useTLS": .bool(row.useTLS),
            "status": row.status.uppercased().hasPrefix("OFFLINE") ? "OFFLINE_SOFT" : "ONLINE",
            "origin": isPrimary ? "primary" : "configured",
        ]
    }

    private static func user(_ row: UserRow) -> JSONValue {
        [
            "username": .string(row.username), "password": .string(row.password.reveal()),
            "defaultHostgroup": .integer(Int64(row.defaultHostgroup)), "isActive": .bool(row.isActive),
        ]
    }

    private static func rule(_ row: QueryRuleRow, number: Int) -> JSONValue {
        [
            "id": .integer(Int64(number)), "username": .string(row.username ?? ""),
            "matchDigest": .string(row.matchDigest ?? ".*"),
            "destinationHostgroup": .integer(Int64(row.destinationHostgroup ?? 0)), "isActive": .bool(row.isActive),
            "apply": .bool(row.apply), "comment": .string(unmarked(row.comment, row.mark)),
        ]
    }

    /// A comment without the mark that Drover writes behind it, and without the one space between the two.
    private static func unmarked(_ comment: String, _ mark: RowMark?) -> String {
        guard let mark else { return comment }
        let kept = comment.unicodeScalars.dropLast(mark.marking("").unicodeScalars.count)
        return String(kept.last == " " ? kept.dropLast() : kept)
    }
}

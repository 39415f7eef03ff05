/// A row of one of ProxySQL's tables, by what tells it apart there.
package struct RowName: Hashable, Codable, Sendable, CustomStringConvertible {
    /// For example `mysql_query_rules`.
    package var table: String
    /// For example `["1"]`.
    package var key: [String]

    /// Names a row.
    package init(table: String, key: [String]) {
        self.table = table
        self.key = key
    }

    package var description: String { "\(table) \(key.joined(separator: " "))" }
}

/// A row in a place of a group that Drover did not write for that group: a person's, a mounted file's, another group's.
package struct ForeignRow: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The row.
    package var row: RowName
    /// The group whose mark it bears; nil where it bears none.
    package var owner: String?

    /// The stable code of what such rows cause: in answers, in events and in what is known of a node.
    package static let code = "foreign-rows"

    /// Names a row and its owner.
    package init(row: RowName, owner: String?) {
        self.row = row
        self.owner = owner
    }

    package var description: String {
        "\(row) (\(owner.map { "marked as group \($0)'s" } ?? "without Drover's mark"))"
    }
}

/// What a group may take over of rows that are somebody else's: what a person named, once, and nothing that comes later.
package struct Adoption: Hashable, Codable, Sendable {
    /// The rows that were there when they were named, in order.
    package private(set) var rows: [RowName]
    /// Whether everything with a key of the group is its own: so for groups that Chester kept, whose nodes hold its rows.
    package var isWhole: Bool

    /// Takes over `rows`, or everything.
    package init(_ rows: [RowName] = [], isWhole: Bool = false) {
        self.rows = Self.ordered(rows)
        self.isWhole = isWhole
    }

    /// Whether `row` may be taken over.
    package func covers(_ row: RowName) -> Bool { isWhole || rows.contains(row) }

    /// Adds rows.
    package mutating func add(_ more: [RowName]) { rows = Self.ordered(rows + more) }

    /// Forgets rows outside of `places`, so that somebody else's next one there is not taken over.
    package mutating func trim(to places: (RowName) -> Bool) { rows.removeAll { !places($0) } }

    private static func ordered(_ rows: [RowName]) -> [RowName] {
        Set(rows).sorted { ($0.table, $0.key.joined(separator: " ")) < ($1.table, $1.key.joined(separator: " ")) }
    }

    private enum CodingKeys: String, CodingKey { case rows, isWhole }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            try container.decodeIfPresent([RowName].self, forKey: .rows) ?? [],
            isWhole: try container.decodeIfPresent(Bool.self, forKey: .isWhole) ?? false)
    }
}

/// The places of ProxySQL's tables that are in use on some node by somebody else.
package struct OccupiedPlaces: Hashable, Sendable {
    /// Hostgroups that have a server, or that users or rules send queries to.
    package var hostgroups: Set<Int>
    /// Ids of query rules.
    package var ruleIDs: Set<Int>

    /// Gathers places.
    package init(hostgroups: Set<Int> = [], ruleIDs: Set<Int> = []) {
        self.hostgroups = hostgroups
        self.ruleIDs = ruleIDs
    }
}

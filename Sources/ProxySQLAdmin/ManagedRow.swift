package import FleetModel
package import MySQLWire

/// The modules of ProxySQL that are loaded to runtime as one.
package enum AdminModule: String, Hashable, Sendable, CaseIterable {
    /// `mysql_servers`.
    case servers = "MYSQL SERVERS"
    /// `mysql_users`.
    case users = "MYSQL USERS"
    /// `mysql_query_rules`.
    case queryRules = "MYSQL QUERY RULES"

    /// The table in memory that it is loaded from.
    package var table: String {
        switch self {
        case .servers: ServerRow.table
        case .users: UserRow.table
        case .queryRules: QueryRuleRow.table
        }
    }

    /// Its names in `runtime_checksums_values`; the second of the servers' is what was loaded, whatever Monitor moved.
    var checksumNames: [String] {
        switch self {
        case .servers: ["mysql_servers", "mysql_servers_v2"]
        case .users: ["mysql_users"]
        case .queryRules: ["mysql_query_rules"]
        }
    }
}

/// A row of a table that Drover manages.
///
/// Every row that Drover writes ends its comment in `[drover GROUP]`, or `[drover GROUP draining]`: so the row itself
/// says whose it is and which status was last wanted, on every node, however it came there.
package protocol ManagedRow: Hashable, Sendable {
    /// The table in memory; at runtime it has the prefix `runtime_`.
    static var table: String { get }
    /// What is loaded when a row changes.
    static var module: AdminModule { get }
    /// The columns that are read and written, in order.
    static var columns: [String] { get }
    /// Condition that leaves out rows that only repeat others.
    static var runtimeCondition: String { get }
    /// Whether there are supported ProxySQLs without the table.
    static var isOptional: Bool { get }

    /// What tells rows apart: the primary key, as a condition.
    func keyCondition() throws(AdminError) -> String
    /// What tells rows apart.
    var key: [String] { get }
    /// The cells, in the order of `columns`.
    var cells: [String?] { get }
    /// The columns that a change in place does not write.
    var columnsLeftAlone: Set<String> { get }
    /// The comment with its mark.
    var comment: String { get }
    /// Reads a row by column names.
    init(_ row: MySQLRow) throws(AdminError)
    /// The row as both memory and runtime would show it if they agree: SHUNNED counts as ONLINE, a password as its
    /// hash.
    var comparable: Self { get }
    /// Whether ProxySQL shows the row at runtime as long as it is loaded; rows that are out of force are left out.
    var isShownAtRuntime: Bool { get }
    /// `rows` of one table, with rows that stand for one object together put into one.
    static func folded(_ rows: [Self]) -> [Self]
    /// What to write over `current` to get this wanted row, keeping what is not managed and what was set by hand.
    func merged(over current: Self) -> Self
    /// Whether `current` may be changed in place, which keeps the columns that are not read; otherwise it is replaced.
    func changesInPlace(_ current: Self) -> Bool
    /// Whether `current`, a row without a mark in this row's place, says the same, so that nobody loses anything when it
    /// is taken over: what a core's mounted file says of the group, for example.
    func says(theSameAs current: Self) -> Bool
}

extension ManagedRow {
    package static var runtimeCondition: String { "1=1" }
    package static var isOptional: Bool { false }
    package static func folded(_ rows: [Self]) -> [Self] { rows }
    package var columnsLeftAlone: Set<String> { [] }

    /// Whose row it is; nil when Drover did not write it.
    package var mark: RowMark? { RowMark(comment: comment) }

    /// What the row is called.
    package var name: RowName { RowName(table: Self.table, key: key) }

    /// The statement that writes this row.
    package func upsert() throws(AdminError) -> String {
        var literals: [String] = []
        for cell in cells { literals.append(try SQLText.quote(cell)) }
        return "INSERT OR REPLACE INTO \(Self.table) (\(Self.columns.joined(separator: ","))) "
            + "VALUES (\(literals.joined(separator: ",")))"
    }

    /// The statement that changes the row of this key that is there, and leaves its other columns alone.
    package func update() throws(AdminError) -> String {
        var assignments: [String] = []
        for (column, cell) in zip(Self.columns, cells) where !columnsLeftAlone.contains(column) {
            assignments.append("\(column)=\(try SQLText.quote(cell))")
        }
        return "UPDATE \(Self.table) SET \(assignments.joined(separator: ",")) WHERE \(try keyCondition())"
    }

    /// The statement that removes this row.
    package func delete() throws(AdminError) -> String {
        "DELETE FROM \(Self.table) WHERE \(try keyCondition())"
    }
}

/// The end of a comment that says whose row it is.
package struct RowMark: Hashable, Sendable {
    /// The group's name.
    package var group: String
    /// Whether OFFLINE_SOFT was last wanted.
    package var isDraining: Bool

    /// Makes a mark.
    package init(group: String, isDraining: Bool = false) {
        self.group = group
        self.isDraining = isDraining
    }

    private static let opening = Array("[drover ".utf8)

    /// Finds the mark of a comment: by its bytes, because each reading of a table asks every row several times.
    package init?(comment: String) {
        let bytes = comment.utf8
        guard bytes.last == UInt8(ascii: "]") else { return nil }
        var before = bytes[...]
        while let start = before.lastIndex(of: UInt8(ascii: "[")) {
            before = bytes[..<start]
            guard bytes[start...].starts(with: Self.opening) else { continue }
            let inside = bytes[start...].dropFirst(Self.opening.count).dropLast()
            let words = inside.split(separator: UInt8(ascii: " ")).map { Substring($0) }
            guard let group = words.first, words.count == 1 || (words.count == 2 && words[1] == "draining") else {
                return nil
            }
            self.group = String(group)
            self.isDraining = words.count == 2
            return
        }
        return nil
    }

    /// `text` with this mark.
    package func marking(_ text: String) -> String {
        let mark = isDraining ? "[drover \(group) draining]" : "[drover \(group)]"
        return text.isEmpty ? mark : "\(text) \(mark)"
    }
}

extension MySQLRow {
    /// The cell of a column that must be there.
    func required(_ column: String) throws(AdminError) -> String {
        guard let value = string(column) else {
            throw AdminError(.unexpectedAnswer, "a row has no value in column \(column)")
        }
        return value
    }

    /// The number in a column that must be there.
    func number(_ column: String) throws(AdminError) -> Int {
        guard let number = Int(try required(column)) else {
            throw AdminError(.unexpectedAnswer, "column \(column) does not hold a number")
        }
        return number
    }

    /// The number of things in a column that must be there, in a range in which those of all nodes can be added up.
    func count(_ column: String) throws(AdminError) -> Int { try number(column).clamped(to: 0...1 << 48) }
}

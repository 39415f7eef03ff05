package import FleetModel

/// One row that a publication would write or remove, in ProxySQL's terms; passwords are redacted.
package struct RowChange: Hashable, Codable, Sendable {
    /// What happens to it.
    package enum Action: String, Hashable, Codable, Sendable {
        /// There is none of its key.
        case insert
        /// Some of its columns change.
        case update
        /// It goes.
        case delete
    }

    /// A column that changes; nil is SQL's NULL, or a row that is not there.
    package struct Column: Hashable, Codable, Sendable {
        /// Its name.
        package var name: String
        /// What it holds.
        package var before: String?
        /// What it is to hold.
        package var after: String?
    }

    /// For example `mysql_servers`.
    package var table: String
    /// What happens to it.
    package var action: Action
    /// What tells rows apart.
    package var key: [String]
    /// The columns that change, in the table's order.
    package var columns: [Column]

    /// What stands for a password.
    private static let redacted = "REDACTED"

    init<Row: ManagedRow>(_ action: Action, before: Row?, after: Row?) {
        table = Row.table
        self.action = action
        key = (after ?? before)?.key ?? []
        columns = Row.columns.enumerated().compactMap { index, name in
            let (old, new) = (before?.cells[index], after?.cells[index])
            guard old != new else { return nil }
            let isSecret = name == "password"
            return Column(
                name: name, before: (old ?? nil).map { isSecret ? Self.redacted : $0 },
                after: (new ?? nil).map { isSecret ? Self.redacted : $0 })
        }
    }

    /// What has to be written to make the table `current` hold what is wanted of `group`.
    static func changes<Row: ManagedRow>(
        current: [Row], wanted: [Row], group: InstanceName
    ) throws(AdminError) -> [RowChange] {
        changes(current, by: try Difference(current: current, wanted: wanted, group: group.text))
    }

    /// What `difference` writes over the table `current`.
    static func changes<Row: ManagedRow>(_ current: [Row], by difference: Difference<Row>) -> [RowChange] {
        let known = Dictionary(current.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        return (difference.inserts + difference.updates).map { row in
            RowChange(known[row.key] == nil ? .insert : .update, before: known[row.key], after: row)
        } + difference.deletes.map { RowChange(.delete, before: $0, after: nil) }
    }

    /// What a change of the stored configuration of `group` changes on a node that holds it; nil stands for a group that
    /// is not there.
    /// - Throws: `AdminError` when a node could not hold the result.
    package static func between(
        _ before: FleetConfiguration?, _ after: FleetConfiguration?, of group: InstanceName
    ) throws(AdminError) -> [RowChange] {
        func servers(_ side: FleetConfiguration?) -> [ServerRow] {
            side?.plannedServers.map { ServerRow($0, group: group) } ?? []
        }
        func users(_ side: FleetConfiguration?) -> [UserRow] { side?.users.map { UserRow($0, group: group) } ?? [] }
        func rules(_ side: FleetConfiguration?) -> [QueryRuleRow] {
            side.map { side in side.queryRules.map { QueryRuleRow($0, of: side) } } ?? []
        }
        return try changes(current: servers(before), wanted: servers(after), group: group)
            + changes(current: users(before), wanted: users(after), group: group)
            + changes(current: rules(before), wanted: rules(after), group: group)
    }

    /// One line for people, as `drover ctl apply` shows it.
    package var line: String {
        let name = "\(table) \(key.joined(separator: " "))"
        switch action {
        case .delete: return "- \(name)"
        case .insert:
            let told = columns.filter { $0.after != nil && $0.after != "0" && !key.contains($0.after ?? "") }
            return "+ \(name): \(told.map { "\($0.name)=\($0.after ?? "")" }.joined(separator: " "))"
        case .update:
            let changed = columns.map { "\($0.name) \($0.before ?? "-") -> \($0.after ?? "-")" }
            return "~ \(name): \(changed.joined(separator: ", "))"
        }
    }
}

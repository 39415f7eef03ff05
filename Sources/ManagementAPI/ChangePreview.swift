import JSONValues
import FleetModel
import ProxySQLAdmin

/// What a change would write to every node, in ProxySQL's terms: for dry runs.
enum ChangePreview {
    /// The answer to a dry run.
    /// - Throws: 422 when a node could not hold the result.
    static func document(_ outcome: GroupEditor.Outcome, isRemoval: Bool = false) throws(APIError) -> JSONValue {
        let before = outcome.before?.configuration
        var after: FleetConfiguration? = outcome.after.configuration
        if isRemoval { after = nil }
        var rows: [JSONValue] = []
        var modules: [JSONValue] = []
        func add(_ found: [JSONValue], _ module: AdminModule) {
            rows += found
            if !found.isEmpty { modules.append(.string(module.rawValue)) }
        }
        let group = outcome.after.name
        add(try compare(servers(before, group), servers(after, group), group), .servers)
        add(try compare(users(before, group), users(after, group), group), .users)
        add(try compare(rules(before), rules(after), group), .queryRules)
        return [
            "changed": .bool(outcome.hasChanged), "generation": .integer(outcome.after.configuration.generation),
            "rows": .array(rows), "loads": .array(modules),
            "before": outcome.before.map { GroupDocument.writable($0) } ?? .null,
            "after": isRemoval ? .null : GroupDocument.writable(outcome.after),
        ]
    }

    private static func servers(_ configuration: FleetConfiguration?, _ group: InstanceName) -> [ServerRow] {
        configuration?.servers.map { ServerRow($0, group: group) } ?? []
    }

    private static func users(_ configuration: FleetConfiguration?, _ group: InstanceName) -> [UserRow] {
        configuration?.users.map { UserRow($0, group: group) } ?? []
    }

    private static func rules(_ configuration: FleetConfiguration?) -> [QueryRuleRow] {
        configuration.map { configuration in
            configuration.queryRules.map { QueryRuleRow($0, of: configuration) }
        } ?? []
    }

    private static func compare<Row: ManagedRow>(
        _ before: [Row], _ after: [Row], _ group: InstanceName
    ) throws(APIError) -> [JSONValue] {
        let difference: Difference<Row>
        do throws(AdminError) {
            difference = try Difference(current: before, wanted: after, group: group.text)
        } catch {
            throw APIError(status: 422, message: error.message)
        }
        let known = Dictionary(before.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        return (difference.inserts + difference.updates).map { row in
            describe(row, known[row.key] == nil ? "insert" : "update", known[row.key], row)
        } + difference.deletes.map { describe($0, "delete", $0, nil) }
    }

    private static func describe<Row: ManagedRow>(
        _ row: Row, _ action: String, _ before: Row?, _ after: Row?
    ) -> JSONValue {
        var columns: [String: JSONValue] = [:]
        for (index, column) in Row.columns.enumerated() {
            let (old, new) = (before?.cells[index], after?.cells[index])
            guard old != new else { continue }
            let isSecret = column == "password"
            columns[column] = [
                "before": .optional((old ?? nil).map { isSecret ? redacted : $0 }),
                "after": .optional((new ?? nil).map { isSecret ? redacted : $0 }),
            ]
        }
        return [
            "table": .string(Row.table), "action": .string(action), "key": .array(row.key.map { .string($0) }),
            "columns": .object(columns),
        ]
    }
}

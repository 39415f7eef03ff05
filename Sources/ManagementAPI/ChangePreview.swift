import FleetModel
import JSONValues
import ProxySQLAdmin

/// What a change would write to every node, in ProxySQL's terms: for dry runs.
enum ChangePreview {
    /// The answer to a dry run.
    /// - Throws: 422 when a node could not hold the result.
    static func document(
        _ outcome: GroupEditor.Outcome, isRemoval: Bool = false, adopts: Bool = false, effects: [String] = []
    ) throws(APIError) -> JSONValue {
        var after: FleetConfiguration? = outcome.after.configuration
        if isRemoval { after = nil }
        let changes: [RowChange]
        do throws(AdminError) {
            changes = try RowChange.between(outcome.before?.configuration, after, of: outcome.after.name)
        } catch {
            throw APIError(status: 422, message: error.message)
        }
        let tables = Set(changes.map(\.table))
        return [
            "warnings": .array(outcome.warnings.map { .string($0) }),
            "foreignRows": APIAnswer.foreignRows(outcome.foreignRows), "adopts": .bool(adopts),
            "changed": .bool(outcome.hasChanged), "generation": .integer(outcome.after.configuration.generation),
            "rows": .array(changes.map(describe)), "effects": .array(effects.map { .string($0) }),
            "loads": .array(AdminModule.allCases.filter { tables.contains($0.table) }.map { .string($0.rawValue) }),
            "before": outcome.before.map { GroupDocument.writable($0) } ?? .null,
            "after": isRemoval ? .null : GroupDocument.writable(outcome.after),
        ]
    }

    private static func describe(_ change: RowChange) -> JSONValue {
        var columns: [String: JSONValue] = [:]
        for column in change.columns {
            columns[column.name] = ["before": .optional(column.before), "after": .optional(column.after)]
        }
        return [
            "table": .string(change.table), "action": .string(change.action.rawValue),
            "key": .array(change.key.map { .string($0) }), "columns": .object(columns),
        ]
    }
}

import FleetModel
import JSONValues
import ProxySQLAdmin

/// What a change would write to every node, in ProxySQL's terms: for dry runs.
enum ChangePreview {
    /// The answer to a dry run.
    /// - Throws: 422 when a node could not hold the result.
    static func document(
        _ outcome: GroupEditor.Outcome, isRemoval: Bool = false, adopts: Bool = false, effects: [String] = [],
        inUse: (ReplicaRecord) -> Int? = { _ in nil }
    ) throws(APIError) -> JSONValue {
        let deletions = Deletions(from: outcome.before, to: outcome.after)
        var effects = effects
        switch deletions?.cause {
        case .loweredMaximum:
            let cooldown = outcome.after.policy.scaleInCooldown.components.seconds
            effects.append(
                "the lowered maximum sends them away one after the other at the pace of scale-in: each is drained, and the "
                    + "next one begins \(cooldown) s after the last is gone")
        case .pin:
            effects.append("the pin sends them away one after the other, without a cooldown: each is drained first")
        case .removal, nil: break
        }
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
            "deletes": .array((deletions?.replicas ?? []).map { deletion($0, inUse($0)) }),
            "warnings": .array(outcome.warnings.map { .string($0) }),
            "foreignRows": APIAnswer.foreignRows(outcome.foreignRows), "adopts": .bool(adopts),
            "changed": .bool(outcome.hasChanged), "generation": .integer(outcome.after.configuration.generation),
            "rows": .array(changes.map(describe)), "effects": .array(effects.map { .string($0) }),
            "loads": .array(AdminModule.allCases.filter { tables.contains($0.table) }.map { .string($0.rawValue) }),
            "before": outcome.before.map { GroupDocument.writable($0) } ?? .null,
            "after": isRemoval ? .null : GroupDocument.writable(outcome.after),
        ]
    }

    private static func deletion(_ replica: ReplicaRecord, _ connections: Int?) -> JSONValue {
        [
            "instance": .string(replica.name.text), "state": .string(replica.state.rawValue),
            "connectionsInUse": connections.map { .whole($0) } ?? .null,
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

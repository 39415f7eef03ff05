package import FleetModel
import GRDB

// However many incidents a group has, a pass reads few documents: the others are counted in an index.

extension SQLiteStore {
    /// A member of an incident's document, as the index has it.
    private static func member(_ name: String) -> String {
        let text = "CAST(document AS TEXT)"
        return "CASE WHEN json_valid(\(text)) THEN json_extract(\(text), '$.\(name)') END"
    }

    /// Makes the index that counts. It is no migration, because versions that do not know it keep it right all the same,
    /// and may open the file again.
    static func indexIncidents(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE INDEX IF NOT EXISTS incident_asks
                ON incident (group_name, \(member("state")), \(member("action")), started_at, id) WHERE is_active
                """)
    }

    package func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        let all = try await look("reading the incidents of \(group)") { database -> [Versioned<Incident>]? in
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT id, version, document FROM incident
                        WHERE is_active AND group_name = ? ORDER BY started_at, id LIMIT ?
                        """),
                arguments: [group.text, limit.clampedSum(1)])
            guard rows.count <= limit else { return nil }
            return try rows.map { try Self.incident($0, $0["id"]) }
        }
        if let all { return ActiveIncidents(all: all) }
        return try await read("counting the incidents of \(group)") { database in
            var listed: [Versioned<Incident>] = []
            for state in [IncidentState.open, .closed] {
                for action in [IncidentAction.add, .remove] {
                    let rows = try Row.fetchAll(
                        database.cachedStatement(
                            sql: """
                                SELECT id, version, document FROM incident
                                WHERE is_active AND group_name = ? AND \(Self.member("state")) = ?
                                    AND \(Self.member("action")) = ? ORDER BY started_at, id LIMIT ?
                                """),
                        arguments: [group.text, state.rawValue, action.rawValue, limit])
                    listed += try rows.map { try Self.incident($0, $0["id"]) }
                }
            }
            let counted = try Self.count(database, in: group)[group] ?? OpenIncidents()
            return ActiveIncidents(some: listed, open: counted)
        }
    }

    package func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        try await look("counting the open incidents") { try Self.count($0) }
    }

    private static func count(
        _ database: Database, in group: InstanceName? = nil
    ) throws -> [InstanceName: OpenIncidents] {
        let condition = group == nil ? "" : "AND group_name = ?"
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: """
                    SELECT group_name, \(member("action")) AS asks, COUNT(*) AS number FROM incident
                    WHERE is_active \(condition) GROUP BY group_name, \(member("state")), \(member("action"))
                    HAVING \(member("state")) = '\(IncidentState.open.rawValue)'
                    """),
            arguments: group.map { [$0.text] } ?? [])
        var counts: [InstanceName: OpenIncidents] = [:]
        for row in rows {
            let asks: String? = row["asks"]
            guard let action = asks.flatMap({ IncidentAction(rawValue: $0) }) else { continue }
            counts[try InstanceName(row["group_name"]), default: OpenIncidents()].count(action, row["number"])
        }
        return counts
    }
}

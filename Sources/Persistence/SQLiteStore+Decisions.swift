package import FleetModel
import GRDB

// What was decided about each group, for people: bounded in number, and no reason to hold anything up.

extension SQLiteStore {
    /// Entries kept for each group; repetitions of a decision share one.
    private static let keptDecisions = 1_000

    static func registerDecisions(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("decisions") { database in
            try database.execute(
                sql: """
                    CREATE TABLE decision (
                        group_name TEXT NOT NULL, first_at INTEGER NOT NULL, reason TEXT NOT NULL,
                        document BLOB NOT NULL, PRIMARY KEY (group_name, first_at)) WITHOUT ROWID;
                    """)
        }
    }
}

extension SQLiteStore: DecisionStore {
    package func save(_ entry: DecisionEntry) async throws(StoreError) {
        let document = try Self.encode(entry, "a decision about \(entry.group)")
        try await write("storing a decision about \(entry.group)") { database in
            try database.execute(
                sql: """
                    INSERT INTO decision (group_name, first_at, reason, document) VALUES (?, ?, ?, ?)
                    ON CONFLICT (group_name, first_at) DO UPDATE SET document = excluded.document
                    """,
                arguments: [
                    entry.group.text, entry.firstAt.millisecondsSinceEpoch, entry.reason.rawValue, document,
                ])
            guard entry.count == 1 else { return }
            try database.execute(
                sql: """
                    DELETE FROM decision WHERE group_name = ?1 AND first_at <= (
                        SELECT first_at FROM decision WHERE group_name = ?1
                        ORDER BY first_at DESC LIMIT 1 OFFSET ?2)
                    """,
                arguments: [entry.group.text, Self.keptDecisions])
        }
    }

    package func decisions(
        of group: InstanceName, limit: Int, before: Timestamp?
    ) async throws(StoreError) -> [DecisionEntry] {
        try await look("reading the decisions about \(group)") { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT document FROM decision WHERE group_name = ? AND first_at < ?
                        ORDER BY first_at DESC LIMIT ?
                        """),
                arguments: [group.text, before?.millisecondsSinceEpoch ?? .max, max(0, limit)]
            )
            // One that a newer version wrote and this one cannot read must not hide the others.
            .compactMap { try? Self.decode(DecisionEntry.self, $0["document"], "a decision about \(group)") }
        }
    }
}

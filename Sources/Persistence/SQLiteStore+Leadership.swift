package import FleetModel
import GRDB

extension SQLiteStore: LeadershipLock {
    static func registerLeadership(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("leadership") { database in
            try database.execute(
                sql: """
                    CREATE TABLE leadership (
                        id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL, token INTEGER NOT NULL,
                        until INTEGER NOT NULL);
                    """)
        }
    }

    /// The folder has one owner, so whoever led before is no more: a restart need not wait for the lead to run out.
    static func endLeadership(_ database: Database) throws {
        try database.execute(sql: "UPDATE leadership SET until = 0")
    }

    package func lead(
        as holder: String, for duration: Duration, at now: Timestamp
    ) async throws(StoreError) -> Int64? {
        try await write("taking the lead") { database in
            let until = now.advanced(by: duration).millisecondsSinceEpoch
            let row = try Row.fetchOne(database, sql: "SELECT holder, token, until FROM leadership")
            let token: Int64 = row?["token"] ?? 0
            let isOurs = row?["holder"] == holder
            let end: Int64 = row?["until"] ?? 0
            // A clock that was set back must not let the lead last longer than it was given for.
            let isOver = end <= now.millisecondsSinceEpoch || end > until
            guard isOurs || isOver else { return nil }
            let next = isOurs ? token : token.clampedSum(1)
            try database.execute(
                sql: "INSERT OR REPLACE INTO leadership (id, holder, token, until) VALUES (1, ?, ?, ?)",
                arguments: [holder, next, until])
            return next
        }
    }

    package func resign(as holder: String) async throws(StoreError) {
        try await write("giving up the lead") { database in
            try database.execute(sql: "UPDATE leadership SET until = 0 WHERE holder = ?", arguments: [holder])
        }
    }
}

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
        // Versions that do not know the two columns write rows in which they are null.
        migrator.registerMigration("renewals of the lease") { database in
            try database.execute(
                sql: """
                    ALTER TABLE leadership ADD COLUMN renewal INTEGER;
                    ALTER TABLE leadership ADD COLUMN duration INTEGER;
                    """)
        }
    }

    /// The folder has one owner, so whoever led before is no more: a restart need not wait for the lease to expire.
    static func endLeadership(_ database: Database) throws {
        try database.execute(sql: "UPDATE leadership SET until = 0")
    }

    package func lease() async throws(StoreError) -> LeaderLease? {
        try await read("reading the lease") { try Self.lease($0) }
    }

    package func replace(_ seen: LeaderLease?, with next: LeaderLease) async throws(StoreError) -> Bool {
        try await write("writing the lease") { database in
            guard try Self.lease(database) == seen else { return false }
            try database.execute(
                sql: """
                    INSERT OR REPLACE INTO leadership (id, holder, token, until, renewal, duration)
                    VALUES (1, ?, ?, ?, ?, ?)
                    """,
                arguments: [next.holder, next.token, next.until, next.renewal, next.duration?.wholeMilliseconds])
            return true
        }
    }

    private static func lease(_ database: Database) throws -> LeaderLease? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM leadership") else { return nil }
        let milliseconds: Int64? = row["duration"]
        return LeaderLease(
            holder: row["holder"], token: row["token"], renewal: row["renewal"],
            duration: milliseconds.map { .milliseconds($0) }, until: row["until"])
    }
}

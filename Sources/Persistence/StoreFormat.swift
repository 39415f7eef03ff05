import FleetModel
import GRDB

/// Which format a SQLite file has, and whether this version may use it.
///
/// Members of a document that a version does not know survive its saves, so adding one needs no new format. A change
/// that an older version would misread or damage does, and so does each migration.
enum StoreFormat {
    /// Written into each file as `PRAGMA user_version`; files of versions before formats have 0.
    static let current = 1

    /// Refuses a newer file, and makes an older one this version's.
    static func open(_ database: DatabasePool, _ migrations: DatabaseMigrator, _ what: String) throws {
        try database.read { try check($0, migrations, what) }
        try migrations.migrate(database)
        try database.write { database in
            // Again, now that no other process can change it.
            try check(database, migrations, what)
            guard try format(database) < current else { return }
            try database.execute(sql: "PRAGMA user_version = \(current)")
        }
    }

    /// - Throws: `StoreError.unavailable` when a newer version made the file.
    static func check(_ database: Database, _ migrations: DatabaseMigrator, _ what: String) throws {
        let format = try format(database)
        let isNewer = try format > current || migrations.hasBeenSuperseded(database)
        guard isNewer else { return }
        // Within one format a newer drover may have added what this one has no name for.
        let why =
            format > current
            ? "format \(format), this one knows up to \(current)" : "it has what this one does not know"
        throw StoreError.unavailable(
            reason:
                "\(what) was written by a newer drover (\(why)), and this one would damage it; run the newer drover again, or restore the copy of the folder that was "
                + "made before the upgrade")
    }

    private static func format(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }
}

package import FleetModel
import GRDB

/// In the file of the log, which holds nothing that is decided by: what the nodes hold, for processes that do not
/// publish.
extension SQLiteEventLog {
    /// A publication and when it ended.
    package struct StoredPublication: Hashable, Sendable {
        /// The group.
        package var group: InstanceName
        /// What the nodes hold.
        package var publication: Publication
        /// When they were asked.
        package var at: Timestamp
    }

    static func registerPublications(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("3 publications") { database in
            try database.execute(
                sql: """
                    CREATE TABLE publication (
                        group_name TEXT PRIMARY KEY, at INTEGER NOT NULL, document BLOB NOT NULL)
                    """)
        }
    }

    /// Keeps the newest publication of a group.
    package func keep(
        _ publication: Publication, of group: InstanceName, at now: Timestamp
    ) async throws(StoreError) {
        let document = try SQLiteStore.encode(publication, "a publication")
        do {
            try await database.write {
                try $0.cachedStatement(
                    sql: "INSERT OR REPLACE INTO publication (group_name, at, document) VALUES (?, ?, ?)"
                ).execute(arguments: [group.text, now.millisecondsSinceEpoch, document])
            }
        } catch {
            throw .unavailable(reason: "keeping what the nodes hold of \(group): \(error)")
        }
    }

    /// Forgets the publication of a group that is gone.
    package func forgetPublication(of group: InstanceName) async throws(StoreError) {
        do {
            try await database.write {
                try $0.execute(sql: "DELETE FROM publication WHERE group_name = ?", arguments: [group.text])
            }
        } catch {
            throw .unavailable(reason: "forgetting what the nodes held of \(group): \(error)")
        }
    }

    /// The newest publication of every group.
    package func publications() async throws(StoreError) -> [StoredPublication] {
        do {
            return try await database.read { database in
                try Row.fetchAll(database, sql: "SELECT group_name, at, document FROM publication").map { row in
                    StoredPublication(
                        group: try InstanceName(row["group_name"]),
                        publication: try SQLiteStore.decode(Publication.self, row["document"], "a publication"),
                        at: Timestamp(millisecondsSinceEpoch: row["at"]))
                }
            }
        } catch {
            throw (error as? StoreError) ?? .unavailable(reason: "reading what the nodes hold: \(error)")
        }
    }
}

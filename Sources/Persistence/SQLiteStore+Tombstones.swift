package import FleetModel
import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// What is kept of removed groups: in a table that an older drover neither reads nor writes, so that it needs no migration
// and no new format.

extension SQLiteStore {
    static func addTombstones(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS removed_group (
                    name TEXT PRIMARY KEY, removed_at INTEGER NOT NULL, document BLOB NOT NULL)
                """)
    }

    static func forgetTombstone(of group: InstanceName, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM removed_group WHERE name = ?", arguments: [group.text])
    }

    static func keep(_ tombstone: GroupTombstone, at now: Timestamp, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO removed_group (name, removed_at, document) VALUES (?, ?, ?)",
            arguments: [
                tombstone.group.text, tombstone.at.millisecondsSinceEpoch,
                try encode(tombstone, "what is kept of group \(tombstone.group)"),
            ])
        try database.execute(
            sql: """
                DELETE FROM removed_group WHERE removed_at <= ? OR name NOT IN (
                    SELECT name FROM removed_group ORDER BY removed_at DESC LIMIT ?)
                """,
            arguments: [
                now.advanced(by: .zero - GroupTombstone.lifetime).millisecondsSinceEpoch, GroupTombstone.keptCount,
            ])
    }

    package func tombstones() async throws(StoreError) -> [GroupTombstone] {
        try await read("reading what is kept of removed groups") { database in
            // A file that is only read may be of an older drover.
            guard try database.tableExists("removed_group") else { return [] }
            // One that cannot be read is as good as none: then a person is asked.
            return try Data.fetchAll(database, sql: "SELECT document FROM removed_group ORDER BY name").compactMap {
                try? Self.decode(GroupTombstone.self, $0, "what is kept of a removed group")
            }
        }
    }

    package func tombstone(of group: InstanceName) async throws(StoreError) -> GroupTombstone? {
        try await tombstones().first { $0.group == group }
    }

    package func keep(_ tombstone: GroupTombstone, note: ChangeNote) async throws(StoreError) {
        try await write("keeping that the rows of \(tombstone.group) go") { database in
            try Self.keep(tombstone, at: note.at, database)
            try database.execute(
                sql: """
                    INSERT INTO group_change (group_name, generation, at, actor, source, action, document)
                    VALUES (?, ?, ?, ?, ?, ?, x'')
                    """,
                arguments: [
                    tombstone.group.text, tombstone.generation, note.at.millisecondsSinceEpoch, note.actor,
                    note.source, note.action,
                ])
            try Self.enqueue(WorkMessage(reason: .restart, group: tombstone.group), at: note.at, database)
        }
    }
}

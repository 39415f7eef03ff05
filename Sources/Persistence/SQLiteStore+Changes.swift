package import FleetModel
import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// Every generation of a group, whoever made it, in the transaction that made it durable.

extension SQLiteStore {
    /// Generations kept for each group.
    private static let keptChanges = 500

    static func registerChanges(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("changes of groups") { database in
            try database.execute(
                sql: """
                    CREATE TABLE group_change (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, group_name TEXT NOT NULL, generation INTEGER NOT NULL,
                        at INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL, action TEXT NOT NULL,
                        document BLOB NOT NULL);
                    CREATE INDEX group_change_generation ON group_change (group_name, generation);
                    """)
        }
    }

    /// Keeps the record if its generation is a new one; a change without a note was the scaler's.
    static func keepChange(
        _ record: GroupRecord, _ document: Data, _ note: ChangeNote?, _ database: Database
    ) throws {
        let name = record.name.text
        let generation = record.configuration.generation
        let isKnown = try Bool.fetchOne(
            database,
            sql: """
                SELECT EXISTS (
                    SELECT 1 FROM group_change WHERE group_name = ? AND generation = ? AND length(document) > 0)
                """, arguments: [name, generation])
        if isKnown != true {
            // The scaler's writes carry no time of their own; the file's clock is the machine's.
            try database.execute(
                sql: """
                    INSERT INTO group_change (group_name, generation, at, actor, source, action, document)
                    VALUES (?, ?, coalesce(?, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)), ?, ?, ?, ?)
                    """,
                arguments: [
                    name, generation, note?.at.millisecondsSinceEpoch, note?.actor ?? "scaler", note?.source ?? "",
                    note?.action ?? "scaling", document,
                ])
            try database.execute(
                sql: """
                    DELETE FROM group_change WHERE group_name = ? AND generation <= ?
                    """,
                arguments: [name, generation - Int64(keptChanges)])
        }
        if let note {
            try enqueue(WorkMessage(reason: .restart, group: record.name), at: note.at, database)
        }
    }

    /// Processes that share the folder may each have looked for a free place for a new group, and found the same one.
    /// - Throws: `.conflict`, so that the caller looks again.
    static func expectFreePlaces(of record: GroupRecord, _ database: Database) throws {
        let wanted = record.configuration
        let isTaken = try Bool.fetchOne(
            database,
            sql: """
                SELECT EXISTS (
                    SELECT 1 FROM (
                        SELECT name, json_extract(CAST(document AS TEXT), '$.configuration') AS its FROM fleet_group)
                    WHERE name <> ? AND (its ->> '$.ruleIDBase' = ? OR its ->> '$.writerHostgroup' IN (?, ?)
                        OR its ->> '$.readerHostgroup' IN (?, ?)))
                """,
            arguments: [
                record.name.text, wanted.ruleIDBase, wanted.writerHostgroup, wanted.readerHostgroup,
                wanted.writerHostgroup, wanted.readerHostgroup,
            ])
        if isTaken == true { throw StoreError.conflict(document: "group \(record.name)") }
    }

    private static func change(_ row: Row, withRecord: Bool) throws -> GroupChange {
        let name: String = row["group_name"]
        return GroupChange(
            id: row["id"], group: try InstanceName(name), generation: row["generation"],
            note: ChangeNote(
                at: Timestamp(millisecondsSinceEpoch: row["at"]), actor: row["actor"], source: row["source"],
                action: row["action"]),
            record: withRecord
                ? try decode(GroupRecord.self, row["document"], "a generation of group \(name)") : nil)
    }
}

extension SQLiteStore: ChangeStore {
    package func insert(_ record: GroupRecord, note: ChangeNote) async throws(StoreError) {
        try await insert(record, optionalNote: note)
    }

    package func save(
        _ record: GroupRecord, ifVersion version: Int64, note: ChangeNote
    ) async throws(StoreError) {
        try await save(record, ifVersion: version, optionalNote: note)
    }

    /// Beside the generations, without a document, so that no history takes it for one.
    package func keep(_ note: ChangeNote, of record: GroupRecord) async throws(StoreError) {
        try await write("keeping a note of \(record.name)") { database in
            try database.execute(
                sql: """
                    INSERT INTO group_change (group_name, generation, at, actor, source, action, document)
                    VALUES (?, ?, ?, ?, ?, ?, x'')
                    """,
                arguments: [
                    record.name.text, record.configuration.generation, note.at.millisecondsSinceEpoch, note.actor,
                    note.source, note.action,
                ])
        }
    }

    package func history(
        of group: InstanceName, before generation: Int64?, limit: Int
    ) async throws(StoreError) -> [GroupChange] {
        try await read("reading the history of \(group)") { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM group_change WHERE group_name = ? AND generation < ? AND length(document) > 0
                    ORDER BY generation DESC LIMIT ?
                    """,
                arguments: [group.text, generation ?? .max, limit]
            ).map { try Self.change($0, withRecord: true) }
        }
    }

    package func changes(before id: Int64?, limit: Int) async throws(StoreError) -> [GroupChange] {
        try await read("reading the changes") { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT id, group_name, generation, at, actor, source, action FROM group_change
                    WHERE id < ? ORDER BY id DESC LIMIT ?
                    """,
                arguments: [id ?? .max, limit]
            ).map { try Self.change($0, withRecord: false) }
        }
    }
}

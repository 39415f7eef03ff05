package import FleetModel
import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The newest events in a SQLite file of their own beside the store.
///
/// `synchronous = NORMAL`: what was appended survives the death of the process, and a loss of power may take the last
/// events with it but damages nothing (SQLite documentation, "PRAGMA synchronous"). Nothing is decided by events, so a
/// wait for the disk at every step of a replica's life would buy nothing.
package final class SQLiteEventLog: EventLog {
    /// How many of the newest events are kept unless the caller says otherwise.
    package static let usualCapacity = 10_000

    let database: DatabasePool
    private let capacity: Int
    /// Held so that the folder stays ours for as long as the log lives.
    private let directory: StateDirectory

    /// Opens the log in `directory`, making it if need be; the newest `capacity` events are kept (at least 1).
    /// - Throws: `StoreError.unavailable` with what to do.
    package init(directory: StateDirectory, capacity: Int = usualCapacity) throws(StoreError) {
        self.directory = directory
        self.capacity = max(1, capacity)
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
        do {
            let path = try directory.file("events.sqlite")
            database = try DatabasePool(path: path, configuration: configuration)
            try StoreFormat.open(database, Self.migrations, "the event log in \(directory.path)")
        } catch {
            throw .unavailable(
                reason: "the event log in \(directory.path) cannot be opened: \(error); it holds no state, so move "
                    + "events.sqlite away to begin a new one")
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 events") { database in
            // AUTOINCREMENT: an id is never given out twice, even after the event that had it was dropped.
            try database.execute(
                sql: """
                    CREATE TABLE event (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, group_name TEXT NOT NULL, document BLOB NOT NULL);
                    CREATE INDEX event_group ON event (group_name, id);
                    """)
        }
        migrator.registerMigration("2 cursors") { database in
            try database.execute(sql: "CREATE TABLE cursor (reader TEXT PRIMARY KEY, id INTEGER NOT NULL)")
        }
        registerPublications(in: &migrator)
        return migrator
    }

    package func append(_ events: [FleetEvent]) async throws(StoreError) -> [FleetEvent] {
        guard !events.isEmpty else { return [] }
        let documents = try events.map { (event: FleetEvent) throws(StoreError) -> Data in
            try SQLiteStore.encode(event, "an event")
        }
        let capacity = capacity
        do {
            return try await database.write { database in
                var stored: [FleetEvent] = []
                for (event, document) in zip(events, documents) {
                    try database.cachedStatement(sql: "INSERT INTO event (group_name, document) VALUES (?, ?)")
                        .execute(arguments: [event.group.text, document])
                    var event = event
                    event.id = database.lastInsertedRowID
                    stored.append(event)
                }
                try database.cachedStatement(sql: "DELETE FROM event WHERE id <= ?")
                    .execute(arguments: [database.lastInsertedRowID - Int64(capacity)])
                return stored
            }
        } catch {
            throw .unavailable(reason: "appending \(events.count) events: \(error)")
        }
    }

    package func events(
        after id: Int64, group: InstanceName?, limit: Int
    ) async throws(StoreError) -> [FleetEvent] {
        try await read("id > ? AND (? IS NULL OR group_name = ?) ORDER BY id", id, group, limit)
    }

    package func newest(group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] {
        try await read("id > ? AND (? IS NULL OR group_name = ?) ORDER BY id DESC", 0, group, limit)
    }

    /// An event that a newer version wrote and this one cannot read is left out. While a page has only such events, the
    /// next one is read, so that whoever follows the log comes past them.
    private func read(
        _ condition: String, _ id: Int64, _ group: InstanceName?, _ limit: Int
    ) async throws(StoreError) -> [FleetEvent] {
        do {
            return try await database.read { database in
                var last = id
                while true {
                    let rows = try Row.fetchAll(
                        database, sql: "SELECT id, document FROM event WHERE \(condition) LIMIT ?",
                        arguments: [last, group?.text, group?.text, max(0, limit)])
                    let events = rows.compactMap { row -> FleetEvent? in
                        var event = try? SQLiteStore.decode(FleetEvent.self, row["document"], "an event")
                        event?.id = row["id"]
                        return event
                    }
                    let next: Int64 = rows.last?["id"] ?? last
                    guard events.isEmpty, rows.count == limit, next > last else { return events }
                    last = next
                }
            }
        } catch {
            throw (error as? StoreError) ?? .unavailable(reason: "reading events: \(error)")
        }
    }
}

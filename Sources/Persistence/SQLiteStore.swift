package import FleetModel
import GRDB
import JSONValues
package import Logging
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Incidents, groups and the work queue in one SQLite file: all that one machine needs.
///
/// Write-ahead log with `synchronous = FULL`: what a call has returned from survives the loss of power
/// (SQLite documentation, "PRAGMA synchronous").
package final class SQLiteStore: Sendable {
    let database: DatabasePool
    private let batches = AlertBatches()
    private let decoded = DecodedGroups()
    /// Held so that the folder stays ours for as long as the store lives.
    private let directory: StateDirectory?
    let logger: Logger?
    /// Messages that nobody here can read and that were logged.
    let unreadable = Mutex<Set<Int64>>([])

    /// Opens the store in `directory`, making it if need be.
    /// - Throws: `StoreError.unavailable` with what to do.
    package init(directory: StateDirectory, logger: Logger? = nil) throws(StoreError) {
        self.directory = directory
        self.logger = logger
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            let path = try directory.file("drover.sqlite")
            database = try DatabasePool(path: path, configuration: configuration)
            try StoreFormat.open(database, Self.migrations, "the database in \(directory.path)")
            try database.write(Self.indexIncidents)
            try database.write(Self.addTombstones)
            if directory.isOwned { try database.write(Self.endLeadership) }
        } catch let error as StoreError {
            throw error
        } catch {
            throw .unavailable(
                reason: "the database in \(directory.path) cannot be opened: \(error); restore it from a backup, or "
                    + "move it away to begin anew")
        }
    }

    /// Opens the store in the folder at `path` to read it, also while another process works with it; every call that
    /// writes fails.
    /// - Throws: `StoreError.unavailable` when there is none, or it cannot be read.
    package init(readingFrom path: String) throws(StoreError) {
        directory = nil
        logger = nil
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        do {
            database = try DatabasePool(path: "\(path)/drover.sqlite", configuration: configuration)
            try database.read { try StoreFormat.check($0, Self.migrations, "the database in \(path)") }
        } catch let error as StoreError {
            throw error
        } catch {
            throw .unavailable(
                reason:
                    "the database in \(path) cannot be read: \(error); set state.directory to the folder of a drover "
                    + "that has run")
        }
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 incidents, groups, messages") { database in
            try database.execute(
                sql: """
                    CREATE TABLE incident (
                        id TEXT PRIMARY KEY, group_name TEXT NOT NULL, is_active INTEGER NOT NULL,
                        started_at INTEGER NOT NULL, version INTEGER NOT NULL, document BLOB NOT NULL);
                    CREATE INDEX incident_active ON incident (group_name, started_at) WHERE is_active;
                    CREATE INDEX incident_started ON incident (started_at);
                    CREATE TABLE fleet_group (
                        name TEXT PRIMARY KEY, version INTEGER NOT NULL, document BLOB NOT NULL);
                    CREATE TABLE message (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, visible_at INTEGER NOT NULL,
                        attempt INTEGER NOT NULL DEFAULT 0, document BLOB NOT NULL);
                    CREATE INDEX message_visible ON message (visible_at);
                    """)
        }
        registerChanges(in: &migrator)
        registerDecisions(in: &migrator)
        registerLeadership(in: &migrator)
        return migrator
    }

    // MARK: What the parts share

    func read<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await database.read(body)
        } catch {
            throw Self.wrap(error, what)
        }
    }

    /// Reads by one statement, which sees one state of the file by itself and needs no transaction around it. For what
    /// every worker asks in every pass.
    func look<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await database.unsafeRead(body)
        } catch {
            throw Self.wrap(error, what)
        }
    }

    func write<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await database.write(body)
        } catch {
            throw Self.wrap(error, what)
        }
    }

    private static func wrap(_ error: any Error, _ what: String) -> StoreError {
        (error as? StoreError) ?? .unavailable(reason: "\(what): \(error)")
    }

    static func encode(_ document: some Encodable, _ what: String) throws(StoreError) -> Data {
        do {
            return try JSONEncoder().encode(document)
        } catch {
            throw .corrupt(document: what, reason: "it cannot be written: \(error)")
        }
    }

    /// The document as it is written over `stored`: what a newer version keeps in there stays.
    static func encode<Document: Codable>(
        _ document: Document, over stored: Data, _ what: String
    ) throws(StoreError) -> Data {
        let new = try encode(document, what)
        guard let read = try? decode(Document.self, stored, what) else { return new }
        return UnknownMembers.kept(in: new, from: stored, readAs: try encode(read, what))
    }

    static func decode<Document: Decodable>(
        _ type: Document.Type, _ data: Data, _ what: String
    ) throws(StoreError) -> Document {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw .corrupt(document: what, reason: "\(error)")
        }
    }
}

extension SQLiteStore: GroupStore {
    package func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        try await look("reading group \(name)") { [self] database in
            try Row.fetchOne(
                database.cachedStatement(sql: "SELECT version, document FROM fleet_group WHERE name = ?"),
                arguments: [name.text]
            ).map { try group($0, name.text) }
        }
    }

    package func names() async throws(StoreError) -> [InstanceName] {
        try await look("reading the groups' names") { database in
            try String.fetchAll(database.cachedStatement(sql: "SELECT name FROM fleet_group ORDER BY name")).map {
                try InstanceName($0)
            }
        }
    }

    package func groups() async throws(StoreError) -> [Versioned<GroupRecord>] {
        try await read("reading the groups") { [self] database in
            try Row.fetchAll(database, sql: "SELECT name, version, document FROM fleet_group ORDER BY name")
                .map { try group($0, $0["name"]) }
        }
    }

    package func insert(_ record: GroupRecord) async throws(StoreError) {
        try await insert(record, optionalNote: nil)
    }

    func insert(_ record: GroupRecord, optionalNote note: ChangeNote?) async throws(StoreError) {
        let document = try Self.encode(record, "group \(record.name)")
        try await write("storing group \(record.name)") { database in
            if note != nil { try Self.expectFreePlaces(of: record, database) }
            try database.execute(
                sql: "INSERT OR IGNORE INTO fleet_group (name, version, document) VALUES (?, 1, ?)",
                arguments: [record.name.text, document])
            guard database.changesCount == 1 else { throw StoreError.conflict(document: "group \(record.name)") }
            try Self.forgetTombstone(of: record.name, database)
            try Self.keepChange(record, document, note, database)
        }
    }

    package func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        try await save(record, ifVersion: version, optionalNote: nil)
    }

    func save(_ record: GroupRecord, ifVersion version: Int64, optionalNote note: ChangeNote?) async throws(StoreError)
    {
        try await write("saving group \(record.name)") { database in
            let stored = try Data.fetchOne(
                database, sql: "SELECT document FROM fleet_group WHERE name = ? AND version = ?",
                arguments: [record.name.text, version])
            guard let stored else { throw StoreError.conflict(document: "group \(record.name)") }
            let document = try Self.encode(record, over: stored, "group \(record.name)")
            try database.execute(
                sql: "UPDATE fleet_group SET version = version + 1, document = ? WHERE name = ? AND version = ?",
                arguments: [document, record.name.text, version])
            try Self.keepChange(record, document, note, database)
        }
    }

    package func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        try await write("removing group \(name)") { database in
            try database.execute(
                sql: "DELETE FROM fleet_group WHERE name = ? AND version = ?", arguments: [name.text, version])
            guard database.changesCount == 1 else { throw StoreError.conflict(document: "group \(name)") }
            if let tombstone { try Self.keep(tombstone, at: tombstone.at, database) }
        }
        decoded.forget(name)
    }

    private func group(_ row: Row, _ name: String) throws(StoreError) -> Versioned<GroupRecord> {
        let bytes: Data = row["document"]
        let record = try decoded.record(name, bytes) { () throws(StoreError) in
            try Self.decode(GroupRecord.self, bytes, "group \(name)")
        }
        return Versioned(document: record, version: row["version"])
    }
}

extension SQLiteStore: IncidentStore {
    package func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        try await batches.record(alert, at: now) { [self] alerts in await write(alerts) }.get()
    }

    /// Stores alerts in one transaction; one that cannot be stored does not hold the others.
    private func write(_ alerts: [(Alert, Timestamp)]) async -> [AlertBatches.Answer] {
        do throws(StoreError) {
            return try await write("storing \(alerts.count) alerts") { database in
                try alerts.map { alert, now in
                    var answer = AlertBatches.Answer.failure(.unavailable(reason: "the alert was not written"))
                    try database.inSavepoint {
                        do {
                            answer = .success(try Self.record(alert, at: now, database))
                            return .commit
                        } catch {
                            answer = .failure(Self.wrap(error, "storing incident \(alert.incidentID)"))
                            return .rollback
                        }
                    }
                    return answer
                }
            }
        } catch {
            return alerts.map { _ in .failure(error) }
        }
    }

    private static func record(_ alert: Alert, at now: Timestamp, _ database: Database) throws -> Incident.Change {
        let stored = try Row.fetchOne(
            database.cachedStatement(sql: "SELECT version, document FROM incident WHERE id = ?"),
            arguments: [alert.incidentID]
        ).map { try Self.incident($0, alert.incidentID) }
        let change: Incident.Change
        if var known = stored {
            change = known.document.take(alert, at: now)
            guard change != .unchanged else { return change }
            try update(known.document, known.version, database)
        } else {
            let incident = Incident(alert: alert, at: now)
            try database.cachedStatement(
                sql: """
                    INSERT INTO incident (id, group_name, is_active, started_at, version, document)
                    VALUES (?, ?, ?, ?, 1, ?)
                    """
            ).execute(
                arguments: [
                    incident.id, incident.group.text, incident.isActive,
                    incident.startedAt.millisecondsSinceEpoch, try encode(incident, "an incident"),
                ])
            change = .created
        }
        try enqueue(
            WorkMessage(reason: .incident, group: alert.group, incidentID: alert.incidentID), at: now, database)
        return change
    }

    package func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        try await read("reading incident \(id)") { database in
            try Row.fetchOne(
                database, sql: "SELECT version, document FROM incident WHERE id = ?", arguments: [id]
            ).map { try Self.incident($0, id) }
        }
    }

    package func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        try await look("reading the incidents of \(group)") { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT id, version, document FROM incident
                        WHERE is_active AND group_name = ? ORDER BY started_at, id
                        """),
                arguments: [group.text]
            ).map { try Self.incident($0, $0["id"]) }
        }
    }

    package func recent(limit: Int) async throws(StoreError) -> [Incident] {
        try await read("reading the newest incidents") { database in
            try Row.fetchAll(
                database, sql: "SELECT id, version, document FROM incident ORDER BY started_at DESC, id LIMIT ?",
                arguments: [limit]
            ).map { try Self.incident($0, $0["id"]).document }
        }
    }

    package func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        try await write("saving incident \(incident.id)") { database in
            try Self.update(incident, version, database)
        }
    }

    private static func update(_ incident: Incident, _ version: Int64, _ database: Database) throws {
        let stored = try Data.fetchOne(
            database.cachedStatement(sql: "SELECT document FROM incident WHERE id = ? AND version = ?"),
            arguments: [incident.id, version])
        guard let stored else { throw StoreError.conflict(document: "incident \(incident.id)") }
        let document = try encode(incident, over: stored, "an incident")
        try database.cachedStatement(
            sql: "UPDATE incident SET version = version + 1, is_active = ?, document = ? WHERE id = ?"
        ).execute(arguments: [incident.isActive, document, incident.id])
    }

    static func incident(_ row: Row, _ id: String) throws(StoreError) -> Versioned<Incident> {
        Versioned(document: try decode(Incident.self, row["document"], "incident \(id)"), version: row["version"])
    }
}

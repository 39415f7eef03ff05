import FleetModel
import Foundation
import GRDB
import JSONValues
import Persistence
import Testing

/// Runs SQL in a file of a store that nobody has open.
private func run(_ sql: String, in file: String) throws {
    try DatabaseQueue(path: file).write { try $0.execute(sql: sql) }
}

/// What is stored of the group or incident, as it is.
private func document(_ query: String, in path: String) throws -> JSONValue {
    let data = try DatabaseQueue(path: "\(path)/drover.sqlite").read { try Data.fetchOne($0, sql: query) }
    return try JSONValue(try #require(data))
}

@Suite("Stores of other versions")
struct StoreFormatTests {
    private let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    @Test("what a newer version keeps in a group or an incident survives a save, at every level")
    func unknownMembers() async throws {
        try await withStore { store, path in
            try await store.insert(record("shop"))
            _ = try await store.record(alert("a", .open), at: now)
            try await DatabasePool(path: "\(path)/drover.sqlite").write { database in
                try database.execute(
                    sql: """
                        UPDATE fleet_group SET document = CAST(json_set(CAST(document AS TEXT),
                            '$.later', json('{"a":[1,2]}'), '$.configuration.later', 'kept',
                            '$.configuration.servers[0].later', 7, '$.policy.later', 'too') AS BLOB);
                        UPDATE incident SET document = CAST(json_set(CAST(document AS TEXT), '$.later', 1) AS BLOB);
                        """)
            }
            var group = try #require(try await store.group(InstanceName("shop")))
            group.document.configuration.generation = 2
            group.document.configuration.servers[0].weight = 5
            let added = BackendServer(name: "other", address: "127.0.3.11", hostgroup: 10, origin: .configured)
            group.document.configuration.servers.insert(added, at: 0)
            group.document.policy.maximumReplicas = 9
            try await store.save(group.document, ifVersion: group.version)
            await #expect(throws: StoreError.self) { try await store.save(group.document, ifVersion: group.version) }

            let saved = try document("SELECT document FROM fleet_group", in: path)
            #expect(saved["later"] == ["a": [1, 2]])
            #expect(saved[at: "configuration", "later"] == "kept")
            #expect(saved[at: "policy", "later"] == "too")
            #expect(saved[at: "policy", "maximumReplicas"] == 9)
            let servers = saved[at: "configuration", "servers"].elements
            #expect(servers.map { $0["later"] } == [nil, 7])
            #expect(servers.map { $0["weight"] } == [100, 5])
            let read = try await store.group(InstanceName("shop"))
            #expect(read?.document == group.document)

            var incident = try #require(try await store.incident(id: "a"))
            incident.document.updatedBy = "scaler"
            try await store.save(incident.document, ifVersion: incident.version)
            _ = try await store.record(alert("a", .closed), at: now)
            let kept = try document("SELECT document FROM incident", in: path)
            #expect(kept["later"] == 1 && kept["updatedBy"] == "ingest" && kept["state"] == "closed")
        }
    }

    @Test(
        "a newer store is refused with what to do, and is left as it is",
        arguments: [
            ("PRAGMA user_version = 99", "(format 99, this one knows up to 1)"),
            (
                "INSERT INTO grdb_migrations (identifier) VALUES ('of another year')",
                "(it has what this one does not know)"
            ),
        ])
    func newer(_ change: String, _ why: String) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            let store = try SQLiteStore(directory: StateDirectory(path: path))
            try await store.insert(record("shop"))
            _ = try SQLiteEventLog(directory: StateDirectory(path: path, asGuest: true))
        }
        for file in ["drover.sqlite", "events.sqlite"] {
            try run(change, in: "\(path)/\(file)")
        }
        func refused(_ open: () throws -> Void) {
            do {
                try open()
                Issue.record("a newer store was opened")
            } catch {
                #expect("\(error)".contains("written by a newer drover"), "\(error)")
                #expect("\(error)".contains("before the upgrade"))
                #expect("\(error)".contains(why))
            }
        }
        refused { _ = try SQLiteStore(directory: StateDirectory(path: path)) }
        refused { _ = try SQLiteStore(directory: StateDirectory(path: path, asGuest: true)) }
        refused { _ = try SQLiteStore(readingFrom: path) }
        refused { _ = try SQLiteEventLog(directory: StateDirectory(path: path)) }
    }

    @Test("a message that only a newer version can read waits for it and holds up no other")
    func messages() async throws {
        try await withStore { store, path in
            try await DatabasePool(path: "\(path)/drover.sqlite").write { database in
                for index in 0..<5 {
                    try database.execute(
                        sql: "INSERT INTO message (visible_at, document) VALUES (0, ?)",
                        arguments: [Data(#"{"reason":"later","group":"shop","n":\#(index)}"#.utf8)])
                }
            }
            let message = WorkMessage(reason: .restart, group: try InstanceName("shop"))
            try await store.publish(message, at: now)
            let first = try await store.receive(limit: 5, visibility: .seconds(60), at: now)
            #expect(first.isEmpty)
            let second = try await store.receive(limit: 5, visibility: .seconds(60), at: now)
            #expect(second.map(\.message) == [message])
            try await store.acknowledge(second.map(\.id))
            let later = try await store.receive(limit: 5, visibility: .seconds(60), at: now.advanced(by: .seconds(61)))
            #expect(later.isEmpty)
            let left = try await DatabasePool(path: "\(path)/drover.sqlite").read {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM message WHERE attempt = 2")
            }
            #expect(left == 5)
        }
    }

    @Test("an event that only a newer version can read hides no other, and nobody who follows the log stops at it")
    func events() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = try SQLiteEventLog(directory: StateDirectory(path: path))
        let event = FleetEvent(.policyChanged, group: try InstanceName("shop"), at: now, "it changed")
        _ = try await log.append([event, event, event, event])
        try await DatabasePool(path: "\(path)/events.sqlite").write { database in
            try database.execute(
                sql: """
                    UPDATE event SET document = CAST(json_set(CAST(document AS TEXT), '$.kind', 'later') AS BLOB)
                    WHERE id < 4
                    """)
        }
        let page = try await log.events(after: 0, group: nil, limit: 2)
        #expect(page.map(\.id) == [4])
        #expect(try await log.newest(group: nil, limit: 3).map(\.id) == [4])
        #expect(try await log.events(after: 4, group: nil, limit: 2).isEmpty)
    }

    @Test("a store of the first version that had none is opened, brought up to date, and loses nothing")
    func recorded() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/stores").standardized.path
        for name in ["drover", "events"] {
            let text = try String(contentsOfFile: "\(fixtures)/\(name)-529da9d.sql", encoding: .utf8)
                .replacing("BEGIN TRANSACTION;", with: "").replacing("COMMIT;", with: "")
            try run(text, in: "\(path)/\(name).sqlite")
        }
        let before = try document("SELECT document FROM fleet_group WHERE name = 'shop'", in: path)
        let directory = try StateDirectory(path: path)
        let store = try SQLiteStore(directory: directory)
        let lease = try await store.lease()
        #expect(lease?.isGivenUp == true && lease?.token == 1 && lease?.renewal == nil)
        let stored = try #require(try await store.group(InstanceName("shop")))
        #expect(stored.document.replicas.map(\.state) == [.serving, .creating])
        #expect(try await store.recent(limit: 9).map(\.id) == ["2", "1"])
        #expect(try await store.history(of: InstanceName("shop"), before: nil, limit: 99).count == 7)
        let events = try SQLiteEventLog(directory: directory)
        #expect(try await events.newest(group: nil, limit: 99).count == 28)
        try await store.save(stored.document, ifVersion: stored.version)
        #expect(try document("SELECT document FROM fleet_group WHERE name = 'shop'", in: path) == before)
    }
}

@Suite("Who may read the state folder")
struct StateRightsTests {
    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require((attributes[.posixPermissions] as? NSNumber)?.intValue)
    }

    @Test("a folder and files that others could read are the owner's alone afterwards, and that is told")
    func tightened() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        try run("CREATE TABLE wide (id INTEGER)", in: "\(path)/drover.sqlite")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(path)/drover.sqlite")
        let directory = try StateDirectory(path: path)
        #expect(directory.notice?.contains("had mode 755") == true)
        let store = try SQLiteStore(directory: directory)
        try await store.insert(record("shop"))
        let events = try SQLiteEventLog(directory: directory)
        _ = try await events.newest(group: nil, limit: 1)
        #expect(try mode(path) == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(names.contains("drover.sqlite-wal") && names.contains("drover.sqlite-shm"))
        for name in names { #expect(try mode("\(path)/\(name)") == 0o600, "\(name)") }
        #expect(try StateDirectory(path: path, asGuest: true).notice == nil)
    }
}

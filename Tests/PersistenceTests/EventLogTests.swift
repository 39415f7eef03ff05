import FleetModel
import Logging
import Persistence
import Synchronization
import TestSupport
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func withDirectory(_ body: (StateDirectory) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-test-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await body(StateDirectory(path: path))
}

private func event(_ number: Int, _ group: String = "shop") throws -> FleetEvent {
    FleetEvent(
        .policyChanged, group: try InstanceName(group), at: Timestamp(secondsSinceEpoch: Int64(number)), "\(number)",
        fields: [.minimum: "\(number)"])
}

private final class Listener: EventSink {
    let heard = Mutex<[FleetEvent]>([])
    func take(_ events: [FleetEvent]) { heard.withLock { $0 += events } }
}

private struct BrokenLog: EventLog {
    func append(_ events: [FleetEvent]) async throws(StoreError) -> [FleetEvent] {
        throw .unavailable(reason: "the disk is full")
    }
    func events(after id: Int64, group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] { [] }
    func newest(group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] { [] }
}

@Suite("The event log", .timeLimit(.minutes(1)))
struct EventLogTests {
    @Test("ids only grow, also over a reopening, and the oldest events make room")
    func bounded() async throws {
        try await withDirectory { directory in
            do {
                let log = try SQLiteEventLog(directory: directory, capacity: 3)
                let stored = try await log.append([event(1), event(2)])
                #expect(stored.map(\.id) == [1, 2])
                _ = try await log.append([event(3), event(4)])
            }
            let log = try SQLiteEventLog(directory: directory, capacity: 3)
            let again = try await log.append([event(5)])
            #expect(again.map(\.id) == [5])
            let kept = try await log.events(after: 0, group: nil, limit: 10)
            #expect(kept.map(\.sentence) == ["3", "4", "5"])
        }
    }

    @Test("a reader goes on behind the last id that it saw, with a limit and for one group")
    func paging() async throws {
        try await withDirectory { directory in
            let log = try SQLiteEventLog(directory: directory)
            _ = try await log.append((1...6).map { try event($0, $0.isMultiple(of: 2) ? "even" : "odd") })
            let page = try await log.events(after: 2, group: nil, limit: 2)
            #expect(page.map(\.id) == [3, 4])
            let even = try await log.events(after: 2, group: InstanceName("even"), limit: 10)
            #expect(even.map(\.id) == [4, 6])
            #expect(even.first?.fields == ["minimum": "4"])
            let newest = try await log.newest(group: nil, limit: 2)
            #expect(newest.map(\.id) == [6, 5])
        }
    }
}

@Suite("Stores that tell", .timeLimit(.minutes(1)))
struct EventfulStoreTests {
    private func group() throws -> GroupRecord {
        let name = try InstanceName("shop")
        return GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], [])),
            policy: ScalingPolicy(maximumReplicas: 2), primaryInstance: name)
    }

    private func alert(_ state: IncidentState) throws -> Alert {
        let name = try InstanceName("shop")
        return Alert(
            incidentID: "0-a", policyName: "CPU", state: state, startedAt: Timestamp(secondsSinceEpoch: 1),
            closedAt: nil, primaryInstance: name, group: name, replicaBaseName: "shop-", action: .add,
            documentation: "")
    }

    @Test("what was saved is logged and heard with its id; what was refused is not")
    func saves() async throws {
        try await withDirectory { directory in
            let inner = try SQLiteStore(directory: directory)
            let log = try SQLiteEventLog(directory: directory)
            let listener = Listener()
            let store = EventfulStore(
                groups: inner, incidents: inner, log: log, sinks: [listener],
                surroundings: (TestWallClock(), quiet))
            var record = try group()
            try await store.insert(record)
            record.plan(try InstanceName("shop-1"), for: "0-a", at: Timestamp(secondsSinceEpoch: 2))
            await #expect(throws: StoreError.self) { try await store.save(record, ifVersion: 9) }
            try await store.save(record, ifVersion: 1)
            try await store.remove(record.name, ifVersion: 2)
            let logged = try await log.events(after: 0, group: nil, limit: 10)
            #expect(logged.map(\.kind) == [.groupCreated, .replicaPlanned, .groupRemoved])
            #expect(listener.heard.withLock { $0 } == logged)
        }
    }

    @Test("an alert is told when it opens and when it closes, a duplicate never")
    func alerts() async throws {
        try await withDirectory { directory in
            let inner = try SQLiteStore(directory: directory)
            let log = try SQLiteEventLog(directory: directory)
            let store = EventfulStore(
                groups: inner, incidents: inner, log: log, sinks: [], surroundings: (TestWallClock(), quiet))
            try await inner.insert(group())
            for state in [IncidentState.open, .open, .closed, .closed] {
                _ = try await store.record(alert(state), at: Timestamp(secondsSinceEpoch: 5))
            }
            var stored = try #require(try await store.incident(id: "0-a"))
            stored.document.lastProcess = .clear
            try await store.save(stored.document, ifVersion: stored.version)
            let logged = try await log.events(after: 0, group: nil, limit: 10)
            #expect(logged.map(\.kind) == [.incidentOpened, .incidentClosed, .incidentCleared])
        }
    }

    @Test("an alert for a group that is not registered says that nothing comes of it, and which groups there are")
    func unknownGroup() async throws {
        try await withDirectory { directory in
            let inner = try SQLiteStore(directory: directory)
            let log = try SQLiteEventLog(directory: directory)
            let listener = Listener()
            let store = EventfulStore(
                groups: inner, incidents: inner, log: log, sinks: [listener], surroundings: (TestWallClock(), quiet))
            let now = Timestamp(secondsSinceEpoch: 5)
            let other = FleetConfiguration(
                group: try InstanceName("other"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: ([], [], []))
            try await inner.insert(
                GroupRecord(
                    configuration: other, policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: other.group))
            _ = try await store.record(alert(.open), at: now)
            let heard = listener.heard.withLock { $0 }
            #expect(heard.map(\.kind) == [.groupUnknown] && heard.first?.severity == .warning)
            #expect(heard.first?.sentence.contains("which is not registered: no replica comes") == true)
            #expect(heard.first?.sentence.contains("Registered: other;") == true, "\(heard)")
            #expect(try await store.incident(id: "0-a") != nil, "durable all the same")
            _ = try await store.record(alert(.closed), at: now)
            #expect(try await log.events(after: 0, group: nil, limit: 10).map(\.kind) == [.groupUnknown])
        }
    }

    @Test("a log that cannot be written holds up no save, and listeners hear all the same")
    func brokenLog() async throws {
        try await withDirectory { directory in
            let inner = try SQLiteStore(directory: directory)
            let listener = Listener()
            let store = EventfulStore(
                groups: inner, incidents: inner, log: BrokenLog(), sinks: [listener],
                surroundings: (TestWallClock(), quiet))
            try await store.insert(group())
            #expect(listener.heard.withLock { $0.map(\.kind) } == [.groupCreated])
        }
    }
}

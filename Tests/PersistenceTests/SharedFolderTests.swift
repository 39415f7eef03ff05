import FleetModel
import Foundation
import Logging
import Pacing
import Persistence
import TestSupport
import Testing

@Suite("Two processes on one folder", .timeLimit(.minutes(1)))
struct SharedFolderTests {
    private let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    /// Runs `body` with the folder of an owner and of a guest, each with files of its own open.
    private func withFolder(_ body: (StateDirectory, StateDirectory) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-shared-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let owner = try StateDirectory(path: path)
        #expect(throws: StoreError.self, "there is one owner") { _ = try StateDirectory(path: path) }
        try await body(owner, try StateDirectory(path: path, asGuest: true))
    }

    @Test("a folder is complained about where it could not be made, however its name ends")
    func complaints() throws {
        let above = FileManager.default.temporaryDirectory.path
        #expect(StateDirectory.complaint(about: "\(above)/drover-\(UUID().uuidString)/") == nil)
        #expect(StateDirectory.complaint(about: "drover-\(UUID().uuidString)//") == nil)
        #expect(StateDirectory.complaint(about: "\(above)/\(UUID().uuidString)/state/") != nil)
        #expect(StateDirectory.complaint(about: "") != nil)
    }

    private func record(_ name: String, base: Int = 0) throws -> GroupRecord {
        let group = try InstanceName(name)
        return GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: 5 + base / 100, readerHostgroup: 10 + base / 100, ruleIDBase: base,
                content: ([], [], [])), policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: group)
    }

    private var note: ChangeNote { ChangeNote(at: now, actor: "a", source: "b", action: "c") }

    @Test("events have ids of the folder's, whoever tells of them, and each process reads the other's behind an id")
    func events() async throws {
        try await withFolder { owner, guest in
            let (ours, theirs) = (try SQLiteEventLog(directory: owner), try SQLiteEventLog(directory: guest))
            func event(_ name: String) throws -> [FleetEvent] {
                FleetEvent.between(old: nil, new: try record(name), at: now)
            }
            let first = try await ours.append(event("one"))
            let second = try await theirs.append(event("two"))
            let third = try await ours.append(event("three"))
            #expect((first + second + third).map(\.id) == [1, 2, 3])
            #expect(try await theirs.events(after: 1, group: nil, limit: 10) == second + third)
            #expect(try await ours.events(after: 1, group: nil, limit: 10) == second + third)
        }
    }

    @Test("what was read before never hides what another process has stored since, not even at the same version")
    func rememberedGroups() async throws {
        try await withFolder { owner, guest in
            let (ours, theirs) = (try SQLiteStore(directory: owner), try SQLiteStore(directory: guest))
            try await ours.insert(record("shop"))
            let first = try await ours.group(InstanceName("shop"))
            let again = try await ours.groups().first
            #expect(first?.document == again?.document)
            try await theirs.remove(InstanceName("shop"), ifVersion: 1)
            #expect(try await ours.groups().isEmpty)
            try await theirs.insert(record("shop", base: 1_000))
            let seen = try await ours.groups()
            #expect(seen.map(\.version) == [1])
            #expect(seen.map(\.document.configuration.writerHostgroup) == [15])
        }
    }

    @Test("what the owner published is read by the guest, until the group is withdrawn")
    func publications() async throws {
        try await withFolder { owner, guest in
            let (ours, theirs) = (try SQLiteEventLog(directory: owner), try SQLiteEventLog(directory: guest))
            let fleet = KeptFleet(
                OneNode(), in: ours, wallClock: TestWallClock(now),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let configuration = try record("shop").configuration
            let publication = await fleet.publish(configuration)
            let found = try await theirs.publications()
            #expect(found.map(\.publication) == [publication] && found.map(\.group.text) == ["shop"])
            #expect(found.first?.at == now)
            _ = await fleet.withdraw(configuration)
            #expect(try await theirs.publications().isEmpty)
        }
    }

    @Test("both change groups, the later one is told of a conflict, and no place is given to two groups")
    func groups() async throws {
        try await withFolder { owner, guest in
            let (ours, theirs) = (try SQLiteStore(directory: owner), try SQLiteStore(directory: guest))
            try await ours.insert(try record("one"), note: note)
            await #expect(throws: StoreError.self, "the places are taken") {
                try await theirs.insert(try record("two"), note: note)
            }
            try await theirs.insert(try record("two", base: 1_000), note: note)
            var stored = try #require(try await theirs.group(try InstanceName("one")))
            stored.document.configuration.generation += 1
            try await theirs.save(stored.document, ifVersion: stored.version, note: note)
            await #expect(throws: StoreError.self) {
                try await ours.save(stored.document, ifVersion: stored.version, note: note)
            }
            #expect(try await ours.groups().map(\.document.name.text) == ["one", "two"])
        }
    }

    @Test("a guest takes no lead away")
    func leadership() async throws {
        try await withFolder { owner, guest in
            let ours = try SQLiteStore(directory: owner)
            let lease = LeaderLease(
                holder: "scaler", token: 1, renewal: 1, duration: .seconds(15), until: now.millisecondsSinceEpoch)
            #expect(try await ours.replace(nil, with: lease))
            let theirs = try SQLiteStore(directory: guest)
            #expect(try await theirs.lease() == lease)
        }
    }
}

/// A fleet whose one node holds everything.
private struct OneNode: RoundlessFleet {
    func publish(_ configuration: FleetConfiguration) async -> Publication {
        Publication(generation: 1, nodes: [NodePublication(node: "core-0", condition: .current)])
    }

    func withdraw(_ configuration: FleetConfiguration) async -> Publication { await publish(configuration) }
}

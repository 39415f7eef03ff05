import FakeGoogle
import FleetModel
import Foundation
import Pacing
import Persistence
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

/// A fleet whose publication is what the test says.
private final class ScriptedFleet: RoundlessFleet {
    let publication = Mutex(Publication(generation: 1, nodes: []))

    func publish(_ configuration: FleetConfiguration) async -> Publication { publication.withLock { $0 } }
    func withdraw(_ configuration: FleetConfiguration) async -> Publication { Publication(generation: 1, nodes: []) }
}

@Suite("What the processes of an installation tell each other")
struct InstallationTests {
    private func withClient(_ body: (DatastoreClient, DatastoreStandIn) async throws -> Void) async throws {
        let standIn = DatastoreStandIn()
        try await withServer(standIn.router()) { url in try await body(DatastoreStores(url).client, standIn) }
    }

    private func withLog(_ body: (SQLiteEventLog) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(SQLiteEventLog(directory: StateDirectory(path: path)))
    }

    @Test("events, decisions and publications come back as they were told")
    func conformance() async throws {
        try await withClient { client, _ in try await InstallationConformance.all(client) }
    }

    @Test("events are copied once, also when the copier was interrupted between copying and noting it")
    func forwarding() async throws {
        try await withClient { client, _ in
            let shared = DatastoreEventLog(client: client, capacity: 1_000)
            try await withLog { log in
                _ = try await log.append((1...450).map { try InstallationConformance.event($0) })
                let forwarder = EventForwarder(log, to: shared, clock: ManualClock(), logger: quiet)
                let first = try await forwarder.step()
                #expect(first)
                try await log.setCursor(of: "installation", to: 150)
                while try await forwarder.step() {}
                let all = try await shared.events(after: 0, group: nil, limit: 1_000)
                #expect(all.map(\.sentence) == (1...450).map { "Event \($0)." })
                #expect(all.map(\.id) == Array(1...450))
            }
        }
    }

    @Test("another process hears of events and of what the nodes hold")
    func mirror() async throws {
        try await withClient { client, _ in
            let log = DatastoreEventLog(client: client, capacity: 1_000)
            let publications = DatastorePublications(client: client)
            let (shop, other) = (try InstanceName("shop"), try InstanceName("other"))
            func entry(_ group: InstanceName, _ generation: Int64) -> DatastorePublications.Entry {
                .init(
                    group: group, publication: Publication(generation: generation, nodes: []),
                    at: InstallationConformance.now)
            }
            try await publications.save(entry(shop, 1))
            try await publications.save(entry(other, 1))
            let seen = Mutex<(board: [InstanceName: Int64], wakes: Int)>(([:], 0))
            let mirror = InstallationMirror(
                log, publications,
                listeners: .init(
                    hasMore: { seen.withLock { $0.wakes += 1 } },
                    note: { entry in seen.withLock { $0.board[entry.group] = entry.publication.generation } },
                    forget: { group in seen.withLock { $0.board[group] = nil } }),
                interval: .seconds(1), clock: ManualClock(), logger: quiet)
            try await mirror.step()
            #expect(seen.withLock { $0.board } == [shop: 1, other: 1])
            #expect(seen.withLock { $0.wakes } == 0)
            try await publications.save(entry(shop, 2))
            try await publications.save(entry(other, 2))
            try await mirror.step()
            #expect(seen.withLock { $0.board } == [shop: 1, other: 1])
            // Only what an event tells of is read.
            _ = try await log.append([
                FleetEvent(.publicationFinished, group: shop, at: InstallationConformance.now, "Published.")
            ])
            try await mirror.step()
            #expect(seen.withLock { $0.board } == [shop: 2, other: 1])
            #expect(seen.withLock { $0.wakes } == 1)
            try await publications.remove(other)
            _ = try await log.append([
                FleetEvent(.groupRemoved, group: other, at: InstallationConformance.now, "Removed.")
            ])
            try await mirror.step()
            #expect(seen.withLock { $0.board } == [shop: 2])
        }
    }

    @Test("a publication is written when nodes stand differently, and not because connections come and go")
    func publicationWrites() async throws {
        try await withClient { client, standIn in
            let fleet = ScriptedFleet()
            let wallClock = TestWallClock()
            let shared = SharedFleet(
                fleet, publications: DatastorePublications(client: client), wallClock: wallClock, logger: quiet)
            let configuration = try record("shop").configuration
            func publish(_ generation: Int64, connections: Int) async {
                fleet.publication.withLock {
                    $0 = Publication(
                        generation: generation,
                        nodes: [
                            NodePublication(
                                node: "core-0", condition: .current,
                                backends: [
                                    BackendObservation(
                                        hostgroup: 10, address: "127.0.0.9", port: 3306, status: "ONLINE",
                                        connectionsInUse: connections)
                                ])
                        ])
                }
                _ = await shared.publish(configuration)
            }
            // The first write of a process says before it which format the store has.
            func commits() -> Int { standIn.calls.made.count { $0.hasSuffix(":commit") } - 1 }
            await publish(1, connections: 1)
            await publish(1, connections: 7)
            #expect(commits() == 1)
            await publish(2, connections: 7)
            #expect(commits() == 2)
            wallClock.advance(by: .seconds(601))
            await publish(2, connections: 8)
            #expect(commits() == 3)
            _ = await shared.withdraw(configuration)
        }
    }
}

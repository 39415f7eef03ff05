import FleetModel
import Foundation
import ManagementAPI
import Persistence
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@Suite("What another process does on the same folder", .timeLimit(.minutes(1)))
struct LogMirrorTests {
    private final class Sink: EventSink {
        let heard: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init() { (heard, continuation) = AsyncStream.makeStream(of: Void.self) }

        func take(_ events: [FleetEvent]) { continuation.yield() }
    }

    @Test("is on the board before those are told who follow the events, and off it again")
    func mirror() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-mirror-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let owner = try SQLiteEventLog(directory: StateDirectory(path: path))
        let (board, sink, clock) = (PublicationBoard(), Sink(), ManualClock())
        let mirror = LogMirror(
            try SQLiteEventLog(directory: StateDirectory(path: path, asGuest: true)), sinks: [sink], board: board,
            interval: .seconds(2), clock: clock, logger: silent)
        let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
        let group = try InstanceName("shop")
        let publication = Publication(
            generation: 3, nodes: [NodePublication(node: "core-0", condition: .current)])
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { await mirror.run() }
            await clock.waitForSleeps { $0 == [.seconds(2)] }
            try await owner.keep(publication, of: group, at: now)
            _ = try await owner.append(FleetEvent.between(old: nil, new: publication, of: group, at: now))
            clock.advance(by: .seconds(2))
            var heard = sink.heard.makeAsyncIterator()
            #expect(await heard.next() != nil)
            #expect(board.newest(of: group)?.publication == publication && board.newest(of: group)?.at == now)
            await clock.waitForSleeps { $0 == [.seconds(4)] }
            try await owner.forgetPublication(of: group)
            clock.advance(by: .seconds(2))
            await clock.waitForSleeps { $0 == [.seconds(6)] }
            #expect(board.newest(of: group) == nil)
            tasks.cancelAll()
        }
    }
}

import FleetModel
import Foundation
import Hooks
import Logging
import Pacing
import Synchronization
import TestSupport
import Testing

@testable import Notifications

/// Numbers that a seed decides.
private final class Dice: Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func roll(_ sides: UInt64) -> UInt64 {
        generator.withLock { UInt64.random(in: 0..<sides, using: &$0) }
    }
}

/// An event log that fails now and then, before or after it did what it was asked.
private final class MoodyLog: EventLog, EventCursors {
    private let dice: Dice
    private let state = Mutex<(events: [FleetEvent], cursors: [String: Int64])>(([], [:]))

    init(_ dice: Dice) { self.dice = dice }

    private func maybeFail() throws(StoreError) {
        if dice.roll(8) == 0 { throw .unavailable(reason: "the disk is moody") }
    }

    func append(_ events: [FleetEvent]) async throws(StoreError) -> [FleetEvent] {
        state.withLock { state in
            var stored = events
            for index in stored.indices { stored[index].id = Int64(state.events.count + index + 1) }
            state.events += stored
            return stored
        }
    }

    func events(after id: Int64, group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] {
        try maybeFail()
        return state.withLock { Array($0.events.dropFirst(Int(id)).prefix(limit)) }
    }

    func newest(group: InstanceName?, limit: Int) async throws(StoreError) -> [FleetEvent] {
        try maybeFail()
        return state.withLock { $0.events.reversed().prefix(limit).map(\.self) }
    }

    func cursor(of reader: String) async throws(StoreError) -> Int64? {
        try maybeFail()
        return state.withLock { $0.cursors[reader] }
    }

    func setCursor(of reader: String, to id: Int64) async throws(StoreError) {
        try maybeFail()
        state.withLock { $0.cursors[reader] = id }
        try maybeFail()
    }
}

@Suite("A notifier whose disk, receiver and process fail", .timeLimit(.minutes(1)))
struct NotifierFaultTests {
    @Test("tells every event at least once, in order, and repeats only the last message", arguments: 0..<300)
    func anyOrder(seed: Int) async throws {
        let dice = Dice(seed: UInt64(seed))
        let log = MoodyLog(dice)
        let wall = TestWallClock(noon)
        let clock = HastyClock(wall)
        let receiver = FakeReceiver { _ throws(HookFailure) in
            switch dice.roll(4) {
            case 0: throw HookFailure(.unreachable, "down")
            case 1: throw HookFailure(.failed, "busy", retryAfter: .seconds(Int64(dice.roll(90))))
            default: return
            }
        }
        let format: NotificationFormat = seed.isMultiple(of: 2) ? .json : .slack
        func makeNotifier() -> Notifier {
            Notifier(
                NotificationChannel(
                    name: "c", filter: NotificationFilter("all", minimum: .info), format: format, hook: receiver,
                    perMinute: 30, giveUpAfter: .seconds(1_000_000)),
                around: .init(
                    log: log, cursors: log, clock: clock, wallClock: wall, spread: { 1 },
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })),
                wakeup: Wakeup())
        }
        var notifier = makeNotifier()
        // The place of the channel is durable before the first event.
        while (try? await notifier.step()) == nil {}
        var written = 0
        var deaths = 0
        for _ in 0..<60 {
            let count = Int(dice.roll(4))
            _ = try await log.append(
                try (written..<(written + count)).map { try event(.replicaServing, .info, "e\($0);", at: wall.now()) })
            written += count
            _ = try? await notifier.step()
            if dice.roll(5) == 0 {
                notifier = makeNotifier()
                deaths += 1
            }
        }
        var quiet = 0
        while quiet < 3 {
            if let hasMore = try? await notifier.step() { quiet = hasMore ? 0 : quiet + 1 }
        }
        let messages = receiver.taken.map(Self.numbers)
        var next = 0
        for (index, message) in messages.enumerated() {
            if message.first == next {
                #expect(message == Array(next..<(next + message.count)))
            } else {
                // A repetition begins where the message before began, and may take in what came since.
                #expect(index > 0 && message.first == messages[index - 1].first)
                #expect(message == Array((message.first ?? -1)..<((message.first ?? -1) + message.count)))
            }
            next = max(next, (message.last ?? -1) + 1)
        }
        #expect(next == written)
        if seed == 0 { #expect(deaths > 0) }
    }

    private static func numbers(_ text: String) -> [Int] {
        text.split(separator: ";").compactMap { part in
            part.lastIndex(of: "e").flatMap { Int(part[part.index(after: $0)...]) }
        }
    }
}

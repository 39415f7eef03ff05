import FleetModel
import Foundation
import Hooks
import Logging
import Pacing
import Persistence
import Synchronization
import TestSupport
import Testing

@testable import Notifications

/// Answers as it is told and keeps what was taken.
final class FakeReceiver: Hook {
    let name = "receiver"
    private let state = Mutex<(taken: [String], calls: Int)>(([], 0))
    private let answer: @Sendable (Int) throws(HookFailure) -> Void

    init(_ answer: @escaping @Sendable (Int) throws(HookFailure) -> Void = { _ in }) { self.answer = answer }

    var taken: [String] { state.withLock { $0.taken } }
    var calls: Int { state.withLock { $0.calls } }

    func call(_ document: [UInt8]) async throws(HookFailure) -> HookAnswer {
        let count = state.withLock { state in
            state.calls += 1
            return state.calls
        }
        try answer(count)
        let object = try? JSONSerialization.jsonObject(with: Data(document)) as? [String: Any]
        let text = (object?["text"] ?? object?["sentence"]) as? String ?? "?"
        state.withLock { $0.taken.append(text) }
        return HookAnswer(status: 200, text: "ok")
    }
}

/// A clock on which no sleep lasts: it notes how long each would have been and moves the time of day on.
struct HastyClock: Clock {
    let manual = ManualClock()
    let wall: TestWallClock
    let slept: Slept

    final class Slept: Sendable {
        let durations = Mutex<[Duration]>([])
    }

    init(_ wall: TestWallClock) {
        self.wall = wall
        slept = Slept()
    }

    var now: ManualClock.Instant { manual.now }
    var minimumResolution: Duration { .nanoseconds(1) }
    var durations: [Duration] { slept.durations.withLock { $0 } }

    func sleep(until deadline: ManualClock.Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let duration = now.duration(to: deadline)
        slept.durations.withLock { $0.append(duration) }
        wall.advance(by: duration)
    }
}

/// An event log on disk and notifiers that read it.
struct Bench {
    let log: SQLiteEventLog
    let wall = TestWallClock(noon)
    let clock: HastyClock

    init(_ log: SQLiteEventLog) {
        self.log = log
        clock = HastyClock(wall)
    }

    static func with(capacity: Int = 1_000, _ body: (Bench) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "drover-notify-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(Bench(SQLiteEventLog(directory: StateDirectory(path: folder), capacity: capacity)))
    }

    func append(_ numbers: ClosedRange<Int>, _ kind: FleetEvent.Kind = .replicaServing) async throws {
        _ = try await log.append(try numbers.map { try event(kind, .info, "event \($0)", at: wall.now()) })
    }

    func notifier(
        _ hook: FakeReceiver, _ format: NotificationFormat = .json, name: String = "webhook",
        giveUp: Duration = .seconds(3_600)
    ) -> Notifier {
        Notifier(
            NotificationChannel(
                name: name, filter: NotificationFilter("usual", minimum: .info), format: format, hook: hook,
                perMinute: 30, giveUpAfter: giveUp),
            around: .init(
                log: log, cursors: log, clock: clock, wallClock: wall, spread: { 1 },
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })),
            wakeup: Wakeup())
    }

    /// Steps until there is nothing more.
    func drain(_ notifier: Notifier) async throws {
        while try await notifier.step() {}
    }
}

@Suite("Notifiers read the event log", .timeLimit(.minutes(1)))
struct NotifierTests {
    @Test("a new channel begins with what happens from now on, and tells each event once and in order")
    func delivers() async throws {
        try await Bench.with { bench in
            try await bench.append(1...3)
            let receiver = FakeReceiver()
            let notifier = bench.notifier(receiver)
            try await bench.drain(notifier)
            #expect(receiver.taken.isEmpty)
            try await bench.append(4...6)
            try await bench.append(7...9, .decisionMade)
            try await bench.drain(notifier)
            #expect(receiver.taken == ["event 4", "event 5", "event 6"])
            let cursor = try await bench.log.cursor(of: "webhook")
            #expect(cursor == 9)
        }
    }

    @Test("a process that dies loses none and repeats at most the last one")
    func crash() async throws {
        try await Bench.with { bench in
            try await bench.drain(bench.notifier(FakeReceiver()))
            try await bench.append(1...5)
            let receiver = FakeReceiver()
            let first = bench.notifier(receiver)
            for _ in 0..<2 { _ = try await first.step() }
            #expect(receiver.taken == ["event 1", "event 2"])
            // Dies here: what follows reads its cursor from disk.
            try await bench.drain(bench.notifier(receiver))
            #expect(receiver.taken == (1...5).map { "event \($0)" })
            // Dies between the message and the cursor.
            try await bench.append(6...6)
            try await bench.drain(bench.notifier(receiver))
            try await bench.log.setCursor(of: "webhook", to: 5)
            try await bench.drain(bench.notifier(receiver))
            #expect(receiver.taken.suffix(2) == ["event 6", "event 6"])
        }
    }

    @Test("what is not taken is tried again, with growing pauses and as long as it was asked to wait")
    func retries() async throws {
        try await Bench.with { bench in
            let receiver = FakeReceiver { call throws(HookFailure) in
                switch call {
                case 1, 2: throw HookFailure(.unreachable, "down")
                case 3: throw HookFailure(.failed, "429", retryAfter: .seconds(30))
                case 4: throw HookFailure(.deadlineExceeded, "slow")
                default: return
                }
            }
            let notifier = bench.notifier(receiver)
            try await bench.drain(notifier)
            try await bench.append(1...1)
            try await bench.drain(notifier)
            #expect(receiver.taken == ["event 1"])
            #expect(bench.clock.durations == [.seconds(1), .seconds(2), .seconds(30), .seconds(8)])
        }
    }

    @Test("what will never be taken, or was not for too long, is dropped, and the next is told")
    func drops() async throws {
        try await Bench.with { bench in
            let refusing = FakeReceiver { call throws(HookFailure) in
                if call == 1 { throw HookFailure(.rejected, "400") }
            }
            let notifier = bench.notifier(refusing)
            try await bench.drain(notifier)
            try await bench.append(1...2)
            try await bench.drain(notifier)
            #expect(refusing.taken == ["event 2"])
            let down = FakeReceiver { call throws(HookFailure) in
                // Ten minutes of growing pauses are sixteen tries.
                if call <= 16 { throw HookFailure(.unreachable, "down") }
            }
            try await bench.append(3...4)
            let other = bench.notifier(down, name: "webhook", giveUp: .seconds(600))
            try await bench.drain(other)
            #expect(down.taken == ["event 4"])
            #expect(down.calls == 17)
        }
    }

    @Test("a storm becomes few messages in Slack, within the rate")
    func storm() async throws {
        try await Bench.with { bench in
            let receiver = FakeReceiver()
            let notifier = bench.notifier(receiver, .slack, name: "slack")
            try await bench.drain(notifier)
            try await bench.append(1...230)
            try await bench.drain(notifier)
            #expect(receiver.taken.count == 12)
            let lines = receiver.taken.flatMap { $0.split(separator: "\n") }
            #expect(lines.count == 230)
            #expect(receiver.taken.first?.split(separator: "\n").count == 20)
            #expect(bench.clock.durations == [Duration](repeating: .seconds(2), count: 7))
        }
    }

    @Test("events that the log dropped unread are counted in the next message")
    func missed() async throws {
        try await Bench.with(capacity: 10) { bench in
            let receiver = FakeReceiver()
            let notifier = bench.notifier(receiver, .slack, name: "slack")
            try await bench.drain(notifier)
            try await bench.append(1...25)
            try await bench.drain(notifier)
            #expect(receiver.taken.first?.hasPrefix(":warning: 15 earlier events were dropped") == true)
        }
    }

    @Test("channels are told apart: one that is down keeps its place while another goes on")
    func channels() async throws {
        try await Bench.with { bench in
            let good = FakeReceiver()
            let slack = bench.notifier(good, .slack, name: "slack")
            let webhook = bench.notifier(FakeReceiver())
            try await bench.drain(slack)
            try await bench.drain(webhook)
            try await bench.append(1...2)
            try await bench.drain(slack)
            let cursors = (try await bench.log.cursor(of: "slack"), try await bench.log.cursor(of: "webhook"))
            #expect(cursors == (2, 0))
        }
    }

    @Test("a log that was replaced by a new one is read from its end, not never")
    func replacedLog() async throws {
        try await Bench.with { bench in
            try await bench.log.setCursor(of: "webhook", to: 900)
            let receiver = FakeReceiver()
            let notifier = bench.notifier(receiver)
            try await bench.drain(notifier)
            try await bench.append(1...1)
            try await bench.drain(notifier)
            #expect(receiver.taken == ["event 1"])
        }
    }
}

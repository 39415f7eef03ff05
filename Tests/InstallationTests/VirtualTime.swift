import Dispatch
import FleetModel
import Foundation
import Pacing
import Synchronization
import TestSupport

/// One thread on which every task of a simulation runs, one step after another in the order in which they became ready.
///
/// What really happens elsewhere (SQLite's own queues) is done in `outside`: until it is over nothing but its own task
/// runs, so that its duration cannot change the order of anything.
final class VirtualExecutor: TaskExecutor {
    private struct State {
        var ready: [UnownedJob] = []
        var head = 0
        /// What was ready when a call to the outside began, innermost last.
        var aside: [[UnownedJob]] = []
        var isWaiting = false
        var thread: Thread?
        var strays: [String] = []

        mutating func next() -> UnownedJob? {
            guard head < ready.count else {
                ready.removeAll(keepingCapacity: true)
                head = 0
                return nil
            }
            defer { head += 1 }
            return ready[head]
        }
    }

    private let state = Mutex(State())
    private let arrival = DispatchSemaphore(value: 0)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isAwaited = state.withLock { state in
            state.ready.append(job)
            if state.aside.isEmpty, let own = state.thread, own != Thread.current, state.strays.count < 3 {
                state.strays.append(Thread.callStackSymbols.joined(separator: "\n"))
            }
            defer { state.isWaiting = false }
            return state.isWaiting
        }
        if isAwaited { arrival.signal() }
    }

    /// Where tasks were made ready by other threads although nobody was outside: then their order is by chance.
    var strays: [String] { state.withLock { $0.strays } }

    /// Everything runs on the calling thread from now on.
    func settle() { state.withLock { $0.thread = Thread.current } }

    /// Does `body`, which waits for other threads, while every other task of the simulation stands still.
    func outside<Value, Failure: Error>(_ body: () async throws(Failure) -> Value) async throws(Failure) -> Value {
        state.withLock { state in
            state.aside.append(Array(state.ready[state.head...]))
            state.ready = []
            state.head = 0
        }
        defer {
            state.withLock { state in
                let rest = Array(state.ready[state.head...])
                state.ready = (state.aside.popLast() ?? []) + rest
                state.head = 0
            }
        }
        return try await body()
    }

    /// Runs what is ready, and what that makes ready, until nothing is.
    /// - Returns: false when it went on for more than `limit` steps: then time stands still.
    func drain(limit: Int = 3_000_000) -> Bool {
        for _ in 0..<limit {
            let (job, waits) = state.withLock { state -> (UnownedJob?, Bool) in
                if let job = state.next() { return (job, false) }
                state.isWaiting = !state.aside.isEmpty
                return (nil, state.isWaiting)
            }
            if let job {
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else if waits {
                arrival.wait()
            } else {
                return true
            }
        }
        return false
    }
}

/// Time that moves only when nothing is left to do before the next sleep ends.
final class VirtualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var end: Duration
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Duration = .zero
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    var now: Instant { Instant(offset: state.withLock { $0.now }) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        defer { state.withLock { _ = $0.cancelled.remove(id) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isOver = state.withLock { state in
                    if state.cancelled.remove(id) != nil || deadline.offset <= state.now { return true }
                    state.sleepers[id] = Sleeper(end: deadline.offset, continuation: continuation)
                    return false
                }
                if isOver {
                    continuation.resume(with: Task.isCancelled ? .failure(CancellationError()) : .success(()))
                }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves on to the next moment at which somebody wakes, and wakes whoever does then, in the order in which they
    /// fell asleep.
    /// - Returns: false when nobody sleeps.
    func advance() -> Bool {
        let due = state.withLock { state -> [(key: Int, value: Sleeper)] in
            guard let next = state.sleepers.values.map(\.end).min() else { return [] }
            state.now = next
            let due = state.sleepers.filter { $0.value.end == next }.sorted { $0.key < $1.key }
            for (id, _) in due { state.sleepers[id] = nil }
            return due
        }
        for (_, sleeper) in due { sleeper.continuation.resume() }
        return !due.isEmpty
    }
}

/// The time of day of a simulation, which somebody may set.
final class VirtualWallClock: WallClock {
    private let clock: VirtualClock
    private let skew = Mutex(Duration.zero)

    init(_ clock: VirtualClock) { self.clock = clock }

    func now() -> Timestamp {
        Timestamp(secondsSinceEpoch: 1_800_000_000).advanced(by: clock.now.offset + skew.withLock { $0 })
    }

    /// Sets the clock forward, or back.
    func jump(by duration: Duration) { skew.withLock { $0 += duration } }
}

/// Chance that a seed decides, and nobody else.
final class Chance: Sendable {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func pick(_ range: ClosedRange<Int>) -> Int { generator.withLock { Int.random(in: range, using: &$0) } }
    func pick(_ range: ClosedRange<Double>) -> Double { generator.withLock { Double.random(in: range, using: &$0) } }
    func isOnce(in times: Int) -> Bool { generator.withLock { $0.isOnce(in: times) } }
    func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[pick(0...elements.count - 1)]
    }
}

/// Runs `body` and everything that it begins on one thread in virtual time, until it returns.
/// - Returns: false when it came to stand still: somebody waited for what nobody would do.
func withVirtualTime(
    _ executor: VirtualExecutor, _ clock: VirtualClock, _ body: @escaping @Sendable () async -> Void
) async -> Bool {
    await withCheckedContinuation { answer in
        let thread = Thread { answer.resume(returning: play(executor, clock, body)) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}

private func play(
    _ executor: VirtualExecutor, _ clock: VirtualClock, _ body: @escaping @Sendable () async -> Void
) -> Bool {
    let flag = Flag()
    executor.settle()
    Task(executorPreference: executor) {
        await body()
        flag.raise()
    }
    while executor.drain() {
        if flag.isRaised { return true }
        guard clock.advance() else { return false }
    }
    return false
}

private final class Flag: Sendable {
    private let state = Mutex(false)

    var isRaised: Bool { state.withLock { $0 } }
    func raise() { state.withLock { $0 = true } }
}

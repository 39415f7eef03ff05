import Synchronization

/// A monotonic clock that moves only when a test says so.
package final class ManualClock: Clock {
    /// A moment of this clock, as the time since it was made.
    package struct Instant: InstantProtocol {
        /// The time since the clock was made.
        package var offset: Duration

        package func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        package func duration(to other: Instant) -> Duration { other.offset - offset }
        package static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var end: Duration
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        var condition: @Sendable ([Duration]) -> Bool
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now: Duration = .zero
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        var watchers: [Watcher] = []
    }

    private let state = Mutex(State())

    /// Begins at zero.
    package init() {}

    package var now: Instant { Instant(offset: state.withLock { $0.now }) }
    package var minimumResolution: Duration { .nanoseconds(1) }

    package func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let (isOver, met) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
                    guard state.cancelled.remove(id) == nil, deadline.offset > state.now else { return (true, []) }
                    state.sleepers[id] = Sleeper(end: deadline.offset, continuation: continuation)
                    return (false, Self.met(&state))
                }
                if isOver {
                    continuation.resume(with: Task.isCancelled ? .failure(CancellationError()) : .success(()))
                }
                for watcher in met { watcher.resume() }
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

    /// Moves on and wakes whoever's time has come.
    package func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.sleepers.filter { $0.value.end <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.end < $1.end }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// The ends of all sleeps, in order.
    package var sleeps: [Duration] { state.withLock { Self.ends($0) } }

    /// Waits, without the passing of time, until the ends of all sleeps meet `condition`.
    package func waitForSleeps(where condition: @escaping @Sendable ([Duration]) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isMet = state.withLock { state in
                if condition(Self.ends(state)) { return true }
                state.watchers.append(Watcher(condition: condition, continuation: continuation))
                return false
            }
            if isMet { continuation.resume() }
        }
    }

    private static func ends(_ state: State) -> [Duration] { state.sleepers.values.map(\.end).sorted() }

    private static func met(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        let ends = ends(state)
        let met = state.watchers.filter { $0.condition(ends) }
        state.watchers.removeAll { $0.condition(ends) }
        return met.map(\.continuation)
    }
}

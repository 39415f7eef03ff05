import Synchronization

/// A lock for actors: holders take turns in the order in which they asked.
package struct Turn: Sendable {
    private final class Line: Sendable {
        let state = Mutex((isTaken: false, waiting: [CheckedContinuation<Void, Never>]()))
    }

    private let line = Line()

    /// Makes a lock that nobody holds.
    package init() {}

    /// Waits for the turn.
    package func take() async {
        await withCheckedContinuation { continuation in
            let goesOn = line.state.withLock { state in
                guard state.isTaken else {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    /// Gives the turn to the next one.
    package func give() {
        let next = line.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}

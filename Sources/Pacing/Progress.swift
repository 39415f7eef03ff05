import Synchronization

/// A count that only grows, for those who wait until something has gone on: none of them misses a step, however many
/// wait.
package final class Progress: Sendable {
    private struct State {
        var count = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var cancelled: Set<Int> = []
        var nextID = 0
    }

    private let state = Mutex(State())

    /// Begins at zero.
    package init() {}

    /// How often it went on.
    package var count: Int { state.withLock { $0.count } }

    /// Goes on by one, and with it everybody who waits.
    package func advance() {
        let waiting = state.withLock { state in
            state.count += 1
            defer { state.waiting = [:] }
            return state.waiting
        }
        // In the order in which they came: a set order that every run has.
        for (_, continuation) in waiting.sorted(by: { $0.key < $1.key }) { continuation.resume() }
    }

    /// Waits until the count is beyond `seen`, for `timeout` or for cancellation, whichever is first.
    package func wait(beyond seen: Int, upTo timeout: Duration, clock: any Clock<Duration>) async {
        guard count == seen else { return }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await clock.sleep(for: timeout) }
            tasks.addTask { await self.wait(beyond: seen) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    private func wait(beyond seen: Int) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if state.cancelled.remove(id) != nil || state.count > seen { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let continuation = state.waiting.removeValue(forKey: id)
                if continuation == nil { state.cancelled.insert(id) }
                return continuation
            }
            continuation?.resume()
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }
}

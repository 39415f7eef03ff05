import Synchronization

/// A signal without content: waking twice before anyone waits is waking once.
package final class Wakeup: Sendable {
    private struct State {
        var isSignalled = false
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    /// Makes a signal that nobody has given yet.
    package init() {}

    /// Gives the signal: whoever waits goes on, or the next one to wait does so at once.
    package func wake() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state.waiting = [:]
            state.isSignalled = waiting.isEmpty
            return waiting
        }
        // In the order in which they came: a set order that every run has.
        for (_, continuation) in waiting.sorted(by: { $0.key < $1.key }) { continuation.resume() }
    }

    /// Waits for the signal, for `timeout` or for cancellation, whichever is first.
    package func wait(upTo timeout: Duration, clock: any Clock<Duration>) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await clock.sleep(for: timeout) }
            tasks.addTask { await self.wait() }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    private func wait() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if state.isSignalled || Task.isCancelled {
                        if !Task.isCancelled { state.isSignalled = false }
                        return true
                    }
                    state.waiting[id] = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { $0.waiting.removeValue(forKey: id) }
            continuation?.resume()
        }
    }
}

package import FleetModel
import Pacing
import Synchronization

/// Tells those who follow the event log that there is more in it. They read the log themselves, so a follower who is
/// slow, or who was away, misses nothing that is kept.
package final class EventSignal: EventSink {
    /// Followers at once; each holds a connection.
    private static let maximumFollowers = 200

    private struct State {
        var followers: [Int: Wakeup] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    /// Makes a signal that nobody follows.
    package init() {}

    package func take(_ events: [FleetEvent]) {
        for wakeup in state.withLock({ Array($0.followers.values) }) { wakeup.wake() }
    }

    /// Begins to follow; nil when too many do.
    func follow() -> (id: Int, wakeup: Wakeup)? {
        state.withLock { state in
            guard state.followers.count < Self.maximumFollowers else { return nil }
            state.nextID += 1
            let wakeup = Wakeup()
            state.followers[state.nextID] = wakeup
            return (state.nextID, wakeup)
        }
    }

    /// Ends following.
    func leave(_ id: Int) {
        state.withLock { $0.followers[id] = nil }
    }
}

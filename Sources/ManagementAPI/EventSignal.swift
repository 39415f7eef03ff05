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

    /// Somebody who follows, for as long as this lives: an answer that is never written, because its client is gone
    /// by then, must not keep a place.
    final class Follower: Sendable {
        /// Is woken when there is more.
        let wakeup: Wakeup
        private let signal: EventSignal
        private let id: Int

        fileprivate init(_ signal: EventSignal, _ id: Int, _ wakeup: Wakeup) {
            self.signal = signal
            self.id = id
            self.wakeup = wakeup
        }

        deinit {
            signal.state.withLock { $0.followers[id] = nil }
        }
    }

    /// Begins to follow; nil when too many do.
    func follow() -> Follower? {
        let found = state.withLock { state -> (id: Int, wakeup: Wakeup)? in
            guard state.followers.count < Self.maximumFollowers else { return nil }
            state.nextID += 1
            let wakeup = Wakeup()
            state.followers[state.nextID] = wakeup
            return (state.nextID, wakeup)
        }
        return found.map { Follower(self, $0.id, $0.wakeup) }
    }
}

package import FleetModel
import Pacing
import Synchronization

/// A wall clock that moves only when a test says so.
package final class TestWallClock: WallClock {
    private let time: Mutex<Timestamp>

    /// Begins at `start`.
    package init(_ start: Timestamp = Timestamp(secondsSinceEpoch: 1_800_000_000)) {
        time = Mutex(start)
    }

    package func now() -> Timestamp {
        time.withLock { $0 }
    }

    /// Moves on.
    package func advance(by duration: Duration) {
        time.withLock { $0 = $0.advanced(by: duration) }
    }
}

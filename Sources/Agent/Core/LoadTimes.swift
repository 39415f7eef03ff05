import Pacing
import Synchronization

/// When a module has to be loaded once more. ProxySQL tells versions of a module apart by the second of their LOAD: peers
/// that pulled in the middle of a second never pull what was loaded later in it.
final class LoadTimes: Sendable {
    /// A little more than the second that two LOADs may share.
    private static let apart = Duration.milliseconds(1_100)

    private struct State {
        var due: Duration?
        /// Rounds in a row in which something was left to others.
        var waited = 0
    }

    private let stopwatch: Stopwatch
    private let state = Mutex(State())

    init(_ clock: any Clock<Duration>) {
        stopwatch = Stopwatch(clock)
    }

    /// It was loaded just now, `isShared` in the same second as what ran before.
    func loaded(isShared: Bool) {
        let now = stopwatch.elapsed
        state.withLock { $0.due = isShared ? now + Self.apart : nil }
    }

    /// How long until it has to be loaded once more; nil when it has not.
    var due: Duration? {
        let now = stopwatch.elapsed
        return state.withLock { state in state.due.map { max($0 - now, .zero) } }
    }

    /// Whether it has to be loaded once more now.
    var isDue: Bool { due == .zero }

    /// Counts a round; how many in a row were not over.
    func round(isOver: Bool) -> Int {
        state.withLock { state in
            state.waited = isOver ? 0 : state.waited + 1
            return state.waited
        }
    }
}

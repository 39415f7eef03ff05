package import FleetModel

/// How long a node has not answered, and when it is asked again: each try costs a whole timeout, and every group whose
/// turn comes meanwhile would pay it too.
package struct Silence: Hashable, Sendable {
    /// When the first try went unanswered.
    package let since: Timestamp
    /// What the last try ended with.
    package private(set) var reason = ""
    private var tries = 0
    private var nextTry: Timestamp

    /// Begins at `now`.
    package init(since now: Timestamp) {
        since = now
        nextTry = now
    }

    /// Another try went unanswered: the next waits twice as long as the last did, from half a second to `longest`,
    /// times `jitter`, so that several nodes that hang are not asked in step.
    package mutating func goesOn(at now: Timestamp, reason: String, longest: Duration, jitter: Double) {
        self.reason = reason
        let wait = min(Duration.milliseconds(500) * (1 << min(tries, 10)), longest)
        nextTry = now.advanced(by: wait * jitter)
        tries += 1
    }

    /// Whether the node is to be asked at `now`. Always when `limit` is over or the clock was set back: that it is
    /// down is never concluded without asking it again.
    package func isOver(at now: Timestamp, limit: Duration) -> Bool {
        now >= nextTry || now.since(since) >= limit || now < since
    }

    /// How long it is until the next try, at least a little.
    package func pause(at now: Timestamp) -> Duration { max(nextTry.since(now), .milliseconds(50)) }
}

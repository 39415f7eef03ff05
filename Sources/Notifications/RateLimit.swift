package import FleetModel

/// A bucket of tokens: so many at once, and one more in each interval.
package struct RateLimit: Hashable, Sendable {
    private let capacity: Int
    private let interval: Duration
    /// When the bucket would be full if nothing more were taken.
    private var fullAt: Timestamp

    /// Makes a full bucket for `perMinute` (at least 1) messages a minute, of which five may come at once.
    package init(perMinute: Int, at now: Timestamp) {
        let rate = max(1, perMinute)
        capacity = min(5, rate)
        interval = .milliseconds(60_000 / Int64(rate))
        fullAt = now
    }

    /// Takes a token, or tells how long to wait for one.
    package mutating func take(at now: Timestamp) -> Duration? {
        // A clock that was set back must not stop messages for as long.
        let start = min(max(fullAt, now), now.advanced(by: interval * capacity))
        let wait = start.advanced(by: interval * (1 - capacity)).since(now)
        guard wait <= .zero else { return wait }
        fullAt = start.advanced(by: interval)
        return nil
    }
}

/// How long to wait between tries: doubling, with jitter, up to a limit; a value that its owner advances.
package struct Backoff: Hashable, Sendable {
    /// The first wait.
    package var first: Duration
    /// No wait is longer, but for the jitter.
    package var limit: Duration
    /// The greatest part of a wait that is added at random, 0 or more.
    package var jitter: Double
    private var failures = 0

    /// Waits `first`, twice that and so on up to `limit`, each up to `1 + jitter` times as long.
    package init(first: Duration, limit: Duration, jitter: Double = 1) {
        self.first = first
        self.limit = limit
        self.jitter = jitter
    }

    /// What client-go's reflectors wait after failures: 0.8 s to 30 s, doubled at most by jitter.
    package static let relist = Backoff(first: .milliseconds(800), limit: .seconds(30))

    /// The wait after one more failure; `random` is in 0..<1.
    package mutating func next(random: Double) -> Duration {
        let wait = first * (1 << min(failures, 20))
        failures += 1
        return min(wait, limit) * (1 + jitter * random)
    }

    /// Something worked.
    package mutating func reset() {
        failures = 0
    }
}

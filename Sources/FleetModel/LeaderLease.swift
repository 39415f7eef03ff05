/// The lease of the leading scaler, as a store keeps it.
///
/// Whether it has expired is never read from a time in it: a candidate measures, with its own monotonic clock, how long
/// the lease stays the same.
package struct LeaderLease: Hashable, Sendable {
    /// The process that holds the lease, or that gave it up last.
    package var holder: String
    /// The fencing token: grows by one with each new leader and is never given out twice.
    package var token: Int64
    /// Grows with each renewal; nil in a lease written by a version that did not count renewals.
    package var renewal: Int64?
    /// How long the holder may act after a renewal, at most; nil in a lease written by such a version.
    package var duration: Duration?
    /// Milliseconds since the epoch until which those versions take the lease as held; zero when it was given up. They
    /// compare it with their own clock. Here it is only one more member that a renewal changes.
    package var until: Int64

    /// Makes a lease.
    package init(holder: String, token: Int64, renewal: Int64?, duration: Duration?, until: Int64) {
        self.holder = holder
        self.token = token
        self.renewal = renewal
        self.duration = duration
        self.until = until
    }

    /// Whether anybody may take it at once.
    package var isGivenUp: Bool { until == 0 }
}

/// Where scalers keep the lease by which one of them acts.
package protocol LeadershipLock: Sendable {
    /// The lease as it is now; nil when there never was a leader.
    func lease() async throws(StoreError) -> LeaderLease?
    /// Replaces the lease `seen` by `next` in one transaction.
    /// - Returns: false, and nothing is written, when the stored lease is not `seen`.
    func replace(_ seen: LeaderLease?, with next: LeaderLease) async throws(StoreError) -> Bool
}

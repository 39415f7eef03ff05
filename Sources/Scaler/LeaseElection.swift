import FleetModel

/// The times of the scaler's lease.
package struct LeaseTiming: Hashable, Sendable {
    /// A candidate takes a lease that it saw unchanged for this long.
    package let duration: Duration
    /// A leader acts for this long after it *began* its last renewal that succeeded.
    package let renewDeadline: Duration
    /// Between two renewals of a leader, and between two polls of a candidate.
    package let interval: Duration
    /// How long one call of the store may take.
    package let timeout: Duration

    /// Fifteen seconds; a leader acts for nine, and renews every three.
    package static let standard = LeaseTiming(ofSeconds: 15)

    private init(ofSeconds seconds: Int) {
        duration = .seconds(seconds)
        renewDeadline = duration * 3 / 5
        interval = duration / 5
        timeout = duration / 5
    }

    /// - Throws: `InvalidLeaseTiming` unless one renewal may fail without the lead being lost, and the lead ends before
    ///   the lease: `interval + 2 × timeout ≤ renewDeadline < duration`.
    package init(
        duration: Duration, renewDeadline: Duration, interval: Duration, timeout: Duration
    ) throws(InvalidLeaseTiming) {
        guard interval > .zero, timeout > .zero, interval + timeout * 2 <= renewDeadline, renewDeadline < duration
        else { throw InvalidLeaseTiming() }
        self.duration = duration
        self.renewDeadline = renewDeadline
        self.interval = interval
        self.timeout = timeout
    }
}

/// Times under which two scalers might act at once, or one slow call of the store would end the lead.
package struct InvalidLeaseTiming: Error, CustomStringConvertible {
    package let description =
        "a lease needs interval + 2 × timeout ≤ renew deadline < duration, and none of them may be zero"
}

/// Which scaler leads, decided by the lease in the store; without input or output, clock or chance of its own.
///
/// Times are durations of the candidate's own monotonic clock; nobody's time of day is compared with anybody else's. A
/// leader acts until `renewDeadline` after it *began* its last successful renewal. A candidate takes the lease only
/// `duration` after it *saw* that renewal, which is later. So no two act at once, however long a call of the store
/// takes, as long as the leader asks `isLeader(at:)` before it acts.
struct LeaseElection: Sendable {
    /// What to do next.
    enum Step: Equatable, Sendable {
        /// Read the lease and tell `read`.
        case read
        /// Replace the lease `over` by the other one; then tell `wrote` or `failed`.
        case write(LeaderLease, over: LeaderLease?)
        /// Nothing before the next attempt.
        case rest
    }

    private struct Observation: Sendable {
        var lease: LeaderLease?
        /// When it was first seen like this.
        var since: Duration
    }

    /// Names this process in the lease; no two processes may share one.
    let holder: String
    let timing: LeaseTiming
    private var observation: Observation?
    private var actsUntil: Duration?
    private var mustRead = true
    /// No lease lasts longer, whatever is stored.
    private static let longestDuration = Duration.seconds(600)

    init(holder: String, timing: LeaseTiming) {
        self.holder = holder
        self.timing = timing
    }

    /// The fencing token while this process may act; nil when it may not. Ask before every act.
    func token(at now: Duration) -> Int64? {
        guard let actsUntil, now < actsUntil else { return nil }
        return observation?.lease?.token
    }

    /// Until when it may act, if no renewal succeeds any more.
    var leadsUntil: Duration? { actsUntil }

    /// The holder of the lease as it was last seen; nil when nobody holds it.
    var leader: String? { observation?.lease.flatMap { $0.isGivenUp ? nil : $0.holder } }

    /// Begins an attempt: a leader renews what it wrote, everybody else reads first. `time` is the time of day.
    mutating func attempt(at now: Duration, time: Timestamp) -> Step {
        guard let observation, !mustRead, token(at: now) != nil else { return .read }
        return write(over: observation.lease, at: time)
    }

    /// The lease was read; nil: there is none. `now` is when the answer came, however long it took.
    mutating func read(_ lease: LeaderLease?, at now: Duration, time: Timestamp) -> Step {
        mustRead = false
        let since = observation.flatMap { $0.lease == lease ? $0.since : nil } ?? now
        observation = Observation(lease: lease, since: since)
        if let lease, lease.holder != holder {
            // Somebody else has it, whatever we believed.
            actsUntil = nil
            let lasts = max(min(lease.duration ?? .zero, Self.longestDuration), timing.duration)
            guard lease.isGivenUp || now - since >= lasts else { return .rest }
        }
        return write(over: lease, at: time)
    }

    /// The lease was replaced; the call was sent at `sent`.
    mutating func wrote(_ lease: LeaderLease, sent: Duration, at now: Duration) {
        observation = Observation(lease: lease, since: now)
        actsUntil = lease.isGivenUp ? nil : sent + timing.renewDeadline
        mustRead = false
    }

    /// The lease was another one by then, or nobody knows what became of the call: read before the next write. What was
    /// won before is kept until its time is over.
    mutating func failed() {
        mustRead = true
    }

    /// Stops acting.
    /// - Returns: what gives the lease `stored` up; nil when it is not ours.
    mutating func resign(_ stored: LeaderLease?) -> LeaderLease? {
        actsUntil = nil
        mustRead = true
        guard var lease = stored, lease.holder == holder, !lease.isGivenUp else { return nil }
        lease.renewal = (lease.renewal ?? 0) &+ 1
        lease.until = 0
        return lease
    }

    private func write(over seen: LeaderLease?, at time: Timestamp) -> Step {
        let isOurs = seen?.holder == holder && seen?.isGivenUp == false
        let token = seen?.token ?? 0
        // Older versions take the lease when their time of day is past `until`, or more than the whole duration before
        // it. Two thirds leave them a margin on both sides, and end no sooner than this process stops acting.
        let until = time.advanced(by: timing.duration * 2 / 3).millisecondsSinceEpoch
        let next = LeaderLease(
            holder: holder, token: isOurs ? token : token.clampedSum(1), renewal: (seen?.renewal ?? 0) &+ 1,
            duration: timing.duration, until: until == 0 ? 1 : until)
        return .write(next, over: seen)
    }
}

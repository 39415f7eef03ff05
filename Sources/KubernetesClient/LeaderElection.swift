import FleetModel

/// The times of an election, client-go's by default.
package struct LeaderTiming: Hashable, Sendable {
    /// How long a lease is held after its last renewal, in whole seconds.
    package var leaseDuration: Duration
    /// How long after the beginning of its last successful renewal a leader still acts.
    package var renewDeadline: Duration
    /// How often candidates look and leaders renew; candidates up to 1.2 times as long.
    package var retryPeriod: Duration

    /// - Throws: `configuration` unless `leaseDuration > renewDeadline > 1.2 × retryPeriod > 0`.
    package init(
        leaseDuration: Duration = .seconds(15), renewDeadline: Duration = .seconds(10),
        retryPeriod: Duration = .seconds(2)
    ) throws(KubernetesError) {
        let attempt = "elect a leader"
        guard leaseDuration.components.attoseconds == 0, leaseDuration >= .seconds(1) else {
            throw KubernetesError(.configuration, attempt, "the lease duration is in whole seconds, at least one")
        }
        guard leaseDuration > renewDeadline, renewDeadline > retryPeriod * 1.2, retryPeriod > .zero else {
            throw KubernetesError(
                .configuration, attempt,
                "the lease duration must be longer than the renew deadline, and that longer than 1.2 retry periods")
        }
        self.leaseDuration = leaseDuration
        self.renewDeadline = renewDeadline
        self.retryPeriod = retryPeriod
    }

    private init() {
        leaseDuration = .seconds(15)
        renewDeadline = .seconds(10)
        retryPeriod = .seconds(2)
    }

    /// 15 s, 10 s, 2 s.
    package static let standard = LeaderTiming()
}

/// Who leads, decided by a Lease; without input or output, clock or chance of its own.
///
/// Times are durations of the candidate's own monotonic clock; nobody's time of day is compared with anybody else's. A
/// leader acts until `renewDeadline` after it *began* its last successful renewal. A candidate takes the lease only
/// `leaseDuration` after it *saw* that renewal, which is later. So no two ever act at once, however long a message takes
/// or a process is stopped, as long as clocks run equally fast to within the difference of both, and as long as a leader
/// asks `isLeader(at:)` before it acts.
package struct LeaderElection: Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Read the Lease and tell `read`.
        case read
        /// Create the Lease, when `version` is nil, or replace the one of that version; then tell `wrote` or `failed`.
        case write(Claim)
        /// Nothing before the next attempt.
        case rest
    }

    /// What a Lease is to say.
    package struct Claim: Hashable, Sendable {
        /// Who holds it; empty to give it up.
        package var holder: String
        /// In seconds.
        package var leaseDurationSeconds: Int
        /// When this holder got it; nil: now.
        package var acquireTime: MicroTime?
        /// How often the holder changed.
        package var transitions: Int
        /// The version to replace; nil: create.
        package var version: String?
    }

    private struct Observation: Sendable {
        var spec: Lease.Spec
        var version: String?
        /// When `spec` was first seen.
        var since: Duration
    }

    /// How this candidate is called in the Lease; no two processes may share one.
    package let identity: String
    /// The times.
    package let timing: LeaderTiming
    private var observation: Observation?
    private var actsUntil: Duration?
    private var mustRead = true

    /// A candidate that knows nothing yet.
    package init(identity: String, timing: LeaderTiming) {
        self.identity = identity
        self.timing = timing
    }

    /// Whether it may act at this moment; ask before every act.
    package func isLeader(at now: Duration) -> Bool {
        actsUntil.map { now < $0 } ?? false
    }

    /// Until when it may act, if nothing else is heard.
    package var leadsUntil: Duration? { actsUntil }
    /// Who held the lease when it was last seen; nil when nobody did.
    package var holder: String? { observation?.spec.holderIdentity.flatMap { $0.isEmpty ? nil : $0 } }
    /// How often the holder changed, as last seen: a number that grows with every leader.
    package var transitions: Int { observation?.spec.leaseTransitions ?? 0 }

    /// Begins an attempt: a leader renews what it wrote, everybody else looks first.
    package mutating func attempt(at now: Duration) -> Step {
        guard let observation, !mustRead, isLeader(at: now) else { return .read }
        return .write(claim(over: observation))
    }

    /// The Lease was read at a request sent at `sent` and answered at `now`; nil: there is none.
    package mutating func read(_ spec: Lease.Spec?, version: String?, at now: Duration) -> Step {
        mustRead = false
        guard let spec, let version else {
            observation = nil
            actsUntil = nil
            return .write(
                Claim(
                    holder: identity, leaseDurationSeconds: wholeSeconds, acquireTime: nil, transitions: 0,
                    version: nil))
        }
        let since = observation.flatMap { $0.spec == spec ? $0.since : nil } ?? now
        let seen = Observation(spec: spec, version: version, since: since)
        observation = seen
        let holder = spec.holderIdentity ?? ""
        if holder != identity {
            // Somebody else holds it, whatever we believed.
            actsUntil = nil
            let stated = spec.leaseDurationSeconds?.clamped(to: 0...86_400)
            let duration = stated.map { .seconds($0) } ?? timing.leaseDuration
            guard holder.isEmpty || now - since >= duration else { return .rest }
        }
        return .write(claim(over: seen))
    }

    /// The claim was accepted; it was sent at `sent`.
    package mutating func wrote(_ spec: Lease.Spec, version: String?, sent: Duration, at now: Duration) {
        observation = Observation(spec: spec, version: version, since: now)
        actsUntil = spec.holderIdentity == identity ? sent + timing.renewDeadline : nil
        mustRead = version == nil
    }

    /// The claim was refused because the Lease is not what it was, or nobody knows what became of it: look before the
    /// next one. What was won before is kept until its time is over.
    package mutating func failed() {
        mustRead = true
    }

    /// Whether the Lease has to be looked at before it can be given up: an attempt was cut off.
    package func mustLook(at now: Duration) -> Bool { isLeader(at: now) && mustRead }

    /// Stops acting now; the claim gives the lease up so that others need not wait. Nil when it is not held.
    package mutating func resign(at now: Duration) -> Claim? {
        defer { actsUntil = nil }
        guard isLeader(at: now), !mustRead, let observation, let version = observation.version else { return nil }
        return Claim(
            holder: "", leaseDurationSeconds: 1, acquireTime: nil, transitions: transitions, version: version)
    }

    private var wholeSeconds: Int { Int(timing.leaseDuration.components.seconds) }

    private func claim(over seen: Observation) -> Claim {
        let isOurs = seen.spec.holderIdentity == identity
        let transitions = seen.spec.leaseTransitions ?? 0
        return Claim(
            holder: identity, leaseDurationSeconds: wholeSeconds, acquireTime: isOurs ? seen.spec.acquireTime : nil,
            transitions: isOurs ? transitions : transitions.clampedSum(1), version: seen.version)
    }
}

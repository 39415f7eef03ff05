package import FleetModel

/// How a node lets its clients go, as a pure state machine.
///
/// The order cut no transaction where others did (ProxySQL 2.7.1, 28 clients): unready, wait until nobody sends new
/// clients here, PAUSE, close idle clients by `mysql-wait_timeout=0`, wait until nobody is left, SHUTDOWN. PAUSE before
/// the timeout, because in the other order newcomers were cut; plain SHUTDOWN, because SLOW waits for nobody either.
package struct DrainMachine: Hashable, Sendable {
    /// What the drain is for.
    package enum Goal: Hashable, Sendable {
        /// Let clients go and stay so until `resume`.
        case hold
        /// Let clients go and end ProxySQL.
        case shutDown
    }

    /// How long things may take.
    package struct Limits: Hashable, Sendable {
        /// From unready to PAUSE.
        package var propagation: Duration
        /// From there until clients that stay are cut.
        package var drain: Duration
        /// The whole of it.
        package var total: Duration
        /// Between two counts of clients.
        package var poll: Duration
        /// Kept back from `total` for SHUTDOWN.
        package var reserve: Duration

        /// Makes limits.
        package init(propagation: Duration, drain: Duration, total: Duration, poll: Duration = .seconds(1)) {
            self.propagation = propagation
            self.drain = drain
            self.total = total
            self.poll = poll
            reserve = min(.seconds(2), total / 4)
        }
    }

    /// Where the drain is.
    package enum State: Hashable, Sendable {
        /// Nothing was asked for. Can become announcing.
        case serving
        /// The draining file is written. Can become propagating.
        case announcing
        /// Clients are sent elsewhere. Can become pausing, resuming.
        case propagating
        /// Can become expiring, emptying, shuttingDown.
        case pausing
        /// Idle clients are closed. Can become emptying, shuttingDown.
        case expiring
        /// Waits until no client is left. Can become held, shuttingDown, resuming.
        case emptying
        /// Between two counts. Can become emptying.
        case waiting
        /// Clients are gone, or their time is over. Can become shuttingDown, resuming.
        case held
        /// Takes clients again. Can become serving.
        case resuming
        /// Can become done.
        case shuttingDown
        /// The end.
        case done
    }

    /// What is to be done now.
    package enum Step: Hashable, Sendable {
        /// Nothing, until something is asked for.
        case rest
        /// Write the draining file.
        case announce
        /// Let time pass.
        case wait(Duration)
        /// `PROXYSQL PAUSE`.
        case pause(within: Duration)
        /// `mysql-wait_timeout=0`, on this node only and never saved.
        case closeIdleClients(within: Duration)
        /// `Client_Connections_connected`.
        case countClients(within: Duration)
        /// `PROXYSQL SHUTDOWN`.
        case shutDown(within: Duration)
        /// `PROXYSQL RESUME`, the old `mysql-wait_timeout`, no draining file.
        case resume(within: Duration)
    }

    /// How it ended.
    package enum Outcome: String, Hashable, Sendable {
        /// No client was left.
        case empty
        /// The drain timeout passed with clients left, who were cut.
        case timedOut = "drain-timeout"
        /// The node did not answer within the shutdown timeout.
        case abandoned
    }

    /// Where the drain is.
    package private(set) var state = State.serving
    /// What it is for.
    package private(set) var goal = Goal.hold
    /// When it began.
    package private(set) var startedAt: Timestamp?
    /// The last count of clients.
    package private(set) var clients: Int?
    /// How letting go ended.
    package private(set) var outcome: Outcome?
    private let limits: Limits
    /// A core's variables are pulled by its peers, so they are left alone there.
    private let isCore: Bool

    /// Makes the machine of a node that serves.
    package init(limits: Limits, isCore: Bool) {
        self.limits = limits
        self.isCore = isCore
    }

    /// Asks for a drain; one that is under way is joined, and a hold becomes a shutdown.
    package mutating func request(_ goal: Goal, at now: Timestamp) {
        if state == .serving || state == .resuming {
            state = .announcing
            self.goal = goal
            startedAt = now
            clients = nil
            outcome = nil
            return
        }
        guard goal == .shutDown, self.goal == .hold else { return }
        self.goal = .shutDown
        // The clock of a shutdown starts with it, not with the hold before it.
        startedAt = now
        if state == .held { state = .emptying }
    }

    /// Asks for clients again; false when the node is being shut down or was not draining.
    package mutating func resume() -> Bool {
        guard goal == .hold, state != .serving, state != .done, state != .shuttingDown else { return false }
        state = .resuming
        return true
    }

    /// What is to be done now; asking again changes nothing.
    package func step(at now: Timestamp) -> Step {
        let left = left(at: now)
        switch state {
        case .serving, .held, .done: return .rest
        case .announcing: return .announce
        case .propagating: return .wait(max(.zero, limits.propagation - elapsed(at: now)))
        case .pausing: return .pause(within: left)
        case .expiring: return .closeIdleClients(within: left)
        case .emptying: return .countClients(within: left)
        case .waiting: return .wait(min(limits.poll, max(.zero, drainLeft(at: now))))
        case .resuming: return .resume(within: limits.total)
        case .shuttingDown: return .shutDown(within: max(limits.reserve, limits.total - elapsed(at: now)))
        }
    }

    /// The step is over; `clients` is the count if it was one and succeeded.
    package mutating func ended(_ step: Step, clients: Int? = nil, at now: Timestamp) {
        guard isStep(step) else { return }
        let isOver = left(at: now) <= .milliseconds(1)
        switch state {
        case .serving, .held, .done: return
        case .announcing: state = .propagating
        case .propagating: state = .pausing
        case .pausing: state = isCore ? .emptying : .expiring
        case .expiring: state = .emptying
        case .emptying: counted(clients, at: now)
        case .waiting: state = .emptying
        case .resuming: state = .serving
        case .shuttingDown:
            if outcome == nil { outcome = .abandoned }
            state = .done
        }
        if isOver, [.pausing, .expiring, .emptying, .waiting, .propagating].contains(state) { leave(.abandoned) }
    }

    /// Whether the step that ended is of the state we are in; a resume or shutdown may have come between.
    private func isStep(_ step: Step) -> Bool {
        switch (state, step) {
        case (.announcing, .announce), (.propagating, .wait), (.waiting, .wait), (.pausing, .pause),
            (.expiring, .closeIdleClients), (.emptying, .countClients), (.resuming, .resume),
            (.shuttingDown, .shutDown):
            true
        default: false
        }
    }

    private mutating func counted(_ count: Int?, at now: Timestamp) {
        clients = count ?? clients
        if count == 0 {
            leave(.empty)
        } else if drainLeft(at: now) <= .zero {
            leave(.timedOut)
        } else {
            state = .waiting
        }
    }

    private mutating func leave(_ outcome: Outcome) {
        self.outcome = outcome
        state = goal == .shutDown ? .shuttingDown : .held
    }

    private func elapsed(at now: Timestamp) -> Duration { startedAt.map { now.since($0) } ?? .zero }

    private func left(at now: Timestamp) -> Duration {
        max(.milliseconds(1), limits.total - limits.reserve - elapsed(at: now))
    }

    private func drainLeft(at now: Timestamp) -> Duration {
        min(limits.propagation + limits.drain, limits.total - limits.reserve) - elapsed(at: now)
    }
}

package import FleetModel

/// How a node lets its clients go, as a pure state machine.
///
/// The order cut no transaction where others did (ProxySQL 2.7.1, 28 clients): unready, wait until nobody sends new
/// clients here, PAUSE, close idle clients by `mysql-wait_timeout=0`, end those that remain between two transactions,
/// wait until nobody is left, SHUTDOWN. PAUSE before the timeout, because in the other order newcomers were cut; plain
/// SHUTDOWN, because SLOW waits for nobody either.
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
        /// Nothing was asked for. Can become announcing, resuming.
        case serving
        /// The draining file is written. Can become propagating.
        case announcing
        /// Clients are sent elsewhere. Can become pausing, resuming.
        case propagating
        /// Can become expiring, emptying, shuttingDown, held.
        case pausing
        /// Idle clients are closed. Can become emptying, shuttingDown, held.
        case expiring
        /// Waits until no client is left. Can become ending, held, shuttingDown, resuming.
        case emptying
        /// Ends clients that are in no transaction. Can become waiting, resuming.
        case ending
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
        /// Each client at a moment without a transaction; `isLate` when hardly any time is left.
        case endSessions(within: Duration, isLate: Bool)
        /// `PROXYSQL SHUTDOWN`.
        case shutDown(within: Duration)
        /// `PROXYSQL RESUME`, the old `mysql-wait_timeout`, no draining file.
        case resume(within: Duration)
    }

    /// What became of a statement.
    package enum Reply: Hashable, Sendable {
        /// The node answered, be it that it refuses: asking again would bring nothing else.
        case answered
        /// No answer, so that nothing is known: it has to be tried again.
        case silent
        /// Nothing listens there any more.
        case gone
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
    /// So long before the end nobody is spared any more who is not seen in a transaction.
    private static let late = Duration.seconds(2)
    /// Between ending clients and counting them: those who are in a transaction then may be free by now.
    private static let pause = Duration.milliseconds(200)
    /// Until then a statement that had no answer is not tried again.
    private var retryAt: Timestamp?
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
            retryAt = nil
            clients = nil
            outcome = nil
            return
        }
        guard goal == .shutDown, self.goal == .hold else { return }
        self.goal = .shutDown
        // The clock of a shutdown starts with it, not with the hold before it.
        startedAt = now
        retryAt = nil
        // A hold that was given up may not even have paused.
        if state == .held { state = outcome == .abandoned ? .pausing : .emptying }
    }

    /// Asks for clients again; false when the node is being shut down or was not draining.
    ///
    /// - Parameter isPaused: whether the node is seen paused, by whomever: then there is something to resume in any case.
    package mutating func resume(isPaused: Bool = false) -> Bool {
        guard state != .serving || isPaused else { return false }
        guard goal == .hold || state == .serving, state != .done, state != .shuttingDown else { return false }
        goal = .hold
        state = .resuming
        retryAt = nil
        return true
    }

    /// What is to be done now; asking again changes nothing.
    package func step(at now: Timestamp) -> Step {
        if let retryAt { return .wait(max(.zero, retryAt.since(now))) }
        switch state {
        case .serving, .held, .done: return .rest
        case .announcing: return .announce
        case .propagating: return .wait(max(.zero, limits.propagation - elapsed(at: now)))
        case .pausing: return .pause(within: patience(at: now))
        case .expiring: return .closeIdleClients(within: patience(at: now))
        case .emptying: return .countClients(within: left(at: now))
        case .ending:
            return .endSessions(
                within: patience(at: now), isLate: drainLeft(at: now) < min(Self.late, limits.drain / 3))
        case .waiting:
            return .wait(min(limits.poll, Self.pause, max(.zero, drainLeft(at: now))))
        case .resuming: return .resume(within: limits.total)
        case .shuttingDown: return .shutDown(within: max(.milliseconds(1), limits.total - elapsed(at: now)))
        }
    }

    /// The step is over; `reply` tells what became of its statements, `clients` is the count if it was one and succeeded.
    package mutating func ended(
        _ step: Step, _ reply: Reply = .answered, clients: Int? = nil, at now: Timestamp
    ) {
        guard isStep(step) else { return }
        if let retryAt {
            // Somebody who joins the drain may end a wait before its time.
            if now >= retryAt { self.retryAt = nil }
        } else {
            advance(reply, clients, at: now)
        }
        let isOver = left(at: now) <= .milliseconds(1)
        if isOver, [.pausing, .expiring, .emptying, .ending, .waiting, .propagating].contains(state) {
            leave(.abandoned)
        }
    }

    private mutating func advance(_ reply: Reply, _ clients: Int?, at now: Timestamp) {
        switch state {
        case .serving, .held, .done: return
        case .announcing: state = .propagating
        case .propagating: if elapsed(at: now) >= limits.propagation { state = .pausing }
        case .pausing: follow(reply, by: isCore ? .emptying : .expiring, at: now)
        case .expiring: follow(reply, by: .emptying, at: now)
        case .emptying: reply == .gone ? leave(.empty) : counted(clients, at: now)
        case .ending: reply == .gone ? leave(.empty) : (state = .waiting)
        case .waiting: state = .emptying
        case .resuming:
            // Whatever stays paused would be taken for a node that serves.
            if reply == .silent { retryAt = now.advanced(by: limits.poll) } else { state = .serving }
        case .shuttingDown:
            if outcome == nil { outcome = .abandoned }
            let rest = limits.total - elapsed(at: now)
            guard reply == .silent, rest > .milliseconds(1) else { return state = .done }
            // A connection that broke may be all the answer there is; then the next attempt finds nobody, soon.
            retryAt = now.advanced(by: min(.milliseconds(100), rest / 2))
        }
    }

    /// Goes on once the node has answered; until the drain is over it is asked again and again.
    private mutating func follow(_ reply: Reply, by next: State, at now: Timestamp) {
        switch reply {
        case .answered: state = next
        case .gone: leave(.empty)
        case .silent:
            let rest = drainLeft(at: now)
            guard rest > .zero else { return leave(.abandoned) }
            retryAt = now.advanced(by: min(limits.poll, rest))
        }
    }

    /// Whether the step that ended is of the state we are in; a resume or shutdown may have come between.
    private func isStep(_ step: Step) -> Bool {
        if retryAt != nil, case .wait = step { return true }
        return switch (state, step) {
        case (.announcing, .announce), (.propagating, .wait), (.waiting, .wait), (.pausing, .pause),
            (.expiring, .closeIdleClients), (.emptying, .countClients), (.ending, .endSessions), (.resuming, .resume),
            (.shuttingDown, .shutDown):
            retryAt == nil
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
            // A count that had no answer ends nobody.
            state = count == nil ? .waiting : .ending
        }
    }

    private mutating func leave(_ outcome: Outcome) {
        retryAt = nil
        self.outcome = outcome
        state = goal == .shutDown ? .shuttingDown : .held
    }

    private func elapsed(at now: Timestamp) -> Duration { startedAt.map { now.since($0) } ?? .zero }

    private func left(at now: Timestamp) -> Duration {
        max(.milliseconds(1), limits.total - limits.reserve - elapsed(at: now))
    }

    /// How long a statement may hang: to the end of the drain, but long enough for a node that is only slow.
    private func patience(at now: Timestamp) -> Duration {
        min(left(at: now), max(drainLeft(at: now), limits.reserve))
    }

    private func drainLeft(at now: Timestamp) -> Duration {
        min(limits.propagation + limits.drain, limits.total - limits.reserve) - elapsed(at: now)
    }
}

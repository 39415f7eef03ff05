package import FleetModel

/// What is known of the node's health: what probes are answered from, without asking the node.
package struct NodeHealth: Hashable, Sendable {
    /// How far a drain has come, for probes.
    package enum Draining: String, Hashable, Sendable {
        /// Not at all.
        case no
        /// Clients are leaving, or an operator's draining file is there.
        case draining
        /// `PROXYSQL SHUTDOWN` was sent.
        case shuttingDown
    }

    /// The last complete look.
    package var observation: NodeObservation?
    /// Looks that failed since then.
    package var failures = 0
    /// When the interface last answered, be it with an error, or when the agent began to ask.
    package var answeredAt: Timestamp
    /// What was wrong with the last look that failed.
    package var problem: String?
    /// Looks in a row that the interface answered with an error: the login or a statement was refused.
    package var refusals = 0
    /// What the MySQL port shows.
    package var dataPlane = DataPlane()
    /// Whether the node once was ready to start.
    package var hasStarted = false
    /// Whether the node ran users when it last did and its peers were not seen to do without any since.
    package var hadUsers = false
    /// How far a drain has come.
    package var draining = Draining.no

    /// Makes the state of an agent that begins to ask now.
    package init(at now: Timestamp) {
        answeredAt = now
    }

    /// A look succeeded.
    package mutating func looked(_ seen: NodeObservation) {
        observation = seen
        answeredAt = seen.at
        failures = 0
        refusals = 0
        problem = nil
        if seen.hasUsers {
            hadUsers = true
        } else if seen.cores != .unknown {
            // Users that the cores have none of either were taken away on purpose: all clients may be known by another way.
            hadUsers = seen.lacksUsers
        }
    }

    /// Whether PAUSE seems to be in force: the node says so, or its port is closed, which is the only sign in versions
    /// before 2.6, and the first one in all of them, since PAUSE holds up the admin interface.
    package var looksPaused: Bool {
        if observation?.isPaused == true { return true }
        guard case .refused = dataPlane.last else { return false }
        return dataPlane.problem != nil
    }
}

/// The rules by which probes are answered.
package struct HealthPolicy: Hashable, Sendable {
    /// How long after its start a node may be without what its peers have.
    private static let arrivalSeconds = 30

    /// Between two looks.
    package var interval: Duration
    /// How long one look may wait for an answer before it counts as failed.
    package var timeout: Duration
    /// So many looks without an answer make the node not live.
    package var tries: Int
    /// Hostgroups that need an ONLINE backend for the node to be ready.
    package var requiredHostgroups: [Int]
    /// Whether a node has started only once it has a configuration.
    package var requiresConfiguration: Bool

    /// Makes a policy.
    package init(
        interval: Duration = .seconds(2), timeout: Duration = .seconds(5), tries: Int = 3,
        requiredHostgroups: [Int] = [], requiresConfiguration: Bool = false
    ) {
        self.interval = interval
        self.timeout = timeout
        self.tries = tries
        self.requiredHostgroups = requiredHostgroups
        self.requiresConfiguration = requiresConfiguration
    }

    /// What a probe asks.
    package enum Probe: String, Hashable, Sendable, CaseIterable {
        /// Whether the node has started.
        case started
        /// Whether clients should come here.
        case ready
        /// Whether the process should be left alone.
        case live
    }

    /// The answer to a probe.
    package struct Verdict: Hashable, Sendable {
        /// Whether the probe succeeds.
        package var passes: Bool
        /// `ok`, `draining` or `error`.
        package var status: String
        /// One sentence.
        package var message: String

        static func error(_ message: String) -> Verdict { Verdict(passes: false, status: "error", message: message) }
    }

    /// So long nothing may be heard before it counts as silence.
    var patience: Duration { timeout * tries }

    /// Why the interface counts as not answering, and since when; nil while it answers, be it with errors.
    ///
    /// A look that merely takes long does not count before `tries` times `timeout`: a dump of 200,000 digests holds up
    /// every other admin statement for two seconds.
    package func silence(_ health: NodeHealth, at now: Timestamp) -> String? {
        let silent = now.since(health.answeredAt)
        let isSilent = health.failures >= tries || silent > patience
        guard isSilent || (health.observation == nil && health.refusals == 0) else { return nil }
        let since = "since \(health.answeredAt.rfc3339), \(max(0, silent.wholeMilliseconds / 1_000)) s ago"
        guard let problem = health.problem else {
            return "the admin interface has not answered \(since)"
        }
        return "the admin interface has not answered \(since): \(problem)"
    }

    /// The answer to `probe`.
    package func answer(_ probe: Probe, _ health: NodeHealth, at now: Timestamp) -> Verdict {
        switch probe {
        case .started: started(health, at: now)
        case .live: live(health, at: now)
        case .ready: ready(health, at: now)
        }
    }

    /// What a person has to look into: refused logins, a silent interface, a port that greets nobody.
    package func concerns(_ health: NodeHealth, at now: Timestamp) -> [String] {
        guard health.draining == .no else { return refusal(health).map { [$0] } ?? [] }
        let silence = health.observation == nil && health.failures == 0 ? nil : silence(health, at: now)
        return [refusal(health), silence, health.dataPlane.problem].compactMap(\.self)
    }

    /// Why the interface's answers are errors; nil when the last one was none.
    private func refusal(_ health: NodeHealth) -> String? {
        guard health.refusals >= tries || (health.refusals > 0 && health.observation == nil) else { return nil }
        return "the admin interface refuses the agent: \(health.problem ?? "no reason was given")"
    }

    private func started(_ health: NodeHealth, at now: Timestamp) -> Verdict {
        if let silence = silence(health, at: now) { return .error(silence) }
        // A process that answers has started, whatever it answers: a startup probe that failed for a wrong password
        // would have it killed.
        if health.observation == nil, let refusal = refusal(health) {
            return Verdict(passes: true, status: "ok", message: refusal)
        }
        if let arrival = arrival(health, at: now) { return .error(arrival) }
        return Verdict(passes: true, status: "ok", message: "ok")
    }

    /// What a node that has not started yet still waits for.
    private func arrival(_ health: NodeHealth, at now: Timestamp) -> String? {
        guard requiresConfiguration, !health.hasStarted else { return nil }
        if health.observation?.hasConfiguration != true {
            return "no configuration was received yet: servers, users and query rules are empty"
        }
        return Self.awaited(health, at: now)
    }

    /// What the cores have and the node does not yet. Not for ever: pulling a module may be switched off.
    /// The time goes on while the admin interface says nothing more.
    private static func awaited(_ health: NodeHealth, at now: Timestamp) -> String? {
        guard let seen = health.observation, !seen.awaited.isEmpty,
            now.since(seen.at) + .seconds(seen.uptimeSeconds) < .seconds(arrivalSeconds)
        else { return nil }
        return "\(seen.awaited.joined(separator: ", ")) of the cores did not arrive yet"
    }

    /// Fails on silence alone: never for backends, for answers that are errors, while draining, nor while clients are
    /// greeted.
    private func live(_ health: NodeHealth, at now: Timestamp) -> Verdict {
        if health.draining != .no { return draining(health, passes: true) }
        let isGreeting = health.dataPlane.greets(within: patience, at: now)
        if !isGreeting, let since = health.dataPlane.silentSince, now.since(since) > patience {
            return .error(
                "\(health.dataPlane.problem ?? "clients are not greeted"), since \(since.rfc3339)")
        }
        if !isGreeting, let silence = silence(health, at: now) { return .error(silence) }
        return Verdict(
            passes: true, status: "ok",
            message: concerns(health, at: now).first ?? Self.backends(health.observation))
    }

    private func ready(_ health: NodeHealth, at now: Timestamp) -> Verdict {
        if health.draining != .no { return draining(health, passes: false) }
        if health.observation?.isPaused == true {
            return .error("the listener is paused: 'drover ctl resume' or PROXYSQL RESUME opens it")
        }
        if let problem = health.dataPlane.problem {
            return .error(
                health.looksPaused ? "\(problem); after a PAUSE 'drover ctl resume' opens the port" : problem)
        }
        if let refusal = refusal(health) { return .error(refusal) }
        // Clients are served while they are greeted: a slow admin interface alone turns nobody away.
        if let silence = silence(health, at: now),
            health.observation == nil || !health.dataPlane.greets(within: patience, at: now)
        {
            return .error(silence)
        }
        guard let observation = health.observation else { return .error("the node was not looked at yet") }
        if let emptiness = emptiness(health, observation, at: now) { return .error(emptiness) }
        let missing = requiredHostgroups.filter { hostgroup in
            !observation.backends.contains { $0.hostgroup == hostgroup && $0.status == "ONLINE" && $0.count > 0 }
        }
        guard missing.isEmpty else {
            let list = missing.map { "\($0)" }.joined(separator: ", ")
            return .error("no backend is ONLINE in required hostgroup \(list)")
        }
        return Verdict(passes: true, status: "ok", message: Self.backends(observation))
    }

    /// Why a node that gets its content from others has nothing to serve clients with. Where its cores are known to have
    /// nothing either, before the first group, there is nothing to wait for.
    private func emptiness(_ health: NodeHealth, _ observation: NodeObservation, at now: Timestamp) -> String? {
        guard requiresConfiguration else { return nil }
        if !health.hasStarted, let awaited = Self.awaited(health, at: now) { return awaited }
        if observation.count() == 0, observation.cores != .empty {
            return "no backends yet: no servers were received from the cores"
        }
        guard !observation.hasUsers, observation.lacksUsers || health.hadUsers else { return nil }
        return
            "no users: every login is refused, and \(observation.lacksUsers ? "the cores have" : "the node had") some"
    }

    private func draining(_ health: NodeHealth, passes: Bool) -> Verdict {
        Verdict(
            passes: passes, status: "draining",
            message: health.draining == .shuttingDown ? "shutting down" : "draining traffic")
    }

    private static func backends(_ observation: NodeObservation?) -> String {
        guard let observation else { return "all backends online" }
        let online = observation.count("ONLINE")
        let total = observation.count()
        if total == 0 { return "no backends yet" }
        if online == total { return "all backends online" }
        return online == 0 ? "all backends offline" : "some backends offline"
    }
}

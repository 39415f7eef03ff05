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
    /// When the interface last answered, or when the agent began to ask.
    package var answeredAt: Timestamp
    /// What was wrong with the last look that failed.
    package var problem: String?
    /// Whether the node once was ready to start.
    package var hasStarted = false
    /// How far a drain has come.
    package var draining = Draining.no

    /// Makes the state of an agent that begins to ask now.
    package init(at now: Timestamp) {
        answeredAt = now
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
    }

    /// Why the interface counts as not answering, and since when; nil while it answers.
    ///
    /// A look that merely takes long does not count before `tries` times `timeout`: a dump of 200,000 digests holds up
    /// every other admin statement for two seconds.
    package func silence(_ health: NodeHealth, at now: Timestamp) -> String? {
        let silent = now.since(health.answeredAt)
        let isSilent = health.failures >= tries || silent > timeout * tries
        guard isSilent || health.observation == nil else { return nil }
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

    private func started(_ health: NodeHealth, at now: Timestamp) -> Verdict {
        if let silence = silence(health, at: now) {
            return Verdict(passes: false, status: "error", message: silence)
        }
        if requiresConfiguration, !health.hasStarted, health.observation?.hasConfiguration != true {
            return Verdict(
                passes: false, status: "error",
                message: "no configuration was received yet: servers, users and query rules are empty")
        }
        // Not for ever: pulling a module may be switched off.
        if requiresConfiguration, !health.hasStarted, let seen = health.observation, !seen.awaited.isEmpty,
            seen.uptimeSeconds < Self.arrivalSeconds
        {
            return Verdict(
                passes: false, status: "error",
                message: "\(seen.awaited.joined(separator: ", ")) of the cores did not arrive yet")
        }
        return Verdict(passes: true, status: "ok", message: "ok")
    }

    /// Never fails for backends, nor while draining.
    private func live(_ health: NodeHealth, at now: Timestamp) -> Verdict {
        if health.draining != .no { return draining(health, passes: true) }
        if let silence = silence(health, at: now) {
            return Verdict(passes: false, status: "error", message: silence)
        }
        return Verdict(passes: true, status: "ok", message: Self.backends(health.observation))
    }

    private func ready(_ health: NodeHealth, at now: Timestamp) -> Verdict {
        if health.draining != .no { return draining(health, passes: false) }
        if let silence = silence(health, at: now) {
            return Verdict(passes: false, status: "error", message: silence)
        }
        guard let observation = health.observation else {
            return Verdict(passes: false, status: "error", message: "the node was not looked at yet")
        }
        if observation.isPaused == true {
            return Verdict(passes: false, status: "error", message: "the listener is paused: PROXYSQL RESUME opens it")
        }
        let missing = requiredHostgroups.filter { hostgroup in
            !observation.backends.contains { $0.hostgroup == hostgroup && $0.status == "ONLINE" && $0.count > 0 }
        }
        guard missing.isEmpty else {
            let list = missing.map { "\($0)" }.joined(separator: ", ")
            return Verdict(
                passes: false, status: "error", message: "no backend is ONLINE in required hostgroup \(list)")
        }
        return Verdict(passes: true, status: "ok", message: Self.backends(observation))
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
        if online == total { return "all backends online" }
        return online == 0 ? "all backends offline" : "some backends offline"
    }
}

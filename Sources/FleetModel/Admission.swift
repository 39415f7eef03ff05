/// What a look at a replica's own replication showed.
package enum ReplicationHealth: Hashable, Sendable {
    /// Both replication threads run, and it is this far behind its primary.
    case replicating(lag: Duration)
    /// It answers, but it does not replicate; the text says what is wrong.
    case stopped(String)
    /// It could not be asked; the text says why.
    case unreachable(String)
    /// Nothing is known of it, because what was to ask it could not: its account was refused, or the metrics could not
    /// be read. That is no evidence against the replica.
    case unknown(String)

    /// One sentence for people.
    package var sentence: String {
        switch self {
        case .replicating(let lag): "it is \(lag.wholeMilliseconds / 1_000) s behind its primary"
        case .stopped(let reason): "it does not replicate: \(reason)"
        case .unreachable(let reason), .unknown(let reason): "it cannot be asked: \(reason)"
        }
    }
}

/// When a new replica may serve, and how fast it gets its share of the traffic.
///
/// ProxySQL has neither: a replica whose SQL thread was broken got hundreds of reads before its first lag check, and a
/// new backend gets its full share within the second (both seen on ProxySQL 2.7.1).
package struct AdmissionRule: Hashable, Sendable {
    /// The lag that is low enough; a replica behind by more waits.
    package var lagLimit: Duration
    /// So many looks in a row must find it so, 1 or more.
    package var samples: Int
    /// After this a replica that was never fit to serve is given up and deleted.
    package var deadline: Duration
    /// How long it takes from the first traffic to the full weight; zero gives the full weight at once.
    package var rampDuration: Duration
    /// In how many equal steps, 1 or more.
    package var rampSteps: Int

    /// Makes a rule with the defaults of `drover serve`.
    package init(
        lagLimit: Duration = .seconds(10), samples: Int = 3, deadline: Duration = .seconds(7_200),
        rampDuration: Duration = .seconds(60), rampSteps: Int = 5
    ) {
        self.lagLimit = lagLimit
        self.samples = max(1, samples)
        self.deadline = deadline
        self.rampDuration = rampDuration
        self.rampSteps = max(1, rampSteps)
    }

    /// Whether a look found the replica fit to serve.
    package func isFit(_ health: ReplicationHealth) -> Bool {
        guard case .replicating(let lag) = health else { return false }
        return lag <= lagLimit
    }

    /// The weight that follows `weight` on the way to `full`; nil when there is none. 0 stands for no traffic yet.
    package func weight(after weight: Int, full: Int) -> Int? {
        guard weight < full else { return nil }
        guard rampDuration > .zero else { return full }
        return (1...rampSteps).lazy.map { max(1, full.clampedProduct($0) / rampSteps) }.first { $0 > weight } ?? full
    }

    /// How long each weight but the full one is kept.
    package var rampInterval: Duration {
        rampDuration / max(1, rampSteps - 1)
    }
}

/// Looks at a replica that is about to serve: only good ones in a row count, and only those at the same replica since
/// it entered its present state.
package struct AdmissionSamples: Hashable, Sendable {
    /// Good looks since the last bad one.
    package private(set) var inARow = 0
    private var replica: InstanceName?
    private var since: Timestamp?

    /// Makes the count of a replica that was not looked at.
    package init() {}

    /// Takes a look at `replica`; those at another one, or in an earlier state, count no more.
    /// - Returns: whether the replica may serve.
    package mutating func take(
        _ health: ReplicationHealth, at replica: ReplicaRecord, by rule: AdmissionRule
    ) -> Bool {
        if self.replica != replica.name || since != replica.stateSince {
            inARow = 0
            self.replica = replica.name
            since = replica.stateSince
        }
        return take(health, by: rule)
    }

    /// Takes a look.
    /// - Returns: whether the replica may serve.
    package mutating func take(_ health: ReplicationHealth, by rule: AdmissionRule) -> Bool {
        inARow = rule.isFit(health) ? inARow + 1 : 0
        return inARow >= rule.samples
    }
}

/// What looks at a replica's own replication.
package protocol ReplicationProbe: Sendable {
    /// Looks once, within a deadline of its own; what goes wrong is part of the answer.
    func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth
    /// Between two looks that can show something new.
    var pace: Duration { get }
}

extension ReplicationProbe {
    /// For whatever answers for the moment.
    package var pace: Duration { .seconds(10) }
}

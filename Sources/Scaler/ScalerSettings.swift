package import FleetModel

/// How patient the scaler is.
package struct ScalerSettings: Sendable {
    /// Between two looks at an operation that is under way.
    package var operationPoll: Duration
    /// Between two tries of a publication that is not complete, and of a drain that still has connections.
    package var publicationRetry: Duration
    /// After this a replica that waits for nodes says for which.
    package var publicationPatience = Duration.seconds(10)
    /// Between two verifications of the nodes when nothing happens.
    package var resync: Duration
    /// How long a node may take to come back with what is on its disk: until it was away for longer, nothing is deleted
    /// that it may still use.
    package var nodeRestart = Duration.seconds(60)
    /// After this an operation that is still under way is waited for no longer by itself: the instance is looked at. Past
    /// four times this the replica is given up or left to its owner (`ReplicaWalk`).
    package var operationDeadline: Duration
    /// Between two looks at the work queue.
    package var queuePoll: Duration
    /// Between two lists of the provider's instances, which find replicas that are lost or that nobody knows.
    package var inventoryPeriod: Duration
    /// How the lead is taken, kept and lost.
    package var lease: LeaseTiming
    /// When a new replica may serve, and how fast it gets its share.
    package var admission: AdmissionRule
    /// When certificates are looked at and replaced.
    package var trust = TrustRule()
    /// After this without a notification an open incident is closed; zero for never.
    package var incidentMaximumAge = Duration.seconds(604_800)

    /// Makes settings with the defaults of `drover serve`.
    package init(
        operationPoll: Duration = .seconds(5), publicationRetry: Duration = .seconds(1),
        resync: Duration = .seconds(30), operationDeadline: Duration = .seconds(5_400),
        queuePoll: Duration = .milliseconds(500), inventoryPeriod: Duration = .seconds(300),
        lease: LeaseTiming = .standard, admission: AdmissionRule = AdmissionRule()
    ) {
        self.operationPoll = operationPoll
        self.publicationRetry = publicationRetry
        self.resync = resync
        self.operationDeadline = operationDeadline
        self.queuePoll = queuePoll
        self.inventoryPeriod = inventoryPeriod
        self.lease = lease
        self.admission = admission
    }

    /// The deadlines of a replica's life.
    var walk: ReplicaWalk {
        ReplicaWalk(operationDeadline: operationDeadline, admissionDeadline: admission.deadline)
    }
}

/// What one step did, and when the next one is due.
package struct StepReport: Sendable, Equatable {
    /// One sentence: what and why.
    package var sentence: String
    /// Whether anything durable changed; unchanged steps are not logged.
    package var changed: Bool
    /// When to look again if nothing wakes the group before.
    package var next: Duration

    /// Makes the report of a step that changed something: the next step follows at once.
    package static func did(_ sentence: String) -> StepReport {
        StepReport(sentence: sentence, changed: true, next: .zero)
    }

    /// Makes the report of a step that changed nothing.
    package static func waits(_ sentence: String, next: Duration) -> StepReport {
        StepReport(sentence: sentence, changed: false, next: next)
    }
}

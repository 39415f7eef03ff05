package import FleetModel
package import Logging
import Observability
package import Pacing

/// Does one thing at a time for one group: observe, decide, write the intent, act.
///
/// Everything durable is in the stores; what this actor remembers is only how to spare calls. It can be thrown away at
/// any instant and made again.
package actor GroupWorker {
    /// The systems around a worker.
    package struct Surroundings: Sendable {
        /// Durable groups.
        package var groups: any GroupStore
        /// Durable incidents.
        package var incidents: any IncidentStore
        /// What creates and deletes replicas.
        package var provider: any ReplicaProvider
        /// What brings configurations to the nodes.
        package var fleet: any ProxyFleet
        /// What it does between publications.
        package var rounds: (any FleetRounds)?
        /// Hears which rows of groups that there are not the nodes hold.
        package var noteOrphans: @Sendable ([OrphanedGroup]) async -> Void = { _ in }
        /// The time.
        package var wallClock: any WallClock
        /// The unique end of a replica's name: lower-case letters and digits.
        package var nameSuffix: @Sendable () -> String
        /// What asks a new replica how it replicates; without it, a replica serves once the provider says that it runs.
        package var probe: (any ReplicationProbe)?
        /// Where the looks at readers that serve are put.
        package var looks = ReaderLooks()
        /// Hears how far the replica at an address and port was behind.
        package var noteLag: (@Sendable (LagReading, String, Int) -> Void)?
        /// The provider's list of our replicas, shared by all groups.
        package var inventory: Inventory
        /// What tells of the backends' certificates; without it, groups verify what is stored with them.
        package var certificates: (any BackendCertificates)?
        /// Whose turn it is to act; without it, this process is the only scaler.
        package var fence: Fence?
        /// What decisions are made with.
        package var deciding = Decider.Surroundings()
        /// A number of a range, by chance: it keeps groups from calling the provider in step.
        package var chance: @Sendable (ClosedRange<Double>) -> Double = { Double.random(in: $0) }
        /// A clock that nobody sets; without it, durations go by the wall clock.
        package var steady: Stopwatch?

        /// Gathers the systems; the provider's list of our replicas is made anew after `inventoryLifetime`.
        package init(
            groups: any GroupStore, incidents: any IncidentStore, provider: any ReplicaProvider,
            fleet: any ProxyFleet, wallClock: any WallClock, inventoryLifetime: Duration = .seconds(300),
            nameSuffix: @escaping @Sendable () -> String
        ) {
            self.groups = groups
            self.incidents = incidents
            self.provider = provider
            self.fleet = fleet
            self.wallClock = wallClock
            self.inventory = Inventory(provider: provider, wallClock: wallClock, lifetime: inventoryLifetime)
            self.nameSuffix = nameSuffix
        }
    }

    let name: InstanceName
    let around: Surroundings
    let settings: ScalerSettings
    let logger: Logger
    /// The last complete publication, and when it was.
    private var verified: (generation: Int64, at: Timestamp)?
    let decider: Decider
    /// Good looks at the replica that is about to serve.
    var samples = AdmissionSamples()
    /// How long states have lasted.
    var ages = Ages()
    /// When a notification of each open incident came last, or when it was first seen where its record does not tell.
    var heard: [String: Timestamp] = [:]
    /// Calls of the provider that failed one after another in the present state of a replica.
    var failedCalls = FailedCalls()
    /// What this worker remembers of its group's certificates.
    var trustWatch = TrustWatch()
    /// What this worker has made of the provider's list.
    var sighting = Sighting()
    /// What the looks at its readers have come to.
    var fitness = FitnessWatch()
    /// The round of looks that was taken up last.
    var looked = 0
    /// Replicas that did not answer, and when the provider was asked for their addresses.
    var followed: [InstanceName: Timestamp] = [:]
    /// The readers whose metrics were set last.
    var measured: Set<String> = []

    /// Makes the worker of the group `name`, which has decided what `memory` says.
    package init(
        name: InstanceName, around: Surroundings, settings: ScalerSettings, logger: Logger,
        memory: DecisionMemory = DecisionMemory()
    ) {
        self.name = name
        self.around = around
        self.settings = settings
        var logger = logger
        logger[metadataKey: "group.name"] = "\(name)"
        self.logger = logger
        self.decider = Decider(around: around.deciding, logger: logger, memory: memory)
    }

    /// What was learnt of metrics so far.
    package var decisionMemory: DecisionMemory {
        get async { await decider.memory }
    }

    /// One pass.
    /// - Returns: what was done, or nil when the group does not exist (any more).
    /// - Throws: `StoreError` when the store failed; nothing is lost, call again.
    package func step() async throws(StoreError) -> StepReport? {
        guard let stored = try await around.groups.group(name) else { return nil }
        // Before anything else the record learns who leads, so that a predecessor that still runs cannot save it.
        if let token = around.fence?.current, token != stored.document.fence {
            try await save(stored.document, stored.version)
            return .did("took the group over")
        }
        var incidents = try await incidents(of: stored.document)
        let hasExpired = try await expire(incidents)
        if hasExpired { incidents = try await self.incidents(of: stored.document) }
        var report: StepReport
        if let watched = try await watchReaders(stored) {
            report = watched
        } else if let replica = stored.document.replicaUnderWay {
            try await follow(incidents, in: stored.document)
            // Decided all the same: metrics go on being watched, and people see why nothing else happens.
            let decision = await decision(about: stored, incidents)
            if await isWantedBack(replica, stored.document, incidents.map(\.document)) {
                report = try await takeBack(replica, stored, decision)
            } else {
                report = try await advance(replica, of: stored)
            }
        } else if stored.document.removal != nil {
            report = try await removeGroup(stored)
        } else {
            report = try await decide(stored, incidents)
        }
        // Without an incident nobody follows, and one that came meanwhile has woken the next step already.
        if !incidents.isEmpty, let after = try await around.groups.group(name) {
            // What was read at the beginning of a pass that changed nothing does for its end.
            let isUntouched =
                !report.changed && after.version == stored.version && stored.document.replicaUnderWay == nil
            try await follow(
                isUntouched ? incidents : try await self.incidents(of: after.document), in: after.document)
        }
        if report.changed {
            logger.info("step", metadata: ["step.report": "\(report.sentence)"])
        }
        // There may be more of them than one pass reads.
        if hasExpired { report.next = .zero }
        return report
    }

    /// The group's incidents, those of replicas included however many others there are: what is decided needs the oldest
    /// of each action.
    private func incidents(of record: GroupRecord) async throws(StoreError) -> [Versioned<Incident>] {
        let active = try await around.incidents.active(group: name, limit: Self.incidentsAtOnce)
        guard !active.isWhole else { return active.listed }
        var incidents = active.listed
        let listed = Set(incidents.map(\.document.id))
        for id in Set(record.replicas.map(\.incidentID)).subtracting(listed).sorted() where !id.isEmpty {
            guard let stored = try await around.incidents.incident(id: id), stored.document.isActive else { continue }
            incidents.append(stored)
        }
        return incidents
    }

    private static let incidentsAtOnce = 100

    // MARK: Deciding

    private func decide(
        _ stored: Versioned<GroupRecord>, _ incidents: [Versioned<Incident>]
    ) async throws(StoreError) -> StepReport {
        let now = around.wallClock.now()
        if let report = try await takeInventory(stored) { return report }
        if let report = try await keepTrust(stored) { return report }
        if let report = try await replaceUnfit(stored, incidents) { return report }
        let decision = await decision(about: stored, incidents)
        switch decision.direction {
        case .out:
            // Blind, it might create beside a replica that is there already.
            guard sighting.hasListed else {
                return .waits("Cloud SQL's instances could not be listed yet", next: settings.operationPoll)
            }
            return try await planReplica(stored, decision, incidents, now)
        case .in:
            guard let victim = decision.victim else {
                return try await verify(stored.document, because: "no replica of ours is serving")
            }
            var record = stored.document
            record.drain(victim, for: decision.incidentID ?? "", at: now)
            record.enter(decision, at: now)
            try await save(record, stored.version)
            return .did("draining \(victim): \(decision.reason.rawValue)")
        case nil:
            var report = try await verify(stored.document, because: decision.reason.rawValue)
            if !stored.document.policy.metrics.isEmpty { report.next = min(report.next, around.deciding.loadPoll) }
            guard let notBefore = decision.notBefore else { return report }
            return .waits(report.sentence, next: min(report.next, max(notBefore.since(now), .milliseconds(10))))
        }
    }

    private func decision(
        about stored: Versioned<GroupRecord>, _ incidents: [Versioned<Incident>]
    ) async -> ScalingDecision {
        let now = around.wallClock.now()
        return await decider.decide(
            steadied(stored.document, now), incidents: incidents.map(\.document), at: now)
    }

    /// Whether a replica that is about to go is wanted after all; once its deletion may have begun, it is too late.
    private func isWantedBack(
        _ replica: ReplicaRecord, _ record: GroupRecord, _ incidents: [Incident]
    ) async -> Bool {
        guard replica.state == .draining || replica.state == .removed, replica.failure == nil,
            replica.leaving == nil, record.removal == nil, record.unfit(replica.name.text) == nil
        else { return false }
        let now = around.wallClock.now()
        return await decider.wantsBack(replica, in: steadied(record, now), incidents: incidents, at: now)
    }

    private func planReplica(
        _ stored: Versioned<GroupRecord>, _ decision: ScalingDecision, _ incidents: [Versioned<Incident>],
        _ now: Timestamp
    ) async throws(StoreError) -> StepReport {
        let incident = incidents.first { $0.document.id == decision.incidentID }?.document
        let base = incident?.replicaBaseName ?? "\(stored.document.primaryInstance)-"
        let replica: InstanceName
        do throws(InvalidName) {
            replica = try InstanceName(base + around.nameSuffix(), kind: "replica")
        } catch {
            return .waits("cannot name a replica after \"\(base)\": \(error)", next: settings.resync)
        }
        var record = stored.document
        record.plan(replica, for: decision.incidentID ?? "", at: now)
        record.enter(decision, at: now)
        try await save(record, stored.version)
        return .did("planned \(replica): \(decision.reason.rawValue)")
    }

    /// Reads how the nodes stand when the configuration changed or was not verified for a while.
    private func verify(_ record: GroupRecord, because reason: String) async throws(StoreError) -> StepReport {
        let now = around.wallClock.now()
        if let verified, verified.generation == record.configuration.generation,
            now.since(verified.at) >= .zero, now.since(verified.at) < settings.resync
        {
            return .waits("holding: \(reason)", next: settings.resync - now.since(verified.at))
        }
        // The publisher keeps the nodes right; it is only read what it came to.
        let publication = note(await around.fleet.look(at: record.configuration))
        guard publication.isComplete else {
            return .waits(Self.incomplete(publication), next: min(settings.operationPoll, settings.resync))
        }
        return .waits("holding: \(reason)", next: settings.resync)
    }

    // MARK: What the steps share

    /// Whether every node was seen to run the generation.
    func isVerified(_ generation: Int64) -> Bool { verified?.generation == generation }

    func publish(_ configuration: FleetConfiguration) async -> Publication {
        note(await around.fleet.publish(configuration))
    }

    private func note(_ publication: Publication) -> Publication {
        ScalerMetric.publicationsIncomplete.count(name.text, by: publication.isComplete ? 0 : 1)
        if publication.isComplete {
            verified = (publication.generation, around.wallClock.now())
        } else {
            verified = nil
            logger.debug("publication incomplete", metadata: ["publication": "\(Self.incomplete(publication))"])
        }
        return publication.ofServers
    }

    func save(_ changed: GroupRecord, _ version: Int64) async throws(StoreError) {
        var record = changed
        if let fence = around.fence { try fence.stamp(&record) }
        try await around.groups.save(record, ifVersion: version)
        ScalerMetric.managedReplicas.set(record.managedCount, name.text)
    }

    /// Which nodes do not hold the generation, as a sentence.
    static func incomplete(_ publication: Publication) -> String {
        let missing = publication.nodes.filter { $0.condition != .current }
            .map { "\($0.node) is \($0.condition.rawValue)\($0.detail.map { ": \($0)" } ?? "")" }
        return "generation \(publication.generation) is not everywhere: \(missing.joined(separator: "; "))"
    }

    private func follow(_ incidents: [Versioned<Incident>], in record: GroupRecord) async throws(StoreError) {
        for stored in incidents {
            var incident = stored.document
            guard incident.follow(record, at: around.wallClock.now()) else { continue }
            do throws(StoreError) {
                try await around.incidents.save(incident, ifVersion: stored.version)
            } catch .conflict {
                continue  // The webhook closed it in between; the next step sees that.
            }
        }
    }
}

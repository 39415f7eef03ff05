import FleetModel
import Logging
import Pacing

// From an instance that exists to a replica with its full share of the traffic.

extension GroupWorker {
    /// Lets a replica serve that runs, replicates from our primary and, where it can be asked, keeps up.
    func admit(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        // Before it serves, it must be known how it is verified.
        if let report = try await keepTrust(stored, also: replica.name) { return report }
        var record = stored.document
        if stored.document.removal != nil {
            var record = stored.document
            record.fail(replica.name, because: "its group is being removed", at: around.wallClock.now())
            try await save(record, stored.version)
            return .did("\(replica.name) is not admitted: its group is being removed")
        }
        let instance: ProviderInstance?
        do throws(ProviderError) {
            instance = try await around.provider.instance(named: replica.name)
            failedCalls.clear()
        } catch {
            return postponed("looking at", replica, error)
        }
        let (now, age) = (around.wallClock.now(), age(of: replica))
        switch settings.walk.start(instance, primary: record.primaryInstance, after: age) {
        case .waits(let reason, let isTold):
            return try await waits(replica, stored, reason, isTold: isTold)
        case .fails(let reason):
            record.fail(replica.name, because: reason, at: now)
        default:
            guard let address = instance?.privateAddress else {
                return .waits("starting \(replica.name)", next: settings.operationPoll)
            }
            if let report = await gate(replica, at: address) {
                guard age > settings.admission.deadline else { return report }
                record.fail(replica.name, because: "it was not fit to serve: \(report.sentence)", at: now)
            } else if !record.isTrusted(replica.name.text) {
                let why = trustWatch.problem ?? "its certificates are not known yet"
                guard age > settings.admission.deadline else {
                    return .waits("\(replica.name) does not serve yet: \(why)", next: settings.operationPoll)
                }
                record.fail(replica.name, because: "it could not be verified: \(why)", at: now)
            } else {
                record.admit(replica.name, address: address, by: settings.admission, at: now)
                record.refreshTrust()
            }
        }
        try await save(record, stored.version)
        return .did("looked at \(replica.name), which was created")
    }

    /// - Returns: nil when the replica may serve, else what it waits for.
    private func gate(_ replica: ReplicaRecord, at address: String) async -> StepReport? {
        guard let probe = around.probe else { return nil }
        let health = await around.look(
            with: probe, at: replica.name, address: address, port: BackendServer.usualPort)
        guard !samples.take(health, at: replica, by: settings.admission) else {
            samples = AdmissionSamples()
            return nil
        }
        logger.debug(
            "not admitted yet", metadata: ["replica.name": "\(replica.name)", "replica.health": "\(health.sentence)"])
        let good = "\(samples.inARow) of \(settings.admission.samples) good looks"
        return .waits("\(replica.name) does not serve yet: \(health.sentence); \(good)", next: settings.operationPoll)
    }

    /// Brings the replica to every node and raises its share until it is full.
    func serve(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        let publication = await publish(record.configuration)
        guard publication.isWidespread else { return try await waitsForNodes(replica, stored, publication) }
        if record.hold(replica.name, because: nil) {
            try await save(record, stored.version)
            return .did("\(replica.name) waits for no node any more")
        }
        let now = around.wallClock.now()
        let weight = record.weight(of: replica.name) ?? 0
        guard let next = settings.admission.weight(after: weight, full: replica.fullWeight ?? weight) else {
            record.serve(replica.name, at: now)
            try await save(record, stored.version)
            return .did("\(replica.name) serves on every node that answers")
        }
        guard replica.state == .ramping else {
            record.ramp(replica.name, at: now)
            try await save(record, stored.version)
            return .did("\(replica.name) takes its first reads, at weight \(weight)")
        }
        let age = age(of: replica)
        let left = settings.admission.rampInterval - age
        guard left <= .zero else {
            return .waits("\(replica.name) keeps weight \(weight) for now", next: min(left, settings.resync))
        }
        if let probe = around.probe, let address = replica.address {
            let health = await around.look(
                with: probe, at: replica.name, address: address, port: BackendServer.usualPort)
            guard settings.admission.isFit(health) else {
                logger.warning(
                    "share not raised",
                    metadata: ["replica.name": "\(replica.name)", "replica.health": "\(health.sentence)"])
                guard age <= settings.admission.deadline else {
                    record.giveUp(replica.name, because: health.sentence, at: now)
                    try await save(record, stored.version)
                    return .did("\(replica.name) is sent away: \(health.sentence) since it took its first reads")
                }
                return .waits(
                    "\(replica.name) keeps weight \(weight): \(health.sentence)", next: settings.operationPoll)
            }
        }
        record.raise(replica.name, to: next, at: now)
        try await save(record, stored.version)
        return .did("\(replica.name) goes from weight \(weight) to \(next)")
    }

    // MARK: Wanted back

    /// Takes back a replica that is about to go.
    func takeBack(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>, _ decision: ScalingDecision
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        record.takeBack(replica.name, for: decision.wish?.name ?? replica.incidentID, at: around.wallClock.now())
        try await save(record, stored.version)
        return .did("\(replica.name) was about to go and is wanted back")
    }
}

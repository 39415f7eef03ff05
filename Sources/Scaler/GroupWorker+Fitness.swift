import FleetModel
import Logging
import Observability
import Pacing

// Readers while they serve: what the looks at them come to, and replicas that take the place of others.

extension GroupWorker {
    /// Judges the readers by the newest looks. It goes before everything else that a group may be doing: a creation takes
    /// many minutes, and a reader that is not fit to serve cannot wait for it.
    /// - Returns: what was changed, or nil.
    func watchReaders(_ stored: Versioned<GroupRecord>) async throws(StoreError) -> StepReport? {
        guard stored.document.removal == nil else { return nil }
        let now = around.wallClock.now()
        if let round = around.looks.round(of: name, after: looked) {
            looked = round.number
            let healths = take(round.looks, of: stored.document, at: now)
            if let report = try await followAddress(healths, stored, now) { return report }
        } else if stored.document.unfitReaders == nil, stored.document.commonTrouble == nil {
            return nil
        }
        var record = stored.document
        let steps = fitness.judge(
            &record, ramp: settings.admission, isMeasured: around.probe != nil, at: now,
            age: { age(of: $0, since: $1) })
        measure(record)
        guard record != stored.document else { return nil }
        for step in steps {
            logger.log(
                level: step.reason == .returning ? .notice : .warning, "reader",
                metadata: [
                    "rule.code": "\(step.reason.rawValue)", "server.name": "\(step.reader)",
                    "reader.fitness": "\(step.detail)",
                ])
            await log(.fitness(step, inputs(record, now)), record, now)
        }
        try await save(record, stored.version)
        for step in steps where step.reason == .sidelined { ScalerMetric.sidelined.count(name.text, step.reader) }
        if record.configuration != stored.document.configuration { _ = await publish(record.configuration) }
        let what = steps.map { "\($0.reader): \($0.reason.rawValue), \($0.detail)" }.joined(separator: "; ")
        return .did(what.isEmpty ? "the readers' fitness changed" : what)
    }

    /// - Returns: the looks that were at the readers' present addresses.
    private func take(
        _ looks: [String: ReaderLooks.Look], of record: GroupRecord, at now: Timestamp
    ) -> [String: ReplicationHealth] {
        var healths: [String: ReplicationHealth] = [:]
        for server in record.watchedReaders {
            // What was seen at a former address says nothing of it.
            guard let look = looks[server.name], look.address == server.address else { continue }
            healths[server.name] = look.health
            if case .replicating(let lag) = look.health {
                ScalerMetric.readerLag.set(Double(lag.wholeMilliseconds) / 1_000, name.text, server.name)
            }
        }
        let reparented = Dictionary(
            sighting.reparented.map { ($0.key.text, $0.value) }, uniquingKeysWith: { first, _ in first })
        fitness.take(healths, reparented: reparented, of: record, at: now)
        return healths
    }

    /// A replica of ours that does not answer may have another address: it is asked for by name, at most once a minute,
    /// and not only when the next list of all instances is due.
    private func followAddress(
        _ healths: [String: ReplicationHealth], _ stored: Versioned<GroupRecord>, _ now: Timestamp
    ) async throws(StoreError) -> StepReport? {
        var record = stored.document
        for replica in record.replicas where replica.state == .serving {
            guard case .unreachable? = healths[replica.name.text] else {
                followed[replica.name] = nil
                continue
            }
            if let asked = followed[replica.name], now.since(asked) >= .zero, now.since(asked) < .seconds(60) {
                continue
            }
            followed[replica.name] = now
            let instance: ProviderInstance?
            do throws(ProviderError) {
                instance = try await around.provider.instance(named: replica.name)
            } catch {
                logger.debug(
                    "looking for the address failed",
                    metadata: ["replica.name": "\(replica.name)", "error": "\(error)"])
                continue
            }
            let address = record.configuration.servers.first { $0.name == replica.name.text }?.address
            guard
                case .moved(let new) = ServingSight(instance, primary: record.primaryInstance, address: address)
            else { continue }
            record.move(replica.name, to: new)
            try await save(record, stored.version)
            _ = await publish(record.configuration)
            return .did("\(replica.name) has the address \(new) now")
        }
        return nil
    }

    private func measure(_ record: GroupRecord) {
        var present: Set<String> = []
        for server in record.watchedReaders {
            present.insert(server.name)
            let value =
                switch record.unfit(server.name)?.phase {
                case .unfit: 3
                case .sidelined: 4
                case .returning: 5
                case nil: fitness.isSuspect(server.name) ? 2 : 1
                }
            ScalerMetric.readerFitness.set(value, name.text, server.name)
        }
        for gone in measured.subtracting(present) {
            ScalerMetric.readerFitness.set(0, name.text, gone)
            ScalerMetric.readerLag.set(-1, name.text, gone)
        }
        measured = present
    }

    private func inputs(_ record: GroupRecord, _ now: Timestamp) -> DecisionInputs {
        DecisionInputs(record: record, now: now, offsets: around.deciding.zones)
    }

    private func log(_ decision: ScalingDecision, _ record: GroupRecord, _ now: Timestamp) async {
        await decider.note(decision, of: inputs(record, now))
    }

    // MARK: Replacing

    /// Takes a replacement one half further: the new replica is planned, or the old one goes because the new one serves.
    /// - Returns: what was changed, or nil.
    func replaceUnfit(
        _ stored: Versioned<GroupRecord>, _ incidents: [Versioned<Incident>]
    ) async throws(StoreError) -> StepReport? {
        let now = around.wallClock.now()
        var record = stored.document
        if let (new, old) = record.replacementToFinish {
            guard old == nil || ScalingDecision.mayFinishReplacement(inputs(steadied(record, now), now)) else {
                return nil
            }
            record.finishReplacement(by: new, at: now)
            try await save(record, stored.version)
            return .did(
                old.map { "draining \($0): \(new) has taken its place" } ?? "\(new) serves, and its predecessor is gone"
            )
        }
        let policy = record.policy.fitness ?? FitnessPolicy(isActing: false)
        let due = record.dueForReplacement(
            isProven: { fitness.isProven($0, by: policy) }, age: { age(of: $0, since: $1) })
        guard let (old, unfit) = due else { return nil }
        let decision = ScalingDecision.replacement(of: old, unfit, inputs(steadied(record, now), now))
        guard decision.direction != nil else {
            let until = decision.notBefore.map { " until \($0.rfc3339)" } ?? ""
            let detail = decision.detail.map { " (\($0))" } ?? ""
            let reason = "its replacement waits: \(decision.reason.rawValue)\(detail)\(until)"
            guard record.holdReplacement(of: unfit.name, because: reason) else { return nil }
            try await save(record, stored.version)
            return .did("\(unfit.name): \(reason)")
        }
        // Blind, it might create beside a replica that is there already.
        guard sighting.hasListed else { return nil }
        let new: InstanceName
        do throws(InvalidName) {
            new = try InstanceName("\(record.primaryInstance)-\(around.nameSuffix())", kind: "replica")
        } catch {
            return .waits("cannot name a replica in the place of \(old.name): \(error)", next: settings.resync)
        }
        record.replace(old.name, by: new, decision, at: now)
        await log(decision, stored.document, now)
        try await save(record, stored.version)
        ScalerMetric.replaced.count(name.text)
        return .did("planned \(new) in the place of \(old.name): \(unfit.sentence)")
    }
}

import FleetModel
import Logging
import Pacing

// One method a state. Each looks for the effect that the state leads to before it causes it, writes what it found,
// and returns; the next step goes on from what was written.

extension GroupWorker {
    /// Takes the replica that something is being done to one step further.
    func advance(_ replica: ReplicaRecord, of stored: Versioned<GroupRecord>) async throws(StoreError) -> StepReport {
        switch replica.state {
        case .planned: try await create(replica, stored)
        case .creating: try await awaitCreation(replica, stored)
        case .starting: try await admit(replica, stored)
        case .admitted, .ramping: try await serve(replica, stored)
        case .draining: try await drain(replica, stored)
        case .removed: try await withdraw(replica, stored)
        case .deleting: try await delete(replica, stored)
        case .failed: try await cleanUp(replica, stored)
        case .serving, .gone: .waits("\(replica.name) is \(replica.state.rawValue)", next: settings.resync)
        }
    }

    private func create(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        do throws(ProviderError) {
            let operation = try await findOrCreate(replica, record)
            record.creationBegan(replica.name, operationID: operation, at: around.wallClock.now())
        } catch {
            guard case .fails(let reason) = settings.walk.refusedCreation(error, after: age(of: replica)) else {
                return postponed("creating", replica, error)
            }
            record.fail(replica.name, because: reason, at: around.wallClock.now())
            logger.error("replica failed", metadata: ["replica.name": "\(replica.name)", "error": "\(error)"])
        }
        try await save(record, stored.version)
        return .did("asked for \(replica.name)")
    }

    /// Looks for the instance and the operation by the name that was stored, and only then creates.
    private func findOrCreate(
        _ replica: ReplicaRecord, _ record: GroupRecord
    ) async throws(ProviderError) -> String? {
        if let operation = try await around.provider.operations(on: replica.name).first(where: { $0.kind == .create }) {
            return operation.id
        }
        if try await exists(replica, record) { return nil }
        do throws(ProviderError) {
            return try await around.provider.createReplica(request(replica, record))
        } catch {
            // A predecessor's call, or one of ours whose answer was lost, may have come first.
            guard error.code == .alreadyExists, try await exists(replica, record) else { throw error }
            return nil
        }
    }

    /// Whether the recorded replica is there.
    /// - Throws: `ProviderError.notOurs` when an instance of that name is somebody else's, or of another primary.
    private func exists(_ replica: ReplicaRecord, _ record: GroupRecord) async throws(ProviderError) -> Bool {
        guard let found = try await around.provider.instance(named: replica.name) else { return false }
        guard around.provider.bearsLabels(found, of: record.name), found.primary == record.primaryInstance.text else {
            throw ProviderError(
                .notOurs, "an instance \(replica.name) exists and is no replica of \(record.primaryInstance) of ours")
        }
        return true
    }

    private func awaitCreation(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        guard let id = replica.operationID else {
            var record = stored.document
            record.creationEnded(replica.name, at: around.wallClock.now())
            try await save(record, stored.version)
            return .did("\(replica.name) has no operation; looking at the instance")
        }
        let (age, walk) = (age(of: replica), settings.walk)
        let verdict: ReplicaVerdict
        do throws(ProviderError) {
            let seen = walk.creation(try await sight(of: id), after: age)
            verdict =
                seen == .looks
                ? walk.creation(lookedAt: try await around.provider.instance(named: replica.name), after: age) : seen
            failedCalls.clear()
        } catch {
            return postponed("watching the creation of", replica, error)
        }
        var record = stored.document
        switch verdict {
        case .waits(let reason, let isTold): return try await waits(replica, stored, reason, isTold: isTold)
        case .fails(let reason): record.fail(replica.name, because: reason, at: around.wallClock.now())
        default: record.creationEnded(replica.name, at: around.wallClock.now())
        }
        try await save(record, stored.version)
        return .did("the creation of \(replica.name) ended")
    }

    /// The operation as it is now.
    private func sight(of id: String) async throws(ProviderError) -> OperationSight {
        do throws(ProviderError) {
            let operation = try await around.provider.operation(id: id)
            return operation.isDone ? .ended(failure: operation.failure) : .underWay
        } catch {
            guard error.code == .notFound else { throw error }
            return .forgotten
        }
    }

    private func drain(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        let publication = await publish(stored.document.configuration)
        if replica.leaving != nil, !publication.isComplete, publication.isWidespread,
            age(of: replica) >= stored.document.policy.drainDeadline
        {
            var record = stored.document
            record.remove(replica.name, at: around.wallClock.now())
            try await save(record, stored.version)
            return .did("\(replica.name) leaves the configuration; nodes that do not answer keep it until they do")
        }
        guard publication.isComplete,
            let server = stored.document.configuration.servers.first(where: { $0.name == replica.name.text }),
            let use = publication.use(of: server, by: stored.document.configuration)
        else { return try await waitsForNodes(replica, stored, publication) }
        let now = around.wallClock.now()
        let verdict = settings.walk.drain(
            own: use.own, foreign: use.foreign, deadline: stored.document.policy.drainDeadline,
            isLeaving: replica.leaving != nil, after: age(of: replica))
        var record = stored.document
        switch verdict {
        case .waits(let reason, let isTold):
            return try await waits(replica, stored, reason, isTold: isTold, next: settings.publicationRetry)
        case .leaves(let reason):
            record.leave(replica.name, because: reason, at: now)
        default: break
        }
        record.remove(replica.name, at: now)
        try await save(record, stored.version)
        return .did("\(replica.name) leaves the configuration with \(use.own) connections in use")
    }

    private func withdraw(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        // Here it can still be taken back; once its deletion may have begun, it is too late.
        if let report = try await lastLook(replica, stored) { return report }
        if replica.leaving != nil {
            record.letGo(replica.name, at: around.wallClock.now())
            try await save(record, stored.version)
            return .did("no node knows \(replica.name) any more; its instance is left to its owner")
        }
        record.deletionMayBegin(replica.name, at: around.wallClock.now())
        try await save(record, stored.version)
        return .did("no node knows \(replica.name) any more")
    }

    private func delete(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        let now = around.wallClock.now()
        if replica.operationID == nil, let report = try await lastLook(replica, stored) { return report }
        var verdict: ReplicaVerdict
        do throws(ProviderError) {
            if let id = replica.operationID {
                verdict = try await judgeDeletion(replica, id)
            } else if let operation = try await findOrDelete(replica, record) {
                record.deletionBegan(replica.name, operationID: operation)
                verdict = .proceeds
            } else {
                verdict = .gone
            }
            failedCalls.clear()
        } catch {
            verdict = settings.walk.refusedDeletion(error, after: age(of: replica))
            if case .waits(let reason, isTold: true) = verdict {
                _ = try await waits(replica, stored, reason, isTold: true)
            }
            if case .waits = verdict { return postponed("deleting", replica, error) }
            if verdict == .repeats, replica.operationID == nil { return postponed("deleting", replica, error) }
        }
        switch verdict {
        case .waits(let reason, let isTold): return try await waits(replica, stored, reason, isTold: isTold)
        case .gone: record.forget(replica.name, at: now)
        case .leaves(let reason):
            record.letGo(replica.name, because: reason, at: now)
            logger.warning(
                "left to its owner", metadata: ["replica.name": "\(replica.name)", "leave.reason": "\(reason)"])
        case .repeats: record.deletionBegan(replica.name, operationID: nil)
        case .proceeds, .looks, .fails: break
        }
        try await save(record, stored.version)
        return .did("the deletion of \(replica.name) goes on")
    }

    /// What follows from the operation that deletes the replica.
    private func judgeDeletion(_ replica: ReplicaRecord, _ id: String) async throws(ProviderError) -> ReplicaVerdict {
        let operation = try await sight(of: id)
        let verdict = settings.walk.deletion(operation, after: age(of: replica))
        guard verdict == .looks else { return verdict }
        return settings.walk.deletion(
            lookedAt: try await around.provider.instance(named: replica.name), operation, after: age(of: replica))
    }

    /// Looks for the instance and for a deletion under way, and only then deletes.
    /// - Returns: the operation, or nil when the instance does not exist.
    private func findOrDelete(
        _ replica: ReplicaRecord, _ record: GroupRecord
    ) async throws(ProviderError) -> String? {
        guard try await around.provider.instance(named: replica.name) != nil else { return nil }
        let operations = try await around.provider.operations(on: replica.name)
        if let underWay = operations.first(where: { $0.kind == .delete && !$0.isDone }) { return underWay.id }
        return try await around.provider.deleteReplica(request(replica, record))
    }

    private func cleanUp(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        record.remove(replica.name, at: around.wallClock.now())
        try await save(record, stored.version)
        return .did("cleaning up \(replica.name): \(replica.failure ?? "it failed")")
    }

    private func request(_ replica: ReplicaRecord, _ record: GroupRecord) -> ReplicaRequest {
        ReplicaRequest(
            name: replica.name, primary: record.primaryInstance, group: record.name,
            mustBearLabels: replica.bearsLabels == true)
    }

    /// Waits on; what people must hear of is saved with the replica first.
    func waits(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>, _ reason: String, isTold: Bool,
        next: Duration? = nil
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        if record.hold(replica.name, because: isTold ? reason : nil) { try await save(record, stored.version) }
        return .waits(
            "\(replica.name) stays \(replica.state.rawValue): \(reason)", next: next ?? settings.operationPoll)
    }

    /// A call failed in a way that may pass, or that a person must mend; either way the state stays as it is.
    func postponed(_ doing: String, _ replica: ReplicaRecord, _ error: ProviderError) -> StepReport {
        logger.warning(
            "provider call failed",
            metadata: ["replica.name": "\(replica.name)", "error": "\(error)", "error.code": "\(error.code.rawValue)"])
        let doubled = settings.operationPoll * (1 << min(failedCalls.add(replica), 6)) * around.chance(0.5...1)
        // Whose turn it is at the primary changes often; everything else is better for some quiet.
        let wait = error.code == .operationInProgress ? settings.operationPoll : min(doubled, .seconds(300))
        return .waits(
            "\(doing) \(replica.name) failed and is tried again: \(error)",
            next: error.isRetryable ? wait : settings.operationPoll * 12)
    }
}

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
            guard !error.isRetryable else { return postponed("creating", replica, error) }
            record.fail(replica.name, because: "\(error)", at: around.wallClock.now())
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
        guard around.provider.isOurs(found, of: record.name), found.primary == record.primaryInstance.text else {
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
        var record = stored.document
        do throws(ProviderError) {
            let operation = try await around.provider.operation(id: id)
            guard operation.isDone else { return stillWaiting("creating", replica) }
            if let failure = operation.failure {
                record.fail(replica.name, because: failure, at: around.wallClock.now())
            } else {
                record.creationEnded(replica.name, at: around.wallClock.now())
            }
        } catch {
            guard error.code == .notFound else { return postponed("watching the creation of", replica, error) }
            record.creationEnded(replica.name, at: around.wallClock.now())
        }
        try await save(record, stored.version)
        return .did("the creation of \(replica.name) ended")
    }

    private func drain(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        let publication = await publish(stored.document.configuration)
        guard publication.isComplete,
            let server = stored.document.configuration.servers.first(where: { $0.name == replica.name.text }),
            let inUse = publication.connectionsInUse(address: server.address, port: server.port)
        else {
            return .waits(Self.incomplete(publication), next: settings.publicationRetry)
        }
        let now = around.wallClock.now()
        let isOverdue = now.since(replica.stateSince) >= stored.document.policy.drainDeadline
        guard inUse == 0 || isOverdue else {
            return .waits("\(replica.name) still has \(inUse) connections in use", next: settings.publicationRetry)
        }
        var record = stored.document
        record.remove(replica.name, at: now)
        try await save(record, stored.version)
        return .did("\(replica.name) leaves the configuration with \(inUse) connections in use")
    }

    private func withdraw(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        // Here it can still be taken back; once its deletion may have begun, it is too late.
        if let report = await lastLook(replica, record) { return report }
        record.deletionMayBegin(replica.name, at: around.wallClock.now())
        try await save(record, stored.version)
        return .did("no node knows \(replica.name) any more")
    }

    private func delete(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport {
        var record = stored.document
        do throws(ProviderError) {
            if let id = replica.operationID {
                let operation = try await around.provider.operation(id: id)
                guard operation.isDone else { return stillWaiting("deleting", replica) }
                if operation.failure == nil, try await around.provider.instance(named: replica.name) == nil {
                    record.forget(replica.name, at: around.wallClock.now())
                } else {
                    record.deletionBegan(replica.name, operationID: nil)
                }
            } else if let report = await lastLook(replica, record) {
                return report
            } else if let operation = try await findOrDelete(replica, record) {
                record.deletionBegan(replica.name, operationID: operation)
            } else {
                record.forget(replica.name, at: around.wallClock.now())
            }
        } catch {
            guard error.code == .notFound, replica.operationID != nil else {
                return postponed("deleting", replica, error)
            }
            record.deletionBegan(replica.name, operationID: nil)
        }
        try await save(record, stored.version)
        return .did("the deletion of \(replica.name) goes on")
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
        ReplicaRequest(name: replica.name, primary: record.primaryInstance, group: record.name)
    }

    func stillWaiting(_ doing: String, _ replica: ReplicaRecord) -> StepReport {
        failedCalls = 0
        if around.wallClock.now().since(replica.stateSince) > settings.operationDeadline {
            logger.error(
                "operation is stuck",
                metadata: ["replica.name": "\(replica.name)", "replica.state": "\(replica.state.rawValue)"])
        }
        return .waits("\(doing) \(replica.name)", next: settings.operationPoll)
    }

    /// A call failed in a way that may pass, or that a person must mend; either way the state stays as it is.
    func postponed(_ doing: String, _ replica: ReplicaRecord, _ error: ProviderError) -> StepReport {
        logger.warning(
            "provider call failed",
            metadata: ["replica.name": "\(replica.name)", "error": "\(error)", "error.code": "\(error.code.rawValue)"])
        let doubled = settings.operationPoll * (1 << min(failedCalls, 6)) * Double.random(in: 0.5...1)
        // Whose turn it is at the primary changes often; everything else is better for some quiet.
        let wait = error.code == .operationInProgress ? settings.operationPoll : min(doubled, .seconds(300))
        failedCalls += 1
        return .waits(
            "\(doing) \(replica.name) failed and is tried again: \(error)",
            next: error.isRetryable ? wait : settings.operationPoll * 12)
    }
}

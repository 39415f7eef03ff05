import FleetModel
import Logging
import Pacing

extension GroupWorker {
    /// Looks at all nodes: before the deletion may begin, and once more right before the call. Since the replica left the
    /// configuration one may have been restarted with what was on its disk, and one that was down then must first be seen
    /// without the row, or be away for longer than a restart takes. One that was never admitted no node ever had.
    /// - Returns: what is waited for; nil when the instance may be deleted.
    func lastLook(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>
    ) async throws(StoreError) -> StepReport? {
        guard replica.address != nil else { return nil }
        let publication = await publish(stored.document.configuration)
        // Nothing is deleted of what is left to its owner, so a node that keeps the row harms nobody.
        if replica.leaving != nil, publication.isWidespread { return nil }
        guard publication.isComplete else { return try await waitsForNodes(replica, stored, publication) }
        let now = around.wallClock.now()
        guard publication.permitsDeletion(at: now, restart: settings.nodeRestart) else {
            let nodes = publication.returning(at: now, restart: settings.nodeRestart).sorted()
            let reason = "\(nodes.joined(separator: ", ")) may be back with it at any moment"
            return try await waits(
                replica, stored, reason, isTold: isLate(replica), next: settings.publicationRetry)
        }
        return nil
    }

    /// Waits until the nodes hold what was published; when that takes longer than it should, people see for which.
    func waitsForNodes(
        _ replica: ReplicaRecord, _ stored: Versioned<GroupRecord>, _ publication: Publication
    ) async throws(StoreError) -> StepReport {
        // Names alone: what else is known of a node changes at each look, and each change would be an event.
        let names = publication.nodes.filter { $0.condition != .current && $0.condition != .down }.map(\.node).sorted()
        let nodes = names.isEmpty ? "any live node" : names.joined(separator: ", ")
        let reason = "generation \(publication.generation) is not known to be on \(nodes)"
        var record = stored.document
        if isLate(replica), record.hold(replica.name, because: reason) { try await save(record, stored.version) }
        return .waits(Self.incomplete(publication), next: settings.publicationRetry)
    }

    private func isLate(_ replica: ReplicaRecord) -> Bool { age(of: replica) >= settings.publicationPatience }
}

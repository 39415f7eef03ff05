import FleetModel
import Logging
import Pacing

extension GroupWorker {
    /// Looks at all nodes: before the deletion may begin, and once more right before the call. Since the replica left the
    /// configuration one may have been restarted with what was on its disk, and one that was down then must first be seen
    /// without the row, or be away for longer than a restart takes. One that was never admitted no node ever had.
    /// - Returns: what is waited for; nil when the instance may be deleted.
    func lastLook(_ replica: ReplicaRecord, _ record: GroupRecord) async -> StepReport? {
        guard replica.address != nil else { return nil }
        let publication = await publish(record.configuration)
        // Nothing is deleted of what is left to its owner, so a node that keeps the row harms nobody.
        if replica.leaving != nil, publication.isWidespread { return nil }
        guard publication.isComplete else {
            return .waits(Self.incomplete(publication), next: settings.publicationRetry)
        }
        let now = around.wallClock.now()
        guard publication.permitsDeletion(at: now, restart: settings.nodeRestart) else {
            let nodes = publication.returning(at: now, restart: settings.nodeRestart).joined(separator: ", ")
            return .waits(
                "\(replica.name) is not deleted yet: \(nodes) may be back with it at any moment",
                next: settings.publicationRetry)
        }
        return nil
    }
}

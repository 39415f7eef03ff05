import FleetModel
import Logging
import Pacing

extension GroupWorker {
    /// One step of removing a group: its replicas first, one after another and by the usual way, then everything of
    /// it on every node, its client certificates, and last its record; each step is found again after a crash.
    func removeGroup(_ stored: Versioned<GroupRecord>) async throws(StoreError) -> StepReport {
        var record = stored.document
        if let replica = record.replicas.first(where: { $0.state == .serving }) {
            record.drain(replica.name, for: "", at: around.wallClock.now())
            try await save(record, stored.version)
            return .did("draining \(replica.name): its group is being removed")
        }
        let publication = await around.fleet.withdraw(record.configuration)
        guard publication.isComplete else {
            logger.debug("withdrawal incomplete", metadata: ["publication": "\(Self.incomplete(publication))"])
            return .waits(Self.incomplete(publication), next: settings.publicationRetry)
        }
        // One that is just being restarted comes back with the rows that are on its disk, and nobody would look for them.
        let returning = publication.returning(at: around.wallClock.now(), restart: settings.nodeRestart).sorted()
        guard returning.isEmpty else {
            return .waits(
                "\(returning.joined(separator: ", ")) may be back with its rows at any moment",
                next: settings.publicationRetry)
        }
        if let report = try await endTrust(stored) { return report }
        // One that was away for longer may still come back with its disk: what is kept says whose those rows are.
        let tombstone = GroupTombstone(
            record, withdrawnFrom: publication.nodes.filter { $0.condition == .current }.map(\.node).sorted(),
            at: around.wallClock.now())
        try await around.groups.remove(record.name, ifVersion: stored.version, leaving: tombstone)
        return .did("no node knows \(record.name) any more: it is removed")
    }
}

package import FleetModel

/// Decisions that are told when they are new: those that repeat the one before are not.
package struct EventfulDecisions: DecisionStore {
    private let decisions: any DecisionStore
    private let eventful: EventfulStore

    /// Wraps `decisions`; `eventful` tells of them.
    package init(_ decisions: any DecisionStore, toldBy eventful: EventfulStore) {
        self.decisions = decisions
        self.eventful = eventful
    }

    package func save(_ entry: DecisionEntry) async throws(StoreError) {
        try await decisions.save(entry)
        guard entry.count == 1 else { return }
        var fields: [FleetEvent.Field: String] = [
            .reason: entry.reason.rawValue, .direction: entry.direction?.rawValue ?? "hold",
            .current: "\(entry.current)", .desired: "\(entry.desired)",
        ]
        fields[.victim] = entry.victim?.text
        await eventful.tell([
            FleetEvent(
                .decisionMade, group: entry.group, at: entry.firstAt, "Group \(entry.group) \(entry.sentence).",
                fields: fields)
        ])
    }

    package func decisions(
        of group: InstanceName, limit: Int, before: Timestamp?
    ) async throws(StoreError) -> [DecisionEntry] {
        try await decisions.decisions(of: group, limit: limit, before: before)
    }
}

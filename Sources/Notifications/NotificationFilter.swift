package import FleetModel

/// Which events a channel hears of.
package struct NotificationFilter: Hashable, Sendable {
    private let kinds: Set<FleetEvent.Kind>
    private let minimum: FleetEvent.Severity

    /// Steps that a person need not hear of one by one: each is followed by one that tells how it ended.
    private static let small: Set<FleetEvent.Kind> = [
        .decisionMade, .publicationFinished, .publicationIncomplete, .replicaCreating, .replicaStarting,
        .replicaAdmitted, .replicaRamping, .replicaRemoved, .replicaDeleting,
    ]

    /// Reads `usual`, `all` or kinds separated by commas; words that are none are left out.
    package init(_ words: String, minimum: FleetEvent.Severity) {
        var kinds: Set<FleetEvent.Kind> = []
        for word in words.split(separator: ",").map({ String($0.filter { $0 != " " }) }) {
            switch word {
            case "all": kinds.formUnion(FleetEvent.Kind.allCases)
            case "usual": kinds.formUnion(Set(FleetEvent.Kind.allCases).subtracting(Self.small))
            default: if let kind = FleetEvent.Kind(rawValue: word) { kinds.insert(kind) }
            }
        }
        self.kinds = kinds
        self.minimum = minimum
    }

    /// Whether the channel hears of `event`.
    package func wants(_ event: FleetEvent) -> Bool {
        kinds.contains(event.kind) && event.severity >= minimum
    }
}

/// The incidents of a group that a pass works with, few however many there are, and how many ask for what.
package struct ActiveIncidents: Sendable {
    /// The oldest of each action that are open, and the oldest that are closed and not yet cleared; oldest first.
    package var listed: [Versioned<Incident>]
    /// How many are open.
    package var open: OpenIncidents
    /// Whether all of the group's are listed.
    package var isWhole: Bool

    /// All that there are.
    package init(all: [Versioned<Incident>]) {
        listed = all
        open = OpenIncidents(all.map(\.document))
        isWhole = true
    }

    /// Some of more, which `open` counted.
    package init(some: [Versioned<Incident>], open: OpenIncidents) {
        listed = some.sorted { ($0.document.startedAt, $0.document.id) < ($1.document.startedAt, $1.document.id) }
        self.open = open
        isWhole = false
    }

    /// Of `all`, oldest first, at most `limit` of each action and state; for stores that cannot count.
    package init(_ all: [Versioned<Incident>], limit: Int) {
        self.init(all: all)
        guard all.count > limit else { return }
        var taken: [String: Int] = [:]
        listed = all.filter { stored in
            let kind = "\(stored.document.state) \(stored.document.action)"
            taken[kind, default: 0] += 1
            return taken[kind, default: 0] <= limit
        }
        isWhole = listed.count == all.count
    }
}

/// How many open incidents ask for what.
package struct OpenIncidents: Hashable, Sendable {
    /// Those that ask for one more replica.
    package var add = 0
    /// Those that ask for one fewer.
    package var remove = 0

    /// All of them.
    package var total: Int { add.clampedSum(remove) }

    /// Makes counts.
    package init(add: Int = 0, remove: Int = 0) {
        self.add = add
        self.remove = remove
    }

    /// Counts those of `incidents` that are open.
    package init(_ incidents: [Incident]) {
        for incident in incidents where incident.state == .open { count(incident.action, 1) }
    }

    /// Counts `number` more that ask for `action`.
    package mutating func count(_ action: IncidentAction, _ number: Int) {
        switch action {
        case .add: add = add.clampedSum(number)
        case .remove: remove = remove.clampedSum(number)
        }
    }
}

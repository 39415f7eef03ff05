/// What a node was seen to hold of a group's configuration.
///
/// A generation alone does not tell what a node holds: a number goes back when a store is restored, and is given out
/// twice when a group is registered again under its old name. So a node holds what is wanted only when both are equal.
package struct HeldConfiguration: Hashable, Codable, Sendable {
    /// The group.
    package var group: InstanceName
    /// The generation of the document that was verified.
    package var generation: Int64
    /// The digest of its content, hexadecimal; nil when the document came without a key for it.
    package var content: String?

    /// Makes it.
    package init(group: InstanceName, generation: Int64, content: String?) {
        self.group = group
        self.generation = generation
        self.content = content
    }

    /// The generation and the beginning of the content, for people.
    package var shown: String { "generation \(generation)\(content.map { " (content \($0.prefix(8)))" } ?? "")" }
}

/// A generation that is not below a record's own and that the record does not know: nodes hold it, or it is written for
/// them.
package struct NewerGeneration: Hashable, Codable, Sendable {
    /// The greatest that was seen.
    package var generation: Int64
    /// Where, for example `secret/fleet-shop`.
    package var place: String

    /// Makes it.
    package init(generation: Int64, place: String) {
        self.generation = generation
        self.place = place
    }
}

/// That a record's generation was raised above what nodes held.
package struct GenerationRaise: Hashable, Codable, Sendable {
    /// The record's generation before.
    package var from: Int64
    /// Its generation after.
    package var to: Int64
    /// What was seen that was not older.
    package var seen: NewerGeneration
    /// When.
    package var at: Timestamp
}

extension FleetConfiguration {
    /// No generation from outside is believed above this: JSON readers keep whole numbers exact up to 2⁵³.
    package static let greatestGeneration: Int64 = 1 << 53

    /// Whether `generation`, from outside, can be one.
    package static func isPossible(_ generation: Int64) -> Bool { (1...greatestGeneration).contains(generation) }

    /// The same under the next generation.
    package var next: FleetConfiguration {
        var next = self
        next.generation = min(generation, Self.greatestGeneration) + 1
        return next
    }
}

extension GroupRecord {
    /// Takes a generation above one that nodes know already, so that they take what the record says.
    ///
    /// The record is older than what nodes hold after a store was restored or moved, and when the group had been removed
    /// and was registered again.
    package mutating func raiseGeneration(above newer: NewerGeneration, at now: Timestamp) {
        let from = configuration.generation
        guard FleetConfiguration.isPossible(newer.generation), newer.generation >= from else { return }
        configuration.generation = newer.generation + 1
        generationRaise = GenerationRaise(from: from, to: newer.generation + 1, seen: newer, at: now)
    }
}

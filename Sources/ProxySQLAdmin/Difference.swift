package import FleetModel

/// What has to be written to make a table hold what is wanted of a group: nothing else is touched.
package struct Difference<Row: ManagedRow>: Sendable, CustomStringConvertible {
    /// Rows to write anew or in the place of a foreign one.
    package var inserts: [Row]
    /// Rows to change in place.
    package var updates: [Row]
    /// Rows to remove.
    package var deletes: [Row]
    /// What the table must hold of the group afterwards.
    package var result: Set<Row>

    /// Rows of somebody else in wanted places, which stay as they are: the group's own are not written there.
    package var collisions: [ForeignRow]

    /// Whether nothing has to be written.
    package var isEmpty: Bool { inserts.isEmpty && updates.isEmpty && deletes.isEmpty }

    /// Compares `current`, the whole table, with the rows `wanted` of `group`.
    ///
    /// A row without the group's mark was set by hand, or is another group's, and stays. In the place of a wanted row it
    /// is taken over when it bears no mark and says the same, or when `adoption` names it; a server keeps the status that
    /// a person gave it. Any other is a collision.
    /// - Throws: `contradictory` when two wanted rows have one key: they would overwrite each other for ever.
    package init(
        current: [Row], wanted: [Row], group: String, adoption: Adoption? = nil
    ) throws(AdminError) {
        let current = Row.folded(current)
        let known = Dictionary(current.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var keys: Set<[String]> = []
        inserts = []
        updates = []
        result = []
        collisions = []
        for row in wanted {
            guard keys.insert(row.key).inserted else {
                throw AdminError(
                    .contradictory,
                    "group \(group) wants \(Row.table) to hold \(Self.name(row)) twice; change one of the two")
            }
            let present = known[row.key]
            if let present, present.mark?.group != group, adoption?.covers(row.name) != true,
                present.mark != nil || !row.says(theSameAs: present)
            {
                collisions.append(ForeignRow(row: row.name, owner: present.mark?.group))
                continue
            }
            let target = present.map { row.merged(over: $0) } ?? row
            result.insert(target.comparable)
            guard let present else {
                inserts.append(target)
                continue
            }
            guard present != target else { continue }
            if target.changesInPlace(present) { updates.append(target) } else { inserts.append(target) }
        }
        deletes = current.filter { $0.mark?.group == group && !keys.contains($0.key) }
    }

    /// The keys of what is written and removed: never a password.
    package var description: String {
        let parts = [("writes", inserts + updates), ("removes", deletes)].filter { !$0.1.isEmpty }
        return parts.isEmpty
            ? "nothing"
            : parts.map { "\($0.0) \($0.1.map(Self.name).joined(separator: ", "))" }.joined(separator: "; ")
    }

    private static func name(_ row: Row) -> String { row.key.joined(separator: " ") }
}

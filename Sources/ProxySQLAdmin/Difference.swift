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

    /// Whether nothing has to be written.
    package var isEmpty: Bool { inserts.isEmpty && updates.isEmpty && deletes.isEmpty }

    /// Compares `current`, the whole table, with the rows `wanted` of `group`.
    ///
    /// A row without the group's mark was set by hand, or is another group's, and stays; one that has the key of a
    /// wanted row is taken over, with the status that a person gave it.
    /// - Throws: `contradictory` when two wanted rows have one key: they would overwrite each other for ever.
    package init(current: [Row], wanted: [Row], group: String) throws(AdminError) {
        let known = Dictionary(current.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var keys: Set<[String]> = []
        inserts = []
        updates = []
        result = []
        for row in wanted {
            guard keys.insert(row.key).inserted else {
                throw AdminError(
                    .contradictory,
                    "group \(group) wants \(Row.table) to hold \(Self.name(row)) twice; change one of the two")
            }
            let present = known[row.key]
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

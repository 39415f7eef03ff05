/// What has to be written to make a table hold what is wanted of a group: nothing else is touched.
package struct Difference<Row: ManagedRow>: Sendable {
    /// Rows to write.
    package var upserts: [Row]
    /// Rows to remove.
    package var deletes: [Row]
    /// What the table must hold of the group afterwards.
    package var result: Set<Row>

    /// Whether nothing has to be written.
    package var isEmpty: Bool { upserts.isEmpty && deletes.isEmpty }

    /// Compares `current`, the whole table, with the rows `wanted` of `group`.
    ///
    /// A row without the group's mark was set by hand, or is another group's, and stays; one that has the key of a
    /// wanted row is taken over, with the status that a person gave it.
    package init(current: [Row], wanted: [Row], group: String) {
        let known = Dictionary(current.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let targets = wanted.map { row in known[row.key].map { row.merged(over: $0) } ?? row }
        let keys = Set(wanted.map(\.key))
        upserts = targets.filter { known[$0.key] != $0 }
        deletes = current.filter { $0.mark?.group == group && !keys.contains($0.key) }
        result = Set(targets.map(\.comparable))
    }
}

extension FleetEvent {
    /// What a publication tells: nothing where the nodes stand as they stood after the one before.
    ///
    /// - Parameters:
    ///   - old: the publication before, nil for the first one.
    ///   - new: the publication after.
    package static func between(
        old: Publication?, new: Publication, of group: InstanceName, at now: Timestamp
    ) -> [FleetEvent] {
        let missing = new.nodes.filter { $0.condition != .current }
        let before = old?.nodes.filter { $0.condition != .current } ?? []
        let isSame =
            old?.generation == new.generation && old?.isComplete == new.isComplete
            && before.map { [$0.node, $0.condition.rawValue] } == missing.map { [$0.node, $0.condition.rawValue] }
        let foreign = foreign(old: old, new: new, group, now)
        guard !isSame else { return foreign }
        var fields: [Field: String] = [.generation: "\(new.generation)", .nodes: "\(new.nodes.count)"]
        let absent = missing.map { "\($0.node) is \($0.condition.rawValue)" }.joined(separator: ", ")
        if !missing.isEmpty { fields[.missing] = missing.map(\.node).joined(separator: ",") }
        if new.isComplete {
            let tail = missing.isEmpty ? "" : "; \(absent)"
            return [
                FleetEvent(
                    .publicationFinished, missing.isEmpty ? .info : .warning, group: group, at: now,
                    "Generation \(new.generation) of group \(group) is on every live node\(tail).", fields: fields)
            ] + foreign
        }
        return [
            FleetEvent(
                .publicationIncomplete, .warning, group: group, at: now,
                "Generation \(new.generation) of group \(group) is not on every node: "
                    + "\(absent.isEmpty ? "there is no node" : absent).", fields: fields)
        ] + foreign
    }

    /// Nodes that have rows of somebody else in places of the group, where they did not have these before.
    private static func foreign(
        old: Publication?, new: Publication, _ group: InstanceName, _ now: Timestamp
    ) -> [FleetEvent] {
        let before = Dictionary(
            (old?.nodes ?? []).map { ($0.node, $0.rowsOfOthers) }, uniquingKeysWith: { first, _ in first })
        let nodes = new.nodes.filter { node in
            !node.rowsOfOthers.isEmpty && node.rowsOfOthers != before[node.node]
        }
        guard !nodes.isEmpty else { return [] }
        let names = nodes.map(\.node).joined(separator: ",")
        return [
            FleetEvent(
                .foreignRows, .error, group: group, at: now,
                "Rows of somebody else are in places of group \(group) on \(names): \(rows(nodes)). They were left as "
                    + "they are; remove them, give the group other places, or run drover ctl databases adopt \(group).",
                fields: [.generation: "\(new.generation)", .nodes: names, .rows: rows(nodes)])
        ]
    }

    /// The rows of somebody else on `nodes`, each once, for people.
    static func rows(_ nodes: [NodePublication]) -> String {
        let rows = nodes.flatMap(\.rowsOfOthers).reduce(into: [ForeignRow]()) {
            if !$0.contains($1) { $0.append($1) }
        }
        return rows.prefix(20).map(\.description).joined(separator: "; ")
            + (rows.count > 20 ? " and \(rows.count - 20) more" : "")
    }
}

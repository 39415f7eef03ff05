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
        guard !isSame else { return [] }
        var fields: [Field: String] = [.generation: "\(new.generation)", .nodes: "\(new.nodes.count)"]
        let absent = missing.map { "\($0.node) is \($0.condition.rawValue)" }.joined(separator: ", ")
        if !missing.isEmpty { fields[.missing] = missing.map(\.node).joined(separator: ",") }
        if new.isComplete {
            let tail = missing.isEmpty ? "" : "; \(absent)"
            return [
                FleetEvent(
                    .publicationFinished, missing.isEmpty ? .info : .warning, group: group, at: now,
                    "Generation \(new.generation) of group \(group) is on every live node\(tail).", fields: fields)
            ]
        }
        return [
            FleetEvent(
                .publicationIncomplete, .warning, group: group, at: now,
                "Generation \(new.generation) of group \(group) is not on every node: "
                    + "\(absent.isEmpty ? "there is no node" : absent).", fields: fields)
        ]
    }
}

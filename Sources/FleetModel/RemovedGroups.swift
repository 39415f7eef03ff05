/// What is kept of a group that was removed, so that rows with its mark are known for what they are when a node comes
/// back with them from its disk.
package struct GroupTombstone: Hashable, Codable, Sendable {
    /// So many are kept, the newest.
    package static let keptCount = 500
    /// So long each is kept and believed: a disk that is older is a person's business.
    package static let lifetime = Duration.seconds(180 * 86_400)
    /// So long a person's order to take the rows away holds.
    package static let purgeLifetime = Duration.seconds(3_600)

    /// The group's name.
    package var group: InstanceName
    /// The last generation of its configuration; 0 where the store did not know the group.
    package var generation: Int64
    /// When it was removed.
    package var at: Timestamp
    /// The nodes that were read and held nothing of it any more.
    package var withdrawnFrom: [String]
    /// Instances that Drover let go of: they still bear the group's labels, also should it be registered again.
    package var leftReplicas: [LeftReplica]?
    /// Until when the rows are taken away wherever they are, because a person said so.
    package var purgeUntil: Timestamp?

    /// Makes the tombstone of a group that no node in `withdrawnFrom` knows any more.
    package init(_ record: GroupRecord, withdrawnFrom: [String], at now: Timestamp) {
        group = record.name
        generation = record.configuration.generation
        at = now
        self.withdrawnFrom = withdrawnFrom
        leftReplicas = record.leftReplicas
    }

    /// Makes the tombstone of a group of which the store knows nothing.
    package init(group: InstanceName, at now: Timestamp) {
        self.group = group
        generation = 0
        at = now
        withdrawnFrom = []
    }

    /// Whether it still says anything at `now`.
    package func isBelieved(at now: Timestamp) -> Bool { now.since(at) < Self.lifetime }

    /// Those of `all` that are kept at `now`.
    package static func kept(of all: [GroupTombstone], at now: Timestamp) -> [GroupTombstone] {
        Array(all.filter { $0.isBelieved(at: now) }.sorted { $0.at > $1.at }.prefix(keptCount))
    }
}

/// The groups whose marks the rows of one node bear.
package struct HeldMarks: Hashable, Sendable {
    /// In memory or at runtime.
    package var live: Set<String>
    /// On disk, for the next start.
    package var disk: Set<String>

    /// Makes what a node holds.
    package init(live: Set<String>, disk: Set<String> = []) {
        self.live = live
        self.disk = disk
    }

    fileprivate var all: Set<String> { live.union(disk) }
}

/// Which groups there are and were, as the store said at one moment. A store that could not be read whole makes none.
package struct GroupRegister: Hashable, Sendable {
    private var names: Set<String>
    private var tombstones: [String: GroupTombstone]

    /// Makes a register of the groups `names`, those that are being removed included.
    package init(names: some Sequence<InstanceName>, tombstones: [GroupTombstone]) {
        self.names = Set(names.map(\.text))
        self.tombstones = Dictionary(
            tombstones.map { ($0.group.text, $0) }, uniquingKeysWith: { $0.at > $1.at ? $0 : $1 })
    }

    /// The groups in `held`, by node, that are not registered, by name.
    ///
    /// A store may be older than the nodes, because it was restored or moved: then a group that it does not know may be
    /// one that clients use. Two things together speak for a removal: the store remembers it, and of the nodes from
    /// which the group was withdrawn then, more hold nothing of it now than hold something. A group that was registered
    /// again in what the store lost would be on all of them. In doubt, the rows stay and a person is told.
    package func orphans(in held: [String: HeldMarks], at now: Timestamp) -> [OrphanedGroup] {
        let marks = held.values.reduce(into: Set<String>()) { $0.formUnion($1.all) }.subtracting(names)
        return marks.sorted().compactMap { mark in
            guard let name = try? InstanceName(mark, kind: "group") else { return nil }
            let nodes = held.filter { $0.value.all.contains(mark) }.keys.sorted()
            let tombstone = tombstones[mark].flatMap { $0.isBelieved(at: now) ? $0 : nil }
            var orphan = OrphanedGroup(group: name, nodes: nodes, removedAt: tombstone?.at)
            orphan.generation = tombstone?.generation ?? 0
            orphan.isPurged = tombstone?.purgeUntil.map { now < $0 } ?? false
            // A group that clients use is at runtime: what is only on a disk says nothing of that.
            let live = held.filter { $0.value.live.contains(mark) }.keys
            orphan.doubt = orphan.isPurged ? nil : Self.doubt(tombstone, Array(live), Set(held.keys))
            return orphan
        }
    }

    /// Why the rows must stay, as a clause; nil when they may go.
    private static func doubt(_ tombstone: GroupTombstone?, _ holders: [String], _ read: Set<String>) -> String? {
        guard let tombstone else { return "the store knows of no removal of it" }
        let withdrawn = read.intersection(tombstone.withdrawnFrom)
        let contradicting = withdrawn.intersection(holders)
        guard withdrawn.count - contradicting.count <= contradicting.count else { return nil }
        guard !contradicting.isEmpty else {
            return "none of the nodes from which it was withdrawn can be read"
        }
        return
            "\(contradicting.sorted().joined(separator: ", ")) held nothing of it when it was removed: the store may "
            + "be older than the nodes"
    }
}

/// Rows on nodes that bear the mark of a group which is not registered.
package struct OrphanedGroup: Hashable, Sendable {
    /// The group that the rows name.
    package var group: InstanceName
    /// The nodes that hold them.
    package var nodes: [String]
    /// When the group was removed, where the store knows.
    package var removedAt: Timestamp?
    /// Its last generation, where the store knows.
    package var generation: Int64 = 0
    /// Whether a person ordered that they go.
    package var isPurged = false
    /// Whether nothing but clients that use them speaks against taking them away.
    package var isInUse = false
    /// Why they stay, as a clause; nil when they are taken away.
    package var doubt: String?

    /// Makes what was found.
    package init(group: InstanceName, nodes: [String], removedAt: Timestamp?) {
        self.group = group
        self.nodes = nodes
        self.removedAt = removedAt
    }

    /// The same for whoever shows what nodes hold.
    package var publication: Publication {
        var publication = Publication(
            generation: generation,
            nodes: nodes.map {
                NodePublication(node: $0, condition: .behind, detail: doubt ?? "its rows are being taken away")
            })
        publication.isOfNoGroup = true
        return publication
    }
}

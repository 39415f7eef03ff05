package import FleetModel
import Synchronization

/// The newest looks at the readers of all groups: whoever looks puts them here, and each group's worker takes them up.
///
/// A look may wait for a replica that does not answer, and nothing else of the group should wait with it.
package final class ReaderLooks: Sendable {
    /// A look at one reader.
    package struct Look: Sendable {
        /// Where it was, in case the reader has moved since.
        package var address: String
        /// What was seen.
        package var health: ReplicationHealth

        /// Notes a look.
        package init(address: String, health: ReplicationHealth) {
            self.address = address
            self.health = health
        }
    }

    /// One look at each reader of a group.
    struct Round: Sendable {
        /// Grows by one with each round of the group.
        var number: Int
        /// By the servers' names.
        var looks: [String: Look]
    }

    private let rounds = Mutex<[InstanceName: Round]>([:])

    /// Makes a board without looks.
    package init() {}

    /// Puts a round in the place of the one before.
    package func put(_ looks: [String: Look], of group: InstanceName) {
        rounds.withLock { rounds in
            rounds[group] = Round(number: (rounds[group]?.number ?? 0) + 1, looks: looks)
        }
    }

    /// The newest round of `group`, unless it is the one of `number`.
    func round(of group: InstanceName, after number: Int) -> Round? {
        rounds.withLock { $0[group] }.flatMap { $0.number == number ? nil : $0 }
    }

    /// Forgets the groups that are none of `names`.
    func keep(_ names: Set<InstanceName>) {
        rounds.withLock { rounds in rounds = rounds.filter { names.contains($0.key) } }
    }
}

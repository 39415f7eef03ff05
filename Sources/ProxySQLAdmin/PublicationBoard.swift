package import FleetModel
package import Pacing
import Synchronization

/// The newest publication of each group, for whoever shows the state of the fleet.
package final class PublicationBoard: Sendable {
    /// A publication and when it ended.
    package struct Entry: Hashable, Sendable {
        /// What the nodes hold.
        package var publication: Publication
        /// When they were asked.
        package var at: Timestamp
    }

    private let entries = Mutex<[InstanceName: Entry]>([:])

    /// Makes an empty board.
    package init() {}

    /// The newest publication of `group` since this process began.
    package func newest(of group: InstanceName) -> Entry? {
        entries.withLock { $0[group] }
    }

    /// Notes a publication.
    /// - Returns: the one before.
    @discardableResult
    package func note(_ publication: Publication, of group: InstanceName, at now: Timestamp) -> Publication? {
        entries.withLock { entries in
            let before = entries[group]?.publication
            entries[group] = Entry(publication: publication, at: now)
            return before
        }
    }

    /// Takes a group that is gone from the board.
    package func forget(_ group: InstanceName) {
        entries.withLock { $0[group] = nil }
    }
}

/// A fleet whose publications are noted on a board.
package struct ObservedFleet: ProxyFleet {
    private let fleet: any ProxyFleet
    private let board: PublicationBoard
    private let wallClock: any WallClock
    private let tell: @Sendable ([FleetEvent]) async -> Void

    /// Wraps `fleet`; `tell` hears when nodes stand differently than before.
    package init(
        _ fleet: any ProxyFleet, board: PublicationBoard, wallClock: any WallClock,
        tell: @escaping @Sendable ([FleetEvent]) async -> Void
    ) {
        self.fleet = fleet
        self.board = board
        self.wallClock = wallClock
        self.tell = tell
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.publish(configuration)
        let (now, group) = (wallClock.now(), configuration.group)
        let before = board.note(publication, of: group, at: now)
        await tell(FleetEvent.between(old: before, new: publication, of: group, at: now))
        return publication
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let publication = await fleet.withdraw(configuration)
        if publication.isComplete {
            board.forget(configuration.group)
        } else {
            board.note(publication, of: configuration.group, at: wallClock.now())
        }
        return publication
    }
}

package import FleetModel
package import Pacing
import Synchronization

/// The newest publication of each group, and the newest lag of each replica, for whoever shows the state of the fleet.
package final class PublicationBoard: Sendable {
    /// A publication and when it ended.
    package struct Entry: Hashable, Sendable {
        /// What the nodes hold.
        package var publication: Publication
        /// When they were asked.
        package var at: Timestamp
    }

    /// Addresses of replicas that are gone must not stay for ever.
    private static let maximumLags = 10_000

    private let entries = Mutex<[InstanceName: Entry]>([:])
    private let lags = Mutex<[Place: LagReading]>([:])

    private struct Place: Hashable {
        var address: String
        var port: Int
    }

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

    /// Notes how far the replica at `address` is behind.
    package func note(_ lag: LagReading, at address: String, port: Int) {
        lags.withLock { lags in
            if lags.count >= Self.maximumLags { lags.removeAll() }
            lags[Place(address: address, port: port)] = lag
        }
    }

    /// The newest lag of the replica at `address`, whoever measured it: a process that asked it, or a node's Monitor.
    package func lag(at address: String, port: Int, of group: InstanceName) -> LagReading? {
        let observed = newest(of: group)?.publication.nodes.flatMap { node in
            node.backends.filter { $0.address == address && $0.port == port }.map(\.lag)
        }
        return LagReading.newest((observed ?? []) + [lags.withLock { $0[Place(address: address, port: port)] }])
    }

    /// `publication` with what this board knows of each backend's lag.
    func filled(_ publication: Publication, of group: InstanceName) -> Publication {
        var known = lags.withLock { $0 }
        // Once for all nodes: they are as many as the backends on each.
        for backend in newest(of: group)?.publication.nodes.flatMap(\.backends) ?? [] {
            guard let lag = backend.lag else { continue }
            let place = Place(address: backend.address, port: backend.port)
            known[place] = LagReading.newest([known[place], lag])
        }
        guard !known.isEmpty else { return publication }
        var publication = publication
        for node in publication.nodes.indices {
            for index in publication.nodes[node].backends.indices {
                let backend = publication.nodes[node].backends[index]
                publication.nodes[node].backends[index].lag = LagReading.newest([
                    backend.lag, known[Place(address: backend.address, port: backend.port)],
                ])
            }
        }
        return publication
    }

    /// What nodes hold of groups that are not registered.
    package var orphans: [InstanceName: Publication] {
        entries.withLock { $0.mapValues(\.publication) }.filter { $0.value.isOfNoGroup == true }
    }

    /// Notes what nodes hold of groups that are not registered, all of it.
    /// - Returns: those that were not so before, and the groups of which nothing is held any more.
    package func note(
        _ orphans: [OrphanedGroup], at now: Timestamp
    ) -> (changed: [OrphanedGroup], gone: [InstanceName]) {
        entries.withLock { entries in
            let held = Set(orphans.map(\.group))
            let gone = entries.filter { $0.value.publication.isOfNoGroup == true && !held.contains($0.key) }.keys
            for group in gone { entries[group] = nil }
            let changed = orphans.filter { entries[$0.group]?.publication != $0.publication }
            for orphan in orphans { entries[orphan.group] = Entry(publication: orphan.publication, at: now) }
            return (changed, gone.sorted())
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
        await note(await fleet.publish(configuration), of: configuration.group)
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        await note(await fleet.look(at: configuration), of: configuration.group)
    }

    private func note(_ publication: Publication, of group: InstanceName) async -> Publication {
        let now = wallClock.now()
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

/// A fleet whose publications say how far each backend is behind, as far as a board knows it.
package struct LagFleet: ProxyFleet {
    private let fleet: any ProxyFleet
    private let board: PublicationBoard

    /// Wraps `fleet`.
    package init(_ fleet: any ProxyFleet, board: PublicationBoard) {
        self.fleet = fleet
        self.board = board
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        board.filled(await fleet.publish(configuration), of: configuration.group)
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        board.filled(await fleet.look(at: configuration), of: configuration.group)
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await fleet.withdraw(configuration)
    }
}

package import FleetModel
package import Logging
import Pacing

/// Keeps the nodes right, for all groups and whatever replicas are under way: it reads in the store what is wanted, and
/// hands it to the fleet. Workers take replicas through their lives and read what it comes to.
package actor FleetPublisher {
    private let groups: any GroupStore
    private let fleet: any ProxyFleet
    private let rounds: (any FleetRounds)?
    private let noteOrphans: @Sendable ([OrphanedGroup]) async -> Void
    private let mayAct: @Sendable () -> Bool
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger
    private nonisolated let wakeup = Wakeup()
    private nonisolated let isDifferent = Wakeup()
    /// Groups that may want something else than when they were read last.
    private var changed: Set<InstanceName> = []
    private var wanted: [InstanceName: FleetConfiguration] = [:]
    /// Groups of which something else is to be told, because a node stands differently.
    private var untold: Set<InstanceName> = []
    /// Groups that are being looked at, and whether they are to be looked at once more.
    private var looking: [InstanceName: Bool] = [:]

    /// Publishes through `fleet`; all groups are read again after `interval`. Nodes are loaded while `mayAct` says so, and
    /// `noteOrphans` hears which rows of groups that there are not they hold.
    package init(
        groups: any GroupStore, fleet: any ProxyFleet, rounds: (any FleetRounds)?, interval: Duration,
        mayAct: @escaping @Sendable () -> Bool = { true },
        noteOrphans: @escaping @Sendable ([OrphanedGroup]) async -> Void = { _ in }, clock: any Clock<Duration>,
        logger: Logger
    ) {
        self.mayAct = mayAct
        self.noteOrphans = noteOrphans
        self.groups = groups
        self.fleet = fleet
        self.rounds = rounds
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    /// Says that groups may want something else.
    package func wake(_ names: some Sequence<InstanceName>) {
        changed.formUnion(names)
        if !changed.isEmpty { wakeup.wake() }
    }

    /// Goes on until it is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { tasks in
            if let rounds {
                tasks.addTask { [isDifferent, mayAct] in await rounds.run(mayAct: mayAct) { isDifferent.wake() } }
                tasks.addTask { await self.tellOfNodes() }
            }
            var all: Stopwatch?
            while !Task.isCancelled {
                var isDue = all.map { $0.elapsed >= interval } ?? true
                if !isDue, let rounds { isDue = await rounds.needsRegister() }
                if await read(all: isDue) {
                    if isDue { all = Stopwatch(clock) }
                    if let rounds { await noteOrphans(await rounds.orphans()) }
                    for group in due() { tasks.addTask { await self.look(at: group) } }
                } else {
                    all = nil
                    try? await clock.sleep(for: min(.seconds(1), interval))
                }
                await wakeup.wait(upTo: max(interval - (all?.elapsed ?? .zero), .milliseconds(1)), clock: clock)
            }
        }
    }

    /// Groups that nobody looks at yet; one that somebody does is looked at once more.
    private func due() -> [InstanceName] {
        let names = changed.union(untold).filter { wanted[$0] != nil }
        changed = []
        untold = []
        return names.sorted().filter { looking.updateValue(looking[$0] != nil, forKey: $0) == nil }
    }

    private func look(at group: InstanceName) async {
        repeat {
            looking[group] = false
            guard let configuration = wanted[group] else { break }
            _ = await fleet.look(at: configuration)
        } while looking[group] == true && !Task.isCancelled
        looking[group] = nil
    }

    /// A node that stands otherwise than before does so for every group.
    private func tellOfNodes() async {
        while !Task.isCancelled {
            await isDifferent.wait(upTo: .seconds(3_600), clock: clock)
            untold.formUnion(wanted.keys)
            wakeup.wake()
            // Many nodes that change at the same moment are told of together.
            try? await clock.sleep(for: .milliseconds(50))
        }
    }

    /// - Returns: false when the store could not be read.
    private func read(all: Bool) async -> Bool {
        let names = changed
        do throws(StoreError) {
            if all {
                try await readAll()
            } else {
                for name in names {
                    wanted[name] = nil
                    guard let record = try await groups.group(name)?.document else {
                        // It was removed, or somebody said what becomes of its rows.
                        try await readAll()
                        break
                    }
                    take(record)
                }
            }
            return true
        } catch {
            changed.formUnion(names)
            logger.error("what the nodes must hold could not be read", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func readAll() async throws(StoreError) {
        let records = try await groups.groups().map(\.document)
        wanted = [:]
        for record in records { take(record) }
        changed = Set(wanted.keys)
        guard let rounds else { return }
        // A record that cannot be read has a name all the same. Read after the groups: one that was registered since has
        // no tombstone any more.
        let names = Set(records.map(\.name)).union(try await groups.names())
        do throws(StoreError) {
            await rounds.take(GroupRegister(names: names, tombstones: try await groups.tombstones()))
        } catch {
            logger.warning("which groups were removed could not be read", metadata: ["error": "\(error)"])
            await rounds.take(GroupRegister(names: names, tombstones: []))
        }
    }

    /// What is being removed is its worker's, who withdraws it in the end.
    private func take(_ record: GroupRecord) {
        wanted[record.name] = record.removal == nil ? record.configuration : nil
    }
}

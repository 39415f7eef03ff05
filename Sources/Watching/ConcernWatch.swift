package import FleetModel
package import Logging
import Observability
package import Pacing
package import ProxySQLAdmin
import ServiceLifecycle

/// Looks at all groups again and again, and tells of what has not been as it should be for long.
///
/// It decides nothing and changes nothing: it reads what the scaler has stored, and so it also sees a scaler that hangs.
package actor ConcernWatch: Service {
    /// What is looked at.
    package struct Sources: Sendable {
        /// The groups.
        package var groups: any GroupStore
        /// The alerts about them.
        package var incidents: any IncidentStore
        /// What was decided about them.
        package var decisions: any DecisionStore
        /// What the nodes held of them.
        package var publications: PublicationBoard
        /// What was told of them.
        package var events: any EventLog

        /// Gathers them.
        package init(
            groups: any GroupStore, incidents: any IncidentStore, decisions: any DecisionStore,
            publications: PublicationBoard,
            events: any EventLog
        ) {
            self.groups = groups
            self.incidents = incidents
            self.decisions = decisions
            self.publications = publications
            self.events = events
        }
    }

    private let sources: Sources
    private let limits: FleetConcern.Limits
    private let interval: Duration
    private let time: (clock: any Clock<Duration>, wallClock: any WallClock)
    private let logger: Logger
    private let tell: @Sendable ([FleetEvent]) async -> Void
    private var books: [InstanceName: ConcernBook] = [:]

    /// Makes the watch; `tell` gets the events, to be logged and passed on.
    package init(
        _ sources: Sources, limits: FleetConcern.Limits, interval: Duration,
        time: (clock: any Clock<Duration>, wallClock: any WallClock), logger: Logger,
        tell: @escaping @Sendable ([FleetEvent]) async -> Void
    ) {
        self.sources = sources
        self.limits = limits
        self.interval = interval
        self.time = time
        self.logger = logger
        self.tell = tell
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.repeatLooks() }
    }

    private func repeatLooks() async {
        while !Task.isCancelled {
            await step()
            try? await time.clock.sleep(for: interval)
        }
    }

    /// One look at every group.
    package func step() async {
        do throws(StoreError) {
            let records = try await sources.groups.groups().map(\.document)
            for record in records { await tell(try await look(at: record)) }
            let unregistered = try await lookAtUnregistered(records.map(\.name))
            let present = Set(records.map(\.name)).union(unregistered)
            for name in books.keys where !present.contains(name) {
                books[name] = nil
                measure(name, [])
            }
        } catch {
            logger.warning("looking for lasting troubles failed", metadata: ["error": "\(error)"])
        }
    }

    /// Alerts for groups that there are not: whoever set one up believes that a replica comes. And rows of such groups on
    /// nodes: whoever removed one believes that its users can log in no more.
    /// - Returns: the names of these groups.
    private func lookAtUnregistered(_ registered: [InstanceName]) async throws(StoreError) -> Set<InstanceName> {
        let known = Set(registered)
        let now = time.wallClock.now()
        var undecided: [InstanceName: FleetConcern] = [:]
        // Counting costs little; the incidents themselves are read when there is something to tell.
        if try await sources.incidents.openIncidents().keys.contains(where: { !known.contains($0) }) {
            // Newest first: what is kept in the end is the oldest of each.
            for incident in try await sources.incidents.recent(limit: 200)
            where incident.state == .open && !known.contains(incident.group) {
                undecided[incident.group] = .unregistered(incident, registered: registered, at: now)
            }
        }
        var concerns = undecided.mapValues { [$0] }
        for (group, publication) in sources.publications.orphans where !known.contains(group) {
            guard let concern = FleetConcern.orphaned(publication, of: group, at: now) else { continue }
            concerns[group, default: []].append(concern)
        }
        let names = Set(concerns.keys).union(books.keys.filter { !known.contains($0) })
        for name in names.sorted() {
            var book = try await book(of: name)
            let events = book.look(concerns[name] ?? [], of: name, limits: limits, at: now)
            books[name] = book
            measure(name, book.open)
            await tell(events)
        }
        return Set(concerns.keys)
    }

    private func book(of name: InstanceName) async throws(StoreError) -> ConcernBook {
        if let known = books[name] { return known }
        return ConcernBook(told: try await sources.events.newest(group: name, limit: 1_000))
    }

    private func look(at record: GroupRecord) async throws(StoreError) -> [FleetEvent] {
        let name = record.name
        var book = try await book(of: name)
        let incidents = try await sources.incidents.active(group: name, limit: 100).listed.map(\.document)
        let decision = try await sources.decisions.decisions(of: name, limit: 1, before: nil).first
        let now = time.wallClock.now()
        let concerns = FleetConcern.all(
            in: record, incidents: incidents, decision: decision,
            publication: sources.publications.newest(of: name)?.publication, at: now)
        let events = book.look(concerns, of: name, limits: limits, at: now)
        books[name] = book
        measure(name, book.open)
        return events
    }

    private func measure(_ group: InstanceName, _ open: Set<FleetConcern.Key>) {
        for code in FleetConcern.Code.allCases {
            WatchMetric.concerns.set(open.count { $0.code == code }, group.text, code.rawValue)
        }
    }
}

package import FleetModel
package import Logging
import Pacing
import ServiceLifecycle

/// Sees what other processes of the installation did: that there is more in its log, and what the nodes hold.
///
/// It looks at one entity again and again; only what an event says has changed is read beside it.
package actor InstallationMirror: Service {
    /// Who is told.
    package struct Listeners: Sendable {
        /// The log has more events.
        package var hasMore: @Sendable () -> Void
        /// What the nodes hold of a group.
        package var note: @Sendable (DatastorePublications.Entry) -> Void
        /// A group is not among those that were published any more.
        package var forget: @Sendable (InstanceName) -> Void

        /// Gathers them.
        package init(
            hasMore: @escaping @Sendable () -> Void, note: @escaping @Sendable (DatastorePublications.Entry) -> Void,
            forget: @escaping @Sendable (InstanceName) -> Void
        ) {
            self.hasMore = hasMore
            self.note = note
            self.forget = forget
        }
    }

    private let events: DatastoreEventLog
    private let publications: DatastorePublications
    private let listeners: Listeners
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger
    private var last: Int64?
    private var known: Set<InstanceName> = []
    private var looksUntilAll = 0
    private var isFailing = false

    /// What no event told of, such as that somebody still looks, is seen this much later.
    private static let allInterval = Duration.seconds(600)
    private static let kinds: Set<FleetEvent.Kind> = [.publicationFinished, .publicationIncomplete, .groupRemoved]

    /// Looks every `interval`.
    package init(
        _ events: DatastoreEventLog, _ publications: DatastorePublications, listeners: Listeners, interval: Duration,
        clock: any Clock<Duration>, logger: Logger
    ) {
        self.events = events
        self.publications = publications
        self.listeners = listeners
        self.interval = interval
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.repeatSteps() }
    }

    private func repeatSteps() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                try await step()
                isFailing = false
            } catch {
                if !isFailing {
                    logger.warning("the installation's log cannot be read", metadata: ["error": "\(error)"])
                }
                isFailing = true
            }
            try? await clock.sleep(for: interval)
        }
    }

    /// Looks once.
    package func step() async throws(StoreError) {
        let newest = try await events.newestID()
        let before = last
        if looksUntilAll <= 0 {
            try await readAll()
            looksUntilAll = max(1, Int(Self.allInterval / interval))
        } else if let before, newest > before {
            let fresh = try await events.events(after: before, group: nil, limit: 1_000)
            let groups = Set(fresh.filter { Self.kinds.contains($0.kind) }.map(\.group))
            let found = try await publications.of(Array(groups))
            tell(found, among: groups)
        }
        looksUntilAll -= 1
        last = newest
        if let before, newest != before { listeners.hasMore() }
    }

    private func readAll() async throws(StoreError) {
        let found = try await publications.all()
        tell(found, among: known.union(found.map(\.group)))
    }

    private func tell(_ found: [DatastorePublications.Entry], among groups: Set<InstanceName>) {
        for entry in found { listeners.note(entry) }
        for group in groups.subtracting(found.map(\.group)) { listeners.forget(group) }
        known = known.subtracting(groups).union(found.map(\.group))
    }
}

package import FleetModel
package import Logging
import Pacing
import ServiceLifecycle

/// Copies what happened in this process to the installation's log: a little later, many at once, and again until it is
/// there. What is done never waits for it.
package actor EventForwarder: Service {
    private let log: any EventLog & EventCursors
    private let shared: DatastoreEventLog
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let wakeup = Wakeup()
    private var source: String?
    private var failures = 0

    private static let reader = "installation"
    private static let identity = "installation-source"
    private static let pageSize = 200
    /// What comes meanwhile travels together: an entity may be written about once a second (Datastore documentation,
    /// "Best practices").
    private static let interval = Duration.seconds(1)
    private static let lookInterval = Duration.seconds(30)
    private static let longestPause = Duration.seconds(60)

    /// Copies from `log` to `shared`.
    package init(
        _ log: any EventLog & EventCursors, to shared: DatastoreEventLog, clock: any Clock<Duration>, logger: Logger
    ) {
        self.log = log
        self.shared = shared
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.repeatSteps() }
        // What was told last is worth one more try.
        _ = try? await step()
    }

    private func repeatSteps() async {
        while !Task.isCancelled {
            var pause = Self.interval
            do throws(StoreError) {
                let hasMore = try await step()
                failures = 0
                if !hasMore { await wakeup.wait(upTo: Self.lookInterval, clock: clock) }
            } catch {
                failures = min(failures + 1, 6)
                pause = min(Self.interval * (1 << failures), Self.longestPause)
                logger.warning(
                    "events wait to be copied to the installation's log", metadata: ["error": "\(error)"])
            }
            try? await clock.sleep(for: pause)
        }
    }

    /// Copies one page.
    /// - Returns: whether there may be more at once.
    package func step() async throws(StoreError) -> Bool {
        let source = try await identity()
        let start = try await log.cursor(of: Self.reader) ?? 0
        let events = try await log.events(after: start, group: nil, limit: Self.pageSize)
        guard let last = events.last else { return false }
        try await shared.append(events, from: source)
        try await log.setCursor(of: Self.reader, to: last.id)
        return events.count == Self.pageSize
    }

    /// This log's name among all that are copied, for as long as its file lives.
    private func identity() async throws(StoreError) -> String {
        if let source { return source }
        var number = try await log.cursor(of: Self.identity)
        if number == nil {
            let made = Int64.random(in: 1...Int64.max)
            try await log.setCursor(of: Self.identity, to: made)
            number = made
        }
        let name = String(number ?? 0, radix: 36)
        source = name
        return name
    }
}

extension EventForwarder: EventSink {
    package nonisolated func take(_ events: [FleetEvent]) { wakeup.wake() }
}

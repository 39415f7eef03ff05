package import FleetModel
import Hooks
package import Logging
import Observability
package import Pacing
import ServiceLifecycle

/// Reads the event log for one channel and tells what it wants to hear.
///
/// The cursor moves after a message was taken, and is on disk before the next one is made: a process that dies repeats
/// at most that message and loses none. Channels have a notifier and a cursor each, so that one that is down holds up
/// no other; nothing else ever waits for any of them.
package actor Notifier: Service {
    /// What a notifier reads and paces itself by.
    package struct Surroundings: Sendable {
        /// The events.
        package var log: any EventLog
        /// How far they are told.
        package var cursors: any EventCursors
        /// Paces waiting and trying.
        package var clock: any Clock<Duration>
        /// The time of day.
        package var wallClock: any WallClock
        /// Spreads tries: 0.5–1.5.
        package var spread: @Sendable () -> Double
        /// Where troubles are logged.
        package var logger: Logger

        /// Gathers them.
        package init(
            log: any EventLog, cursors: any EventCursors, clock: any Clock<Duration>, wallClock: any WallClock,
            spread: @escaping @Sendable () -> Double = { .random(in: 0.5...1.5) }, logger: Logger
        ) {
            self.log = log
            self.cursors = cursors
            self.clock = clock
            self.wallClock = wallClock
            self.spread = spread
            self.logger = logger
        }
    }

    private let channel: NotificationChannel
    private let around: Surroundings
    private let wakeup: Wakeup
    private var limit: RateLimit
    private var position: Int64?
    /// Whether `position` is on disk: while it is not, nothing more is told.
    private var isSaved = true

    /// Events that are read at once.
    private static let pageSize = 200
    /// The log is looked at this often even if nothing wakes the notifier.
    private static let lookInterval = Duration.seconds(5)

    /// Makes the notifier; `wakeup` tells that there are more events.
    package init(_ channel: NotificationChannel, around: Surroundings, wakeup: Wakeup) {
        self.channel = channel
        self.around = around
        self.wakeup = wakeup
        limit = RateLimit(perMinute: channel.perMinute, at: around.wallClock.now())
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.repeatSteps() }
    }

    private func repeatSteps() async {
        while !Task.isCancelled {
            var hasMore = false
            do throws(StoreError) {
                hasMore = try await step()
            } catch {
                around.logger.warning(
                    "notifications wait for the event log",
                    metadata: ["channel": "\(channel.name)", "error": "\(error)"])
            }
            if !hasMore { await wakeup.wait(upTo: Self.lookInterval, clock: around.clock) }
        }
    }

    /// Tells one message, if there is one to tell.
    /// - Returns: whether there may be more at once.
    package func step() async throws(StoreError) -> Bool {
        let start = try await begin()
        try await save()
        let events = try await around.log.events(after: start, group: nil, limit: Self.pageSize)
        guard let first = events.first, let last = events.last else { return false }
        let wanted = events.filter(channel.filter.wants)
        let batch = Array(wanted.prefix(channel.format.capacity))
        // The rest of the page holds nothing for this channel.
        let end = batch.count == wanted.count ? last.id : batch.last?.id ?? last.id
        if !batch.isEmpty {
            guard await tell(batch, missed: max(0, first.id - start - 1)) else { return false }
        }
        position = end
        isSaved = false
        try await save()
        return true
    }

    private func save() async throws(StoreError) {
        guard !isSaved, let position else { return }
        try await around.cursors.setCursor(of: channel.name, to: position)
        isSaved = true
    }

    /// Where the channel is. A new one begins with what happens from now on: nobody wants a month of old news.
    private func begin() async throws(StoreError) -> Int64 {
        if let position { return position }
        // What never happened reads 0, so that an alert sees the first time.
        for outcome in ["delivered", "retried", "dropped"] { count(0, outcome) }
        let stored = try await around.cursors.cursor(of: channel.name)
        let newest = try await around.log.newest(group: nil, limit: 1).first?.id ?? 0
        // A cursor beyond the log is one of a log that was replaced.
        let start = stored.map { min($0, newest) } ?? newest
        if stored != start { try await around.cursors.setCursor(of: channel.name, to: start) }
        position = start
        return start
    }

    /// Tries until the message was taken, or will never be.
    /// - Returns: false when the task was cancelled first.
    private func tell(_ events: [FleetEvent], missed: Int64) async -> Bool {
        while let wait = limit.take(at: around.wallClock.now()) {
            guard (try? await around.clock.sleep(for: wait)) != nil else { return false }
        }
        let began = around.wallClock.now()
        var attempt = 1
        while !Task.isCancelled {
            let message = channel.format.message(events, missed: missed, at: around.wallClock.now())
            do throws(HookFailure) {
                _ = try await channel.hook.call(message)
                count(events.count, "delivered")
                return true
            } catch {
                guard error.code != .cancelled else { return false }
                let lasted = around.wallClock.now().since(began)
                guard error.isRetryable, lasted < channel.giveUpAfter else {
                    drop(events, error)
                    return true
                }
                if attempt == 1 || attempt.isMultiple(of: 10) { complain(error, attempt) }
                let pause = NotificationChannel.pause(after: error, attempt: attempt, spread: around.spread())
                attempt += 1
                count(events.count, "retried")
                guard (try? await around.clock.sleep(for: pause)) != nil else { return false }
            }
        }
        return false
    }

    private func drop(_ events: [FleetEvent], _ error: HookFailure) {
        count(events.count, "dropped")
        around.logger.error(
            "a notification was dropped",
            metadata: [
                "channel": "\(channel.name)", "error": "\(error)",
                "events": "\(events.map(\.sentence).joined(separator: " | "))",
            ])
    }

    private func complain(_ error: HookFailure, _ attempt: Int) {
        around.logger.warning(
            "a notification was not taken; it is tried again",
            metadata: ["channel": "\(channel.name)", "error": "\(error)", "attempt": "\(attempt)"])
    }

    private func count(_ events: Int, _ outcome: String) {
        NotificationMetric.notifications.count(channel.name, outcome, by: events)
    }
}

/// Wakes notifiers when there are events; it never waits for them.
package struct NotificationBell: EventSink {
    private let wakeups: [Wakeup]

    /// Makes a bell for so many notifiers.
    package init(_ wakeups: [Wakeup]) {
        self.wakeups = wakeups
    }

    package func take(_ events: [FleetEvent]) {
        for wakeup in wakeups { wakeup.wake() }
    }
}

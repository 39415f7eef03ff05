package import FleetModel
import Observability
package import Logging
package import Pacing
import ServiceLifecycle
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The work queue on a Pub/Sub topic and subscription, with Chester's messages.
///
/// As a service it pulls ahead, so that `receive` answers at once with what there is, whatever Pub/Sub does; and it
/// extends the deadlines of deliveries that are still worked on, because Pub/Sub's end after ten minutes at the latest.
/// It does so between the first `receive` and `stopReceiving`: a scaler that stands by keeps no message from the leader.
package final class PubSubWorkQueue: WorkQueue, Service {
    /// Where the messages are, and what becomes of those that nobody can handle.
    package struct Settings: Sendable {
        /// Chester's `PUBSUB_TOPIC`.
        package var topic: String
        /// Chester's `PUBSUB_SUBSCRIPTION`; nil for a role that only publishes.
        package var subscription: String?
        /// Where messages go that nobody can read or that failed too often, when the subscription has no dead letter
        /// policy of its own; nil lets them go with a line in the log.
        package var deadLetterTopic: String?
        /// How often a message is delivered before that.
        package var maximumAttempts = 10

        /// Names topic and subscription.
        package init(topic: String, subscription: String?, deadLetterTopic: String? = nil) {
            self.topic = topic
            self.subscription = subscription
            self.deadLetterTopic = deadLetterTopic
        }
    }

    /// Takes up a notification of Cloud Monitoring that came by its own Pub/Sub channel, and says whom it concerns; nil
    /// when it concerns nobody. When this returns, it is durable.
    package typealias Notifications = @Sendable ([UInt8]) async throws(StoreError) -> WorkMessage?

    private struct Lease {
        var messageID: String
        /// When Pub/Sub delivers it again.
        var endsAt: Timestamp
        /// When whoever works on it wants it to come again.
        var visibleAt: Timestamp
    }

    private struct State {
        var leases: [String: Lease] = [:]
        var attempts: [String: Int] = [:]
        /// What was pulled ahead; nil while the service does not run.
        var ahead: [ReceivedMessage]?
        /// Whether somebody here receives: only then is anything pulled ahead.
        var isReceiving = false
    }

    private let client: PubSubClient
    private let settings: Settings
    private let notifications: Notifications?
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let state = Mutex(State())
    private let turn = Wakeup()
    /// Pub/Sub documentation, "Lease management": 10–600 s.
    private static let longestDeadline = Duration.seconds(600)
    private static let shortestDeadline = Duration.seconds(10)
    private static let extensionInterval = Duration.seconds(5)
    /// Enough for a burst; what is pulled ahead is held back from other scalers until its deadline.
    private static let maximumAhead = 1_000
    private static let longestPause = Duration.seconds(30)
    /// More than these are not counted at a time; a message that is not counted is delivered as often as it likes.
    private static let maximumCounted = 10_000

    /// Makes a queue.
    package init(
        client: PubSubClient, settings: Settings, clocks: (wall: any WallClock, pause: any Clock<Duration>),
        logger: Logger, notifications: Notifications? = nil
    ) {
        self.client = client
        self.settings = settings
        self.notifications = notifications
        self.wallClock = clocks.wall
        self.clock = clocks.pause
        self.logger = logger
    }

    // MARK: Publishing

    package func publish(_ message: WorkMessage, at now: Timestamp) async throws(StoreError) {
        switch message.reason {
        case .restart:
            try await publish(.restart(group: message.group.text), group: message.group)
        case .incident:
            var incident = ChesterIncident()
            incident.incident_id = message.incidentID ?? ""
            incident.sql_master_instance = message.group.text
            incident.last_updated = now.rfc3339
            try await publish(.incident(incident), group: message.group)
        }
    }

    /// Publishes the message that an incident changed, with all of it, as Chester's webhook does.
    package func announce(_ incident: Incident, at now: Timestamp) async throws(StoreError) {
        try await publish(.incident(ChesterIncident(incident)), group: incident.group)
    }

    private func publish(_ message: ChesterMessage, group: InstanceName) async throws(StoreError) {
        let document = PubSubMessage(
            data: message.data().base64EncodedString(), attributes: [ChesterMessage.groupAttribute: group.text])
        try await Self.sorted("publishing to \(settings.topic)", needs: "roles/pubsub.publisher") {
            () async throws(GoogleFailure) in
            try await client.publish([document], to: settings.topic)
        }
    }

    // MARK: Receiving

    /// What was pulled ahead, at once; where the service does not run, waits for messages as long as Pub/Sub does, about
    /// a minute and a half, when there are none.
    package func receive(
        limit: Int, visibility: Duration, at now: Timestamp
    ) async throws(StoreError) -> [WorkDelivery] {
        guard let subscription = settings.subscription else { return [] }
        let received: [ReceivedMessage]
        if let ahead = takeAhead(limit) {
            received = ahead
        } else {
            received = try await pull(subscription, limit)
        }
        guard !received.isEmpty else { return [] }
        let pulledAt = wallClock.now()
        let deadline = min(max(visibility, Self.shortestDeadline), Self.longestDeadline)
        // Should this fail, they come again sooner than was asked for.
        await trying { () async throws(StoreError) in try await setDeadline(received.map(\.ackId), deadline) }
        var deliveries: [WorkDelivery] = []
        for one in received {
            let attempt = count(one)
            let taken = await trying { () async throws(StoreError) in try await take(one, attempt) }
            guard let message = taken ?? nil else { continue }
            state.withLock {
                $0.leases[one.ackId] = Lease(
                    messageID: one.message.messageId ?? "", endsAt: pulledAt.advanced(by: deadline),
                    visibleAt: pulledAt.advanced(by: visibility))
            }
            deliveries.append(WorkDelivery(id: one.ackId, message: message, attempt: attempt))
        }
        return deliveries
    }

    private func pull(_ subscription: String, _ limit: Int) async throws(StoreError) -> [ReceivedMessage] {
        try await Self.sorted("pulling from \(subscription)", needs: "roles/pubsub.subscriber") {
            () async throws(GoogleFailure) in
            try await client.pull(subscription, maximum: limit)
        }
    }

    private func takeAhead(_ limit: Int) -> [ReceivedMessage]? {
        let (taken, begins) = state.withLock { state -> ([ReceivedMessage]?, Bool) in
            guard let ahead = state.ahead else { return (nil, false) }
            let begins = !state.isReceiving
            state.isReceiving = true
            state.ahead = Array(ahead.dropFirst(limit))
            return (Array(ahead.prefix(limit)), begins)
        }
        if begins { turn.wake() }
        return taken
    }

    /// Where the service runs, it gives back what it holds; elsewhere Pub/Sub's deadline does.
    package func stopReceiving() {
        state.withLock { $0.isReceiving = false }
        turn.wake()
    }

    /// What one message brings about must not keep the others from being handled.
    @discardableResult
    private func trying<Value>(_ body: () async throws(StoreError) -> Value) async -> Value? {
        do throws(StoreError) {
            return try await body()
        } catch {
            logger.warning("a message comes again", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// What the message says, or nil when it has been dealt with here.
    private func take(_ received: ReceivedMessage, _ attempt: Int) async throws(StoreError) -> WorkMessage? {
        let data = received.message.data.flatMap { Data(base64Encoded: $0) } ?? Data()
        if received.deliveryAttempt == nil, attempt > settings.maximumAttempts {
            try await bury(received, because: "it failed \(attempt - 1) times")
            return nil
        }
        switch ChesterMessage(data) {
        case .notification?:
            guard let notifications else {
                try await bury(received, because: "Cloud Monitoring's notifications are not taken here")
                return nil
            }
            do throws(StoreError) {
                if let message = try await notifications(Array(data)) { return message }
                try await acknowledge([received.ackId])
            } catch {
                logger.warning("a notification was not recorded; it comes again", metadata: ["error": "\(error)"])
                try await release(received.ackId, after: .seconds(10), at: wallClock.now())
            }
            return nil
        case let message?:
            if let work = message.message(attributes: received.message.attributes ?? [:]) { return work }
            try await bury(received, because: "its names are not names of instances")
            return nil
        case nil:
            try await bury(received, because: "nobody can read it")
            return nil
        }
    }

    /// Counts deliveries where Pub/Sub does not.
    private func count(_ received: ReceivedMessage) -> Int {
        if let attempt = received.deliveryAttempt { return attempt }
        guard let id = received.message.messageId else { return 1 }
        return state.withLock { state in
            if state.attempts.count >= Self.maximumCounted { state.attempts.removeAll() }
            state.attempts[id, default: 0] += 1
            return state.attempts[id] ?? 1
        }
    }

    /// Puts a message aside that nobody can handle: by Pub/Sub's own policy where there is one, else by ours.
    private func bury(_ received: ReceivedMessage, because reason: String) async throws(StoreError) {
        GoogleMetric.deadLetters.count()
        logger.error(
            "a message is put aside",
            metadata: [
                "message.id": "\(received.message.messageId ?? "")", "reason": "\(reason)",
                "dead-letter.topic": "\(settings.deadLetterTopic ?? "")",
            ])
        if received.deliveryAttempt != nil {
            return try await release(received.ackId, after: .zero, at: wallClock.now())
        }
        if let topic = settings.deadLetterTopic {
            var copy = received.message
            copy.messageId = nil
            copy.publishTime = nil
            copy.attributes = (copy.attributes ?? [:]).merging([
                "CloudPubSubDeadLetterSourceSubscription": settings.subscription ?? "",
                "CloudPubSubDeadLetterSourceTopicPublishTime": received.message.publishTime ?? "",
                "drover_reason": reason,
            ]) { $1 }
            try await Self.sorted("publishing to \(topic)", needs: "roles/pubsub.publisher") {
                [copy] () async throws(GoogleFailure) in
                try await client.publish([copy], to: topic)
            }
        }
        try await acknowledge([received.ackId], received.message.messageId)
    }

    package func acknowledge(_ ids: [String]) async throws(StoreError) {
        try await acknowledge(ids, nil)
    }

    private func acknowledge(_ ids: [String], _ messageID: String?) async throws(StoreError) {
        guard let subscription = settings.subscription, !ids.isEmpty else { return }
        try await Self.sorted("acknowledging on \(subscription)", needs: "roles/pubsub.subscriber") {
            () async throws(GoogleFailure) in
            try await client.acknowledge(ids, of: subscription)
        }
        state.withLock { state in
            for id in ids {
                guard let lease = state.leases.removeValue(forKey: id) else { continue }
                state.attempts[lease.messageID] = nil
            }
            if let messageID { state.attempts[messageID] = nil }
        }
    }

    package func release(_ id: String, after delay: Duration, at now: Timestamp) async throws(StoreError) {
        try await setDeadline([id], min(delay, Self.longestDeadline))
        state.withLock { _ = $0.leases.removeValue(forKey: id) }
    }

    private func setDeadline(_ ids: [String], _ deadline: Duration) async throws(StoreError) {
        guard let subscription = settings.subscription else { return }
        try await Self.sorted("extending deadlines on \(subscription)", needs: "roles/pubsub.subscriber") {
            () async throws(GoogleFailure) in
            try await client.setDeadline(ids, of: subscription, seconds: Int(deadline.components.seconds))
        }
    }

    // MARK: The service

    package func run() async throws {
        guard let subscription = settings.subscription else {
            try await gracefulShutdown()
            return
        }
        state.withLock { $0.ahead = [] }
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            await cancelWhenGracefulShutdown { [self] in
                await waitUntil(isReceiving: true)
                await receiveAhead(subscription)
            }
            await giveBack()
        }
        state.withLock { $0.ahead = nil }
    }

    /// Pulls ahead until nobody receives any more, or until cancellation.
    private func receiveAhead(_ subscription: String) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.pullAhead(subscription) }
            tasks.addTask {
                while (try? await self.clock.sleep(for: Self.extensionInterval)) != nil {
                    await self.extendLeases()
                }
            }
            tasks.addTask { await self.waitUntil(isReceiving: false) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    private func waitUntil(isReceiving: Bool) async {
        while !Task.isCancelled, state.withLock({ $0.isReceiving }) != isReceiving {
            await turn.wait(upTo: Self.longestDeadline, clock: clock)
        }
    }

    /// Everything that was pulled and not acknowledged, so that another scaler gets it now and not after its deadline.
    private func giveBack() async {
        let left = state.withLock { state in
            defer {
                state.ahead = []
                state.leases = [:]
            }
            return (state.ahead ?? []).map(\.ackId) + state.leases.keys
        }
        guard !left.isEmpty else { return }
        await trying { () async throws(StoreError) in try await setDeadline(left, .zero) }
    }

    private func pullAhead(_ subscription: String) async {
        var pause = Duration.zero
        while !Task.isCancelled {
            let room = Self.maximumAhead - state.withLock { $0.ahead?.count ?? 0 }
            do throws(StoreError) {
                if room > 0 {
                    let received = try await pull(subscription, room)
                    state.withLock { $0.ahead?.append(contentsOf: received) }
                    pause = .zero
                } else {
                    pause = .milliseconds(100)
                }
            } catch {
                guard !Task.isCancelled else { return }
                pause = min(max(pause * 2, .seconds(1)), Self.longestPause)
                logger.warning("pulling failed", metadata: ["error": "\(error)", "pause": "\(pause)"])
            }
            if pause > .zero { try? await clock.sleep(for: pause) }
        }
    }

    /// Extends what would come again although it is still worked on; one that was not acknowledged in the time that was
    /// asked for comes again.
    func extendLeases() async {
        let now = wallClock.now()
        let due = state.withLock { state in
            state.leases = state.leases.filter { $0.value.visibleAt > now }
            return state.leases.filter {
                $0.value.endsAt < $0.value.visibleAt && $0.value.endsAt.since(now) < Self.shortestDeadline * 2
            }
        }
        for (id, lease) in due {
            let more = min(lease.visibleAt.since(now), Self.longestDeadline)
            do throws(StoreError) {
                try await setDeadline([id], more)
                state.withLock { $0.leases[id]?.endsAt = now.advanced(by: more) }
            } catch {
                logger.warning("a deadline was not extended", metadata: ["error": "\(error)"])
            }
        }
    }
}

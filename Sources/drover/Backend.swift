import FleetModel
import GoogleCloud
import Ingest
import Logging
import ManagementAPI
import Pacing
import Persistence
import ProxySQLAdmin
import ServiceLifecycle
import Settings

/// Where a role keeps things and hears of work: the embedded store, or Google's services as Chester uses them.
struct Backend {
    var groups: any GroupStore
    var incidents: any IncidentStore
    var changes: any ChangeStore
    var queue: any WorkQueue
    var lock: any LeadershipLock
    /// Decisions and events are for people, and bounded: each process keeps its own, embedded.
    var decisions: any DecisionStore
    var events: SQLiteEventLog
    /// What the processes of an installation tell each other of theirs; nil where there is one process.
    var installation: Installation?
    /// What has to run beside the roles.
    var services: [any Service] = []

    /// - Throws: `Complaint` about kinds that do not go together.
    static func checkKinds(_ settings: EffectiveSettings) throws {
        if settings.queuesInPubSub, !settings.keepsInDatastore {
            throw Complaint("queue.kind is pubsub and store.kind is sqlite: Pub/Sub goes with store.kind datastore")
        }
    }

    /// Opens what the settings ask for; `receives` when the scaler is among the roles, `editsGroups` when the API is.
    ///
    /// As a guest, it works on the embedded store that another process may own.
    static func open(
        _ settings: EffectiveSettings, receives: Bool, editsGroups: Bool = true, asGuest: Bool = false,
        _ logger: Logger
    ) throws -> Backend {
        try checkKinds(settings)
        let directory = try StateDirectory(
            path: settings.text("state.directory"), asGuest: asGuest && !settings.keepsInDatastore)
        if let notice = directory.notice { logger.notice("\(notice)") }
        let embedded = try SQLiteStore(directory: directory, logger: logger)
        let events = try SQLiteEventLog(directory: directory, capacity: settings.integer("events.capacity"))
        guard settings.keepsInDatastore else {
            return Backend(
                groups: embedded, incidents: embedded, changes: embedded, queue: embedded, lock: embedded,
                decisions: embedded, events: events)
        }
        let client = try settings.datastore(logger)
        let passwords = try settings.passwords(logger, new: editsGroups)
        let queue: any WorkQueue
        let incidents: DatastoreIncidentStore
        var services: [any Service] = []
        if settings.queuesInPubSub {
            let publisher = try settings.workQueue(receives: false, logger)
            incidents = DatastoreIncidentStore(client: client, logger: logger) {
                incident, now throws(StoreError) in
                try await publisher.announce(incident, at: now)
            }
            if receives {
                let receiver = try settings.workQueue(
                    receives: true, logger, notifications: notifications(client, logger))
                services.append(receiver)
                queue = receiver
            } else {
                queue = publisher
            }
        } else {
            queue = embedded
            incidents = DatastoreIncidentStore(client: client, logger: logger) {
                incident, now throws(StoreError) in
                let message = WorkMessage(reason: .incident, group: incident.group, incidentID: incident.id)
                try await embedded.publish(message, at: now)
            }
        }
        let groups = DatastoreGroupStore(
            client: client, passwords: (passwords.vault, passwords.key), policy: try settings.defaultPolicy(),
            surroundings: (SystemWallClock(), logger)
        ) { message, now throws(StoreError) in
            try await queue.publish(message, at: now)
        }
        let installation = Installation(client, own: (embedded, events), settings, logger)
        return Backend(
            groups: groups, incidents: incidents, changes: groups, queue: queue,
            lock: DatastoreLeadership(client: client), decisions: installation.savedDecisions, events: events,
            installation: installation, services: services + [installation.forwarder])
    }

    /// Tells of what other processes did on the same embedded store; nil where each process has its own.
    func logMirror(
        sinks: [any EventSink], board: PublicationBoard?, _ settings: EffectiveSettings, _ logger: Logger
    ) -> LogMirror? {
        guard installation == nil else { return nil }
        return LogMirror(
            events, sinks: sinks, board: board, interval: settings.seconds("events.poll-seconds"),
            clock: ContinuousClock(), logger: logger)
    }

    /// Who hears of events, beside the log.
    func sinks(_ others: any EventSink...) -> [any EventSink] {
        others + (installation.map { [$0.forwarder] } ?? [])
    }

    /// Takes up what Cloud Monitoring sends by its own Pub/Sub channel; what cannot be acted on is dropped, because it
    /// would come again for days.
    /// They have woken the scaler already, so nothing is published; the scaler's account may not.
    private static func notifications(_ client: DatastoreClient, _ logger: Logger) -> PubSubWorkQueue.Notifications {
        let incidents = DatastoreIncidentStore(client: client, logger: logger) { _, _ in }
        return { bytes throws(StoreError) in
            let notification: AlertParser.Notification
            do throws(AlertError) {
                notification = try AlertParser.parse(bytes)
            } catch {
                logger.warning("notification refused", metadata: ["error": "\(error)"])
                return nil
            }
            guard case .alert(let alert) = notification else { return nil }
            _ = try await incidents.record(alert, at: SystemWallClock().now())
            return WorkMessage(reason: .incident, group: alert.group, incidentID: alert.incidentID)
        }
    }
}

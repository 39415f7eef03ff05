import FleetModel
import GoogleCloud
import Logging
import ManagementAPI
import Pacing
import Persistence
import ProxySQLAdmin
import ServiceLifecycle
import Settings

/// What the processes of an installation on Datastore tell each other: events, decisions, what the nodes hold.
struct Installation {
    /// What happened anywhere.
    let events: DatastoreEventLog
    /// What was decided anywhere, to be read.
    let decisions: DatastoreDecisionStore
    /// Where this process's decisions go.
    let savedDecisions: SharedDecisions
    /// What the nodes hold.
    let publications: DatastorePublications
    /// Copies this process's events.
    let forwarder: EventForwarder

    init(
        _ client: DatastoreClient, own: (decisions: any DecisionStore, events: SQLiteEventLog),
        _ settings: EffectiveSettings, _ logger: Logger
    ) {
        events = DatastoreEventLog(client: client, capacity: settings.integer("events.capacity"))
        decisions = DatastoreDecisionStore(client: client)
        savedDecisions = SharedDecisions(own.decisions, and: decisions, logger: logger)
        publications = DatastorePublications(client: client)
        forwarder = EventForwarder(own.events, to: events, clock: ContinuousClock(), logger: logger)
    }

    /// Keeps `board` and who follows the events up with what other processes do.
    func mirror(
        to board: PublicationBoard, _ signal: EventSignal, _ settings: EffectiveSettings, _ logger: Logger
    ) -> InstallationMirror {
        InstallationMirror(
            events, publications,
            listeners: .init(
                hasMore: { signal.take([]) },
                note: { entry in
                    // What this process published itself is newer than what it stored of it.
                    if let own = board.newest(of: entry.group), own.at >= entry.at { return }
                    board.note(entry.publication, of: entry.group, at: entry.at)
                },
                forget: { board.forget($0) }),
            interval: settings.seconds("events.poll-seconds"), clock: ContinuousClock(), logger: logger)
    }
}

import ArgumentParser
import HTTPServing
import Logging
import ManagementAPI
import Metrics
import Observability
import Pacing
import Persistence
import ProxySQLAdmin
import ServiceLifecycle
import Settings
import UnixSignals

/// `drover api`: the management API alone.
struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Runs the management API alone.",
        discussion: """
            What it changes is brought to the nodes by the scaler; 'drover serve' runs both in one process. With \
            store.kind sqlite it works beside 'drover serve' or 'drover scaler' in the same state.directory. SIGTERM and \
            SIGINT end it gracefully.
            """)

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        let effective = try await settings.effective()
        let logger = effective.bootstrapLogging()
        Descriptors.raise()
        let metrics = PrometheusMetrics(RoleMetrics.api.catalogues)
        MetricsSystem.bootstrap(metrics)
        let (backend, notifications) = try await Complaint.heard {
            let backend = try Backend.open(effective, receives: false, asGuest: true, logger)
            return (backend, try NotificationServices(effective, events: backend.events, logger: logger))
        }
        let signal = EventSignal()
        let eventful = EventfulStore(
            groups: backend.groups, incidents: backend.incidents, log: backend.events,
            sinks: backend.sinks(signal, notifications.bell), surroundings: (SystemWallClock(), logger))
        let board = PublicationBoard()
        let mirror = backend.installation?.mirror(to: board, signal, effective, logger)
        let logMirror = backend.logMirror(sinks: [signal], board: board, effective, logger)
        // What happens on a store that is shared is told of by the process that owns it.
        let notifiers = logMirror == nil ? notifications.notifiers : []
        let server = ManagementServer(
            settings: effective,
            sources: .init(
                changes: EventfulChanges(backend.changes, toldBy: eventful), incidents: eventful,
                events: backend.installation?.events ?? backend.events, signal: signal,
                decisions: backend.installation?.decisions ?? backend.decisions,
                publications: board,
                survey: effective.nodeSurvey(logger), primaries: effective.primaryLookup(logger)),
            metrics: metrics, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: (backend.services + notifiers + [mirror].compactMap(\.self)
                    + [logMirror].compactMap(\.self) + (try server.services())).map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        logger.info("serving", metadata: ["api.address": "\(effective.text("api.address"))"])
        try await group.run()
    }
}

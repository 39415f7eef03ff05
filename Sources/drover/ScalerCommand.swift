import ArgumentParser
import Endpoints
import HTTPServing
import Hummingbird
import Logging
import Metrics
import Observability
import Pacing
import Persistence
import ProxySQLAdmin
import Scaler
import ServiceLifecycle
import Settings
import UnixSignals

/// `drover scaler`: the scaler alone.
struct ScalerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaler",
        abstract: "Runs the scaler alone.",
        discussion: """
            It takes Chester's daemon's place, with its environment variables. Of several, one acts at a time. At \
            api.address it answers GET /healthz and GET /metrics only. SIGTERM and SIGINT end it gracefully.

            --dry-run looks at the same store, Cloud SQL and nodes, prints what the scaler would do next, and changes \
            nothing: no write to the store, no message pulled or acknowledged, no lead taken, no call that creates or \
            deletes, and only SELECT on nodes. It may run beside a live Chester, or beside a live drover. Exit codes of \
            --dry-run: 0 it was looked at everything, 1 something could not be looked at; with --exit-code also 2, \
            something would be done.
            """)

    @OptionGroup var settings: SettingsOptions
    @OptionGroup(title: "Dry run") var dryRun: DryRunOptions

    func validate() throws {
        try dryRun.validate()
    }

    func run() async throws {
        if dryRun.dryRun {
            return try await ScalerDryRun(options: dryRun).run(
                try await dryRun.applied(to: settings).effective(servesAPI: false))
        }
        let effective = try await dryRun.applied(to: settings).effective(servesAPI: false)
        let logger = effective.bootstrapLogging()
        Descriptors.raise()
        let metrics = PrometheusMetrics(RoleMetrics.scaler.catalogues)
        MetricsSystem.bootstrap(metrics)
        let services = try await Complaint.heard {
            let backend = try Backend.open(effective, receives: true, editsGroups: false, logger)
            let notifications = try NotificationServices(effective, events: backend.events, logger: logger)
            let eventful = EventfulStore(
                groups: backend.groups, incidents: backend.incidents, log: backend.events,
                sinks: backend.sinks(notifications.bell), surroundings: (SystemWallClock(), logger))
            let board = PublicationBoard()
            return backend.services + [
                try ServeCommand.scaler(effective, backend, eventful, board, logger),
                notifications.watch(effective, backend, board, logger, tell: eventful.tell),
                Self.probes(effective, metrics, logger),
            ] + notifications.notifiers
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        logger.info(
            "scaling",
            metadata: [
                "store": "\(effective.keepsInDatastore ? "datastore" : "sqlite")",
                "queue": "\(effective.queuesInPubSub ? "pubsub" : "sqlite")",
                "fleet.nodes": "\(effective.nodes("fleet.nodes").count)",
            ])
        try await group.run()
    }

    private static func probes(
        _ settings: EffectiveSettings, _ metrics: PrometheusMetrics, _ logger: Logger
    ) -> any Service {
        let router = Router(options: .autoGenerateHeadEndpoints)
        ProcessEndpoint.serve(metrics, on: router)
        return ServeCommand.server(
            router, settings.bindAddress(of: settings.address("api.address")), settings.serverLimits("api"), logger)
    }
}

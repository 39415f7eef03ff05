import ArgumentParser
import Hummingbird
import Logging
import Metrics
import NIOCore
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
            """)

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        let effective = try await settings.effective(servesAPI: false)
        let logger = effective.bootstrapLogging()
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        let services = try await Complaint.heard {
            let backend = try Backend.open(effective, receives: true, logger)
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
        let router = Router()
        router.get("/healthz") { _, _ in "{\"status\":\"ok\"}" }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.exposition())))
        }
        return ServeCommand.application(router, settings.address("api.address"), logger)
    }
}

import ArgumentParser
import FleetModel
import GoogleCloud
import Hummingbird
import Ingest
import Logging
import ManagementAPI
import Metrics
import Observability
import Pacing
import Persistence
import ProxySQLAdmin
import Scaler
import ServiceLifecycle
import Settings
import UnixSignals

/// `drover serve`: webhook, API and scaler in one process on embedded SQLite.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs webhook, API and scaler in one process, on embedded SQLite.",
        discussion: """
            Everything durable is in the folder state.directory; the process may be killed at any instant and started \
            again. SIGTERM and SIGINT end it gracefully.
            """)

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        let effective = try await settings.effective()
        let logger = effective.bootstrapLogging()
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(metrics)
        let store: SQLiteStore
        let events: SQLiteEventLog
        do {
            let directory = try StateDirectory(path: effective.text("state.directory"))
            store = try SQLiteStore(directory: directory)
            events = try SQLiteEventLog(directory: directory, capacity: effective.integer("events.capacity"))
        } catch {
            Console.complain("\(error)")
            throw ExitCode.failure
        }
        let signal = EventSignal()
        let eventful = EventfulStore(
            groups: store, incidents: store, log: events, sinks: [signal], surroundings: (SystemWallClock(), logger))
        let board = PublicationBoard()
        let api = ManagementServer(
            settings: effective,
            sources: .init(
                changes: EventfulChanges(store, toldBy: eventful), incidents: eventful, events: events,
                signal: signal, decisions: store, publications: board),
            metrics: metrics, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: Self.ingest(effective, eventful, logger)),
                    .init(service: try Self.scaler(effective, (eventful, store), board, logger)),
                ] + (try api.services()).map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        logger.info(
            "serving",
            metadata: [
                "ingest.address": "\(effective.text("ingest.address"))",
                "api.address": "\(effective.text("api.address"))",
                "fleet.nodes": "\(effective.nodes("fleet.nodes").count)",
            ])
        try await group.run()
    }

    private static func ingest(
        _ settings: EffectiveSettings, _ store: any IncidentStore, _ logger: Logger
    ) -> some Service {
        let router = Router()
        IngestRoutes(
            store: store,
            settings: .init(
                token: settings.secret("ingest.auth-token"),
                maximumBodyBytes: settings.integer("ingest.max-body-bytes")),
            wallClock: SystemWallClock(), logger: logger
        ).addRoutes(to: router)
        return application(router, settings.address("ingest.address"), logger)
    }

    private static func application<Context: RequestContext & InitializableFromSource<ApplicationRequestContextSource>>(
        _ router: Router<Context>, _ address: HostAndPort?, _ logger: Logger
    ) -> some Service {
        Application(
            router: router,
            configuration: .init(
                address: .hostname(address?.host ?? "127.0.0.1", port: address?.port ?? 0), serverName: "drover"),
            logger: logger)
    }

    private static func scaler(
        _ settings: EffectiveSettings, _ stores: (documents: EventfulStore, queue: SQLiteStore),
        _ board: PublicationBoard,
        _ logger: Logger
    ) throws -> Scaler {
        var admin = AdminFleet.Settings(
            username: settings.text("fleet.username"), password: settings.secret("fleet.password") ?? Secret(""))
        admin.statementTimeout = settings.seconds("fleet.statement-timeout-seconds")
        admin.unreachableAfter = settings.seconds("scaler.unreachable-after-seconds")
        admin.savesToDisk = settings.flag("fleet.save-to-disk")
        let nodes = settings.nodes("fleet.nodes").map {
            FleetNode(
                name: $0.name, role: $0.isCore ? .core : .satellite, host: $0.admin.host, port: $0.admin.port)
        }
        let provider = CloudSQLReplicaProvider(
            request: GoogleRequest(
                endpoint: settings.text("cloudsql.endpoint"), timeout: settings.seconds("cloudsql.timeout-seconds"),
                credentials: try settings.credentials(for: .cloudSQL, at: "cloudsql.endpoint", logger), logger: logger),
            project: settings.text("cloudsql.project"), privateNetwork: settings.optionalText("cloudsql.network"))
        var around = GroupWorker.Surroundings(
            groups: stores.documents, incidents: stores.documents, provider: provider,
            fleet: ObservedFleet(
                AdminFleet(nodes: nodes, settings: admin, wallClock: SystemWallClock(), logger: logger),
                board: board, wallClock: SystemWallClock(), tell: stores.documents.tell),
            wallClock: SystemWallClock(), inventoryLifetime: settings.seconds("scaler.inventory-seconds"),
            nameSuffix: Self.nameSuffix)
        around.probe = try settings.replicationProbe(logger)
        let pool = PoolLoad(
            nodes: nodes,
            settings: .init(
                username: admin.username, password: admin.password, timeout: admin.statementTimeout),
            wallClock: SystemWallClock(), logger: logger)
        around.deciding = Decider.Surroundings(
            load: LoadSources([pool]), decisions: EventfulDecisions(stores.queue, toldBy: stores.documents),
            zones: SystemTimeZones(), loadPoll: settings.seconds("scaler.load-poll-seconds"))
        return Scaler(
            around: around, queue: stores.queue, lock: stores.queue, settings: ScalerSettings(settings),
            clock: ContinuousClock(), logger: logger)
    }

    /// Ten characters that make a replica's name one that was never used before.
    private static func nameSuffix() -> String {
        let characters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<10).map { _ in characters.randomElement() ?? "x" })
    }
}

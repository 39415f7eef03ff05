import ArgumentParser
import FleetModel
import GoogleCloud
import HTTPServing
import Hummingbird
import HummingbirdCore
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
        let effective = try await settings.effective(webhook: .atAddress)
        let logger = effective.bootstrapLogging()
        Descriptors.raise()
        let metrics = PrometheusMetrics(RoleMetrics.serve.catalogues)
        MetricsSystem.bootstrap(metrics)
        let backend = try await Complaint.heard { try Backend.open(effective, receives: true, logger) }
        let notifications = try await Complaint.heard {
            try NotificationServices(effective, events: backend.events, logger: logger)
        }
        let signal = EventSignal()
        let eventful = EventfulStore(
            groups: backend.groups, incidents: backend.incidents, log: backend.events,
            sinks: backend.sinks(signal, notifications.bell),
            surroundings: (SystemWallClock(), logger))
        let board = PublicationBoard()
        let api = ManagementServer(
            settings: effective,
            sources: .init(
                changes: EventfulChanges(backend.changes, toldBy: eventful), incidents: eventful,
                events: backend.installation?.events ?? backend.events, signal: signal,
                decisions: backend.installation?.decisions ?? backend.decisions, publications: board,
                survey: effective.nodeSurvey(logger), primaries: effective.primaryLookup(logger)),
            metrics: metrics, logger: logger)
        let services = try await Complaint.heard {
            backend.services + [
                try await Self.ingest(
                    effective, eventful, at: effective.webhookAddress, logger,
                    registered: { [groups = backend.groups] in try? await groups.names() }),
                try Self.scaler(effective, backend, eventful, board, logger),
                notifications.watch(effective, backend, board, logger, tell: eventful.tell),
            ] + notifications.notifiers + (try api.services())
                + [backend.installation?.mirror(to: board, signal, effective, logger)].compactMap(\.self)
                + [backend.logMirror(sinks: [signal, notifications.bell], board: nil, effective, logger)]
                .compactMap(\.self)
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) },
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

    /// The webhook.
    static func ingest(
        _ settings: EffectiveSettings, _ store: any IncidentStore, at address: HostAndPort?, _ logger: Logger,
        registered: @escaping @Sendable () async -> [InstanceName]?
    ) async throws -> any Service {
        let router = Router(options: .autoGenerateHeadEndpoints)
        let limits = settings.serverLimits("ingest")
        IngestRoutes(
            store: store, registered: registered,
            settings: .init(
                authentication: try await settings.ingestAuthentication(logger),
                maximumBodyBytes: settings.integer("ingest.max-body-bytes"),
                bodyTimeout: settings.seconds("ingest.body-timeout-seconds")),
            wallClock: SystemWallClock(), clock: ContinuousClock(), logger: logger
        ).addRoutes(to: router)
        return server(router, settings.bindAddress(of: address), limits, logger)
    }

    /// A server for `router`.
    static func server<Context: RequestContext & InitializableFromSource<ApplicationRequestContextSource>>(
        _ router: Router<Context>, _ address: BindAddress, _ limits: ServerLimits, _ logger: Logger
    ) -> any Service {
        QuietServer(
            router.buildResponder(), at: address, limits: limits, date: { SystemWallClock().now().httpDate },
            logger: logger)
    }

    /// The scaler.
    static func scaler(
        _ settings: EffectiveSettings, _ backend: Backend, _ eventful: EventfulStore, _ board: PublicationBoard,
        _ logger: Logger
    ) throws -> Scaler {
        let cloudSQL = try settings.cloudSQL(logger)
        let fence = Fence()
        let nodes: any ProxyFleet = try settings.fleet(logger)
        let rounds = nodes as? any FleetRounds
        // Where nodes are not kept right one by one, each group is published again in a while.
        let kept = rounds == nil ? RememberingFleet(nodes, freshFor: settings.seconds("scaler.resync-seconds")) : nodes
        let fleet = RaisingFleet(
            LagFleet(kept, board: board), groups: eventful, fence: fence, wallClock: SystemWallClock(), logger: logger)
        var around = GroupWorker.Surroundings(
            groups: eventful, incidents: eventful, provider: cloudSQL,
            fleet: observed(fleet, backend, eventful, board, logger),
            wallClock: SystemWallClock(), inventoryLifetime: settings.seconds("scaler.inventory-seconds"),
            nameSuffix: Self.nameSuffix)
        around.rounds = rounds
        around.noteOrphans = { [events = backend.events] in await noteOrphans($0, board, events, logger) }
        around.fence = fence
        let load = try settings.loadSources(logger)
        around.probe = try settings.replicationProbe(load.monitoring, logger)
        around.noteLag = { lag, address, port in board.note(lag, at: address, port: port) }
        around.certificates = cloudSQL
        around.deciding = Decider.Surroundings(
            load: load.all, decisions: EventfulDecisions(backend.decisions, toldBy: eventful),
            zones: SystemTimeZones(), loadPoll: settings.seconds("scaler.load-poll-seconds"))
        return Scaler(
            around: around, queue: backend.queue, lock: backend.lock, settings: ScalerSettings(settings),
            clock: ContinuousClock(), logger: logger)
    }

    /// Notes what is published here, and for other processes before they hear of it.
    private static func observed(
        _ fleet: any ProxyFleet, _ backend: Backend, _ eventful: EventfulStore, _ board: PublicationBoard,
        _ logger: Logger
    ) -> ObservedFleet {
        let shared = backend.installation.map {
            SharedFleet(fleet, publications: $0.publications, wallClock: SystemWallClock(), logger: logger)
        }
        let kept = KeptFleet(fleet, in: backend.events, wallClock: SystemWallClock(), logger: logger)
        return ObservedFleet(shared ?? kept, board: board, wallClock: SystemWallClock(), tell: eventful.tell)
    }

    /// Notes which rows of groups that are not registered the nodes hold, here and for other processes.
    private static func noteOrphans(
        _ orphans: [OrphanedGroup], _ board: PublicationBoard, _ events: SQLiteEventLog, _ logger: Logger
    ) async {
        let now = SystemWallClock().now()
        let (changed, gone) = board.note(orphans, at: now)
        do throws(StoreError) {
            for orphan in changed { try await events.keep(orphan.publication, of: orphan.group, at: now) }
            for group in gone { try await events.forgetPublication(of: group) }
        } catch {
            logger.warning("other processes do not see what the nodes hold", metadata: ["error": "\(error)"])
        }
    }

    /// Ten characters that make a replica's name one that was never used before.
    private static func nameSuffix() -> String {
        let characters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<10).map { _ in characters.randomElement() ?? "x" })
    }
}

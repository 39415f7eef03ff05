import ArgumentParser
import Endpoints
import FleetModel
import GoogleCloud
import HTTPServing
import Hummingbird
import Logging
import Metrics
import Observability
import Persistence
import ServiceLifecycle
import Settings
import UnixSignals

/// `drover ingest`: the alert webhook alone.
struct IngestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Runs the alert webhook alone, for example as a Cloud Run container.",
        discussion: """
            With store.kind datastore it keeps nothing on disk: an alert is answered 200 when its incident is in \
            Datastore and its message in Pub/Sub. The variable PORT, where a container platform sets it, is the port, \
            on all addresses. SIGTERM and SIGINT end it gracefully.
            """)

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        let effective = try await settings.effective(servesAPI: false, webhook: .atPort)
        let logger = effective.bootstrapLogging()
        Descriptors.raise()
        let metrics = PrometheusMetrics(RoleMetrics.ingest.catalogues)
        MetricsSystem.bootstrap(metrics)
        let service = try await Complaint.heard {
            let (store, registered) = try Self.store(effective, logger)
            return try await ServeCommand.ingest(
                effective, store, at: effective.webhookAddress, logger, registered: registered)
        }
        var services: [any Service] = [service]
        if let address = effective.address("ingest.metrics-address") {
            let router = Router(options: .autoGenerateHeadEndpoints)
            ProcessEndpoint.serve(metrics, on: router)
            services.append(
                ServeCommand.server(
                    router, effective.bindAddress(of: address), effective.serverLimits("ingest"), logger))
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        let address = effective.webhookAddress.map { "\($0)" } ?? ""
        logger.info("serving", metadata: ["ingest.address": "\(address)"])
        try await group.run()
    }

    private static func store(
        _ settings: EffectiveSettings, _ logger: Logger
    ) throws -> (any IncidentStore, registered: @Sendable () async -> [InstanceName]?) {
        guard settings.keepsInDatastore, settings.queuesInPubSub else {
            let backend = try Backend.open(settings, receives: false, editsGroups: false, logger)
            return (backend.incidents, { [groups = backend.groups] in try? await groups.names() })
        }
        let publisher = try settings.workQueue(receives: false, logger)
        let client = try settings.datastore(logger)
        let incidents = DatastoreIncidentStore(client: client, logger: logger) { incident, now throws(StoreError) in
            try await publisher.announce(incident, at: now)
        }
        return (incidents, { try? await DatastoreGroupStore.names(client) })
    }
}

import ArgumentParser
import Endpoints
import FleetModel
import Foundation
import GoogleCloud
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
        let effective = try await settings.effective(servesAPI: false)
        let logger = effective.bootstrapLogging()
        let metrics = PrometheusMetrics(RoleMetrics.ingest.catalogues)
        MetricsSystem.bootstrap(metrics)
        let (service, address) = try await Complaint.heard {
            let address = try Self.address(effective)
            return (
                try await ServeCommand.ingest(effective, try Self.store(effective, logger), at: address, logger),
                address
            )
        }
        var services: [any Service] = [service]
        if let address = effective.address("ingest.metrics-address") {
            let router = Router()
            ProcessEndpoint.serve(metrics, on: router)
            services.append(ServeCommand.application(router, address, logger))
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        logger.info("serving", metadata: ["ingest.address": "\(address)"])
        try await group.run()
    }

    private static func address(_ settings: EffectiveSettings) throws -> HostAndPort {
        let port = ProcessInfo.processInfo.environment["PORT"].flatMap { $0.isEmpty ? nil : $0 }
        let text =
            if let port, !settings.isSet("ingest.address") { "0.0.0.0:\(port)" } else {
                settings.text("ingest.address")
            }
        guard let address = HostAndPort(text) else { throw Complaint("PORT is \"\(port ?? "")\": it must be a port") }
        return address
    }

    private static func store(_ settings: EffectiveSettings, _ logger: Logger) throws -> any IncidentStore {
        guard settings.keepsInDatastore, settings.queuesInPubSub else {
            return try Backend.open(settings, receives: false, editsGroups: false, logger).incidents
        }
        let publisher = try settings.workQueue(receives: false, logger)
        return DatastoreIncidentStore(client: try settings.datastore(logger), logger: logger) {
            incident, now throws(StoreError) in
            try await publisher.announce(incident, at: now)
        }
    }
}

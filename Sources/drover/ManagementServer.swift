import FleetModel
import Hummingbird
import Logging
import ManagementAPI
import NIOCore
import Observability
import Pacing
import ServiceLifecycle
import Settings

/// The management API as `drover serve` and `drover api` run it.
struct ManagementServer {
    let settings: EffectiveSettings
    let sources: APIRoutes.Sources
    let metrics: PrometheusMetrics
    let logger: Logger

    /// What has to run.
    func services() throws -> [any Service] {
        let router = Router(context: ManagementContext.self)
        APIRoutes(
            sources: sources, settings: .init(defaultPolicy: defaultPolicy), authenticator: OpenToAll(),
            wallClock: SystemWallClock(),
            logger: logger
        ).addRoutes(to: router)
        let metrics = metrics
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.exposition())))
        }
        let address = settings.address("api.address")
        return [
            Application(
                router: router,
                configuration: .init(
                    address: .hostname(address?.host ?? "127.0.0.1", port: address?.port ?? 0),
                    serverName: "drover"),
                logger: logger)
        ]
    }

    private var defaultPolicy: ScalingPolicy {
        var policy = ScalingPolicy(maximumReplicas: 5)
        policy.scaleOutCooldown = settings.seconds("scaler.cooldown-seconds")
        policy.scaleInCooldown = settings.seconds("scaler.cooldown-seconds")
        policy.drainDeadline = settings.seconds("scaler.drain-deadline-seconds")
        return policy
    }
}

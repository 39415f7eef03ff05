import ArgumentParser
import AsyncHTTPClient
import Endpoints
import FleetModel
import HTTPServing
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
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
    /// - Throws: `ExitCode` 78 after every complaint was printed.
    func services() throws -> [any Service] {
        do {
            return try made()
        } catch let error as SettingsError {
            for complaint in error.complaints { Console.complain(complaint) }
        } catch {
            Console.complain("\(error)")
        }
        throw ProgramExit.settings.code
    }

    private func made() throws -> [any Service] {
        let access = ManagementAccess(settings: settings, logger: logger)
        let router = Router(context: ManagementContext.self, options: .autoGenerateHeadEndpoints)
        var options = APIRoutes.Settings(defaultPolicy: try settings.defaultPolicy())
        options.maximumBodyBytes = settings.integer("api.max-body-bytes")
        options.bodyTimeout = settings.seconds("api.body-timeout-seconds")
        options.requestsPerSecond = settings.integer("api.requests-per-second")
        options.browsers = settings.browserCheck
        APIRoutes(
            sources: sources, settings: options, authenticator: try access.authenticator(),
            time: (SystemWallClock(), ContinuousClock()), logger: logger
        ).addRoutes(to: router)
        let metrics = metrics
        router.serve(ManagementEndpoint.metrics) { _, _ in metrics.response }
        let limits = settings.serverLimits("api")
        return [
            QuietServer(
                router.buildResponder(), at: settings.bindAddress(of: settings.address("api.address")), limits: limits,
                server: try access.tls().map { try .tls(.guarded(limits), tlsConfiguration: $0) },
                date: { SystemWallClock().now().httpDate }, logger: logger)
        ]
    }
}

import FleetModel
import HTTPServing
import Hummingbird
import KubernetesClient
package import Logging
import NIOCore
package import Observability
package import Pacing
import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

/// A whole agent: what `drover agent` runs.
package struct AgentProcess: Sendable {
    /// What the agent stands on.
    package struct Surroundings: Sendable {
        /// Paces every loop.
        package var clock: any Clock<Duration>
        /// The time of day.
        package var wallClock: any WallClock
        /// Where metrics are kept; without it there is no `/metrics`.
        package var metrics: PrometheusMetrics?
        /// The process's environment variables.
        package var environment: [String: String]
        /// Whether signals are this agent's; several agents in one process must not take them.
        package var takesSignals: Bool
        /// An HTTP connection on which nothing is asked, or nothing taken of an answer, is closed after this.
        package var httpPatience = Duration.seconds(120)
        /// Where everything is logged.
        package var logger: Logger

        /// Gathers them.
        package init(
            clock: any Clock<Duration> = ContinuousClock(), wallClock: any WallClock = SystemWallClock(),
            metrics: PrometheusMetrics? = nil, environment: [String: String] = [:], takesSignals: Bool = false,
            logger: Logger
        ) {
            self.clock = clock
            self.wallClock = wallClock
            self.metrics = metrics
            self.environment = environment
            self.takesSignals = takesSignals
            self.logger = logger
        }
    }

    /// What happened to the node, for those who want to hear of it.
    package let events: AgentEvents
    let settings: AgentSettings
    let around: Surroundings
    let port: AdminPort
    private let board: HealthBoard
    let role = RoleBoard()
    /// The node's one name.
    let identity: NodeIdentity
    private let drain: DrainRunner
    private let look = Wakeup()
    /// Woken when the node lacks what its cores have.
    private let lost = Wakeup()
    private let file: DrainFile
    private let stop = LateEffect()

    /// Makes an agent; nothing is connected before `run()`.
    package init(settings: AgentSettings, around: Surroundings) {
        self.settings = settings
        self.around = around
        identity = NodeIdentity(settings.identityHints(around.environment))
        events = AgentEvents(
            node: identity.name, role: settings.isCore ? "core" : "satellite", wallClock: around.wallClock)
        port = AdminPort(
            settings.port, clock: around.clock, wallClock: around.wallClock, logger: around.logger)
        board = HealthBoard(
            policy: settings.healthPolicy, dataPlane: settings.dataPlane, at: around.wallClock.now())
        let path = settings.text("agent.shutdown.draining-file")
        file = DrainFile(path: path)
        drain = DrainRunner(
            machine: DrainMachine(limits: settings.drainLimits, isCore: settings.isCore), port: port, board: board,
            files: (file, DrainRecordFile(besides: path, node: "\(settings.address("agent.proxysql.address"))")),
            isCore: settings.isCore, look: look,
            time: (around.clock, around.wallClock), events: events, logger: around.logger)
    }

    /// Runs until the node was shut down, a second signal, or cancellation.
    ///
    /// - Parameter onServing: is told the port of the HTTP interface.
    /// - Throws: when the HTTP port is taken.
    package func run(onServing: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
        drain.restore()
        let duties = roleDuties()
        let group = ServiceGroup(configuration: configuration(duties, onServing))
        stop.set { await group.triggerGracefulShutdown() }
        around.logger.info(
            "agent",
            metadata: [
                "node.id": "\(identity.name)", "role": "\(settings.word("agent.mode"))",
                "proxysql.address": "\(settings.address("agent.proxysql.address"))",
            ])
        let result: Result<Void, any Error>
        do {
            result = .success(try await group.run())
        } catch {
            result = .failure(error)
        }
        // Whatever happened: what was opened is closed.
        await duties.close()
        await port.close()
        events.finish()
        try result.get()
    }

    /// Ends the agent at once, without a drain.
    package func stopNow() async { await stop.call() }

    // MARK: Parts

    private func configuration(
        _ duties: RoleDuties, _ onServing: @escaping @Sendable (Int) async -> Void
    ) -> ServiceGroupConfiguration {
        let poller = HealthPoller(
            port: port, board: board, drainFile: file, clock: around.clock, wallClock: around.wallClock, wakeup: look,
            lost: lost, events: events, logger: around.logger)
        let dataPlane = DataPlanePoller(
            board: board, probe: .sockets, clock: around.clock, wallClock: around.wallClock, logger: around.logger)
        let start = Lateness(settings.seconds("agent.start-delay-seconds"), around.clock)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: Part("http", http(duties, onServing))),
            .init(service: Part("drain", drain)),
            .init(service: Part("health", poller).onAdminLoop().after(start)),
            .init(service: Part("mysql port", dataPlane).onAdminLoop().after(start)),
        ]
        services += duties.services.map { .init(service: $0.after(start)) }
        if around.takesSignals {
            let idle = Lateness(.seconds(20), around.clock)
            services.append(.init(service: Part("start pages", StartPages(logger: around.logger)).after(idle)))
            let signals = AgentSignals(
                drain: drain, leavesNode: settings.word("agent.shutdown.on-signal") == "leave",
                report: { [role, board, around] in Self.metadata(role.report, board, around.wallClock) },
                reload: duties.reload, endNow: { [stop] in await stop.call() }, logger: around.logger)
            services.append(.init(service: Part("signals", signals)))
        }
        // Last, because the last is the first to be shut down: one that ends by itself while another one is being shut
        // down would count as a failure.
        services.append(
            .init(
                service: Part("exit", DrainedExit(drain: drain)), successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup))
        var configuration = ServiceGroupConfiguration(services: services, logger: around.logger)
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        configuration.maximumCancellationDuration = .seconds(5)
        return configuration
    }

    private func http(
        _ duties: RoleDuties, _ onServing: @escaping @Sendable (Int) async -> Void
    ) -> any Service {
        let routes = AgentRoutes(
            parts: .init(
                board: board, role: role, drain: drain, port: port, events: events, look: look,
                resync: duties.resync, reload: duties.reload),
            settings: .init(
                node: identity.name, instance: identity.instance, isCore: settings.isCore,
                token: settings.bearerToken, logsProbes: settings.flag("log.probes")),
            metrics: around.metrics, wallClock: around.wallClock, logger: around.logger)
        let router = Router(options: .autoGenerateHeadEndpoints)
        routes.addRoutes(to: router)
        var quiet = around.logger
        // One line a request would be one line a probe.
        quiet.logLevel = max(.notice, quiet.logLevel)
        // Clients that connect and then say or take nothing must not use up the descriptors that probes need.
        var limits = ServerLimits()
        limits.headTimeout = min(limits.headTimeout, TimeAmount(around.httpPatience))
        limits.idleTimeout = TimeAmount(around.httpPatience)
        limits.writeTimeout = TimeAmount(around.httpPatience)
        // Its last answer is often the one to /shutdown, and nothing is left to be waited for after that.
        limits.shutdownGrace = .seconds(2)
        limits.maximumConnections = Descriptors.connections(wanted: 256)
        return QuietServer(
            router.buildResponder(),
            at: .hostname(settings.text("agent.api.host"), port: settings.integer("agent.api.port")), limits: limits,
            clock: around.clock, date: { [wallClock = around.wallClock] in wallClock.now().httpDate },
            onServerRunning: { channel in await onServing(channel.localAddress?.port ?? 0) }, logger: quiet)
    }

    private func roleDuties() -> RoleDuties {
        var duties = settings.isCore ? coreDuties() : satelliteDuties()
        if let source = settings.optionalText("agent.tls.certificate-directory") {
            let certificate = CertificateKeeper(
                places: .init(
                    source: source, target: settings.text("agent.tls.data-directory"),
                    shown: settings.address("agent.tls.shown-at")),
                port: port, role: role, events: events, time: (around.clock, around.wallClock),
                interval: settings.seconds("agent.tls.interval-seconds"), logger: around.logger)
            duties.services.append(Part("certificate", certificate))
        }
        return duties
    }

    private func satelliteDuties() -> RoleDuties {
        let cores = AdminCoreTableReader(
            node: port, tls: settings.coreTLS, time: (around.clock, around.wallClock), logger: around.logger)
        // Who follows a configuration brings back more than what is gone altogether.
        let content =
            isFollowing
            ? nil
            : LostContent(
                port: port, cores: cores, time: (around.clock, around.wallClock), logger: around.logger)
        let satellite = SatelliteKeeper(
            port: port, cores: cores, content: content, role: role, bootstrap: bootstrap,
            pace: .init(
                change: lost, interval: settings.seconds("agent.satellite.interval-seconds"), clock: around.clock),
            logger: around.logger)
        let change = Wakeup()
        let client = settings.optionalText("agent.follow.secret") == nil ? nil : kubernetes()
        // A satellite only verifies: what is applied to it alone, a core's next LOAD takes away again.
        let follow = followers(client: client, change: change, repairsAfter: Self.repairAfter) { false }
        return RoleDuties(
            services: [Part("satellite", satellite)] + follow,
            resync: { await Self.result { () async throws(AdminError) in try await satellite.resync() } },
            reload: Self.reload(follow.isEmpty ? nil : change), close: { await client?.shutdown() })
    }

    /// A pull from the cores takes a few of ProxySQL's checks, of a second each.
    private static let repairAfter = Duration.seconds(10)

    /// What follows a configuration, if one is to be followed.
    func followers(
        client: KubernetesClient?, change: Wakeup, repairsAfter: Duration? = nil, mayApply: @escaping FollowKeeper.Right
    ) -> [Part] {
        var services: [Part] = []
        let source: any FollowSource
        if let name = settings.optionalText("agent.follow.secret"), let client {
            let secret = FollowedSecret(
                client, name: name, namespace: settings.text("agent.core.pod-selector.namespace"), change: change,
                logger: around.logger)
            services.append(Part("followed secret", secret))
            source = secret
        } else if let path = settings.optionalText("agent.follow.file") {
            source = FollowedFile(path: path)
        } else {
            return []
        }
        let interval = settings.seconds("agent.core.interval-seconds")
        let keeper = FollowKeeper(
            source: source, directory: TLSDirectory(path: settings.text("agent.tls.directory")),
            node: (identity.name, port), role: role, events: events, mayApply: mayApply, repairsAfter: repairsAfter,
            pace: .init(change: change, interval: interval > .zero ? interval : .seconds(10), clock: around.clock),
            logger: around.logger)
        return services + [Part("followed configuration", keeper)]
    }

    /// What SIGUSR2 does: whoever follows something looks at it now.
    static func reload(_ change: Wakeup?) -> @Sendable () async -> String {
        {
            change?.wake()
            return change == nil
                ? "nothing is followed; settings are read at the start only"
                : "the followed configuration is read again"
        }
    }

    private var bootstrap: AgentAddress {
        AgentAddress(
            host: settings.text("agent.core.bootstrap-host"), port: settings.address("agent.proxysql.address").port)
    }

    static func result(
        _ body: () async throws(AdminError) -> String
    ) async -> Result<String, AdminError> {
        do throws(AdminError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    /// A line of a log is to be read: of thousands a few will do, and how many more there are.
    private static func names(_ all: [String]) -> String {
        let shown = all.prefix(20).joined(separator: " ")
        return all.count > 20 ? "\(shown) and \(all.count - 20) more" : shown
    }

    private static func metadata(
        _ report: RoleReport, _ board: HealthBoard, _ wallClock: any WallClock
    ) -> Logger.Metadata {
        let (ready, health) = board.answer(.ready, at: wallClock.now())
        return [
            "ready": "\(ready.passes)", "message": "\(ready.message)", "leader": "\(report.isLeader)",
            "boot": "\(report.boot)", "note": "\(report.note)", "peers": "\(names(report.peers))",
            "drift": "\(report.drift.joined(separator: " "))", "clients": "\(health.observation?.clients ?? 0)",
            "backends.online": "\(health.observation?.count("ONLINE") ?? 0)",
            "backends.total": "\(health.observation?.count() ?? 0)",
        ]
    }
}

/// What the role of a node brings to its agent.
struct RoleDuties: Sendable {
    var services: [Part]
    var resync: @Sendable () async -> Result<String, AdminError>
    var reload: @Sendable () async -> String
    /// Closes what the duties opened, at the end.
    var close: @Sendable () async -> Void = {}
}

/// An effect that is known only after those who cause it.
final class LateEffect: Sendable {
    private let effect = Mutex<(@Sendable () async -> Void)?>(nil)

    func set(_ effect: @escaping @Sendable () async -> Void) {
        self.effect.withLock { $0 = effect }
    }

    func call() async {
        await effect.withLock { $0 }?()
    }
}

import Endpoints
package import Hummingbird
package import Logging
import NIOCore
package import Observability
package import Pacing
import MySQLWire
package import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The agent's HTTP interface: the Go agent's endpoints, Drover's under `/v1`, and `/metrics`.
package struct AgentRoutes: Sendable {
    /// What the routes read and set in motion.
    package struct Parts: Sendable {
        /// What is known of the node's health.
        package var board: HealthBoard
        /// What the role says about itself.
        package var role: RoleBoard
        /// Lets clients go.
        package var drain: DrainRunner
        /// The node's admin interface.
        package var port: AdminPort
        /// Who is asked before a drain, and hears of changed backends.
        package var events: AgentEvents
        /// Looks at the node at once.
        package var look: Wakeup
        /// Brings the node back to its cluster; says in a sentence what was done.
        package var resync: @Sendable () async -> Result<String, AdminError>
        /// What SIGUSR2 does; says in a sentence what was done.
        package var reload: @Sendable () async -> String

        /// Gathers the parts.
        package init(
            board: HealthBoard, role: RoleBoard, drain: DrainRunner, port: AdminPort,
            events: AgentEvents, look: Wakeup, resync: @escaping @Sendable () async -> Result<String, AdminError>,
            reload: @escaping @Sendable () async -> String
        ) {
            self.board = board
            self.role = role
            self.drain = drain
            self.port = port
            self.events = events
            self.look = look
            self.resync = resync
            self.reload = reload
        }
    }

    /// What the routes are told once.
    package struct Settings: Sendable {
        /// The node's name.
        package var node: String
        /// Tells this process from every other one.
        package var instance: String
        /// Whether it is a core.
        package var isCore: Bool
        /// Who may change something.
        package var token: BearerToken
        /// Whether every probe is logged.
        package var logsProbes: Bool

        /// Makes settings.
        package init(node: String, instance: String, isCore: Bool, token: BearerToken, logsProbes: Bool) {
            self.node = node
            self.instance = instance
            self.isCore = isCore
            self.token = token
            self.logsProbes = logsProbes
        }
    }

    let parts: Parts
    let settings: Settings
    let metrics: PrometheusMetrics?
    let wallClock: any WallClock
    let logger: Logger
    private let answers = ProbeAnswers()
    /// A table of the admin interface that is asked for by a person is waited for this long.
    static let readLimit = Duration.seconds(5)

    /// Makes the routes; without `metrics` there is no `/metrics`.
    package init(
        parts: Parts, settings: Settings, metrics: PrometheusMetrics?, wallClock: any WallClock, logger: Logger
    ) {
        self.parts = parts
        self.settings = settings
        self.metrics = metrics
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Adds the routes.
    package func addRoutes<Context: RequestContext>(to router: Router<Context>) {
        router.add(middleware: TracingMiddleware(redactingQueryParameters: ["auth_token"]))
        router.serve(AgentEndpoint.started) { _, _ in started() }
        router.serve(AgentEndpoint.ready) { _, _ in probe(.ready) }
        router.serve(AgentEndpoint.live) { _, _ in probe(.live) }
        router.serve(AgentEndpoint.agent) { _, _ in Self.json(["message": "ok", "status": "ok"]) }
        // Any method reached the Go agent's probes; load balancers ask with HEAD.
        router.serveHead(AgentEndpoint.started) { _, _ in started() }
        router.serveHead(AgentEndpoint.ready) { _, _ in probe(.ready) }
        router.serveHead(AgentEndpoint.live) { _, _ in probe(.live) }
        router.serve(AgentEndpoint.shutdownByGet) { request, _ in await shutDown(request) }
        // HEAD asks what GET would say, and what GET does here is not to be done by asking.
        router.on(RouterPath(AgentEndpoint.shutdownByGet.endpoint.path), method: .head) { _, _ in
            Response(status: .methodNotAllowed, headers: [.allow: "GET, POST"])
        }
        router.serve(AgentEndpoint.shutdownByPost) { request, _ in await shutDown(request) }
        router.serve(AgentEndpoint.status) { _, _ in Self.json(status()) }
        router.serve(AgentEndpoint.backends) { _, _ in await backends() }
        router.serve(AgentEndpoint.cluster) { _, _ in await cluster() }
        if let metrics {
            router.serve(AgentEndpoint.metrics) { _, _ in
                parts.board.recordMetrics(at: wallClock.now())
                return metrics.response
            }
        }
        addControl(to: router)
    }

    // MARK: Probes

    private func started() -> Response {
        let (verdict, _) = parts.board.answer(.started, at: wallClock.now())
        log(.started, verdict)
        return Self.json(
            ["message": verdict.message, "status": verdict.status], verdict.passes ? .ok : .badGateway)
    }

    private func probe(_ probe: HealthPolicy.Probe) -> Response {
        let now = wallClock.now()
        let (verdict, health) = parts.board.answer(probe, at: now)
        log(probe, verdict)
        return Self.json(
            ProbeDocument(verdict, probe, health, at: now), verdict.passes ? .ok : .serviceUnavailable)
    }

    /// Every probe if that is wanted, else those whose answer is another than before: what a kubelet acts on must be in
    /// the log, and a look that hangs says nothing of itself.
    private func log(_ probe: HealthPolicy.Probe, _ verdict: HealthPolicy.Verdict) {
        let hasChanged = answers.isNew(verdict.passes, of: probe)
        guard settings.logsProbes || hasChanged else { return }
        let isExpected = verdict.passes || !hasChanged || verdict.status == "draining"
        logger.log(
            level: isExpected ? .info : .warning, hasChanged ? "a probe's answer changed" : "probe",
            metadata: [
                "probe.name": "\(probe.rawValue)", "probe.passes": "\(verdict.passes)",
                "probe.message": "\(verdict.message)",
            ])
    }

    /// The Go agent's hook for `preStop.httpGet`, without a token as there; a second call joins the first. No browser may
    /// call it: any page could have an image here.
    private func shutDown(_ request: Request) async -> Response {
        guard !BrowserCheck.isFromBrowser(request.headers) else {
            return Self.json(["status": "error", "message": "a browser cannot shut a node down"], .forbidden)
        }
        if let objection = await parts.events.objection([.goal: "shutdown"]) {
            return Self.json(["status": "error", "message": "a plugin objects: \(objection)"], .conflict)
        }
        parts.drain.request(.shutDown, because: "/shutdown was called")
        await parts.drain.finished()
        return Self.json(["status": "ok", "message": "shutdown complete"])
    }

    // MARK: Reading

    /// The node as it was last seen; never waits for it.
    package func status() -> StatusDocument {
        let now = wallClock.now()
        let (started, health) = parts.board.answer(.started, at: now)
        let (ready, _) = parts.board.answer(.ready, at: now)
        let (live, _) = parts.board.answer(.live, at: now)
        let report = parts.role.report
        let seen = health.observation
        let probe = ProbeDocument(ready, .ready, health, at: now)
        let concerns = parts.board.concerns(at: now)
        return StatusDocument(
            node: report.node ?? settings.node, instance: settings.instance,
            role: settings.isCore ? "core" : "satellite", isLeader: report.isLeader,
            leader: report.leader, order: report.order, running: report.running, seen: report.seen,
            generation: report.generation, holds: report.holds, wantedGeneration: report.wantedGeneration,
            tlsFiles: report.tlsFiles,
            certificate: report.certificate,
            boot: report.boot, reason: report.trouble?.rawValue, note: report.note, peers: report.peers,
            checksums: (seen?.stamps ?? []).map {
                .init(module: $0.module, version: $0.version, epoch: $0.epoch, checksum: $0.checksum)
            },
            drift: report.drift, backends: probe.backends, clients: probe.clients, paused: seen?.isPaused == true,
            drain: parts.drain.machine.state.word, started: started.passes, ready: ready.passes, live: live.passes,
            message: [started, live, ready].first { !$0.passes }?.message ?? ready.message,
            ageMilliseconds: probe.ageMilliseconds, concerns: concerns.isEmpty ? nil : concerns)
    }

    private func backends() async -> Response {
        await read(
            "SELECT hostgroup, srv_host, srv_port, status, ConnUsed, ConnFree, Queries, ConnERR, Latency_us "
                + "FROM stats_mysql_connection_pool ORDER BY hostgroup, srv_host, srv_port"
        ) { row in
            BackendDocument(
                hostgroup: row.integer(0), host: row[1] ?? "", port: row.integer(2), status: row[3] ?? "",
                used: row.integer(4), free: row.integer(5), queries: row.integer(6), errors: row.integer(7),
                latencyMicroseconds: row.integer(8))
        }
    }

    private func cluster() async -> Response {
        let own = Dictionary(
            (parts.board.health.observation?.stamps ?? []).map { ($0.module, $0.checksum) },
            uniquingKeysWith: { first, _ in first })
        return await read(
            "SELECT hostname, port, name, version, epoch, checksum, diff_check FROM stats_proxysql_servers_checksums "
                + "ORDER BY hostname, port, name"
        ) { row in
            ClusterDocument(
                host: row[0] ?? "", port: row.integer(1), module: row[2] ?? "", version: Int64(row.integer(3)),
                epoch: Int64(row.integer(4)), checksum: row[5] ?? "", differences: row.integer(6),
                agrees: own[row[2] ?? ""] == row[5])
        }
    }
}

import Endpoints
import FakeGoogle
import FakeKubernetes
import FakeProxySQL
import FleetModel
import HTTPServing
import Hummingbird
import JSONValues
package import Logging
import MySQLWire
import NIOCore
import NIOHTTP1
package import Pacing
import ServiceLifecycle

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Everything on loopback: ProxySQL nodes, the Cloud SQL stand-in and a real `drover serve` in a process of its own.
package struct Sandbox: Sendable {
    /// The project of the simulated instances.
    static let project = "sandbox"
    /// The primary and, behind it, the static replicas.
    static let primary = "shop"
    static let statics = ["shop-replica-1", "shop-replica-2"]
    /// What the stories register, and what MariaDB knows it by.
    static let application = MariaDBServers.Application(username: "app", password: "it's a \"secret\"; \\ -- x")

    private let options: SandboxOptions
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let logger: Logger

    /// Makes a sandbox; nothing is started before `run`.
    package init(
        options: SandboxOptions, clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger
    ) {
        self.options = options
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Starts everything, runs `body`, stops everything and leaves nothing behind.
    /// - Throws: `SandboxError`, or what `body` throws.
    package func run<Value: Sendable>(_ body: @escaping @Sendable (SandboxEndpoints) async throws -> Value) async throws
        -> Value
    {
        guard options.kubernetes else { return try await run(nil, body) }
        return try await PodCluster.run(options, clock: clock, wallClock: wallClock, logger: logger) { cluster in
            try await cluster.fill()
            return try await run(cluster, body)
        }
    }

    /// Runs with the nodes of a cluster of pods, else with nodes of its own.
    private func run<Value: Sendable>(
        _ cluster: PodCluster?, _ body: @escaping @Sendable (SandboxEndpoints) async throws -> Value
    ) async throws -> Value {
        let block = try await LoopbackBlock.claim()
        let temporary = FileManager.default.temporaryDirectory.appendingPathComponent("drover-sandbox-\(block.number)")
        let folder = options.stateDirectory ?? temporary.path
        // The simulated Cloud SQL begins anew, and so must everything that remembers it.
        let names =
            ["serve", "serve.log", "mariadb", "pubsub-emulator.log", "datastore-emulator.log"] + nodeNames.map(\.name)
        for name in names { try? FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        do {
            let value = try await runInside(folder, block, cluster, body)
            await cleanUp(folder, block)
            return value
        } catch {
            await cleanUp(folder, block)
            throw error
        }
    }

    private func cleanUp(_ folder: String, _ block: LoopbackBlock) async {
        if options.stateDirectory == nil { try? FileManager.default.removeItem(atPath: folder) }
        await block.release()
    }

    private func runInside<Value: Sendable>(
        _ folder: String, _ block: LoopbackBlock, _ cluster: PodCluster?,
        _ body: @escaping @Sendable (SandboxEndpoints) async throws -> Value
    ) async throws -> Value {
        let own = cluster == nil ? try await makeNodes(folder, block) : []
        let pods = cluster?.runner.running.values.map(\.node).sorted { $0.endpoint.admin < $1.endpoint.admin } ?? []
        let nodes = own + pods
        let cloudSQL = makeCloudSQL(block)
        let ports = (
            ingest: try await block.freePort(100), api: try await block.freePort(100),
            cloudsql: try await block.freePort(101), control: try await block.freePort(102)
        )
        let endpoints = SandboxEndpoints(
            ingest: "http://\(block.address(100)):\(ports.ingest)", api: "http://\(block.address(100)):\(ports.api)",
            cloudsql: "http://\(block.address(101)):\(ports.cloudsql)",
            control: "http://\(block.address(102)):\(ports.control)", proxysql: nodes.map(\.endpoint),
            kubernetes: cluster?.endpoints)
        let emulators =
            options.emulators ? try await GoogleEmulators(project: Self.project, folder: folder, clock: clock) : nil
        let serve = makeServe(folder, endpoints, cluster, emulators)
        let control = Router()
        control.add(middleware: BrowserMiddleware(BrowserCheck(hosts: .loopback)))
        ControlRoutes(nodes: own, cloudSQL: cloudSQL, serve: serve, cluster: cluster).addRoutes(to: control)
        if let cluster { KubernetesControl(cluster: cluster).addRoutes(to: control) }
        let applications = [
            application(cloudSQL.router(), block.address(101), ports.cloudsql),
            application(control, block.address(102), ports.control),
        ]
        return try await withThrowingTaskGroup(of: Value?.self) { tasks in
            for node in own {
                tasks.addTask {
                    try await node.run()
                    return nil
                }
            }
            for application in applications {
                tasks.addTask {
                    try await application.run()
                    return nil
                }
            }
            if options.mariadb {
                let servers = MariaDBServers(
                    primary: Self.primary, folder: "\(folder)/mariadb", application: Self.application,
                    cloudSQL: cloudSQL, clock: clock, logger: logger)
                tasks.addTask {
                    try await servers.run()
                    return nil
                }
            }
            if let emulators {
                tasks.addTask {
                    try await emulators.run()
                    return nil
                }
            }
            tasks.addTask {
                try await awaitNodes(endpoints)
                if let emulators { try await untilDone("Google's emulators") { try await emulators.prepare() } }
                try await serve.run()
                return nil
            }
            tasks.addTask {
                try await awaitServe(endpoints)
                return try await body(endpoints)
            }
            defer { tasks.cancelAll() }
            while let ended = try await tasks.next() {
                if let value = ended { return value }
            }
            throw CancellationError()
        }
    }

    // MARK: Parts

    private func makeNodes(_ folder: String, _ block: LoopbackBlock) async throws -> [any SandboxNode] {
        let endpoints = nodeNames.map { name, role, last in endpoint(name, role, block.address(last)) }
        let peers = endpoints.filter { $0.role == "core" }.map(\.admin)
        var nodes: [any SandboxNode] = []
        for endpoint in endpoints {
            let home = "\(folder)/\(endpoint.name)"
            if let binary = options.proxysql {
                nodes.append(
                    try RealNode(
                        binary: binary, endpoint: endpoint, peers: peers, folder: home, monitors: options.mariadb,
                        clock: clock))
                continue
            }
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            let host = String(endpoint.admin.split(separator: ":")[0])
            let fake = try await FakeProxySQL.start(
                FakeProxySQL.Configuration(
                    name: endpoint.name, role: endpoint.role == "core" ? .core : .satellite, host: host,
                    bootstrapPeers: peers.map { PeerAddress(host: String($0.split(separator: ":")[0]), port: 6_032) },
                    clusterCheckInterval: .milliseconds(200), dataDirectory: home),
                clock: clock, wallClock: wallClock, logger: logger)
            nodes.append(SimulatedNode(endpoint: endpoint, fake: fake))
        }
        return nodes
    }

    /// The nodes' names and roles, and the last part of each one's address.
    private var nodeNames: [(name: String, role: String, last: Int)] {
        (0..<options.cores).map { ("core-\($0)", "core", 1 + $0) }
            + (0..<options.satellites).map { ("satellite-\($0)", "satellite", 50 + $0) }
    }

    private func endpoint(_ name: String, _ role: String, _ host: String) -> SandboxEndpoints.Node {
        SandboxEndpoints.Node(
            name: name, role: role, admin: "\(host):6032", mysql: "\(host):6033", username: "radmin",
            password: "radmin")
    }

    private func makeCloudSQL(_ block: LoopbackBlock) -> CloudSQLStandIn {
        // Loopback addresses, so that whoever connects to a replica stays on this machine.
        let number = block.number
        var model = CloudSQLModel(
            project: Self.project, operationDuration: .seconds(options.operationSeconds),
            replicaAddresses: { "127.1.\(number).\($0)" })
        let now = wallClock.now()
        model.seed(Self.primary, address: block.address(200), primary: nil, at: now)
        for (index, name) in Self.statics.enumerated() {
            model.seed(name, address: block.address(201 + index), primary: Self.primary, at: now)
        }
        return CloudSQLStandIn(model: model, wallClock: wallClock, clock: clock)
    }

    private func makeServe(
        _ folder: String, _ endpoints: SandboxEndpoints, _ cluster: PodCluster?, _ emulators: GoogleEmulators?
    ) -> ChildProcess {
        let poll = min(max(options.operationSeconds / 5, 0.05), 1)
        var settings = [
            "state.directory": "\(folder)/serve", "ingest.address": String(endpoints.ingest.dropFirst(7)),
            "api.address": String(endpoints.api.dropFirst(7)), "api.authentication": "none",
            "cloudsql.endpoint": endpoints.cloudsql,
            "cloudsql.project": Self.project, "scaler.poll-seconds": "\(poll)",
            "scaler.cooldown-seconds": "\(options.cooldownSeconds)", "scaler.resync-seconds": "5",
            "fleet.statement-timeout-seconds": "5", "scaler.inventory-seconds": "10",
            "scaler.ramp-seconds": "\(min(options.operationSeconds, 2))", "scaler.admission-samples": "2",
        ]
        if let cluster {
            // Pods come and go, and their addresses with them.
            settings["fleet.pod-selector"] = "app=\(PodCluster.app)"
            settings["fleet.kubeconfig"] = cluster.kubeconfig
            settings["fleet.namespace"] = cluster.namespace
            if options.followed != nil {
                settings["fleet.strategy"] = "kubernetes"
                settings["fleet.agent-port"] = "\(PodProcess.agentPort)"
                // Agents may only read Secrets.
                settings["fleet.kubeconfig"] = cluster.endpoints.kubeconfig
            }
        } else {
            settings["fleet.nodes"] =
                endpoints.proxysql.map { "\($0.name)=\($0.role)@\($0.admin)" }.joined(separator: ",")
        }
        var environment = ["PATH": "/usr/bin:/bin", "DROVER_FLEET_PASSWORD": "radmin"]
        if options.mariadb {
            settings["scaler.monitor-username"] = MariaDBServers.monitorUser
            environment["DROVER_SCALER_MONITOR_PASSWORD"] = MariaDBServers.monitorPassword
        }
        if let emulators {
            settings.merge(emulators.settings) { $1 }
            environment.merge(emulators.environment) { $1 }
        }
        return ChildProcess(
            executable: options.executable,
            arguments: ["serve"] + settings.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] },
            environment: environment,
            logFile: "\(folder)/serve.log", restarts: true, clock: clock)
    }

    private func application(_ router: Router<BasicRequestContext>, _ host: String, _ port: Int) -> some Service {
        var quiet = logger
        quiet.logLevel = .critical
        return Application(
            router: router, server: .cancellable, configuration: .init(address: .hostname(host, port: port)),
            logger: quiet)
    }

    private func awaitNodes(_ endpoints: SandboxEndpoints) async throws {
        for node in endpoints.proxysql {
            let address = node.admin.split(separator: ":")
            let configuration = MySQLConfiguration(
                host: String(address[0]), port: Int(address[1]) ?? 0, username: node.username, password: node.password)
            try await untilDone("\(node.name) to answer on \(node.admin)") {
                let connection = try await MySQLConnection.connect(configuration, logger: logger)
                _ = try await connection.query("SELECT 1")
                await connection.close()
            }
        }
    }

    private func awaitServe(_ endpoints: SandboxEndpoints) async throws {
        let http = JSONClient(clock: clock)
        try await untilDone("drover serve to answer on \(endpoints.api)") {
            _ = try await http.call(.GET, endpoints.api + "/healthcheck")
            _ = try await http.call(.GET, endpoints.ingest + "/healthz")
            _ = try await http.call(.GET, endpoints.control + "/v1/cloudsql/faults")
        }
    }

    private func untilDone(_ what: String, _ body: () async throws -> Void) async throws {
        let start = wallClock.now()
        while true {
            do {
                return try await body()
            } catch {
                try Task.checkCancellation()
                guard wallClock.now().since(start) < .seconds(30) else {
                    throw SandboxError("waited 30 seconds for \(what): \(error)")
                }
                try await clock.sleep(for: .milliseconds(50))
            }
        }
    }
}

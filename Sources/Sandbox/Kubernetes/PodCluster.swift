import FakeKubernetes
import FleetModel
import JSONValues
import KubernetesClient
package import Logging
package import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A ProxySQL cluster of pods on loopback: an API server, simulated or a real one, and what runs for every pod.
package struct PodCluster: Sendable {
    /// The label `app` of every pod.
    static let app = "proxysql"

    let namespace: String
    /// The API server's address.
    let url: String
    /// What agents find it with.
    let kubeconfig: String
    let client: KubernetesClient
    /// The stand-in, when there is no real API server.
    let fake: FakeKubernetes?
    let runner: PodRunner
    let controller: RolloutController
    /// The address of the cores' Service and of the satellites'.
    let services: (cores: String, satellites: String)
    let options: SandboxOptions
    let clock: any Clock<Duration>
    let wallClock: any WallClock

    /// Runs an API server and pods while `body` runs, and leaves nothing behind.
    /// - Throws: `SandboxError`, or what `body` throws.
    package static func run<Value: Sendable>(
        _ options: SandboxOptions, clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger,
        _ body: @escaping @Sendable (PodCluster) async throws -> Value
    ) async throws -> Value {
        let block = try await LoopbackBlock.claim()
        let temporary = FileManager.default.temporaryDirectory.appendingPathComponent("drover-pods-\(block.number)")
        let folder = options.stateDirectory.map { "\($0)/pods" } ?? temporary.path
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let value = try await runInside(folder, block, options, (clock, wallClock, logger), body)
            await cleanUp(folder, block, options)
            return value
        } catch {
            await cleanUp(folder, block, options)
            throw error
        }
    }

    private static func cleanUp(_ folder: String, _ block: LoopbackBlock, _ options: SandboxOptions) async {
        if options.stateDirectory == nil { try? FileManager.default.removeItem(atPath: folder) }
        await block.release()
    }

    private static func runInside<Value: Sendable>(
        _ folder: String, _ block: LoopbackBlock, _ options: SandboxOptions,
        _ around: (clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger),
        _ body: @escaping @Sendable (PodCluster) async throws -> Value
    ) async throws -> Value {
        guard let path = options.kubeconfig else {
            return try await runWithStandIn(folder, block, options, around, body)
        }
        var configuration = try KubernetesConfiguration.standard(
            kubeconfig: path, environment: ProcessInfo.processInfo.environment)
        configuration.namespace = "drover-demo-\(block.number)-\(UInt32.random(in: 0...UInt32.max))"
        let client = try KubernetesClient(configuration, clock: around.clock)
        try await client.create(Namespace(name: configuration.namespace))
        let cluster = make(client, configuration.server, path, nil, folder, block, options, around)
        do {
            let value = try await cluster.run(block, around.logger, body)
            try await cluster.remove()
            await client.shutdown()
            return value
        } catch {
            try? await cluster.remove()
            await client.shutdown()
            throw error
        }
    }

    private static func runWithStandIn<Value: Sendable>(
        _ folder: String, _ block: LoopbackBlock, _ options: SandboxOptions,
        _ around: (clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger),
        _ body: @escaping @Sendable (PodCluster) async throws -> Value
    ) async throws -> Value {
        let namespace = "proxysql"
        let host = block.address(103)
        let port = try await block.freePort(103)
        var accounts = FakeKubernetes.Configuration(
            accounts: [.administrator(token: "admin"), agentAccount(namespace)], bookmarkInterval: .seconds(5))
        accounts.anonymous = .administrator(token: "")
        let fake = FakeKubernetes(accounts, wallClock: around.wallClock, clock: around.clock)
        for (name, token) in [("admin", "admin"), ("agent", "agent")] {
            let text = kubeconfig("http://\(host):\(port)", token, namespace)
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name).kubeconfig"))
        }
        let configuration = KubernetesConfiguration(
            server: "http://\(host):\(port)", authentication: .token(Secret("admin")), namespace: namespace,
            origin: "the sandbox")
        let client = try KubernetesClient(configuration, clock: around.clock)
        let cluster = make(
            client, configuration.server, "\(folder)/agent.kubeconfig", fake, folder, block, options, around)
        var quiet = around.logger
        quiet.logLevel = .critical
        do {
            let value = try await withThrowingTaskGroup(of: Value?.self) { [quiet] tasks in
                tasks.addTask {
                    try await fake.run(host: host, port: port, logger: quiet)
                    return nil
                }
                tasks.addTask {
                    try await client.create(Namespace(name: namespace))
                    return try await cluster.run(block, around.logger, body)
                }
                return try await firstValue(&tasks)
            }
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private static func firstValue<Value: Sendable>(
        _ tasks: inout ThrowingTaskGroup<Value?, any Error>
    ) async throws -> Value {
        defer { tasks.cancelAll() }
        while let ended = try await tasks.next() {
            if let value = ended { return value }
        }
        throw CancellationError()
    }

    /// What the agents may do: what docs/reference/agent.md asks for, and no more.
    private static func agentAccount(_ namespace: String) -> Account {
        func rule(_ group: String, _ resources: [String], _ verbs: [String]) -> Account.Rule {
            Account.Rule(apiGroups: [group], resources: resources, verbs: verbs, namespace: namespace)
        }
        return Account(
            token: "agent", user: "system:serviceaccount:\(namespace):proxysql",
            rules: [
                rule("", ["pods", "secrets", "configmaps"], ["get", "list", "watch"]),
                rule("", ["events"], ["create"]),
                rule("apps", ["replicasets", "controllerrevisions"], ["get", "list", "watch"]),
                rule("coordination.k8s.io", ["leases"], ["get", "create", "update", "patch"]),
            ])
    }

    private static func kubeconfig(_ url: String, _ token: String, _ namespace: String) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: sandbox
        clusters:
        - name: sandbox
          cluster: {server: "\(url)"}
        users:
        - name: sandbox
          user: {token: \(token)}
        contexts:
        - name: sandbox
          context: {cluster: sandbox, user: sandbox, namespace: \(namespace)}

        """
    }

    private static func make(
        _ client: KubernetesClient, _ url: String, _ kubeconfig: String, _ fake: FakeKubernetes?, _ folder: String,
        _ block: LoopbackBlock, _ options: SandboxOptions,
        _ around: (clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger)
    ) -> PodCluster {
        let services = (cores: block.address(150), satellites: block.address(151))
        var surroundings = PodProcess.Surroundings(
            executable: options.executable, proxysql: options.proxysql, folder: folder,
            kubeconfig: options.agentKubeconfig ?? kubeconfig,
            namespace: client.namespace, bootstrap: services.cores, clock: around.clock, wallClock: around.wallClock,
            logger: around.logger)
        // Quick enough for somebody who looks on.
        surroundings.agentEnvironment = [
            "AGENT_CORE_INTERVAL": "1", "AGENT_SATELLITE_INTERVAL": "1",
            "DROVER_AGENT_HEALTH_INTERVAL_SECONDS": "0.25", "DROVER_AGENT_HEALTH_TIMEOUT_SECONDS": "2",
            "DROVER_AGENT_SHUTDOWN_PROPAGATION_SECONDS": "2", "DROVER_AGENT_SHUTDOWN_POLL_SECONDS": "0.1",
        ]
        if let group = options.followed {
            surroundings.agentEnvironment["DROVER_AGENT_FOLLOW_SECRET"] = "fleet-\(group)"
            surroundings.agentEnvironment["DROVER_AGENT_TLS_DIRECTORY"] = "\(folder)/tls"
        }
        return PodCluster(
            namespace: client.namespace, url: url, kubeconfig: kubeconfig, client: client, fake: fake,
            runner: PodRunner(client, surroundings, block),
            controller: RolloutController(client: client, clock: around.clock, logger: around.logger),
            services: services, options: options, clock: around.clock, wallClock: around.wallClock)
    }

    private func run<Value: Sendable>(
        _ block: LoopbackBlock, _ logger: Logger, _ body: @escaping @Sendable (PodCluster) async throws -> Value
    ) async throws -> Value {
        let cores = try await ServiceProxy.listen(host: services.cores, port: PodProcess.adminPort) { [runner] in
            runner.readyAddresses("core")
        }
        let satellites = try await ServiceProxy.listen(host: services.satellites, port: 6_033) { [runner] in
            runner.readyAddresses("satellite")
        }
        do {
            let value = try await withThrowingTaskGroup(of: Value?.self) { tasks in
                tasks.addTask {
                    await self.runner.run()
                    return nil
                }
                tasks.addTask {
                    await self.controller.run()
                    return nil
                }
                tasks.addTask { try await body(self) }
                return try await Self.firstValue(&tasks)
            }
            await cores.close()
            await satellites.close()
            return value
        } catch {
            await cores.close()
            await satellites.close()
            throw error
        }
    }

    /// Takes everything of this cluster off a real API server.
    private func remove() async throws {
        for pod in try await client.list(Pod.self).items {
            try? await client.delete(Pod.self, pod.metadata.name, gracePeriodSeconds: 0)
        }
        try await client.delete(Namespace.self, namespace)
    }

    // MARK: What is wanted

    /// Creates the Deployment of a role.
    func deploy(
        _ role: String, replicas: Int, configMap: String, minimumReadySeconds: Int64 = 0
    ) async throws {
        let labels: JSONValue = ["app": .string(Self.app), "component": .string(role)]
        try await client.create(
            Deployment.self,
            [
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": .string(role), "labels": labels],
                "spec": [
                    "replicas": .integer(Int64(replicas)), "minReadySeconds": .integer(minimumReadySeconds),
                    "selector": ["matchLabels": labels],
                    "template": [
                        "metadata": [
                            "labels": labels, "annotations": [PodRunner.configMapAnnotation: .string(configMap)],
                        ],
                        "spec": [
                            "nodeName": .string(PodRunner.nodeName), "terminationGracePeriodSeconds": 60,
                            "containers": PodContainer.declared,
                        ],
                    ],
                ],
            ])
    }

    /// Deploys as many cores and satellites as the options say, with nothing in their tables, and waits until all run.
    func fill() async throws {
        try await client.create(ConfigMap(name: "proxysql", data: [:]))
        try await deploy("core", replicas: options.cores, configMap: "proxysql")
        try await deploy("satellite", replicas: options.satellites, configMap: "proxysql")
        let stopwatch = Stopwatch(clock)
        while true {
            let pods = try await client.list(Pod.self, where: .labels(["app": Self.app])).items
            if pods.filter(\.isRunning).count == options.cores + options.satellites { return }
            guard stopwatch.elapsed < .seconds(60) else {
                throw SandboxError("waited 60 seconds for pods to run; \(pods.filter(\.isRunning).count) of them do")
            }
            try await clock.sleep(for: .milliseconds(50))
        }
    }

    /// Gives a role's pods another ConfigMap, which replaces them all.
    func mount(_ configMap: String, on role: String) async throws {
        try await client.patch(
            Deployment.self, role,
            Deployment.templateAnnotationPatch(PodRunner.configMapAnnotation, configMap))
    }

    /// The ready pods of a role that are not on their way out, by name.
    func pods(_ role: String) async throws -> [Pod] {
        try await client.list(Pod.self, where: .labels(["app": Self.app, "component": role])).items
            .filter { $0.isRunning && $0.isReady }
    }

    /// Where everything listens now.
    package var endpoints: KubernetesEndpoints {
        KubernetesEndpoints(
            url: url, kubeconfig: fake == nil ? kubeconfig : kubeconfig.replacing("agent.", with: "admin."),
            namespace: namespace,
            agents: runner.running.values.sorted { $0.name < $1.name }.map {
                .init(name: $0.name, role: $0.role, url: $0.agentURL, admin: "\($0.host):\(PodProcess.adminPort)")
            })
    }
}

/// Where the API server and the agents of a sandbox are.
package struct KubernetesEndpoints: Codable, Hashable, Sendable {
    /// One agent.
    package struct Agent: Codable, Hashable, Sendable {
        /// The pod's name.
        package var name: String
        /// `core` or `satellite`.
        package var role: String
        /// Its HTTP interface; the bearer token is `sandbox`.
        package var url: String
        /// Host and port of the node's admin interface.
        package var admin: String
    }

    /// The API server.
    package var url: String
    /// A kubeconfig of someone who may do everything.
    package var kubeconfig: String
    /// Where the pods are.
    package var namespace: String
    /// The agents of the pods that run now.
    package var agents: [Agent]
}

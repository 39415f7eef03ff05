import FakeProxySQL
import FleetModel
import KubernetesClient
import Logging
import NIOHTTP1
import Pacing
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What runs for one pod: a ProxySQL node and its agent, on an address of their own.
final class PodProcess: Sendable {
    /// What every pod of a cluster has in common.
    struct Surroundings: Sendable {
        /// The `drover` binary.
        var executable: String
        /// A real ProxySQL binary, else nodes are simulated.
        var proxysql: String?
        /// Where each pod gets a folder.
        var folder: String
        /// What agents find the API server with.
        var kubeconfig: String
        var namespace: String
        /// The address of the cores' Service.
        var bootstrap: String
        /// Settings of the agents, as environment variables.
        var agentEnvironment: [String: String] = [:]
        var clock: any Clock<Duration>
        var wallClock: any WallClock
        var logger: Logger
    }

    /// A hung agent has so long before it is killed.
    private static let agentGrace = Duration.seconds(5)

    static let adminPort = 6_032
    static let agentPort = 8_080
    /// The bearer token of the agents' control API; the sandbox has no other secrets.
    static let agentToken = "sandbox"

    let name: String
    let uid: String
    let role: String
    let host: String
    let node: any SandboxNode
    let agent: ChildProcess
    /// What the agent wrote.
    let logFile: String
    /// Its deletion was asked for.
    let termination = Wakeup()
    private let around: Surroundings
    private let isEnding = Mutex(false)

    private init(
        name: String, uid: String, role: String, host: String, node: any SandboxNode, agent: ChildProcess,
        logFile: String, _ around: Surroundings
    ) {
        self.name = name
        self.uid = uid
        self.role = role
        self.host = host
        self.node = node
        self.agent = agent
        self.logFile = logFile
        self.around = around
    }

    /// Makes the programs of a pod, with the files of its ConfigMap.
    static func make(
        _ pod: Pod, role: String, host: String, file: ConfigMap, _ around: Surroundings
    ) async throws -> PodProcess {
        let folder = "\(around.folder)/\(pod.metadata.name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = "\(folder)/proxysql.cnf"
        let text = NodeFile(
            folder: folder, host: host, bootstrap: around.bootstrap, tables: file.data?["tables.cnf"] ?? ""
        ).text
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let endpoint = SandboxEndpoints.Node(
            name: pod.metadata.name, role: role, admin: "\(host):\(adminPort)", mysql: "\(host):6033",
            username: "radmin", password: "radmin")
        let node: any SandboxNode
        if let binary = around.proxysql {
            node = RealNode(binary: binary, endpoint: endpoint, folder: folder, clock: around.clock)
        } else {
            var configuration = FakeProxySQL.Configuration(
                name: pod.metadata.name, role: role == "core" ? .core : .satellite, host: host,
                bootstrapPeers: [PeerAddress(host: around.bootstrap, port: adminPort)],
                clusterCheckInterval: .milliseconds(200), dataDirectory: folder)
            configuration.fileStatements = (file.data?["statements.sql"] ?? "").split(separator: "\n").map {
                String($0)
            }
            let fake = try await FakeProxySQL.start(
                configuration, clock: around.clock, wallClock: around.wallClock, logger: around.logger)
            node = SimulatedNode(endpoint: endpoint, fake: fake)
        }
        let logFile = "\(folder)/agent.log"
        let agent = ChildProcess(
            executable: around.executable, arguments: ["agent"],
            environment: environment(pod, role, host, folder, around), logFile: logFile, restarts: true,
            clock: around.clock)
        return PodProcess(
            name: pod.metadata.name, uid: pod.metadata.uid ?? "", role: role, host: host, node: node, agent: agent,
            logFile: logFile, around)
    }

    private static func environment(
        _ pod: Pod, _ role: String, _ host: String, _ folder: String, _ around: Surroundings
    ) -> [String: String] {
        let own = [
            "PATH": "/usr/bin:/bin", "KUBECONFIG": around.kubeconfig,
            "AGENT_RUN_MODE": role, "AGENT_PROXYSQL_ADDRESS": "\(host):\(adminPort)",
            "AGENT_PROXYSQL_USERNAME": "radmin", "AGENT_PROXYSQL_PASSWORD": "radmin",
            "AGENT_CORE_PODSELECTOR_NAMESPACE": around.namespace, "AGENT_API_PORT": "\(agentPort)",
            "AGENT_SHUTDOWN_DRAINING_FILE": "\(folder)/draining", "HOSTNAME": pod.spec?.hostname ?? pod.metadata.name,
            "DROVER_AGENT_SHUTDOWN_ON_SIGNAL": "leave",
            "DROVER_AGENT_API_HOST": host, "DROVER_AGENT_API_TOKEN": agentToken,
            "DROVER_AGENT_CORE_BOOTSTRAP_HOST": around.bootstrap,
            "DROVER_AGENT_CORE_CONFIGURATION_FILE": "\(folder)/proxysql.cnf",
        ]
        return own.merging(around.agentEnvironment) { $1 }
    }

    /// The agent's HTTP interface.
    var agentURL: String { "http://\(host):\(Self.agentPort)" }

    /// Runs both programs until cancellation; one that ends is started again, as a kubelet does, unless the pod ends.
    func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.keep("proxysql") { try await self.node.run() } }
            tasks.addTask { await self.keep("agent") { try await self.agent.run() } }
        }
    }

    private func keep(_ program: String, _ body: @Sendable () async throws -> Void) async {
        while !Task.isCancelled, !isEnding.withLock({ $0 }) {
            do {
                try await body()
            } catch {
                around.logger.debug(
                    "a program of a pod ended",
                    metadata: ["pod": "\(name)", "program": "\(program)", "error": "\(error)"])
            }
            try? await around.clock.sleep(for: .milliseconds(200))
        }
    }

    /// Ends the pod as a kubelet does where the agent is a native sidecar: the node's `preStop` hook asks the agent for
    /// the drain, then the node ends, then the agent. All of it takes at most `grace`, and a hook that fails ends the
    /// node at once.
    func end(grace: Duration) async {
        isEnding.withLock { $0 = true }
        agent.forbid()
        let stopwatch = Stopwatch(around.clock)
        _ = try? await JSONClient(clock: around.clock).exchange(.POST, "\(agentURL)/shutdown", timeout: grace)
        await node.kill()
        agent.signal(SIGTERM)
        while agent.identifier != nil, stopwatch.elapsed < grace, !Task.isCancelled {
            try? await around.clock.sleep(for: .milliseconds(50))
        }
        agent.signal(SIGKILL)
    }

    /// Ends a container and starts it again, as a kubelet does after its probe; a pod that ends is left alone.
    func restart(_ container: String) async {
        guard !isEnding.withLock({ $0 }) else { return }
        if container == "agent" {
            agent.signal(SIGTERM)
            let stopwatch = Stopwatch(around.clock)
            let former = agent.identifier
            while agent.identifier == former, former != nil, stopwatch.elapsed < Self.agentGrace, !Task.isCancelled {
                try? await around.clock.sleep(for: .milliseconds(50))
            }
            if agent.identifier == former { agent.signal(SIGKILL) }
        } else {
            await node.kill()
            try? await node.restart()
        }
    }
}

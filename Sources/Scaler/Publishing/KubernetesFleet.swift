package import FleetModel
import Foundation
package import KubernetesClient
package import Logging
import ProxySQLAdmin

/// The strategy `kubernetes`: one Secret a group, changed in place, that agents beside the nodes follow.
///
/// `proxysql.cnf` in it is for nodes that start, `fleet.json` for those that run. A publication is complete when every
/// running pod's agent says that its node runs the generation.
package struct KubernetesFleet: ProxyFleet {
    /// What there is in the cluster.
    package struct Settings: Sendable {
        /// Where the Secrets and the pods are; the client's own namespace when nil.
        package var namespace: String?
        /// The Secret's name is this and the group's.
        package var secretPrefix: String
        /// The pods of the ProxySQL nodes, as `kubectl get pods --selector` takes it.
        package var podSelector: String
        /// Where agents serve.
        package var agentPort: Int
        /// A `proxysql.cnf` with everything but servers, users and rules.
        package var baseFile: String
        /// Where the agents write the files that verify backends.
        package var tlsDirectory = TLSFile.usualDirectory

        /// Makes settings with the defaults of the Go agent's manifests.
        package init(
            namespace: String? = nil, secretPrefix: String = "fleet-", podSelector: String = "app=proxysql",
            agentPort: Int = 8_080, baseFile: String = ""
        ) {
            self.namespace = namespace
            self.secretPrefix = secretPrefix
            self.podSelector = podSelector
            self.agentPort = agentPort
            self.baseFile = baseFile
        }
    }

    /// Who owns the fields of what is applied.
    static let fieldManager = "drover"
    /// The generation that a document was written for.
    static let generationAnnotation = "drover.dev/generation"

    let client: KubernetesClient
    private let agents: any AgentReading
    let settings: Settings
    private let logger: Logger

    /// Publishes through `client`, which needs `secrets: get, patch, create, delete` and `pods: list`.
    package init(client: KubernetesClient, agents: any AgentReading, settings: Settings, logger: Logger) {
        self.client = client
        self.agents = agents
        self.settings = settings
        self.logger = logger
    }

    func secretName(_ group: InstanceName) -> String { settings.secretPrefix + group.text }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        do {
            if let waiting = try await write(configuration) { return waiting }
            return try await read(configuration)
        } catch {
            return Publication(
                generation: configuration.generation,
                nodes: [
                    NodePublication(
                        node: "secret/\(secretName(configuration.group))", condition: .unknown, detail: "\(error)")
                ])
        }
    }

    /// An empty configuration of the next generation, and when every node runs that, no Secret.
    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let name = secretName(configuration.group)
        var nothing = configuration.emptied
        nothing.generation += 1
        let gone = Publication(
            generation: nothing.generation, nodes: [NodePublication(node: "secret/\(name)", condition: .current)])
        do throws(KubernetesError) {
            _ = try await client.get(SecretResource.self, name, in: settings.namespace)
        } catch {
            if error.code == .notFound { return gone }
        }
        let publication = await publish(nothing)
        guard publication.isComplete else { return publication }
        do throws(KubernetesError) {
            try await client.delete(SecretResource.self, name, in: settings.namespace)
        } catch  where error.code != .notFound {
            return Publication(
                generation: nothing.generation,
                nodes: [NodePublication(node: "secret/\(name)", condition: .unknown, detail: "\(error)")])
        } catch {}
        return gone
    }

    /// Applies the Secret unless it holds the generation and the very same texts.
    ///
    /// Files that verify backends come in it before the configuration that names them: cluster sync takes rows to nodes
    /// whose agents may not have written the files yet, and there every new connection would fail.
    /// - Returns: what is waited for, while the nodes do not have the files.
    private func write(_ configuration: FleetConfiguration) async throws -> Publication? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let files = Dictionary(
            TLSFile.all(of: configuration).map { ($0.name, $0.content) }, uniquingKeysWith: { first, _ in first })
        var texts = files
        texts["proxysql.cnf"] = Secret(
            try CnfRenderer(configuration, tlsDirectory: settings.tlsDirectory).rendered(over: settings.baseFile))
        texts["fleet.json"] = Secret(String(decoding: try encoder.encode(configuration), as: UTF8.self))
        let name = secretName(configuration.group)
        var present: [String: Secret] = [:]
        do throws(KubernetesError) {
            let secret = try await client.get(SecretResource.self, name, in: settings.namespace)
            for key in (secret.data ?? [:]).keys where texts[key] != nil || TLSFile.isOurs(key) {
                present[key] = secret.text(key)
            }
        } catch {
            guard error.code == .notFound else { throw error }
        }
        if texts == present { return nil }
        if !files.isEmpty {
            let lacking = try await nodesLacking(Set(files.keys), configuration)
            guard lacking.isEmpty else {
                let staged = present.merging(files) { $1 }
                if staged != present { try await apply(staged, name, configuration) }
                return Publication(generation: configuration.generation, nodes: lacking)
            }
        }
        try await apply(texts, name, configuration)
        return nil
    }

    /// The running nodes that do not say that they have all of `files`.
    private func nodesLacking(
        _ files: Set<String>, _ configuration: FleetConfiguration
    ) async throws -> [NodePublication] {
        try await read(configuration) { report in
            guard let held = report.tlsFiles else { return "its agent writes no files for TLS; upgrade it" }
            return files.isSubset(of: held) ? nil : "its agent has not written the files for TLS yet"
        }.nodes.filter { $0.condition != .current }
    }

    private func apply(_ texts: [String: Secret], _ name: String, _ configuration: FleetConfiguration) async throws {
        _ = try await client.apply(
            SecretResource.self, name,
            SecretResource.applying(
                name: name,
                labels: ["app.kubernetes.io/managed-by": "drover"],
                annotations: [
                    Self.generationAnnotation: "\(configuration.generation)",
                    "drover.dev/group": configuration.group.text,
                ], texts: texts),
            fieldManager: Self.fieldManager, force: true, in: settings.namespace)
        logger.info(
            "secret applied",
            metadata: ["secret.name": "\(name)", "generation": "\(configuration.generation)"])
    }

    func read(_ configuration: FleetConfiguration) async throws -> Publication {
        try await read(configuration) { report in
            guard report.generation ?? 0 < configuration.generation else { return nil }
            return "its agent reports \(report.generation.map { "generation \($0)" } ?? "no generation yet")"
        }
    }

    /// What every running node's agent says; `lacks` is why a node is behind.
    private func read(
        _ configuration: FleetConfiguration, lacks: @escaping @Sendable (AgentReport) -> String?
    ) async throws -> Publication {
        let scope: NamespaceScope = settings.namespace.map { .named($0) } ?? .own
        let pods = try await client.list(Pod.self, in: scope, where: Selection(labels: settings.podSelector)).items
            .filter(\.isRunning)
        let nodes = await withTaskGroup(of: NodePublication.self) { tasks in
            for pod in pods { tasks.addTask { await self.node(pod, lacks) } }
            var nodes: [NodePublication] = []
            for await node in tasks { nodes.append(node) }
            return nodes
        }
        return Publication(generation: configuration.generation, nodes: nodes.sorted { $0.node < $1.node })
    }

    private func node(_ pod: Pod, _ lacks: @Sendable (AgentReport) -> String?) async -> NodePublication {
        guard let address = pod.address else {
            return NodePublication(node: pod.metadata.name, condition: .unknown, detail: "it has no address yet")
        }
        do {
            let report = try await agents.report(from: address, port: settings.agentPort)
            let lack = lacks(report)
            return NodePublication(
                node: pod.metadata.name, condition: lack == nil ? .current : .behind, detail: lack,
                backends: report.backends)
        } catch {
            return NodePublication(
                node: pod.metadata.name, condition: .unknown, detail: "its agent does not answer: \(error)")
        }
    }
}

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
            try await write(configuration)
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
    private func write(_ configuration: FleetConfiguration) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let texts = [
            "proxysql.cnf": Secret(try CnfRenderer(configuration).rendered(over: settings.baseFile)),
            "fleet.json": Secret(String(decoding: try encoder.encode(configuration), as: UTF8.self)),
        ]
        let name = secretName(configuration.group)
        do throws(KubernetesError) {
            let present = try await client.get(SecretResource.self, name, in: settings.namespace)
            let isSame = texts.allSatisfy { key, text in present.text(key)?.reveal() == text.reveal() }
            if isSame { return }
        } catch {
            guard error.code == .notFound else { throw error }
        }
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
        let scope: NamespaceScope = settings.namespace.map { .named($0) } ?? .own
        let pods = try await client.list(Pod.self, in: scope, where: Selection(labels: settings.podSelector)).items
            .filter(\.isRunning)
        let nodes = await withTaskGroup(of: NodePublication.self) { tasks in
            for pod in pods { tasks.addTask { await self.node(pod, configuration) } }
            var nodes: [NodePublication] = []
            for await node in tasks { nodes.append(node) }
            return nodes
        }
        return Publication(generation: configuration.generation, nodes: nodes.sorted { $0.node < $1.node })
    }

    private func node(_ pod: Pod, _ configuration: FleetConfiguration) async -> NodePublication {
        guard let address = pod.address else {
            return NodePublication(node: pod.metadata.name, condition: .unknown, detail: "it has no address yet")
        }
        do {
            let report = try await agents.report(from: address, port: settings.agentPort)
            let runs = report.generation.map { "generation \($0)" } ?? "no generation yet"
            let isCurrent = report.generation ?? 0 >= configuration.generation
            return NodePublication(
                node: pod.metadata.name, condition: isCurrent ? .current : .behind,
                detail: isCurrent ? nil : "its agent reports \(runs)", backends: report.backends)
        } catch {
            return NodePublication(
                node: pod.metadata.name, condition: .unknown, detail: "its agent does not answer: \(error)")
        }
    }
}

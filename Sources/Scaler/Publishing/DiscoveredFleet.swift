package import FleetModel
package import KubernetesClient
import Logging
package import ProxySQLAdmin

/// The strategy `admin` in a cluster: the nodes are the running pods that a selector finds.
package struct DiscoveredFleet: ProxyFleet {
    /// Which pods are nodes.
    package struct Settings: Sendable {
        /// Where they are; the client's own namespace when nil.
        package var namespace: String?
        /// As `kubectl get pods --selector` takes it.
        package var podSelector: String
        /// The label of the cores among them.
        package var coreLabel: (name: String, value: String)
        /// Their admin port.
        package var adminPort: Int

        /// Makes settings.
        package init(
            namespace: String?, podSelector: String, coreLabel: (name: String, value: String), adminPort: Int
        ) {
            self.namespace = namespace
            self.podSelector = podSelector
            self.coreLabel = coreLabel
            self.adminPort = adminPort
        }
    }

    private let client: KubernetesClient
    private let fleet: AdminFleet
    private let settings: Settings

    /// Publishes through `fleet` to the pods that `client` finds, which needs `pods: list`.
    package init(client: KubernetesClient, fleet: AdminFleet, settings: Settings) {
        self.client = client
        self.fleet = fleet
        self.settings = settings
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        await discovering(configuration) { await fleet.publish(configuration) }
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await discovering(configuration) { await fleet.withdraw(configuration) }
    }

    /// Without knowing which nodes there are, nothing may be called published.
    private func discovering(
        _ configuration: FleetConfiguration, _ body: () async -> Publication
    ) async -> Publication {
        do throws(KubernetesError) {
            try await discover()
        } catch {
            return Publication(
                generation: configuration.generation,
                nodes: [NodePublication(node: "pods", condition: .unknown, detail: "\(error)")])
        }
        return await body()
    }

    private func discover() async throws(KubernetesError) {
        let scope: NamespaceScope = settings.namespace.map { .named($0) } ?? .own
        let pods = try await client.list(Pod.self, in: scope, where: Selection(labels: settings.podSelector)).items
        let nodes = pods.filter(\.isRunning).compactMap { pod in
            pod.address.map { address in
                let isCore = pod.metadata.labels?[settings.coreLabel.name] == settings.coreLabel.value
                return FleetNode(
                    name: pod.metadata.name, role: isCore ? .core : .satellite, host: address,
                    port: settings.adminPort)
            }
        }
        await fleet.setNodes(nodes.sorted { $0.name < $1.name })
    }
}

extension DiscoveredFleet: FleetRehearsal {
    /// Compares the tables of each running pod; only reads.
    package func rehearse(_ configuration: FleetConfiguration) async -> [RehearsedTarget] {
        do throws(KubernetesError) {
            try await discover()
        } catch {
            return [RehearsedTarget(name: "pods", problem: "\(error)")]
        }
        return await fleet.rehearse(configuration)
    }
}

package import KubernetesClient
package import ProxySQLAdmin

/// The ProxySQL nodes that are running pods which a selector finds; needs `pods: list`.
package struct PodNodes: NodeDirectory {
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
    private let settings: Settings

    /// Makes the directory of the pods that `client` finds.
    package init(client: KubernetesClient, settings: Settings) {
        self.client = client
        self.settings = settings
    }

    /// Whether a pod is a node: one that is about to end serves its clients until it does, with what it holds, so that
    /// a replica which was withdrawn meanwhile has to be taken from it too.
    package static func isNode(_ pod: Pod) -> Bool { pod.status?.phase == "Running" }

    package func nodes() async throws(NodeDirectoryError) -> [FleetNode] {
        let scope: NamespaceScope = settings.namespace.map { .named($0) } ?? .own
        let pods: [Pod]
        do throws(KubernetesError) {
            pods = try await client.list(Pod.self, in: scope, where: Selection(labels: settings.podSelector)).items
        } catch {
            throw NodeDirectoryError("\(error)")
        }
        return pods.filter(Self.isNode).compactMap { pod in
            pod.address.map { address in
                let isCore = pod.metadata.labels?[settings.coreLabel.name] == settings.coreLabel.value
                return FleetNode(
                    name: pod.metadata.name, role: isCore ? .core : .satellite, host: address,
                    port: settings.adminPort)
            }
        }
        .sorted { $0.name < $1.name }
    }
}

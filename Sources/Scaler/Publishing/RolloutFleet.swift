import JSONValues
package import FleetModel
package import KubernetesClient
package import Logging
import ProxySQLAdmin

/// The strategy `rollout`: Chester's layout. The `proxysql.cnf` in the ConfigMap, or the Secret, that carries the
/// group's label is changed in place, and the Deployment with that label is rolled.
///
/// Chester deletes the ConfigMap and makes it anew, which leaves a gap in which a pod cannot start.
package struct RolloutFleet: ProxyFleet {
    /// What there is in the cluster.
    package struct Settings: Sendable {
        /// Where everything is.
        package var namespace: String
        /// The label whose value is the group's name.
        package var label: String
        /// The key of the file in the ConfigMap or Secret.
        package var key: String

        /// Makes settings with Chester's names.
        package init(namespace: String = "proxysql", label: String = "instancegroup", key: String = "proxysql.cnf") {
            self.namespace = namespace
            self.label = label
            self.key = key
        }
    }

    let client: KubernetesClient
    let settings: Settings
    private let logger: Logger

    /// Publishes through `client`, which needs `configmaps, secrets: list, patch` and `deployments: list, patch`.
    package init(client: KubernetesClient, settings: Settings, logger: Logger) {
        self.client = client
        self.settings = settings
        self.logger = logger
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        do {
            try await write(configuration)
            return try await roll(configuration)
        } catch {
            return Publication(
                generation: configuration.generation,
                nodes: [
                    NodePublication(
                        node: "\(settings.label)=\(configuration.group)", condition: .unknown, detail: "\(error)")
                ])
        }
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        var nothing = configuration.emptied
        nothing.generation += 1
        return await publish(nothing)
    }

    func selection(_ configuration: FleetConfiguration) -> Selection {
        .labels([settings.label: configuration.group.text])
    }

    /// Replaces the configuration's sections of the file where they differ; what somebody else changed meanwhile
    /// makes the patch fail and the next publication read it again.
    private func write(_ configuration: FleetConfiguration) async throws {
        let scope = NamespaceScope.named(settings.namespace)
        let renderer = CnfRenderer(configuration)
        let secrets = try await client.list(SecretResource.self, in: scope, where: selection(configuration)).items
        if let secret = secrets.first(where: { $0.data?[settings.key] != nil }) {
            let present = secret.text(settings.key)?.reveal() ?? ""
            let wanted = try renderer.rendered(over: present)
            guard wanted != present else { return }
            let applied = SecretResource.applying(name: secret.metadata.name, texts: [settings.key: Secret(wanted)])
            _ = try await client.patch(
                SecretResource.self, secret.metadata.name, patch(applied["data"] ?? [:], secret.metadata),
                in: settings.namespace)
            return note("secret", secret.metadata.name, configuration)
        }
        let maps = try await client.list(ConfigMap.self, in: scope, where: selection(configuration)).items
        guard let map = maps.first(where: { $0.data?[settings.key] != nil }) else {
            throw RolloutTarget(
                description: "namespace \(settings.namespace) has no ConfigMap or Secret with the label "
                    + "\(settings.label)=\(configuration.group) and the key \(settings.key); make one with the "
                    + "node's own variables in it")
        }
        let present = map.data?[settings.key] ?? ""
        let wanted = try renderer.rendered(over: present)
        guard wanted != present else { return }
        _ = try await client.patch(
            ConfigMap.self, map.metadata.name, patch([settings.key: .string(wanted)], map.metadata),
            in: settings.namespace)
        note("configmap", map.metadata.name, configuration)
    }

    private func patch(_ data: JSONValue, _ metadata: ObjectMeta) -> JSONValue {
        ["metadata": ["resourceVersion": .string(metadata.resourceVersion ?? "")], "data": data]
    }

    private func note(_ kind: String, _ name: String, _ configuration: FleetConfiguration) {
        logger.info(
            "proxysql.cnf changed",
            metadata: ["object": "\(kind)/\(name)", "generation": "\(configuration.generation)"])
    }

    /// Marks each Deployment with the generation, which replaces its pods, and says how far that is.
    private func roll(_ configuration: FleetConfiguration) async throws -> Publication {
        let wanted = "\(configuration.generation)"
        let name = KubernetesFleet.generationAnnotation
        let deployments = try await client.list(
            Deployment.self, in: .named(settings.namespace), where: selection(configuration)
        ).items
        guard !deployments.isEmpty else {
            throw RolloutTarget(
                description: "namespace \(settings.namespace) has no Deployment with the label "
                    + "\(settings.label)=\(configuration.group)")
        }
        var nodes: [NodePublication] = []
        for deployment in deployments {
            let node = "deployment/\(deployment.metadata.name)"
            if deployment.metadata.annotations?[name] != wanted {
                var patch = Deployment.templateAnnotationPatch(name, wanted)
                patch["metadata"] = ["annotations": [name: .string(wanted)]]
                _ = try await client.patch(Deployment.self, deployment.metadata.name, patch, in: settings.namespace)
                nodes.append(NodePublication(node: node, condition: .behind, detail: "its pods are being replaced"))
            } else if deployment.isRolledOut {
                nodes.append(NodePublication(node: node, condition: .current))
            } else {
                nodes.append(NodePublication(node: node, condition: .behind, detail: "its pods are being replaced"))
            }
        }
        return Publication(generation: configuration.generation, nodes: nodes)
    }
}

/// What the strategy needs and does not find.
private struct RolloutTarget: Error, CustomStringConvertible {
    var description: String
}

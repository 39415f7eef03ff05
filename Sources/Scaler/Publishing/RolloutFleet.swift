package import FleetModel
import JSONValues
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
        /// Where the pods mount the Secret, and so find the files that verify backends.
        package var tlsDirectory = TLSFile.usualDirectory

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
            let publication = try await roll(configuration)
            if publication.isComplete { try await removeOldFiles(configuration) }
            return publication
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
        let renderer = CnfRenderer(configuration, tlsDirectory: settings.tlsDirectory)
        let files = Dictionary(
            TLSFile.all(of: configuration).map { ($0.name, $0.content) }, uniquingKeysWith: { first, _ in first })
        let secrets = try await client.list(SecretResource.self, in: scope, where: selection(configuration)).items
        if let secret = secrets.first(where: { $0.data?[settings.key] != nil }) {
            let present = secret.text(settings.key)?.reveal() ?? ""
            let wanted = try renderer.rendered(over: present)
            // Files of the generation before stay for pods that are not replaced yet; a merge patch removes by null.
            let missing = files.filter { secret.text($0.key)?.reveal() != $0.value.reveal() }
            guard wanted != present || !missing.isEmpty else { return }
            let texts = missing.merging([settings.key: Secret(wanted)]) { $1 }
            let applied = SecretResource.applying(name: secret.metadata.name, texts: texts)
            _ = try await client.patch(
                SecretResource.self, secret.metadata.name, patch(applied["data"] ?? [:], secret.metadata),
                in: settings.namespace)
            return note("secret", secret.metadata.name, configuration)
        }
        guard files.isEmpty else {
            throw RolloutTarget(
                description: "group \(configuration.group) verifies its backends, whose files belong in a Secret: "
                    + "make one with the label \(settings.label)=\(configuration.group) and the key \(settings.key)")
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

    /// Takes away the files that no pod's rows name any more.
    private func removeOldFiles(_ configuration: FleetConfiguration) async throws {
        let named = Set(TLSFile.all(of: configuration).map(\.name))
        let scope = NamespaceScope.named(settings.namespace)
        for secret in try await client.list(SecretResource.self, in: scope, where: selection(configuration)).items {
            let old = (secret.data ?? [:]).keys.filter { TLSFile.isOurs($0) && !named.contains($0) }
            guard !old.isEmpty else { continue }
            let data = Dictionary(uniqueKeysWithValues: old.map { ($0, JSONValue.null) })
            _ = try await client.patch(
                SecretResource.self, secret.metadata.name, patch(.object(data), secret.metadata),
                in: settings.namespace)
        }
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

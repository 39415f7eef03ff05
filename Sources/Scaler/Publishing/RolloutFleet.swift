package import FleetModel
import JSONValues
package import KubernetesClient
package import Logging
import ProxySQLAdmin

/// The strategy `rollout`: Chester's layout. The `proxysql.cnf` in the ConfigMap, or the Secret, that carries the
/// group's label is changed in place, and the Deployment with that label is rolled.
///
/// Each time that it writes the file, it marks the object with an id that was never used before, in the same write. Pods
/// are made with the id in their template, and have what is wanted when that is the object's. So the file that somebody
/// edited replaces the pods once more when it was written back: one that started in between runs the edited one.
///
/// Chester deletes the ConfigMap and makes it anew, which leaves a gap in which a pod cannot start.
package struct RolloutFleet: RoundlessFleet {
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

    /// The id of the file's last write, on the object that has it and on the template of the pods.
    static let contentAnnotation = "drover.dev/content"

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
            let deployments = try await deployments(configuration)
            if let newer = Self.newer(than: configuration, deployments) {
                var publication = Publication(
                    generation: configuration.generation,
                    nodes: deployments.map {
                        NodePublication(
                            node: "deployment/\($0.metadata.name)", condition: .behind,
                            detail: "\(newer.place) has generation \(newer.generation)")
                    })
                publication.newer = newer
                return publication
            }
            let content = try await write(configuration)
            let publication = try await roll(deployments, configuration, content)
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
        await publish(configuration.emptied.next)
    }

    func selection(_ configuration: FleetConfiguration) -> Selection {
        .labels([settings.label: configuration.group.text])
    }

    /// Replaces the configuration's sections of the file where they differ; what somebody else changed meanwhile
    /// makes the patch fail and the next publication read it again.
    /// - Returns: the id of the last write; nil for a file that an earlier version wrote, which had none.
    private func write(_ configuration: FleetConfiguration) async throws -> String? {
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
            guard wanted != present || !missing.isEmpty else {
                return secret.metadata.annotations?[Self.contentAnnotation]
            }
            let texts = missing.merging([settings.key: Secret(wanted)]) { $1 }
            let applied = SecretResource.applying(name: secret.metadata.name, texts: texts)
            let content = Self.newContent()
            _ = try await client.patch(
                SecretResource.self, secret.metadata.name, patch(applied["data"] ?? [:], secret.metadata, content),
                in: settings.namespace)
            note("secret", secret.metadata.name, configuration)
            return content
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
        guard wanted != present else { return map.metadata.annotations?[Self.contentAnnotation] }
        let content = Self.newContent()
        _ = try await client.patch(
            ConfigMap.self, map.metadata.name, patch([settings.key: .string(wanted)], map.metadata, content),
            in: settings.namespace)
        note("configmap", map.metadata.name, configuration)
        return content
    }

    /// Sixteen characters that no write had before. A digest of the file would not do: it is the same before and after an
    /// edit that was undone, and where the file is in a Secret it would confirm guesses at the passwords in it.
    private static func newContent() -> String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
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

    private func patch(_ data: JSONValue, _ metadata: ObjectMeta, _ content: String? = nil) -> JSONValue {
        var changed: JSONValue = ["resourceVersion": .string(metadata.resourceVersion ?? "")]
        if let content { changed["annotations"] = [Self.contentAnnotation: .string(content)] }
        return ["metadata": changed, "data": data]
    }

    private func note(_ kind: String, _ name: String, _ configuration: FleetConfiguration) {
        logger.info(
            "proxysql.cnf changed",
            metadata: ["object": "\(kind)/\(name)", "generation": "\(configuration.generation)"])
    }

    private func deployments(_ configuration: FleetConfiguration) async throws -> [Deployment] {
        let deployments = try await client.list(
            Deployment.self, in: .named(settings.namespace), where: selection(configuration)
        ).items
        guard !deployments.isEmpty else {
            throw RolloutTarget(
                description: "namespace \(settings.namespace) has no Deployment with the label "
                    + "\(settings.label)=\(configuration.group)")
        }
        return deployments
    }

    /// A generation above the configuration's that one of the Deployments was marked with.
    private static func newer(than configuration: FleetConfiguration, _ deployments: [Deployment]) -> NewerGeneration? {
        deployments.compactMap { deployment in
            let marked = deployment.metadata.annotations?[KubernetesFleet.generationAnnotation].flatMap { Int64($0) }
            guard let marked, FleetConfiguration.isPossible(marked), marked > configuration.generation else {
                return nil
            }
            return NewerGeneration(generation: marked, place: "deployment/\(deployment.metadata.name)")
        }.max { $0.generation < $1.generation }
    }

    /// Whether the template's pods are made with the file as it was written last.
    static func runs(_ content: String?, _ deployment: Deployment, _ generation: Int64) -> Bool {
        let annotations = deployment.spec?.template?.metadata?.annotations
        if let content { return annotations?[contentAnnotation] == content }
        // An earlier version marked templates with the generation alone, and that has not changed since.
        return annotations?[KubernetesFleet.generationAnnotation] == "\(generation)"
    }

    /// Marks the template of each Deployment with the id of the file, which replaces its pods, and the Deployment itself
    /// with the generation; says how far that is.
    private func roll(
        _ deployments: [Deployment], _ configuration: FleetConfiguration, _ content: String?
    ) async throws -> Publication {
        let generation = "\(configuration.generation)"
        let name = KubernetesFleet.generationAnnotation
        var nodes: [NodePublication] = []
        for deployment in deployments {
            let runs = Self.runs(content, deployment, configuration.generation)
            var patch: JSONValue?
            if !runs {
                var annotations: JSONValue = [name: .string(generation)]
                if let content { annotations[Self.contentAnnotation] = .string(content) }
                patch = ["spec": ["template": ["metadata": ["annotations": annotations]]]]
            } else if deployment.metadata.annotations?[name] != generation {
                patch = [:]
            }
            if var patch {
                patch["metadata"] = ["annotations": [name: .string(generation)]]
                _ = try await client.patch(Deployment.self, deployment.metadata.name, patch, in: settings.namespace)
            }
            let isDone = runs && deployment.isRolledOut
            nodes.append(
                NodePublication(
                    node: "deployment/\(deployment.metadata.name)", condition: isDone ? .current : .behind,
                    detail: isDone ? nil : "its pods are being replaced"))
        }
        return Publication(generation: configuration.generation, nodes: nodes)
    }
}

/// What the strategy needs and does not find.
private struct RolloutTarget: Error, CustomStringConvertible {
    var description: String
}

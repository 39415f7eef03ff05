package import FleetModel
import KubernetesClient
package import ProxySQLAdmin

// What publications through Kubernetes objects would change; objects are only read.

extension RolloutFleet: FleetRehearsal {
    /// Compares the rendered `proxysql.cnf` with the one in the ConfigMap or Secret.
    package func rehearse(_ configuration: FleetConfiguration) async -> [RehearsedTarget] {
        do {
            let scope = NamespaceScope.named(settings.namespace)
            let secrets = try await client.list(SecretResource.self, in: scope, where: selection(configuration)).items
            let maps = try await client.list(ConfigMap.self, in: scope, where: selection(configuration)).items
            var target: RehearsedTarget
            let present: String
            var content: String?
            if let secret = secrets.first(where: { $0.data?[settings.key] != nil }) {
                target = RehearsedTarget(name: "secret/\(secret.metadata.name)")
                present = secret.text(settings.key)?.reveal() ?? ""
                content = secret.metadata.annotations?[Self.contentAnnotation]
            } else if let map = maps.first(where: { $0.data?[settings.key] != nil }) {
                target = RehearsedTarget(name: "configmap/\(map.metadata.name)")
                present = map.data?[settings.key] ?? ""
                content = map.metadata.annotations?[Self.contentAnnotation]
            } else {
                return [
                    RehearsedTarget(
                        name: "\(settings.label)=\(configuration.group)",
                        problem:
                            "namespace \(settings.namespace) has no ConfigMap or Secret with that label and the key "
                            + settings.key)
                ]
            }
            let isChanged =
                try CnfRenderer(configuration, tlsDirectory: settings.tlsDirectory).rendered(over: present) != present
            if isChanged {
                let sections = CnfRenderer.sections.joined(separator: ", ")
                target.notes.append("\(settings.key) would be changed in place: \(sections)")
            }
            return [target] + (try await rehearseRollout(configuration, isChanged, content))
        } catch {
            return [RehearsedTarget(name: "\(settings.label)=\(configuration.group)", problem: "\(error)")]
        }
    }

    private func rehearseRollout(
        _ configuration: FleetConfiguration, _ isChanged: Bool, _ content: String?
    ) async throws -> [RehearsedTarget] {
        let deployments = try await client.list(
            Deployment.self, in: .named(settings.namespace), where: selection(configuration)
        ).items
        return deployments.map { deployment in
            var target = RehearsedTarget(name: "deployment/\(deployment.metadata.name)")
            if isChanged || !Self.runs(content, deployment, configuration.generation) {
                target.notes.append("its pods would be replaced, for generation \(configuration.generation)")
            }
            return target
        }
    }
}

extension KubernetesFleet: FleetRehearsal {
    /// Compares `fleet.json` with the one in the Secret, and reads what the agents report.
    package func rehearse(_ configuration: FleetConfiguration) async -> [RehearsedTarget] {
        var target = RehearsedTarget(name: "secret/\(secretName(configuration.group))")
        do {
            let present = try await present(configuration.group)
            if present == nil { target.notes.append("the Secret would be made") }
            if let generation = present?.generation, generation > configuration.generation {
                target.notes.append("it has generation \(generation): the group's own would be raised above it")
            }
            target.rows = try RowChange.between(
                present?.published?.configuration, configuration, of: configuration.group)
            let publication = publication(
                of: PublishedConfiguration(configuration, contentKey: present?.published?.contentKey),
                try await askAgents())
            return [target]
                + publication.nodes.map {
                    RehearsedTarget(
                        name: "pod/\($0.node)", problem: $0.condition == .unknown ? $0.detail : nil,
                        backends: $0.backends)
                }
        } catch {
            target.problem = "\(error)"
            return [target]
        }
    }
}

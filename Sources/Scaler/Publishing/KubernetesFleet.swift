package import FleetModel
import Foundation
package import KubernetesClient
package import Logging
import ProxySQLAdmin

/// The strategy `kubernetes`: one Secret a group, changed in place, that agents beside the nodes follow.
///
/// `proxysql.cnf` in it is for nodes that start, `fleet.json` for those that run. A publication is complete when every
/// running pod's agent says that its node holds this generation and this content: never another generation, also not a
/// greater one.
package struct KubernetesFleet: RoundlessFleet {
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
    let agents: any AgentReading
    let settings: Settings
    private let logger: Logger

    /// The Secret of a group, as far as it is ours.
    struct Present {
        /// What of it a publication could write.
        var texts: [String: Secret]
        /// What `fleet.json` says, where that can be read.
        var published: PublishedConfiguration?
        /// The greatest generation that its annotation or its document names.
        var generation: Int64?
    }

    private enum Written {
        case unchanged, changed
        /// Files must be on these nodes first.
        case waiting([NodePublication])
    }

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
            return try await bring(configuration)
        } catch {
            return failed(configuration, error)
        }
    }

    private func failed(_ configuration: FleetConfiguration, _ error: any Error) -> Publication {
        Publication(
            generation: configuration.generation,
            nodes: [
                NodePublication(
                    node: "secret/\(secretName(configuration.group))", condition: .unknown, detail: "\(error)")
            ])
    }

    /// Nothing is written below a generation that the Secret or a node knows: agents would leave it alone.
    private func bring(_ configuration: FleetConfiguration) async throws -> Publication {
        let present = try await present(configuration.group)
        // The key stays with the Secret, so that equal contents have equal digests from one publication to the next.
        let wanted = PublishedConfiguration(
            configuration, contentKey: present?.published?.contentKey ?? ContentKey())
        var answers = try await askAgents()
        if let newer = newer(than: wanted, present, answers) {
            var publication = publication(of: wanted, answers)
            publication.newer = newer
            for index in publication.nodes.indices where publication.nodes[index].condition == .current {
                publication.nodes[index].condition = .behind
                publication.nodes[index].detail = "\(newer.place) has generation \(newer.generation)"
            }
            return publication
        }
        switch try await write(wanted, present, answers) {
        case .waiting(let nodes):
            return Publication(generation: configuration.generation, nodes: nodes)
        case .changed: answers = try await askAgents()
        case .unchanged: break
        }
        return publication(of: wanted, answers)
    }

    /// The greatest generation in the cluster that is not older than `wanted` and is not it.
    ///
    /// A Secret of the same generation with other content is one, as after a restored store that has counted up again.
    /// Where there is no Secret, so is a node that holds the same generation: it is what a removed group left there.
    private func newer(
        than wanted: PublishedConfiguration, _ present: Present?, _ answers: [AgentAnswer]
    ) -> NewerGeneration? {
        let (group, own) = (wanted.configuration.group, wanted.configuration.generation)
        var seen: [NewerGeneration] = []
        let secret = "secret/\(secretName(group))"
        if let present {
            if let generation = present.generation, generation > own {
                seen.append(NewerGeneration(generation: generation, place: secret))
            } else if let published = present.published, published.configuration.generation == own,
                wanted.contentKey?.digest(of: published.configuration) != wanted.held.content
            {
                seen.append(NewerGeneration(generation: own, place: "\(secret), with other content,"))
            }
        }
        for answer in answers {
            guard let held = (try? answer.outcome.get())?.holding(of: group) else { continue }
            guard held.generation > own || held.generation == own && present == nil else { continue }
            seen.append(NewerGeneration(generation: held.generation, place: answer.node))
        }
        return seen.filter { FleetConfiguration.isPossible($0.generation) }
            .max { $0.generation < $1.generation }
    }

    /// An empty configuration of the next generation, and when every node runs that, no Secret.
    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        let name = secretName(configuration.group)
        let nothing = configuration.emptied.next
        let gone = Publication(
            generation: nothing.generation, nodes: [NodePublication(node: "secret/\(name)", condition: .current)])
        do {
            if try await present(configuration.group) == nil {
                // Somebody else may have deleted it: then nodes still hold what was in it.
                let answers = try await askAgents()
                let keep = answers.compactMap { keeping($0, nothing) }
                if keep.allSatisfy({ $0.condition == .unknown }) {
                    return keep.isEmpty ? gone : Publication(generation: nothing.generation, nodes: keep)
                }
            }
        } catch {
            return failed(nothing, error)
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

    /// A node that still holds something of the group that `nothing` withdraws, or may do so.
    private func keeping(_ answer: AgentAnswer, _ nothing: FleetConfiguration) -> NodePublication? {
        switch answer.outcome {
        case .failure(let silence):
            return NodePublication(node: answer.node, condition: .unknown, detail: silence.description)
        case .success(let report):
            guard let held = report.holding(of: nothing.group), held.generation != nothing.generation else {
                return nil
            }
            return NodePublication(node: answer.node, condition: .behind, detail: "it holds \(held.shown)")
        }
    }

    /// The group's Secret; nil when there is none.
    func present(_ group: InstanceName) async throws -> Present? {
        let secret: SecretResource
        do throws(KubernetesError) {
            secret = try await client.get(SecretResource.self, secretName(group), in: settings.namespace)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        var present = Present(texts: [:])
        for key in (secret.data ?? [:]).keys where Self.texts.contains(key) || TLSFile.isOurs(key) {
            present.texts[key] = secret.text(key)
        }
        let published = present.texts["fleet.json"].flatMap {
            try? JSONDecoder().decode(PublishedConfiguration.self, from: Data($0.reveal().utf8))
        }
        present.published = published.flatMap { $0.configuration.group == group ? $0 : nil }
        let annotated = secret.metadata.annotations?[Self.generationAnnotation].flatMap { Int64($0) }
        present.generation = [annotated, present.published?.configuration.generation].compactMap { $0 }
            .filter(FleetConfiguration.isPossible).max()
        return present
    }

    /// The names of our texts beside the files of `TLSFile`.
    private static let texts: Set<String> = ["proxysql.cnf", "fleet.json"]

    /// Applies the Secret unless it holds the generation and the very same texts.
    ///
    /// Files that verify backends come in it before the configuration that names them: cluster sync takes rows to nodes
    /// whose agents may not have written the files yet, and there every new connection would fail.
    private func write(
        _ wanted: PublishedConfiguration, _ present: Present?, _ answers: [AgentAnswer]
    ) async throws -> Written {
        let configuration = wanted.configuration
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let files = Dictionary(
            TLSFile.all(of: configuration).map { ($0.name, $0.content) }, uniquingKeysWith: { first, _ in first })
        var texts = files
        texts["proxysql.cnf"] = Secret(
            try CnfRenderer(configuration, tlsDirectory: settings.tlsDirectory).rendered(over: settings.baseFile))
        texts["fleet.json"] = Secret(String(decoding: try encoder.encode(wanted), as: UTF8.self))
        let name = secretName(configuration.group)
        let there = present?.texts ?? [:]
        if texts == there { return .unchanged }
        if !files.isEmpty {
            let names = Set(files.keys)
            let lacking = answers.map { answer in
                judged(answer) { report in
                    guard let held = report.tlsFiles else { return "its agent writes no files for TLS; upgrade it" }
                    return names.isSubset(of: held) ? nil : "its agent has not written the files for TLS yet"
                }
            }.filter { $0.condition != .current }
            guard lacking.isEmpty else {
                let staged = there.merging(files) { $1 }
                // What is in force keeps its generation: only files come beside it.
                if staged != there { try await apply(staged, name, present?.published?.configuration ?? configuration) }
                return .waiting(lacking)
            }
        }
        try await apply(texts, name, configuration)
        return .changed
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
}

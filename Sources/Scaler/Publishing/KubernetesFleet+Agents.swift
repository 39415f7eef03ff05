import FleetModel
import KubernetesClient
import ProxySQLAdmin

/// What the agent beside one running node answered.
struct AgentAnswer: Sendable {
    /// Why there is no report.
    struct Silence: Error, CustomStringConvertible {
        /// One sentence without a full stop.
        var description: String
    }

    /// The pod's name.
    var node: String
    /// What it reports.
    var outcome: Result<AgentReport, Silence>
}

extension KubernetesFleet {
    /// Asks the agents of all running pods at once; by name.
    /// - Throws: `KubernetesError` when it is not known which pods there are.
    func askAgents() async throws -> [AgentAnswer] {
        let scope: NamespaceScope = settings.namespace.map { .named($0) } ?? .own
        let pods = try await client.list(Pod.self, in: scope, where: Selection(labels: settings.podSelector)).items
            .filter(\.isRunning)
        return await withTaskGroup(of: AgentAnswer.self) { tasks in
            for pod in pods { tasks.addTask { await self.ask(pod) } }
            var answers: [AgentAnswer] = []
            for await answer in tasks { answers.append(answer) }
            return answers.sorted { $0.node < $1.node }
        }
    }

    private func ask(_ pod: Pod) async -> AgentAnswer {
        let node = pod.metadata.name
        guard let address = pod.address else {
            return AgentAnswer(node: node, outcome: .failure(.init(description: "it has no address yet")))
        }
        do {
            return AgentAnswer(
                node: node, outcome: .success(try await agents.report(from: address, port: settings.agentPort)))
        } catch {
            return AgentAnswer(
                node: node, outcome: .failure(.init(description: "its agent does not answer: \(error)")))
        }
    }

    /// How the nodes stand to `wanted`, by what their agents say.
    func publication(of wanted: PublishedConfiguration, _ answers: [AgentAnswer]) -> Publication {
        let held = wanted.held
        var publication = Publication(
            generation: held.generation,
            nodes: answers.map { answer in
                var node = judged(answer) { Self.lack(of: held, $0) }
                node.holds = (try? answer.outcome.get())?.holding(of: held.group)
                // One that is behind may still use what was the group's own.
                let foreign =
                    node.condition == .current ? wanted.configuration.foreignServers(among: node.backends) : []
                if !foreign.isEmpty { node.foreignServers = foreign }
                return node
            })
        publication.content = held.content
        return publication
    }

    /// How a node stands; `lack` says why it is behind.
    func judged(_ answer: AgentAnswer, _ lack: (AgentReport) -> String?) -> NodePublication {
        switch answer.outcome {
        case .failure(let silence):
            return NodePublication(node: answer.node, condition: .unknown, detail: silence.description)
        case .success(let report):
            let lack = lack(report)
            return NodePublication(
                node: answer.node, condition: lack == nil ? .current : .behind, detail: lack,
                backends: report.backends)
        }
    }

    /// Why a node does not hold `wanted`; nil when it does. An agent that tells no content is believed its generation, as
    /// long as that is the very one.
    private static func lack(of wanted: HeldConfiguration, _ report: AgentReport) -> String? {
        guard let held = report.holding(of: wanted.group) else {
            return report.holds == nil
                ? "its agent reports no generation yet" : "its agent says that it holds nothing of \(wanted.group)"
        }
        guard held.generation == wanted.generation else { return "it holds \(held.shown)" }
        guard report.holds != nil, held.content != wanted.content else { return nil }
        return "it holds \(held.shown), and the content of this generation is \(wanted.content?.prefix(8) ?? "unknown")"
    }
}

import Agent
import Foundations
import Hooks
import Yams

/// Everything that is wrong with a file of plugins, at once.
package struct PluginProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence each.
    package var complaints: [String]

    package var description: String { complaints.joined(separator: "\n") }
}

/// The file that `agent.plugins.file` names: YAML with a list `plugins`.
package enum PluginFile {
    /// Reads and checks a file's text.
    /// - Throws: `PluginProblem` that names every unknown key and every impossible value with its plugin.
    package static func plugins(in text: String) throws(PluginProblem) -> [Plugin] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw PluginProblem(complaints: ["the file of plugins is no YAML: \(YAMLProblem.sentence(error))"])
        }
        var complaints: [String] = []
        if let mapping = root?.mapping {
            for key in mapping.keys where key.string != "plugins" {
                complaints.append("the key \(key.string ?? "?") is unknown; the file has only plugins")
            }
        }
        guard let list = root?.mapping?["plugins"]?.sequence else {
            throw PluginProblem(complaints: complaints + ["the file of plugins must have a list plugins"])
        }
        var plugins: [Plugin] = []
        for (index, node) in list.enumerated() {
            var reader = PluginReader(node, at: index)
            if let plugin = reader.plugin() {
                if plugins.contains(where: { $0.name == plugin.name }) {
                    complaints.append("two plugins are named \(plugin.name)")
                }
                plugins.append(plugin)
            }
            complaints += reader.complaints
        }
        guard complaints.isEmpty else { throw PluginProblem(complaints: complaints) }
        return plugins
    }
}

/// Reads one entry of the list.
private struct PluginReader {
    private let node: Node
    private var name: String
    private(set) var complaints: [String] = []

    private static let keys = [
        "name", "command", "environment", "webhook", "token-file", "events", "deadline-seconds", "concurrency",
        "on-failure",
    ]

    init(_ node: Node, at index: Int) {
        self.node = node
        name = "number \(index + 1)"
    }

    mutating func plugin() -> Plugin? {
        guard let mapping = node.mapping else {
            complain("must be a mapping")
            return nil
        }
        if let text = mapping["name"]?.string, !text.isEmpty { name = text } else { complain("has no name") }
        for key in mapping.keys where !Self.keys.contains(key.string ?? "?") {
            complain("has the unknown key \(key.string ?? "?"); the keys are \(Self.keys.joined(separator: ", "))")
        }
        let target = target(mapping)
        let events = events(mapping)
        var plugin = Plugin(name: name, target: target ?? .program([], environment: []), events: events)
        if let value = number("deadline-seconds", 0.1...600, mapping) { plugin.deadline = .seconds(value) }
        if let value = number("concurrency", 1...64, mapping) { plugin.concurrency = Int(value) }
        if let text = mapping["on-failure"]?.string {
            if let policy = Plugin.FailurePolicy(rawValue: text) {
                plugin.onFailure = policy
            } else {
                complain("has on-failure \"\(text)\": it is ignore or veto")
            }
        }
        if plugin.onFailure == .veto, !events.contains(.draining) {
            complain("has on-failure veto, which only a subscriber of draining can have")
        }
        return target.map { _ in plugin }
    }

    private mutating func target(_ mapping: Node.Mapping) -> Plugin.Target? {
        switch (mapping["command"], mapping["webhook"]) {
        case (let command?, nil):
            let words = command.sequence.map { $0.compactMap(\.string) } ?? []
            guard !words.isEmpty, words.count == command.sequence?.count, words.first?.isEmpty == false else {
                complain("has a command that is no list of words")
                return nil
            }
            if mapping["token-file"] != nil { complain("has a token-file, which only a webhook has") }
            return .program(words, environment: mapping["environment"]?.sequence?.compactMap(\.string) ?? [])
        case (nil, let webhook?):
            let url = webhook.string ?? ""
            if let complaint = Webhook.complaint(about: url) {
                complain("has a webhook that cannot be called: \(complaint)")
            }
            if mapping["environment"] != nil { complain("has an environment, which only a command has") }
            return .webhook(url, tokenFile: mapping["token-file"]?.string)
        default:
            complain("must have either a command or a webhook")
            return nil
        }
    }

    private mutating func events(_ mapping: Node.Mapping) -> Set<AgentEvent.Kind> {
        guard let list = mapping["events"]?.sequence, !list.isEmpty else {
            complain("must have a list events")
            return []
        }
        var events: Set<AgentEvent.Kind> = []
        for node in list {
            let text = node.string ?? "?"
            if text == "all" {
                events.formUnion(AgentEvent.Kind.allCases)
            } else if let kind = AgentEvent.Kind(rawValue: text) {
                events.insert(kind)
            } else {
                let known = AgentEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                complain("has the unknown event \(text); the events are all, \(known)")
            }
        }
        return events
    }

    private mutating func number(
        _ key: String, _ range: ClosedRange<Double>, _ mapping: Node.Mapping
    ) -> Double? {
        guard let text = mapping[key]?.scalar?.string else { return nil }
        guard let number = Double(text), range.contains(number) else {
            complain("has \(key) \"\(text)\": it is from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    private mutating func complain(_ what: String) {
        complaints.append("plugin \(name) \(what)")
    }
}

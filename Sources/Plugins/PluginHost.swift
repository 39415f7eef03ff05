package import Agent
package import Hooks
package import Logging
import Observability

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Calls plugins when something happens to the node.
///
/// Each plugin reads the events on its own, so that a slow one holds up neither the agent nor another plugin; one that
/// falls far behind misses the oldest events.
package struct PluginHost: Sendable {
    /// A plugin and how it is reached.
    package struct Entry: Sendable {
        /// The plugin.
        package var plugin: Plugin
        /// How it is reached.
        package var hook: any Hook

        /// Pairs them.
        package init(plugin: Plugin, hook: any Hook) {
            self.plugin = plugin
            self.hook = hook
        }
    }

    /// What a plugin gets: the agent's event, and what is wanted of it.
    private struct Document: Encodable {
        var event: AgentEvent
        var plugin: String
        var question: Bool

        private enum Keys: String, CodingKey {
            case plugin, question
        }

        func encode(to encoder: any Encoder) throws {
            try event.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(plugin, forKey: .plugin)
            try container.encode(question, forKey: .question)
        }
    }

    private let subscriptions: [(entry: Entry, events: AsyncStream<AgentEvent>)]
    private let logger: Logger

    /// Subscribes the plugins; those that may veto a drain are asked from now on.
    package init(_ entries: [Entry], events: AgentEvents, logger: Logger) {
        subscriptions = entries.map { ($0, events.subscribe()) }
        for plugin in entries.map(\.plugin) {
            for event in plugin.events { PluginMetric.calls.count(plugin.name, event.rawValue, "ok", by: 0) }
        }
        self.logger = logger
        let vetoing = entries.filter { $0.plugin.onFailure == .veto && $0.plugin.events.contains(.draining) }
        guard !vetoing.isEmpty else { return }
        events.setGate { event in await Self.objection(to: event, of: vetoing, logger) }
    }

    /// Tells plugins until the agent's events end, and what is under way has ended too.
    package func run() async {
        await withDiscardingTaskGroup { tasks in
            for (entry, events) in subscriptions {
                tasks.addTask { await serve(entry, events) }
            }
        }
    }

    private func serve(_ entry: Entry, _ events: AsyncStream<AgentEvent>) async {
        await withTaskGroup(of: Void.self) { calls in
            var running = 0
            for await event in events where entry.plugin.events.contains(event.event) {
                if running == entry.plugin.concurrency {
                    await calls.next()
                    running -= 1
                }
                running += 1
                calls.addTask { _ = await Self.call(entry, event, question: false, logger) }
            }
            await calls.waitForAll()
        }
    }

    /// Asks all at the same time; the first objection in the order of the file, or nil.
    private static func objection(to event: AgentEvent, of entries: [Entry], _ logger: Logger) async -> String? {
        await withTaskGroup(of: (Int, String?).self) { questions in
            for (index, entry) in entries.enumerated() {
                questions.addTask { (index, await call(entry, event, question: true, logger)) }
            }
            var objections: [Int: String] = [:]
            for await (index, objection) in questions { objections[index] = objection }
            return objections.min { $0.key < $1.key }?.value
        }
    }

    /// Calls a plugin; says why it did not agree, when it did not.
    private static func call(
        _ entry: Entry, _ event: AgentEvent, question: Bool, _ logger: Logger
    ) async -> String? {
        let plugin = entry.plugin
        var outcome = "ok"
        var objection: String?
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let document = try encoder.encode(Document(event: event, plugin: plugin.name, question: question))
            _ = try await entry.hook.call(Array(document))
        } catch {
            let failure = error as? HookFailure
            outcome = failure?.code.rawValue ?? "failed"
            let words = failure?.answer?.firstLine ?? ""
            objection = "plugin \(plugin.name): \(words.isEmpty ? "\(error)" : words)"
            logger.warning(
                question ? "a plugin objects" : "a plugin failed",
                metadata: [
                    "plugin.name": "\(plugin.name)", "event": "\(event.event.rawValue)", "error": "\(error)",
                ])
        }
        PluginMetric.calls.count(plugin.name, event.event.rawValue, outcome)
        return objection
    }
}

import Agent
import FleetModel
import Foundation
import Hooks
import Logging
import Pacing
import Synchronization
import TestSupport
import Testing

@testable import Plugins

@Suite("The file of plugins")
struct PluginFileTests {
    @Test("every key is read, and the usual limits hold where none is given")
    func reads() throws {
        let plugins = try PluginFile.plugins(
            in: """
                plugins:
                  - name: deregister
                    command: [/usr/local/bin/deregister, --pool, blue]
                    environment: [REGION]
                    events: [draining, drained]
                    deadline-seconds: 2.5
                    concurrency: 3
                    on-failure: veto
                  - name: audit
                    webhook: https://audit.example.com/hook
                    token-file: /run/secrets/audit
                    events: [all]
                """)
        var first = Plugin(
            name: "deregister",
            target: .program(["/usr/local/bin/deregister", "--pool", "blue"], environment: ["REGION"]),
            events: [.draining, .drained])
        first.deadline = .seconds(2.5)
        first.concurrency = 3
        first.onFailure = .veto
        let second = Plugin(
            name: "audit",
            target: .webhook("https://audit.example.com/hook", tokenFile: "/run/secrets/audit"),
            events: Set(AgentEvent.Kind.allCases))
        #expect(plugins == [first, second])
        #expect(second.deadline == .seconds(10) && second.concurrency == 1 && second.onFailure == .ignore)
    }

    @Test(
        "what is wrong is named with its plugin",
        arguments: [
            ("plugins: 3", "must have a list plugins"), ("plugin: []", "the key plugin is unknown"),
            ("plugins: [{command: [a], events: [all]}]", "plugin number 1 has no name"),
            ("plugins: [{name: a, events: [all]}]", "plugin a must have either a command or a webhook"),
            ("plugins: [{name: a, command: ls, events: [all]}]", "a command that is no list of words"),
            (
                "plugins: [{name: a, command: [b], events: [boom]}]",
                "the unknown event boom; the events are all, started"
            ),
            ("plugins: [{name: a, command: [b], events: []}]", "must have a list events"),
            ("plugins: [{name: a, webhook: x, events: [all]}]", "it must be an http or https URL"),
            ("plugins: [{name: a, command: [b], events: [all], deadline: 3}]", "the unknown key deadline;"),
            ("plugins: [{name: a, command: [b], events: [all], concurrency: 0}]", "concurrency \"0\""),
            (
                "plugins: [{name: a, command: [b], events: [started], on-failure: veto}]",
                "only a subscriber of draining"
            ),
            (
                "plugins: [{name: a, command: [b], events: [all]}, {name: a, command: [b], events: [all]}]",
                "two plugins are named a"
            ), ("plugins: [", "no YAML"),
        ])
    func refuses(text: String, complaint: String) {
        #expect { try PluginFile.plugins(in: text) } throws: { "\($0)".contains(complaint) }
    }
}

/// A hook that notes what it gets and answers as it is told.
final class FakeHook: Hook {
    let name = "fake"
    private let state = Mutex<(documents: [[String: String]], running: Int, most: Int)>(([], 0, 0))
    private let answer: @Sendable (Int) async throws(HookFailure) -> Void

    init(_ answer: @escaping @Sendable (Int) async throws(HookFailure) -> Void = { _ in }) {
        self.answer = answer
    }

    var documents: [[String: String]] { state.withLock { $0.documents } }
    var mostAtOnce: Int { state.withLock { $0.most } }

    func call(_ document: [UInt8]) async throws(HookFailure) -> HookAnswer {
        let object = (try? JSONSerialization.jsonObject(with: Data(document))) as? [String: Any] ?? [:]
        let count = state.withLock { state in
            state.documents.append(object.mapValues { "\($0)" })
            state.running += 1
            state.most = max(state.most, state.running)
            return state.documents.count
        }
        defer { state.withLock { $0.running -= 1 } }
        try await answer(count)
        return HookAnswer(status: 0, text: "")
    }
}

@Suite("Plugins hear of events", .timeLimit(.minutes(1)))
struct PluginHostTests {
    private let events = AgentEvents(node: "node-1", role: "core", wallClock: TestWallClock())
    private let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func entry(
        _ hook: FakeHook, _ kinds: Set<AgentEvent.Kind>, concurrency: Int = 1, _ policy: Plugin.FailurePolicy = .ignore,
        name: String = "p"
    ) -> PluginHost.Entry {
        var plugin = Plugin(name: name, target: .program(["x"], environment: []), events: kinds)
        plugin.concurrency = concurrency
        plugin.onFailure = policy
        return .init(plugin: plugin, hook: hook)
    }

    @Test("each gets the events that it subscribed, in order, and all of them before the agent's end")
    func delivers() async throws {
        let some = FakeHook()
        let all = FakeHook()
        let host = PluginHost(
            [entry(some, [.drained]), entry(all, Set(AgentEvent.Kind.allCases))], events: events, logger: quiet)
        events.publish(.started)
        events.publish(.configurationApplied, [.modules: "MYSQL USERS"])
        events.publish(.drained)
        events.finish()
        await host.run()
        #expect(some.documents.map { $0["event"] } == ["drained"])
        #expect(all.documents.map { $0["event"] } == ["started", "configuration-applied", "drained"])
        #expect(all.documents.allSatisfy { $0["node"] == "node-1" && $0["role"] == "core" && $0["plugin"] == "p" })
        #expect(all.documents.allSatisfy { ["0", "false"].contains($0["question"]) })
    }

    @Test("one that fails hears of the next event all the same")
    func failure() async throws {
        let hook = FakeHook { _ throws(HookFailure) in throw HookFailure(.failed, "no") }
        let host = PluginHost([entry(hook, [.started])], events: events, logger: quiet)
        events.publish(.started)
        events.publish(.started)
        events.finish()
        await host.run()
        #expect(hook.documents.count == 2)
    }

    @Test("no more calls are under way than it may have", arguments: [1, 3])
    func concurrency(limit: Int) async throws {
        let hook = FakeHook { _ in for _ in 0..<100 { await Task.yield() } }
        let host = PluginHost([entry(hook, [.started], concurrency: limit)], events: events, logger: quiet)
        for _ in 0..<20 { events.publish(.started) }
        events.finish()
        await host.run()
        #expect(hook.documents.count == 20)
        #expect(hook.mostAtOnce <= limit)
    }

    @Test("a drain is asked about: who may veto and fails keeps it from beginning, with its own words")
    func veto() async throws {
        let refusing = FakeHook { _ throws(HookFailure) in
            throw HookFailure(.failed, "exit code 1", answer: HookAnswer(status: 1, text: "last writer of shard 7\n"))
        }
        let ignored = FakeHook { _ throws(HookFailure) in throw HookFailure(.failed, "no") }
        let host = PluginHost(
            [
                entry(ignored, [.draining], name: "a"), entry(FakeHook(), [.draining], .veto, name: "b"),
                entry(refusing, [.draining], .veto, name: "c"),
            ], events: events, logger: quiet)
        let objection = await events.objection()
        #expect(objection == "plugin c: last writer of shard 7")
        #expect(ignored.documents.isEmpty)
        #expect(["1", "true"].contains(refusing.documents.first?["question"] ?? ""))
        events.finish()
        await host.run()
    }

    @Test("without a plugin that may veto nothing is asked")
    func noVeto() async throws {
        let hook = FakeHook { _ throws(HookFailure) in throw HookFailure(.failed, "no") }
        let host = PluginHost([entry(hook, [.draining])], events: events, logger: quiet)
        let objection = await events.objection()
        #expect(objection == nil)
        events.finish()
        await host.run()
    }
}

import FleetModel
import HummingbirdTesting
import JSONValues
import NIOHTTP1
import Persistence
import Synchronization
import Testing

@testable import ControlClient

@Suite("Several databases by one apply, and one by add", .timeLimit(.minutes(2)))
struct ApplyTests {
    private func read(_ groups: [(name: String, more: String)]) throws(ControlError) -> DatabaseFile {
        let elements = groups.enumerated().map { index, group in
            """
              - name: \(group.name)
                servers: [{name: \(group.name), address: 127.0.9.\(index + 1), origin: primary}]
                users: [{username: \(group.name)-app, password: hunter2}]
                \(group.more)
            """
        }
        return try DatabaseFile("databases:\n" + elements.joined(separator: "\n"), environment: [:])
    }

    /// What a call ends with; nil when it ends well.
    private func failure(_ body: () async throws(ControlError) -> Void) async -> ControlError? {
        do throws(ControlError) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    @Test("there is one plan and one question for all, and what is unchanged is counted")
    func plan() async throws {
        try await withAPI(isLive: true) { client, store in
            try await Screen().work(client).apply(
                read([("a", ""), ("b", "policy: {maximumReplicas: 3}")]), consent: .given)
            let file = try read([("a", ""), ("b", "policy: {maximumReplicas: 4}"), ("c", "")])
            let questions = Mutex<[String]>([])
            let screen = Screen()
            let work = Operator(
                client: screen.work(client).client, presentation: .table,
                terminal: .init(
                    say: { text in screen.text.withLock { $0 += text } },
                    ask: { question in
                        questions.withLock { $0.append(question) }
                        return true
                    }))
            try await work.apply(file, consent: .asked)
            #expect(questions.withLock { $0 } == ["1 to change, 1 new, 1 unchanged; change b, c?"])
            #expect(screen.shown.contains("a: nothing to do\n"))
            #expect(try await store.groups().count == 3)
        }
    }

    @Test("when one of them is refused nothing is written, and every refusal is told")
    func refusedBeforehand() async throws {
        try await withAPI(isLive: true) { client, store in
            let file = try read([
                ("a", ""), ("b", "policy: {maximumReplicas: -1}"), ("c", "policy: {maximumReplicas: -2}"),
            ])
            let error = await failure { () async throws(ControlError) in
                try await Screen().work(client).apply(file, consent: .given)
            }
            let said = try #require(error?.description)
            #expect(said.hasPrefix("nothing was changed:\nb: ") && said.contains("\nc: "))
            #expect(try await store.groups().isEmpty)
        }
    }

    @Test("a failure half-way says what was written, and what was not tried")
    func failureBetween() async throws {
        try await withAPI(isLive: true) { client, store in
            // Each is right alone; beside the first, the second has its places taken.
            let places = "writerHostgroup: 20\n    readerHostgroup: 21"
            let file = try read([("a", places), ("b", places), ("c", "")])
            let error = await failure { () async throws(ControlError) in
                try await Screen().work(client).apply(file, consent: .given)
            }
            let said = try #require(error?.description)
            #expect(said.hasPrefix("b was not changed: ") && said.hasSuffix("changed before it: a; not tried: c"))
            #expect(try await store.groups().map(\.document.name.text) == ["a"])
        }
    }

    @Test("a database that is there is not added over, and one that came meanwhile neither")
    func add() async throws {
        try await withAPI(isLive: true) { client, store in
            try await Screen().work(client).apply(read([("a", "policy: {maximumReplicas: 3}")]), consent: .given)
            let document = try read([("a", "")]).groups[0].document
            for consent in [Operator.Consent.given, .withheld] {
                let error = await failure { () async throws(ControlError) in
                    try await Screen(answers: true).work(client).change(
                        "a", .PUT, "/v1/groups/a", body: document, makes: true, consent: consent)
                }
                let said = try #require(error?.description)
                #expect(said.contains("modify a") && said.contains("drover ctl apply"))
            }
            // It was not there when it was looked at.
            let found = Operator.Found(
                change: .init(group: "a", method: .PUT, path: "/v1/groups/a", query: [], body: document), isNew: true,
                tag: nil, preview: .null, lines: ["+ a"])
            let error = await failure { () async throws(ControlError) in
                _ = try await Screen().work(client).carryOut(found)
            }
            #expect(error?.description.contains("there is a group a already") == true)
            #expect(try await store.groups().first?.document.policy.maximumReplicas == 3)
        }
    }
}

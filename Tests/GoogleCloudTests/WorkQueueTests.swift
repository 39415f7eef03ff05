import FakeGoogle
import FleetModel
import Foundation
import JSONValues
import Persistence
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

/// A queue on the stand-in, with what a test needs to look behind it.
private struct QueueOnStandIn {
    let standIn: PubSubStandIn
    let client: PubSubClient
    let wallClock: TestWallClock
    let url: String

    func queue(
        deadLetterTopic: String? = nil, maximumAttempts: Int = 10,
        notifications: PubSubWorkQueue.Notifications? = nil
    ) -> PubSubWorkQueue {
        var settings = PubSubWorkQueue.Settings(
            topic: "incidents", subscription: "daemon", deadLetterTopic: deadLetterTopic)
        settings.maximumAttempts = maximumAttempts
        return PubSubWorkQueue(
            client: client, settings: settings, clocks: (wallClock, ContinuousClock()), logger: quiet,
            notifications: notifications)
    }

    func publish(_ data: String) async throws {
        try await client.publish([PubSubMessage(data: Data(data.utf8).base64EncodedString())], to: "incidents")
    }

    func data(of subscription: String) -> [String] {
        standIn.messages(of: subscription).compactMap {
            $0[at: "data"].string.flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) }
        }
    }
}

private func withQueue(_ body: (QueueOnStandIn) async throws -> Void) async throws {
    let wallClock = TestWallClock()
    let standIn = PubSubStandIn(wallClock: wallClock, clock: ContinuousClock(), longestPull: .milliseconds(30))
    try standIn.seed(topic: "incidents", subscription: "daemon", project: "pp")
    try standIn.seed(topic: "dead-letters", subscription: "people", project: "pp")
    try await withServer(standIn.router()) { url in
        let client = PubSubClient(request: GoogleRequest(endpoint: url, timeout: patience), project: "pp")
        try await body(QueueOnStandIn(standIn: standIn, client: client, wallClock: wallClock, url: url))
    }
}

/// What every work queue must do; the queue is empty before and after.
func checkQueue(_ queue: any WorkQueue, _ clock: any TestedClock) async throws {
    let group = try InstanceName("shop")
    let first = WorkMessage(reason: .incident, group: group, incidentID: "a")
    let second = WorkMessage(reason: .restart, group: try InstanceName("other"))
    try await queue.publish(first, at: clock.now())
    try await queue.publish(second, at: clock.now())
    var deliveries: [WorkDelivery] = []
    while deliveries.count < 2 {
        deliveries += try await queue.receive(limit: 10, visibility: .seconds(20), at: clock.now())
    }
    #expect(Set(deliveries.map(\.message)) == [first, second])
    #expect(deliveries.allSatisfy { $0.attempt == 1 })
    let kept = try #require(deliveries.first { $0.message == first })
    let given = try #require(deliveries.first { $0.message == second })
    try await queue.release(given.id, after: .zero, at: clock.now())
    let back = try await queue.receive(limit: 10, visibility: .seconds(20), at: clock.now())
    #expect(back.map(\.message) == [second])
    #expect(back.map(\.attempt) == [2])
    try await queue.acknowledge(back.map(\.id))
    try await clock.pass(.seconds(21))
    let again = try await queue.receive(limit: 10, visibility: .seconds(20), at: clock.now())
    #expect(again.map(\.message) == [first])
    #expect(again.map(\.attempt) == [2])
    #expect(again.first?.id != kept.id || again.first?.attempt == 2)
    try await queue.acknowledge(again.map(\.id))
    try await queue.acknowledge([])
}

/// Time that a test can let pass, or has to wait for.
protocol TestedClock: Sendable {
    func now() -> Timestamp
    func pass(_ duration: Duration) async throws
}

extension TestWallClock: TestedClock {
    func pass(_ duration: Duration) async throws { advance(by: duration) }
}

@Suite("The work queue", .timeLimit(.minutes(1)))
struct WorkQueueTests {
    @Test("what every queue does, on SQLite")
    func sqlite() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await checkQueue(try SQLiteStore(directory: StateDirectory(path: path)), TestWallClock())
    }

    @Test("what every queue does, on Pub/Sub's stand-in")
    func standIn() async throws {
        try await withQueue { try await checkQueue($0.queue(), $0.wallClock) }
    }

    @Test("both of Chester's messages are sent with its field names")
    func sent() async throws {
        try await withQueue { at in
            let queue = at.queue()
            try await queue.publish(
                WorkMessage(reason: .restart, group: try InstanceName("shop")), at: at.wallClock.now())
            var incident = Incident(alert: try alert("0-abc", .open, group: "group-a"), at: at.wallClock.now())
            incident.lastReplicaName = "shop-x"
            try await queue.announce(incident, at: at.wallClock.now())
            let sent = at.data(of: "daemon")
            let restart = try JSONDecoder().decode([String: String].self, from: Data(sent[0].utf8))
            #expect(restart == ["action": "restart", "sql_master_instance": "shop"])
            let parsed = try JSONDecoder().decode(JSONValue.self, from: Data(sent[1].utf8))
            #expect(
                Set(parsed.members.keys) == [
                    "incident_id", "policy_name", "state", "started_at", "closed_timestamp", "condition",
                    "sql_master_instance", "replica_basename", "documentation", "action", "last_process",
                    "operation_id", "last_updated", "last_updated_by", "last_ip_address", "last_read_replica_name",
                ])
            #expect(parsed[at: "last_process"] == "gcf_push")
            #expect(parsed[at: "condition"] == ["incident_id": "0-abc", "policy_name": "connections"])
            let received = try await queue.receive(limit: 10, visibility: .seconds(20), at: at.wallClock.now())
            #expect(received.last?.message.group.text == "group-a")
            #expect(received.last?.message.incidentID == "0-abc")
        }
    }

    @Test("messages of Chester's own webhook and API are understood")
    func received() async throws {
        try await withQueue { at in
            try await at.publish(#"{"action":"restart","sql_master_instance":"sql-development"}"#)
            try await at.publish(
                #"""
                {"incident_id":"0-abc","policy_name":"p","state":"open","started_at":1600000000,"condition":null,
                "sql_master_instance":"sql-development","replica_basename":"sql-development-",
                "documentation":{"content":"{\"instance_group\":\"group-b\"}","mime_type":"text/markdown"},
                "action":"remove","last_process":"gcf_push"}
                """#)
            let received = try await at.queue().receive(limit: 10, visibility: .seconds(20), at: at.wallClock.now())
            #expect(
                received.map(\.message) == [
                    WorkMessage(reason: .restart, group: try InstanceName("sql-development")),
                    WorkMessage(reason: .incident, group: try InstanceName("group-b"), incidentID: "0-abc"),
                ])
        }
    }

    @Test(
        "a message that nobody can read goes to the dead letters and holds nobody up",
        arguments: ["no JSON", "{}", #"{"action":"restart","sql_master_instance":"Not A Name"}"#, "[]"])
    func poison(data: String) async throws {
        try await withQueue { at in
            try await at.publish(data)
            try await at.publish(#"{"action":"restart","sql_master_instance":"shop"}"#)
            let queue = at.queue(deadLetterTopic: "dead-letters")
            let received = try await queue.receive(limit: 10, visibility: .seconds(20), at: at.wallClock.now())
            #expect(received.map(\.message.group.text) == ["shop"])
            #expect(at.data(of: "people") == [data])
            #expect(at.data(of: "daemon").count == 1)
        }
    }

    @Test("a message that fails again and again goes to the dead letters")
    func hopeless() async throws {
        try await withQueue { at in
            let queue = at.queue(deadLetterTopic: "dead-letters", maximumAttempts: 3)
            let message = WorkMessage(reason: .restart, group: try InstanceName("shop"))
            try await queue.publish(message, at: at.wallClock.now())
            for attempt in 1...3 {
                let received = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
                #expect(received.map(\.attempt) == [attempt])
                for one in received { try await queue.release(one.id, after: .zero, at: at.wallClock.now()) }
            }
            let none = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
            #expect(none.isEmpty)
            #expect(at.data(of: "people").count == 1)
            #expect(at.data(of: "daemon").isEmpty)
        }
    }

    @Test("the deadline of what is still worked on is extended, and not beyond what was asked for")
    func leases() async throws {
        try await withQueue { at in
            let queue = at.queue()
            let message = WorkMessage(reason: .restart, group: try InstanceName("shop"))
            try await queue.publish(message, at: at.wallClock.now())
            let received = try await queue.receive(limit: 1, visibility: .seconds(900), at: at.wallClock.now())
            #expect(received.count == 1)
            at.wallClock.advance(by: .seconds(590))
            await queue.extendLeases()
            at.wallClock.advance(by: .seconds(300))
            await queue.extendLeases()
            let none = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
            #expect(none.isEmpty)
            at.wallClock.advance(by: .seconds(20))
            await queue.extendLeases()
            let again = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
            #expect(again.map(\.attempt) == [2])
        }
    }

    @Test("a notification of Cloud Monitoring's own channel is recorded first, and comes again when that fails")
    func notifications() async throws {
        try await withQueue { at in
            let fails = Mutex(true)
            let group = try InstanceName("shop")
            let queue = at.queue { bytes throws(StoreError) in
                if fails.withLock({ $0 }) { throw .unavailable(reason: "no Datastore") }
                return bytes.isEmpty ? nil : WorkMessage(reason: .incident, group: group, incidentID: "0-abc")
            }
            try await at.publish(#"{"incident":{"incident_id":"0.abc"},"version":"1.2"}"#)
            let none = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
            #expect(none.isEmpty)
            #expect(at.data(of: "daemon").count == 1)
            fails.withLock { $0 = false }
            at.wallClock.advance(by: .seconds(11))
            let received = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
            #expect(received.map(\.message.incidentID) == ["0-abc"])
        }
    }

    @Test("what runs as a service answers at once, and gives back what it holds when it ends")
    func ahead() async throws {
        try await withQueue { at in
            let queue = at.queue()
            try await testGracefulShutdown { trigger in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await queue.run() }
                    try await queue.publish(
                        WorkMessage(reason: .restart, group: try InstanceName("shop")), at: at.wallClock.now())
                    var received: [WorkDelivery] = []
                    while received.isEmpty {
                        received = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
                        await Task.yield()
                    }
                    try await queue.acknowledge(received.map(\.id))
                    let pulls = at.standIn.calls.made.count { $0.hasSuffix(":pull") }
                    try await at.publish(#"{"action":"restart","sql_master_instance":"held"}"#)
                    while at.standIn.calls.made.count(where: { $0.hasSuffix(":pull") }) < pulls + 2 {
                        await Task.yield()
                    }
                    trigger.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                }
            }
            #expect(at.standIn.calls.made.last?.hasSuffix(":modifyAckDeadline") == true)
            // The pull that was given up may still take it, even now, and keeps it until its deadline.
            var held: [WorkDelivery] = []
            for _ in 0..<3 where held.isEmpty {
                at.wallClock.advance(by: .seconds(11))
                held = try await queue.receive(limit: 1, visibility: .seconds(20), at: at.wallClock.now())
            }
            #expect(held.map(\.message.group.text) == ["held"])
        }
    }

    @Test("who stands by pulls nothing, and who no longer leads gives back at once what it holds")
    func standBy() async throws {
        try await withQueue { at in
            let (leader, standBy) = (at.queue(), at.queue())
            func made(_ call: String) -> Int { at.standIn.calls.made.count { $0.hasSuffix(call) } }
            func publish(_ names: [String]) async throws {
                for name in names { try await at.publish(#"{"action":"restart","sql_master_instance":"\#(name)"}"#) }
            }
            func receive(_ queue: PubSubWorkQueue) async throws -> [WorkDelivery] {
                await Task.yield()
                return try await queue.receive(limit: 1, visibility: .seconds(600), at: at.wallClock.now())
            }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await standBy.run() }
                tasks.addTask { try await leader.run() }
                let first = ["a", "b", "c", "d", "e", "f"]
                try await publish(first)
                // The clock stands still: what somebody sat on would never come.
                var taken: [WorkDelivery] = []
                while taken.count < first.count { taken += try await receive(leader) }
                #expect(Set(taken.map(\.message.group.text)) == Set(first))
                try await leader.acknowledge(taken.dropLast(2).map(\.id))
                try await publish(["g", "h"])
                let pulls = made(":pull")
                while made(":pull") < pulls + 2 { await Task.yield() }

                let changes = made(":modifyAckDeadline")
                leader.stopReceiving()
                while made(":modifyAckDeadline") == changes { await Task.yield() }
                let expected = Set(taken.suffix(2).map(\.message.group.text) + ["g", "h"])
                var second: [WorkDelivery] = []
                // The pull that was given up may have taken some, until the subscription's deadline of ten seconds.
                for _ in 0..<4 where Set(second.map(\.message.group.text)) != expected {
                    let before = made(":pull")
                    while made(":pull") < before + 2 { second += try await receive(standBy) }
                    at.wallClock.advance(by: .seconds(11))
                }
                #expect(Set(second.map(\.message.group.text)) == expected)
                tasks.cancelAll()
            }
        }
    }

    @Test("a topic or subscription that is not there is named, with what to do")
    func absent() async throws {
        try await withQueue { at in
            let queue = PubSubWorkQueue(
                client: at.client, settings: .init(topic: "nowhere", subscription: "nobody"),
                clocks: (at.wallClock, ContinuousClock()), logger: quiet)
            do {
                try await queue.publish(
                    WorkMessage(reason: .restart, group: try InstanceName("shop")), at: at.wallClock.now())
                Issue.record("there is no such topic")
            } catch {
                #expect("\(error)".contains("nowhere") && "\(error)".contains("drover setup google"))
            }
        }
    }
}

/// The queue on Google's own emulator, where time has to be waited for.
@Suite(
    "The work queue on Google's Pub/Sub emulator", .enabled(if: GoogleEmulator.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct PubSubIntegration {
    private struct RealClock: TestedClock {
        func now() -> Timestamp {
            Timestamp(millisecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1_000))
        }
        func pass(_ duration: Duration) async throws { try await Task.sleep(for: duration) }
    }

    @Test("what every queue does, and dead letters by Pub/Sub's own policy")
    func conformance() async throws {
        let emulator = try await GoogleEmulator(.pubSub)
        defer { emulator.stop() }
        let client = PubSubClient(
            request: GoogleRequest(endpoint: emulator.url, timeout: patience), project: "pp")
        for topic in ["incidents", "dead-letters"] {
            try await client.create(topic: topic)
            try await client.create(topic: topic)
        }
        let topic = client.topic("incidents")
        try await client.create(subscription: "daemon", SubscriptionDocument(topic: topic, ackDeadlineSeconds: 10))
        let wallClock = TestWallClock(RealClock().now())
        let queue = PubSubWorkQueue(
            client: client, settings: .init(topic: "incidents", subscription: "daemon"),
            clocks: (wallClock, ContinuousClock()), logger: quiet)
        try await checkQueue(queue, RealClock())

        try await client.create(
            subscription: "people",
            SubscriptionDocument(topic: client.topic("dead-letters"), ackDeadlineSeconds: 10))
        try await client.create(
            subscription: "second",
            SubscriptionDocument(
                topic: topic, ackDeadlineSeconds: 10,
                deadLetterPolicy: .init(deadLetterTopic: client.topic("dead-letters"), maxDeliveryAttempts: 5)))
        let second = PubSubWorkQueue(
            client: client, settings: .init(topic: "incidents", subscription: "second"),
            clocks: (wallClock, ContinuousClock()), logger: quiet)
        try await client.publish([PubSubMessage(data: Data("poison".utf8).base64EncodedString())], to: "incidents")
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                while !Task.isCancelled {
                    _ = try await second.receive(limit: 1, visibility: .seconds(10), at: RealClock().now())
                }
            }
            let dead = try await client.pull("people", maximum: 1)
            #expect(dead.first?.message.data == Data("poison".utf8).base64EncodedString())
            tasks.cancelAll()
        }
    }
}

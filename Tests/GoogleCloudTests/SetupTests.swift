import FakeGoogle
import FleetModel
import Foundation
import Hummingbird
import Ingest
import JSONValues
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

/// What Cloud Monitoring was told to keep.
private final class Kept: Sendable {
    private let state = Mutex<[String: [JSONValue]]>([:])

    func withLock<Value: Sendable>(_ body: (inout sending [String: [JSONValue]]) -> sending Value) -> Value {
        state.withLock(body)
    }
}

@Suite("Setting up Google Cloud", .timeLimit(.minutes(1)))
struct SetupTests {
    private func plan() throws -> SetupPlan {
        var wish = SetupPlan.Wish(project: "pp", topic: "incidents", subscription: "scaler")
        wish.alerts = SetupPlan.Alerts(
            primary: try InstanceName("shop"), group: try InstanceName("group-a"), replicaBaseName: "shop-ro-",
            metric: "cloudsql.googleapis.com/database/network/connections", thresholds: (800, 200))
        return SetupPlan(wish)
    }

    /// Cloud Monitoring as far as this needs it: lists and creates.
    private func monitoring(_ stored: Kept) -> Router<BasicRequestContext> {
        let router = Router()
        for kind in ["notificationChannels", "alertPolicies"] {
            router.get(RouterPath("/v3/projects/pp/\(kind)")) { _, _ in
                let list: JSONValue = .object([kind: .array(stored.withLock { $0[kind] ?? [] })])
                return ByteBuffer(bytes: try JSONEncoder().encode(list))
            }
            router.post(RouterPath("/v3/projects/pp/\(kind)")) { request, _ in
                let bytes = try await request.body.collect(upTo: 1 << 20)
                var document = try JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView))
                let made = stored.withLock { stored in
                    document[at: "name"] = .string("projects/pp/\(kind)/\((stored[kind] ?? []).count + 1)")
                    stored[kind, default: []].append(document)
                    return document
                }
                return ByteBuffer(bytes: try JSONEncoder().encode(made))
            }
        }
        return router
    }

    @Test("everything is created once, and what is there stays")
    func twice() async throws {
        let stored = Kept()
        let standIn = PubSubStandIn(wallClock: TestWallClock(), clock: ContinuousClock())
        try await withServer(standIn.router()) { pubSub in
            try await withServer(monitoring(stored)) { monitoring in
                let run = SetupRun { service throws(GoogleFailure) in
                    GoogleRequest(endpoint: service == .pubSub ? pubSub : monitoring, timeout: patience)
                }
                for expected in [SetupRun.Outcome.created, .present] {
                    var outcomes: [SetupRun.Outcome] = []
                    try await run.run(try plan()) { _, outcome in outcomes.append(outcome) }
                    #expect(outcomes == Array(repeating: expected, count: 7))
                }
            }
        }
        let policies = stored.withLock { $0["alertPolicies"] ?? [] }
        #expect(
            policies.map { $0[at: "notificationChannels"] }
                == Array(repeating: ["projects/pp/notificationChannels/1"], count: 2))
        let channel = stored.withLock { $0["notificationChannels"]?.first }
        #expect(channel?[at: "labels"] == ["topic": "projects/pp/topics/incidents"])
    }

    @Test("what the alerts say is what the webhook understands")
    func documentation() throws {
        for (step, action) in zip(try plan().steps.suffix(2), [IncidentAction.add, .remove]) {
            let document = try JSONDecoder().decode(JSONValue.self, from: try JSONEncoder().encode(step.body))
            let content = try #require(document[at: "documentation", "content"].string)
            let notification: JSONValue = [
                "incident": [
                    "incident_id": "0.a", "state": "open", "started_at": 1_700_000_000,
                    "documentation": ["content": .string(content)],
                ]
            ]
            guard case .alert(let alert) = try AlertParser.parse(Array(JSONEncoder().encode(notification))) else {
                Issue.record("no alert")
                continue
            }
            #expect(alert.action == action)
            #expect(alert.group.text == "group-a")
            #expect(alert.primaryInstance.text == "shop")
        }
    }
}

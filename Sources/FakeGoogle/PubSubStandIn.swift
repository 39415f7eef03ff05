import FleetModel
package import Hummingbird
package import JSONValues
package import Pacing
import ServiceLifecycle
import Synchronization

/// Pub/Sub API v1 on loopback: it simulates, and says so in its `Server` header.
package final class PubSubStandIn: Sendable {
    /// The calls that were made, and the failures to come.
    package let calls = StandInCalls()
    private let model: Mutex<PubSubModel>
    private let policies: PolicyModel
    private let wallClock: any WallClock
    private let clock: any Clock<Duration>
    private let longestPull: Duration
    private static let look = Duration.milliseconds(10)

    /// Serves `model`; a pull that finds nothing is answered after `longestPull`.
    package init(
        model: PubSubModel = PubSubModel(), policies: PolicyModel = PolicyModel(), wallClock: any WallClock,
        clock: any Clock<Duration>, longestPull: Duration = .seconds(89)
    ) {
        self.model = Mutex(model)
        self.policies = policies
        self.wallClock = wallClock
        self.clock = clock
        self.longestPull = longestPull
    }

    /// The messages that wait or are out, of the subscription `name`, oldest first.
    package func messages(of name: String) -> [JSONValue] { model.withLock { $0.messages(of: name) } }

    /// Puts a topic and a subscription of it there.
    package func seed(topic: String, subscription: String, project: String) throws {
        try model.withLock { model in
            let name = "projects/\(project)/topics/\(topic)"
            _ = try model.createTopic(name, [:])
            _ = try model.createSubscription(
                "projects/\(project)/subscriptions/\(subscription)", ["topic": .string(name)])
        }
    }

    /// The routes.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/") { _, _ in "Ok\n" }
        addRoutes(to: router)
        return router
    }

    /// Adds the routes to those of other services.
    package func addRoutes(to router: Router<BasicRequestContext>) {
        let topics = RouterPath("/v1/projects/{project}/topics/{name}")
        let subscriptions = RouterPath("/v1/projects/{project}/subscriptions/{name}")
        for method in [HTTPRequest.Method.put, .get, .post] {
            router.on(topics, method: method) { [self] request, context in
                let (name, verb) = Self.target("topics", context)
                return try await calls.answer(request) { body throws(GoogleError) in
                    try onTopic(method, name, verb, body)
                }
            }
            router.on(subscriptions, method: method) { [self] request, context in
                let (name, verb) = Self.target("subscriptions", context)
                return try await calls.answer(request) { body throws(GoogleError) in
                    try await onSubscription(method, name, verb, body)
                }
            }
        }
    }

    private static func target(_ kind: String, _ context: BasicRequestContext) -> (name: String, verb: String?) {
        let parts = (context.parameters.get("name") ?? "").split(separator: ":").map { String($0) }
        return (
            "projects/\(context.parameters.get("project") ?? "")/\(kind)/\(parts.first ?? "")", parts.dropFirst().last
        )
    }

    private func onTopic(
        _ method: HTTPRequest.Method, _ name: String, _ verb: String?, _ body: JSONValue
    ) throws(GoogleError) -> JSONValue {
        let now = wallClock.now()
        return try model.withLock { model throws(GoogleError) in
            switch (method, verb) {
            case (.put, nil): return try model.createTopic(name, body)
            case (.get, nil): return try model.topic(name)
            case (.get, "getIamPolicy"):
                _ = try model.topic(name)
                return policies.get(name)
            case (.post, "setIamPolicy"):
                _ = try model.topic(name)
                return try policies.set(name, body)
            case (.post, "publish"): return try model.publish(name, body, at: now)
            default: throw .canonical(404, "NOT_FOUND", "Not Found")
            }
        }
    }

    private func onSubscription(
        _ method: HTTPRequest.Method, _ name: String, _ verb: String?, _ body: JSONValue
    ) async throws(GoogleError) -> JSONValue {
        if method == .post, verb == "pull" { return try await pull(name, body) }
        let now = wallClock.now()
        return try model.withLock { model throws(GoogleError) in
            switch (method, verb) {
            case (.put, nil): return try model.createSubscription(name, body)
            case (.get, nil): return try model.subscription(name)
            case (.get, "getIamPolicy"):
                _ = try model.subscription(name)
                return policies.get(name)
            case (.post, "setIamPolicy"):
                _ = try model.subscription(name)
                return try policies.set(name, body)
            case (.post, "acknowledge"): return try model.acknowledge(name, body)
            case (.post, "modifyAckDeadline"): return try model.setDeadline(name, body, at: now)
            default: throw .canonical(404, "NOT_FOUND", "Not Found")
            }
        }
    }

    private func pull(_ name: String, _ body: JSONValue) async throws(GoogleError) -> JSONValue {
        guard let maximum = body[at: "maxMessages"].number, maximum >= 1 else {
            throw .canonical(400, "INVALID_ARGUMENT", "No max_messages specified")
        }
        var waited = Duration.zero
        while true {
            let now = wallClock.now()
            let received = try model.withLock { model throws(GoogleError) in
                try model.pull(name, maximum: Int(maximum), at: now)
            }
            if !received.isEmpty { return ["receivedMessages": .array(received)] }
            guard waited < longestPull, body[at: "returnImmediately"] != true, !Task.isShuttingDownGracefully,
                (try? await clock.sleep(for: Self.look)) != nil
            else { return [:] }
            waited += Self.look
        }
    }
}

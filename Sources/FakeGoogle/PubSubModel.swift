import FleetModel
package import JSONValues

/// Topics and subscriptions of one Pub/Sub: a pure value that time is passed to and that behaves as Google's emulator
/// was seen to (Pub/Sub emulator 0.8).
package struct PubSubModel: Sendable {
    private struct Held: Sendable {
        var message: JSONValue
        var ackID: String?
        var visibleAt: Timestamp
        var attempts = 0
    }

    private struct Subscription: Sendable {
        var document: JSONValue
        var held: [Held] = []
        var topic: String { document[at: "topic"].string ?? "" }
        var deadline: Duration {
            if let seconds = document[at: "ackDeadlineSeconds"].number { return .seconds(seconds) }
            return .seconds(10)
        }
        var deadLetterTopic: String? { document[at: "deadLetterPolicy", "deadLetterTopic"].string }
        var maximumAttempts: Int {
            if let number = document[at: "deadLetterPolicy", "maxDeliveryAttempts"].number { return Int(number) }
            return 5
        }
    }

    private var topics: [String: JSONValue] = [:]
    private var subscriptions: [String: Subscription] = [:]
    private var messagesGiven = 0
    private var acknowledgementsGiven = 0

    /// No topics, no subscriptions.
    package init() {}

    /// The messages that wait or are out, of the subscription `name`, oldest first.
    package func messages(of name: String) -> [JSONValue] {
        subscriptions.first { $0.key.hasSuffix("/\(name)") }?.value.held.map(\.message) ?? []
    }

    // MARK: Administration

    mutating func createTopic(_ name: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        guard let id = name.split(separator: "/").last, id.count >= 3, !id.hasPrefix("goog") else {
            throw Self.invalid("Invalid [topics] name: (name=\(name))")
        }
        guard topics[name] == nil else { throw .canonical(409, "ALREADY_EXISTS", "Topic already exists") }
        var document = body
        document[at: "name"] = .string(name)
        topics[name] = document
        return document
    }

    func topic(_ name: String) throws(GoogleError) -> JSONValue {
        guard let topic = topics[name] else { throw .canonical(404, "NOT_FOUND", "Topic not found") }
        return topic
    }

    mutating func createSubscription(_ name: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        guard subscriptions[name] == nil else {
            throw .canonical(409, "ALREADY_EXISTS", "Subscription already exists")
        }
        guard let topic = body[at: "topic"].string, topics[topic] != nil else {
            throw .canonical(404, "NOT_FOUND", "Subscription topic does not exist")
        }
        if let dead = body[at: "deadLetterPolicy", "deadLetterTopic"].string, topics[dead] == nil {
            throw .canonical(404, "NOT_FOUND", "Dead letter topic not found")
        }
        if let attempts = body[at: "deadLetterPolicy", "maxDeliveryAttempts"].number, attempts < 5 {
            throw .canonical(
                400, "OUT_OF_RANGE",
                "The value for max_delivery_attempts is too small. You passed \(Int(attempts)) in the request, but the "
                    + "minimum value is 5.")
        }
        if let seconds = body[at: "ackDeadlineSeconds"].number, seconds > 600 {
            throw Self.invalid("ack_deadline_secs out of bounds")
        }
        var document = body
        document[at: "name"] = .string(name)
        if document[at: "ackDeadlineSeconds"] == .null { document[at: "ackDeadlineSeconds"] = 10 }
        document[at: "pushConfig"] = [:]
        document[at: "messageRetentionDuration"] = "604800s"
        subscriptions[name] = Subscription(document: document)
        return document
    }

    func subscription(_ name: String) throws(GoogleError) -> JSONValue {
        guard let found = subscriptions[name] else { throw Self.noSubscription }
        return found.document
    }

    // MARK: Messages

    mutating func publish(_ topic: String, _ body: JSONValue, at now: Timestamp) throws(GoogleError) -> JSONValue {
        _ = try self.topic(topic)
        let messages = body[at: "messages"].elements
        guard !messages.isEmpty else { throw Self.invalid("No messages to publish") }
        guard messages.allSatisfy({ $0[at: "data"] != .null || !$0[at: "attributes"].members.isEmpty }) else {
            throw Self.invalid("Some messages are empty")
        }
        return ["messageIds": .array(messages.map { .string(deliver($0, to: topic, at: now)) })]
    }

    private mutating func deliver(_ message: JSONValue, to topic: String, at now: Timestamp) -> String {
        messagesGiven += 1
        var message = message
        message[at: "messageId"] = .string(String(messagesGiven))
        message[at: "publishTime"] = .string(now.rfc3339)
        for name in subscriptions.keys where subscriptions[name]?.topic == topic {
            subscriptions[name]?.held.append(Held(message: message, visibleAt: now))
        }
        return String(messagesGiven)
    }

    mutating func pull(_ name: String, maximum: Int, at now: Timestamp) throws(GoogleError) -> [JSONValue] {
        guard var subscription = subscriptions[name] else { throw Self.noSubscription }
        var dead: [JSONValue] = []
        if subscription.deadLetterTopic != nil {
            let maximum = subscription.maximumAttempts
            let isDead = { (held: Held) in held.visibleAt <= now && held.attempts >= maximum }
            dead = subscription.held.filter(isDead).map(\.message)
            subscription.held.removeAll(where: isDead)
        }
        var received: [JSONValue] = []
        for index in subscription.held.indices where received.count < maximum {
            guard subscription.held[index].visibleAt <= now else { continue }
            acknowledgementsGiven += 1
            let id = "\(name):\(acknowledgementsGiven)"
            subscription.held[index].ackID = id
            subscription.held[index].attempts += 1
            subscription.held[index].visibleAt = now.advanced(by: subscription.deadline)
            var answer: JSONValue = ["ackId": .string(id), "message": subscription.held[index].message]
            if subscription.deadLetterTopic != nil {
                answer[at: "deliveryAttempt"] = .whole(subscription.held[index].attempts)
            }
            received.append(answer)
        }
        subscriptions[name] = subscription
        for message in dead { bury(message, from: name, subscription, at: now) }
        return received
    }

    private mutating func bury(
        _ message: JSONValue, from name: String, _ subscription: Subscription, at now: Timestamp
    ) {
        guard let topic = subscription.deadLetterTopic else { return }
        var copy: JSONValue = ["data": message[at: "data"]]
        var attributes = message[at: "attributes"].members
        attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = .string(String(subscription.maximumAttempts))
        attributes["CloudPubSubDeadLetterSourceSubscription"] = .string(
            name.split(separator: "/").last.map { String($0) } ?? "")
        attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = message[at: "publishTime"]
        copy[at: "attributes"] = .object(attributes)
        _ = deliver(copy, to: topic, at: now)
    }

    mutating func acknowledge(_ name: String, _ body: JSONValue) throws(GoogleError) -> JSONValue {
        let ids = try ids(name, body)
        // An id that another delivery has replaced is taken and does nothing.
        subscriptions[name]?.held.removeAll { $0.ackID.map { ids.contains($0) } ?? false }
        return [:]
    }

    mutating func setDeadline(_ name: String, _ body: JSONValue, at now: Timestamp) throws(GoogleError) -> JSONValue {
        let ids = try ids(name, body)
        guard let seconds = body[at: "ackDeadlineSeconds"].number else {
            throw Self.invalid("Payload isn't valid for request.")
        }
        for index in subscriptions[name]?.held.indices ?? (0..<0) {
            guard let id = subscriptions[name]?.held[index].ackID, ids.contains(id) else { continue }
            subscriptions[name]?.held[index].visibleAt = now.advanced(by: .seconds(seconds))
            if seconds == 0 { subscriptions[name]?.held[index].ackID = nil }
        }
        return [:]
    }

    private func ids(_ name: String, _ body: JSONValue) throws(GoogleError) -> Set<String> {
        guard subscriptions[name] != nil else { throw Self.noSubscription }
        let ids = body[at: "ackIds"].elements.compactMap(\.string)
        guard !ids.isEmpty else { throw Self.invalid("No ack ids specified.") }
        if let bogus = ids.first(where: { !$0.hasPrefix("\(name):") }) {
            throw Self.invalid("Invalid ack id (ack_id=\(bogus))")
        }
        return Set(ids)
    }

    private static let noSubscription = GoogleError.canonical(404, "NOT_FOUND", "Subscription does not exist")

    private static func invalid(_ message: String) -> GoogleError {
        .canonical(400, "INVALID_ARGUMENT", message)
    }
}

import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Topics and subscriptions of one project over REST (Pub/Sub API v1).
package struct PubSubClient: Sendable {
    private let request: GoogleRequest
    private let project: String
    /// How long a pull may wait: the service answers an empty one after at most a minute and a half, and one that is
    /// given up sooner can take a message with it until that comes again.
    private static let longestPull = Duration.seconds(100)
    /// How many ids go into one call (Pub/Sub documentation, "Quotas and limits": a request may have 512 KiB).
    private static let idsPerCall = 1_000

    /// Works in `project`.
    package init(request: GoogleRequest, project: String) {
        self.request = request
        self.project = project
    }

    /// `projects/P/topics/T`, for a name with its project or without.
    func topic(_ name: String) -> String { name.contains("/") ? name : "projects/\(project)/topics/\(name)" }

    /// `projects/P/subscriptions/S`, for a name with its project or without.
    func subscription(_ name: String) -> String {
        name.contains("/") ? name : "projects/\(project)/subscriptions/\(name)"
    }

    /// Makes messages durable. One whose answer is lost is published again: whoever receives them twice must not mind.
    func publish(_ messages: [PubSubMessage], to topic: String) async throws(GoogleFailure) {
        let call = try GoogleCall(.POST, "/v1/\(self.topic(topic)):publish", effect: .idempotent)
            .json(PublishRequest(messages: messages))
        let _: PublishAnswer = try await request.send(call)
    }

    /// Waits for messages, at most `maximum`; none when there were none for as long as the service waits.
    func pull(_ subscription: String, maximum: Int) async throws(GoogleFailure) -> [ReceivedMessage] {
        var call = try GoogleCall(.POST, "/v1/\(self.subscription(subscription)):pull", effect: .idempotent)
            .json(PullRequest(maxMessages: min(max(maximum, 1), Self.idsPerCall)))
        call.timeout = Self.longestPull
        do throws(GoogleFailure) {
            let answer: PullAnswer = try await request.send(call)
            return answer.receivedMessages ?? []
        } catch {
            if error.code == .deadlineExceeded { return [] }
            throw error
        }
    }

    /// Ends deliveries for good.
    func acknowledge(_ ids: [String], of subscription: String) async throws(GoogleFailure) {
        for chunk in Self.chunks(ids) {
            let call = try GoogleCall(
                .POST, "/v1/\(self.subscription(subscription)):acknowledge", effect: .idempotent
            ).json(AcknowledgeRequest(ackIds: chunk))
            _ = try await request.send(call)
        }
    }

    /// Lets deliveries come again `seconds` from now, 0–600, unless they are acknowledged before.
    func setDeadline(_ ids: [String], of subscription: String, seconds: Int) async throws(GoogleFailure) {
        for chunk in Self.chunks(ids) {
            let call = try GoogleCall(
                .POST, "/v1/\(self.subscription(subscription)):modifyAckDeadline", effect: .idempotent
            ).json(DeadlineRequest(ackIds: chunk, ackDeadlineSeconds: min(max(seconds, 0), 600)))
            _ = try await request.send(call)
        }
    }

    /// Creates a topic, unless there is one of that name.
    package func create(topic: String) async throws(GoogleFailure) {
        try await ignoringPresence { () async throws(GoogleFailure) in
            _ = try await request.send(
                try GoogleCall(.PUT, "/v1/\(self.topic(topic))", effect: .idempotent).json(TopicDocument()))
        }
    }

    /// Creates a subscription, unless there is one of that name.
    func create(subscription: String, _ document: SubscriptionDocument) async throws(GoogleFailure) {
        try await ignoringPresence { () async throws(GoogleFailure) in
            _ = try await request.send(
                try GoogleCall(.PUT, "/v1/\(self.subscription(subscription))", effect: .idempotent).json(document))
        }
    }

    /// Creates a subscription that never expires, unless there is one of that name; messages that were delivered
    /// `maximumAttempts` times, 5–100, go to `deadLetterTopic`, where there is one.
    package func create(
        subscription: String, of topic: String, deadLetterTopic: String? = nil, maximumAttempts: Int = 10
    ) async throws(GoogleFailure) {
        try await create(
            subscription: subscription,
            Self.document(self.topic(topic), deadLetterTopic.map { self.topic($0) }, maximumAttempts))
    }

    static func document(
        _ topic: String, _ deadLetterTopic: String?, _ maximumAttempts: Int
    ) -> SubscriptionDocument {
        SubscriptionDocument(
            topic: topic, ackDeadlineSeconds: 60,
            deadLetterPolicy: deadLetterTopic.map {
                .init(deadLetterTopic: $0, maxDeliveryAttempts: min(max(maximumAttempts, 5), 100))
            }, expirationPolicy: .init(), retryPolicy: .init(minimumBackoff: "10s", maximumBackoff: "600s"))
    }

    private func ignoringPresence(
        _ body: () async throws(GoogleFailure) -> Void
    ) async throws(GoogleFailure) {
        do throws(GoogleFailure) {
            try await body()
        } catch {
            guard error.code == .alreadyExists else { throw error }
        }
    }

    private static func chunks(_ ids: [String]) -> [[String]] {
        stride(from: 0, to: ids.count, by: idsPerCall).map { Array(ids[$0..<min($0 + idsPerCall, ids.count)]) }
    }
}

// The parts of Pub/Sub API v1's documents that are read or written here; bytes are base64 texts.

struct PubSubMessage: Codable, Hashable, Sendable {
    var data: String?
    var attributes: [String: String]?
    var messageId: String?
    var publishTime: String?
}

struct PublishRequest: Encodable, Sendable { var messages: [PubSubMessage] }

struct PublishAnswer: Decodable, Sendable { var messageIds: [String]? }

struct PullRequest: Encodable, Sendable { var maxMessages: Int }

struct ReceivedMessage: Decodable, Sendable {
    var ackId: String
    var message: PubSubMessage
    /// Only where the subscription has a dead letter policy.
    var deliveryAttempt: Int?
}

struct PullAnswer: Decodable, Sendable { var receivedMessages: [ReceivedMessage]? }

struct AcknowledgeRequest: Encodable, Sendable { var ackIds: [String] }

struct DeadlineRequest: Encodable, Sendable {
    var ackIds: [String]
    var ackDeadlineSeconds: Int
}

struct TopicDocument: Codable, Hashable, Sendable { var name: String? }

struct SubscriptionDocument: Codable, Hashable, Sendable {
    struct DeadLetterPolicy: Codable, Hashable, Sendable {
        var deadLetterTopic: String?
        var maxDeliveryAttempts: Int?
    }

    struct ExpirationPolicy: Codable, Hashable, Sendable { var ttl: String? }

    struct RetryPolicy: Codable, Hashable, Sendable {
        var minimumBackoff: String?
        var maximumBackoff: String?
    }

    var name: String?
    var topic: String?
    var ackDeadlineSeconds: Int?
    var deadLetterPolicy: DeadLetterPolicy?
    /// Empty: it never expires.
    var expirationPolicy: ExpirationPolicy?
    var retryPolicy: RetryPolicy?
}

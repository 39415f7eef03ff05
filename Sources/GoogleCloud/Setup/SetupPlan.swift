package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What an installation needs on Google Cloud, as a list of steps that can be shown, and carried out again and again.
package struct SetupPlan: Sendable {
    /// What is wanted.
    package struct Wish: Sendable {
        /// The project.
        package var project: String
        /// The topic of incidents and restarts.
        package var topic: String
        /// The scaler's subscription of it.
        package var subscription: String
        /// The alerts; nil creates none.
        package var alerts: Alerts?
        /// Who may do it all; nil leaves that to others.
        package var identities: AccessPlan.Identities?
        /// The secret with the webhook's token.
        package var secret: String?
        /// The key that passwords are encrypted with.
        package var key: KMSKeyVersion?

        /// Names topic and subscription.
        package init(project: String, topic: String, subscription: String) {
            self.project = project
            self.topic = topic
            self.subscription = subscription
        }
    }

    /// The alerts that ask for more and fewer replicas of a group.
    package struct Alerts: Sendable {
        /// The primary.
        package var primary: InstanceName
        /// The group.
        package var group: InstanceName
        /// Beginning of the replicas' names.
        package var replicaBaseName: String
        /// The metric, for example `cloudsql.googleapis.com/database/network/connections`.
        package var metric: String
        /// Above this, a replica is added.
        package var addAbove: Double
        /// Below this, a replica is removed; nil for never.
        package var removeBelow: Double?

        /// Describes the alerts of a group.
        package init(
            primary: InstanceName, group: InstanceName, replicaBaseName: String, metric: String,
            thresholds: (addAbove: Double, removeBelow: Double?)
        ) {
            self.primary = primary
            self.group = group
            self.replicaBaseName = replicaBaseName
            self.metric = metric
            self.addAbove = thresholds.addAbove
            self.removeBelow = thresholds.removeBelow
        }
    }

    /// Which of Google's services is called.
    package enum Service: String, Sendable {
        /// Pub/Sub.
        case pubSub = "pubsub.googleapis.com"
        /// Cloud Monitoring.
        case monitoring = "monitoring.googleapis.com"
        /// IAM: service accounts and roles.
        case iam = "iam.googleapis.com"
        /// Resource Manager: the project's policy.
        case resourceManager = "cloudresourcemanager.googleapis.com"
        /// Secret Manager.
        case secretManager = "secretmanager.googleapis.com"
        /// Cloud KMS.
        case kms = "cloudkms.googleapis.com"
    }

    /// One thing to create.
    package struct Step: Sendable {
        /// What it is, for people.
        package var title: String
        /// Which service makes it.
        package var service: Service
        var method: GoogleCall.Method
        var path: String
        var body: AnyDocument
        /// In Cloud Monitoring names are given out, so what is there already is found by its display name.
        var displayName: String?

        /// The call as it would be made, with its JSON.
        package var shown: String {
            "\(method.rawValue) https://\(service.rawValue)\(path)\n\(SetupPlan.text(body))"
        }
    }

    /// A document as people read it.
    static func text(_ document: AnyDocument) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(document)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// What to create, in order.
    package private(set) var steps: [Step]
    /// Who may do what; nil where others see to that.
    package var access: AccessPlan?

    /// Plans.
    package init(_ wish: Wish) {
        let base = "/v1/projects/\(wish.project)"
        let dead = "\(wish.topic)-dead-letters"
        let topics = "projects/\(wish.project)/topics"
        steps = [
            Step(
                title: "topic \(wish.topic)", service: .pubSub, method: .PUT, path: "\(base)/topics/\(wish.topic)",
                body: AnyDocument(TopicDocument())),
            Step(
                title: "topic \(dead), for messages that nobody can handle", service: .pubSub, method: .PUT,
                path: "\(base)/topics/\(dead)", body: AnyDocument(TopicDocument())),
            Step(
                title: "subscription \(wish.subscription)", service: .pubSub, method: .PUT,
                path: "\(base)/subscriptions/\(wish.subscription)",
                body: AnyDocument(PubSubClient.document("\(topics)/\(wish.topic)", "\(topics)/\(dead)", 10))),
            Step(
                title: "subscription \(dead), for people", service: .pubSub, method: .PUT,
                path: "\(base)/subscriptions/\(dead)",
                body: AnyDocument(PubSubClient.document("\(topics)/\(dead)", nil, 10))),
        ]
        if let alerts = wish.alerts { steps += Self.alertSteps(alerts, wish) }
        access = wish.identities.map { AccessPlan($0, wish, deadLetters: dead) }
    }

    private static func alertSteps(_ alerts: Alerts, _ wish: Wish) -> [Step] {
        let channel = NotificationChannelDocument(
            displayName: "drover \(wish.topic)", labels: ["topic": "projects/\(wish.project)/topics/\(wish.topic)"])
        var policies = [
            AlertPolicyDocument(
                alerts, project: wish.project, action: .add, comparison: "COMPARISON_GT", alerts.addAbove)
        ]
        if let below = alerts.removeBelow {
            policies.append(
                AlertPolicyDocument(alerts, project: wish.project, action: .remove, comparison: "COMPARISON_LT", below))
        }
        return [
            Step(
                title: "notification channel to topic \(wish.topic)", service: .monitoring, method: .POST,
                path: "/v3/projects/\(wish.project)/notificationChannels", body: AnyDocument(channel),
                displayName: channel.displayName)
        ]
            + policies.map {
                Step(
                    title: "alert policy \($0.displayName)", service: .monitoring, method: .POST,
                    path: "/v3/projects/\(wish.project)/alertPolicies", body: AnyDocument($0),
                    displayName: $0.displayName)
            }
    }
}

/// Any document, for a list of calls with different ones.
struct AnyDocument: Encodable, Sendable {
    private let write: @Sendable (any Encoder) throws -> Void

    init(_ document: some Encodable & Sendable) {
        write = { try document.encode(to: $0) }
    }

    func encode(to encoder: any Encoder) throws { try write(encoder) }
}

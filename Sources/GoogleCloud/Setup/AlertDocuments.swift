import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A notification channel that publishes to a topic (Cloud Monitoring API v3, `NotificationChannel`).
struct NotificationChannelDocument: Encodable, Sendable {
    var type = "pubsub"
    var displayName: String
    var labels: [String: String]
}

/// An alert policy whose documentation tells what to do, as Chester's alerts do (Cloud Monitoring API v3,
/// `AlertPolicy`).
struct AlertPolicyDocument: Encodable, Sendable {
    struct Documentation: Encodable, Sendable {
        var content: String
        var mimeType = "text/markdown"
    }

    struct Condition: Encodable, Sendable {
        struct Threshold: Encodable, Sendable {
            struct Aggregation: Encodable, Sendable {
                var alignmentPeriod = "60s"
                var perSeriesAligner = "ALIGN_MEAN"
            }

            var filter: String
            var comparison: String
            var thresholdValue: Double
            var duration: String
            var aggregations = [Aggregation()]
        }

        var displayName: String
        var conditionThreshold: Threshold
    }

    struct Strategy: Encodable, Sendable {
        var autoClose = "1800s"
        var notificationPrompts = ["OPENED", "CLOSED"]
    }

    private struct Order: Encodable {
        var replica_basename: String
        var sql_master_instance: String
        var instance_group: String
        var action: String
    }

    var displayName: String
    var combiner = "OR"
    var conditions: [Condition]
    var documentation: Documentation
    var alertStrategy = Strategy()
    var notificationChannels: [String]?

    init(
        _ alerts: SetupPlan.Alerts, project: String, action: IncidentAction, comparison: String, _ threshold: Double
    ) {
        displayName = "drover \(action.rawValue) \(alerts.group)"
        let filter =
            "metric.type=\"\(alerts.metric)\" AND resource.type=\"cloudsql_database\" AND "
            + "resource.labels.database_id=\"\(project):\(alerts.primary)\""
        conditions = [
            Condition(
                displayName: "\(alerts.metric) \(action == .add ? "above" : "below") \(threshold)",
                conditionThreshold: .init(
                    filter: filter, comparison: comparison, thresholdValue: threshold,
                    duration: action == .add ? "60s" : "600s"))
        ]
        let order = Order(
            replica_basename: alerts.replicaBaseName, sql_master_instance: alerts.primary.text,
            instance_group: alerts.group.text, action: action.rawValue)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let content = (try? encoder.encode(order)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        documentation = Documentation(content: content)
    }
}

package import Observability

/// What the notifiers count.
package enum NotificationMetric: String, MetricName {
    /// Events offered to a channel: delivered, retried, or dropped for good.
    case notifications = "drover_notifications_total"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .notifications:
            MetricDefinition(
                .counter, "events", labels: ["channel", "outcome"],
                "Events offered to a channel: delivered, retried, or dropped for good.")
        }
    }
}

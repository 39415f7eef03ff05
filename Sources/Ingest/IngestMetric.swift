package import Observability

/// What the webhook counts.
package enum IngestMetric: String, MetricName {
    /// Alert notifications by what became of them: created, closed and the like, unknown_group, test, ignored, or refused_ with the status.
    case alerts = "drover_alerts_total"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .alerts:
            MetricDefinition(
                .counter, "notifications", labels: ["outcome"],
                "Alert notifications by what became of them: created, closed and the like, unknown_group, test, ignored, or refused_ with the status.",
                begins: ["unknown_group", "refused_400", "refused_401", "refused_413", "refused_503"].map { [$0] })
        }
    }
}

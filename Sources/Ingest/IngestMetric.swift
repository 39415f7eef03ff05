package import Observability

/// What the webhook counts.
package enum IngestMetric: String, MetricName {
    /// Alert notifications by what became of them: opened, closed and the like, test, ignored, or refused_ with the status.
    case alerts = "drover_alerts_total"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .alerts:
            MetricDefinition(
                .counter, "notifications", labels: ["outcome"],
                "Alert notifications by what became of them: opened, closed and the like, test, ignored, or refused_ with the status.",
                begins: ["refused_400", "refused_401", "refused_413", "refused_503"].map { [$0] })
        }
    }
}

package import Observability

/// What the watch over long waits measures.
package enum WatchMetric: String, MetricName {
    /// Things of a group that have taken too long: size-unmet, operation-stuck, publication-failing, decision-missing,
    /// reader-unfit, incident-old.
    case concerns = "drover_concerns"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .concerns:
            MetricDefinition(
                .gauge, "concerns", labels: ["group", "code"],
                "Things of a group that have taken too long: size-unmet, operation-stuck, publication-failing, "
                    + "decision-missing, reader-unfit, incident-old."
            )
        }
    }
}

package import Observability

/// What is counted of plugins.
package enum PluginMetric: String, MetricName {
    /// Calls of a plugin, by event and outcome: ok, or the code of the failure.
    case calls = "drover_plugin_calls_total"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .calls:
            MetricDefinition(
                .counter, "calls", labels: ["plugin", "event", "outcome"],
                "Calls of a plugin, by event and outcome: ok, or the code of the failure.")
        }
    }
}

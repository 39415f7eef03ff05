package import Observability

/// What is measured of changes of ProxySQL nodes.
package enum AdminMetric: String, MetricName {
    /// How long it took to bring a configuration to all nodes, or to find that they hold it.
    case publication = "drover_proxysql_publication_seconds"
    /// LOAD ... TO RUNTIME statements, by node and module.
    case loads = "drover_proxysql_loads_total"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .publication:
            MetricDefinition(
                .histogram, "seconds",
                "How long it took to bring a configuration to all nodes, or to find that they hold it.")
        case .loads:
            MetricDefinition(
                .counter, "loads", labels: ["node", "module"],
                "LOAD ... TO RUNTIME statements, by node and module.")
        }
    }
}

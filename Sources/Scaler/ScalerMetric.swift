package import Observability

/// What the scaler measures.
package enum ScalerMetric: String, MetricName {
    /// Whether this process is the scaler that acts.
    case leader = "drover_scaler_leader"
    /// Looks at the metrics of a group's policy that failed.
    case loadPollsFailed = "drover_load_polls_failed_total"
    /// Decisions about a group's size, by reason and by direction: out, in or hold.
    case decisions = "drover_decisions_total"
    /// Managed replicas that a group should have.
    case desiredReplicas = "drover_desired_replicas"
    /// Managed replicas that a group has, in any state before gone.
    case managedReplicas = "drover_managed_replicas"
    /// Publications after which a node did not hold the configuration.
    case publicationsIncomplete = "drover_publications_incomplete_total"
    /// Times that a record's generation was raised above what nodes knew.
    case generationsRaised = "drover_generations_raised_total"
    /// How each reader of a group was found.
    case readerFitness = "drover_reader_fitness"
    /// How far each reader is behind.
    case readerLag = "drover_reader_lag_seconds"
    /// Readers that were sidelined.
    case sidelined = "drover_readers_sidelined_total"
    /// Replicas that were replaced.
    case replaced = "drover_replicas_replaced_total"
    /// Whether certificates of a group's backends cannot be looked up or replaced.
    case trustFailing = "drover_backend_tls_failing"
    /// Tries of that which failed.
    case trustFailures = "drover_backend_tls_failures_total"
    /// How long the client certificate for a server lives on.
    case trustExpiry = "drover_backend_tls_expiry_seconds"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .leader:
            MetricDefinition(
                .gauge, "1 or 0",
                "Whether this process is the scaler that acts.")
        case .loadPollsFailed:
            MetricDefinition(
                .counter, "polls", labels: ["group"],
                "Looks at the metrics of a group's policy that failed.")
        case .decisions:
            MetricDefinition(
                .counter, "decisions", labels: ["group", "reason", "direction"],
                "Decisions about a group's size, by reason and by direction: out, in or hold.")
        case .desiredReplicas:
            MetricDefinition(
                .gauge, "replicas", labels: ["group"],
                "Managed replicas that a group should have.")
        case .managedReplicas:
            MetricDefinition(
                .gauge, "replicas", labels: ["group"],
                "Managed replicas that a group has, in any state before gone.")
        case .publicationsIncomplete:
            MetricDefinition(
                .counter, "publications", labels: ["group"],
                "Publications after which a node did not hold the configuration.")
        case .generationsRaised:
            MetricDefinition(
                .counter, "raises", labels: ["group"],
                "Times that nodes knew a newer generation than the group's record, which went on above it.")
        case .readerFitness:
            MetricDefinition(
                .gauge, "state", labels: ["group", "server"],
                "How a reader was found by the looks at its replication: 1 fit, 2 suspect, 3 unfit and in use, 4 sidelined, "
                    + "5 returning, 0 no reader any more.")
        case .readerLag:
            MetricDefinition(
                .gauge, "seconds", labels: ["group", "server"],
                "How far a reader was behind its primary at the last look that could tell; -1 for none any more.")
        case .sidelined:
            MetricDefinition(
                .counter, "sidelinings", labels: ["group", "server"],
                "Readers that were taken out of the traffic because they were not fit to serve.")
        case .replaced:
            MetricDefinition(
                .counter, "replacements", labels: ["group"],
                "Replicas that got a successor because their replication did not run.")
        case .trustFailing:
            MetricDefinition(
                .gauge, "1 or 0", labels: ["group"],
                "Whether certificates of a group's backends cannot be looked up or replaced.")
        case .trustFailures:
            MetricDefinition(
                .counter, "failures", labels: ["group"],
                "Tries to look up or replace certificates of a group's backends that failed.")
        case .trustExpiry:
            MetricDefinition(
                .gauge, "seconds", labels: ["group", "server"],
                "How long the client certificate for a server lives on.")
        }
    }
}

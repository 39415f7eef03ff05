package import Observability

/// What an agent measures.
package enum AgentMetric: String, MetricName {
    /// Whether the node is ready at the moment of the scrape.
    case ready = "drover_agent_ready"
    /// Age of the last look at the node that had an answer, at the moment of the scrape.
    case silence = "drover_agent_silent_seconds"
    /// Whether the admin interface answers the agent with errors, at the moment of the scrape.
    case refused = "drover_agent_admin_refused"
    /// Whether the MySQL port greeted a client at the last probe.
    case greets = "drover_agent_mysql_port_greets"
    /// How long one look at the node took, answered or not.
    case look = "drover_agent_look_seconds"
    /// Backends of the node by status: ONLINE, SHUNNED, OFFLINE_SOFT.
    case backends = "drover_agent_backends"
    /// Clients that are connected to the node.
    case clients = "drover_agent_clients"
    /// How often a satellite learnt the cores anew from its bootstrap Service, or went back to that row.
    case resyncs = "drover_agent_resyncs_total"
    /// LOAD ... TO RUNTIME statements of a core, by module.
    case loads = "drover_agent_loads_total"
    /// What keeps a core from its duty, by code.
    case trouble = "drover_agent_trouble"
    /// Whether clients are shown the certificate that they should be; only where one is watched.
    case certificateCurrent = "drover_frontend_certificate_current"
    /// How long the certificate that clients should be shown lives on; only where one is watched.
    case certificateExpiry = "drover_frontend_certificate_expiry_seconds"

    /// What it is.
    package var definition: MetricDefinition {
        switch self {
        case .ready:
            MetricDefinition(
                .gauge, "1 or 0",
                "Whether the node is ready at the moment of the scrape.")
        case .silence:
            MetricDefinition(
                .gauge, "seconds",
                "Age of the last look at the node that had an answer, at the moment of the scrape.")
        case .refused:
            MetricDefinition(
                .gauge, "1 or 0",
                "Whether the admin interface answers the agent with errors, for example refuses its password.")
        case .greets:
            MetricDefinition(
                .gauge, "1 or 0",
                "Whether the MySQL port greeted a client at the last probe; not probed while paused or draining.",
                begins: [])
        case .look:
            MetricDefinition(
                .histogram, "seconds",
                "How long one look at the node took, answered or not.")
        case .backends:
            MetricDefinition(
                .gauge, "backends", labels: ["status"],
                "Backends of the node by status: ONLINE, SHUNNED, OFFLINE_SOFT.")
        case .clients:
            MetricDefinition(
                .gauge, "connections",
                "Clients that are connected to the node.")
        case .resyncs:
            MetricDefinition(
                .counter, "resyncs",
                "How often a satellite learnt the cores anew from its bootstrap Service, or went back to that row.")
        case .loads:
            MetricDefinition(
                .counter, "loads", labels: ["module"],
                "LOAD ... TO RUNTIME statements of a core, by module.",
                begins: (CoreModule.allCases.map(\.checksumName) + ["proxysql_servers"]).map { [$0] })
        case .trouble:
            MetricDefinition(
                .gauge, "1 or 0", labels: ["reason"],
                "What keeps a core from its duty: 1 for the reason that there is now.",
                begins: AgentTrouble.allCases.map { [$0.rawValue] })
        case .certificateCurrent:
            MetricDefinition(
                .gauge, "1 or 0",
                "Whether clients are shown the certificate that they should be; only where one is watched.", begins: [])
        case .certificateExpiry:
            MetricDefinition(
                .gauge, "seconds",
                "How long the certificate that clients should be shown lives on; only where one is watched.",
                begins: [])
        }
    }
}

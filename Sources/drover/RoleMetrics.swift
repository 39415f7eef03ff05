import Agent
import GoogleCloud
import Ingest
import Notifications
import Observability
import Plugins
import ProxySQLAdmin
import Scaler
import Watching

/// The roles that answer `GET /metrics`, and what they measure.
enum RoleMetrics: String, CaseIterable {
    case serve, scaler, api, ingest, agent

    /// The catalogues of its parts.
    var catalogues: [any MetricName.Type] {
        switch self {
        case .serve:
            [
                ScalerMetric.self, AdminMetric.self, WatchMetric.self, IngestMetric.self, NotificationMetric.self,
                GoogleMetric.self,
            ]
        case .scaler:
            [ScalerMetric.self, AdminMetric.self, WatchMetric.self, NotificationMetric.self, GoogleMetric.self]
        case .api: [NotificationMetric.self, GoogleMetric.self]
        case .ingest: [IngestMetric.self, GoogleMetric.self]
        case .agent: [AgentMetric.self, AdminMetric.self, PluginMetric.self]
        }
    }
}

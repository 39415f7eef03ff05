/// One metric that the scaler reads by itself, without any alert, and what it means for a group's size.
package struct MetricPolicy: Hashable, Sendable {
    /// Its name inside the policy; readings and decisions name it.
    package var name: String
    /// Where its values come from.
    package var source: MetricSource
    /// What its values tell.
    package var role: Role
    /// Whether a value is one reader's share or the sum over all readers.
    package var basis: Basis
    /// Above `threshold + margin` the group wants more readers. In the metric's own unit, per reader.
    package var scaleOut: Threshold
    /// Below `threshold - margin` the group can do with fewer readers. In the metric's own unit, per reader.
    package var scaleIn: Threshold
    /// What target tracking aims at, per reader; nil aims at the threshold of scale-out.
    package var target: Double?
    /// A reading older than this is as good as none, and without a reading nothing is removed. Cloud Monitoring shows
    /// Cloud SQL's values up to 165 seconds late (Google Cloud metrics list, "cloudsql").
    package var staleAfter: Duration

    /// What a metric tells.
    package enum Role: String, Hashable, Codable, Sendable, CaseIterable {
        /// How busy the readers are: it asks for more or fewer of them.
        case load
        /// How many seconds replicas are behind, one reading a replica; negative where replication is not running.
        /// It asks for nothing; it feeds the lag brake and the choice of the replica to remove.
        case replicaLag
        /// How much the primary writes; it can release the lag brake from being suspected of the readers' own lag.
        case primaryWrites
    }

    /// What a value is the value of.
    package enum Basis: String, Hashable, Codable, Sendable, CaseIterable {
        /// The mean over the readers, such as CPU utilisation; thresholds are compared with it as it is.
        case perReader
        /// The sum over the readers, such as queries per second; thresholds are compared with its share per reader.
        case total
    }

    /// When a metric asks for a change.
    package struct Threshold: Hashable, Sendable {
        /// In the metric's own unit, per reader.
        package var threshold: Double
        /// How far beyond the threshold a value must be, 0 or more, in the same unit.
        package var margin: Double

        /// Makes a threshold.
        package init(_ threshold: Double, margin: Double = 0) {
            self.threshold = threshold
            self.margin = margin
        }
    }

    /// Makes a metric of load, per reader, whose readings are worth four minutes.
    package init(name: String, source: MetricSource, scaleOut: Threshold, scaleIn: Threshold) {
        self.name = name
        self.source = source
        self.role = .load
        self.basis = .perReader
        self.scaleOut = scaleOut
        self.scaleIn = scaleIn
        self.staleAfter = .seconds(240)
    }
}

/// Where a metric's values come from.
package enum MetricSource: Hashable, Sendable {
    /// A time series of Cloud Monitoring, polled by `projects.timeSeries.list`.
    case cloudMonitoring(CloudMonitoringSeries)
    /// Connections in use to the group's readers, as a share (0–1) of what ProxySQL may open to them, over all nodes.
    case proxySQLConnections
    /// Queries per second sent to the group's readers, over all nodes.
    case proxySQLQueries
    /// Values that whoever calls the decision brings along: a trace, a test.
    case external
}

/// A selection of Cloud Monitoring time series about the group's readers (Cloud Monitoring API v3,
/// `projects.timeSeries.list`).
package struct CloudMonitoringSeries: Hashable, Sendable {
    /// For example `cloudsql.googleapis.com/database/cpu/utilization`.
    package var metricType: String
    /// Joined by AND to the filter that the source makes of the metric type and the instances; empty adds nothing.
    package var filter: String
    /// How the points of one alignment period become one, for example `ALIGN_MEAN`, `ALIGN_MAX`, `ALIGN_RATE`.
    package var aligner: String
    /// Length of the alignment period; 60 seconds or more.
    package var alignmentPeriod: Duration
    /// Whether the readers are asked for (true), or the primary alone.
    package var ofReaders: Bool

    /// Makes a selection of the readers' series with the mean of each minute.
    package init(metricType: String) {
        self.metricType = metricType
        self.filter = ""
        self.aligner = "ALIGN_MEAN"
        self.alignmentPeriod = .seconds(60)
        self.ofReaders = true
    }
}

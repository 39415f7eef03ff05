package import FleetModel
package import Pacing

/// A replica's replication as Cloud Monitoring shows it, for installations that give no account on the replicas.
///
/// `seconds_behind_master` is sampled each minute and seen up to 165 seconds late; it is negative while the replica does
/// not replicate (Google Cloud metrics list, "cloudsql"). So a look tells of the past: only a sample that was taken
/// lately counts, and the scaler's looks in a row take minutes.
package struct MonitoringReplicationProbe: ReplicationProbe {
    /// Older samples say nothing of a replica that was just created.
    private static let staleAfter = Duration.seconds(240)
    private static let metricType = "cloudsql.googleapis.com/database/mysql/replication/seconds_behind_master"

    private let load: MonitoringLoad
    private let wallClock: any WallClock

    /// Asks through `load`.
    package init(load: MonitoringLoad, wallClock: any WallClock) {
        self.load = load
        self.wallClock = wallClock
    }

    /// One sample a minute.
    package var pace: Duration { .seconds(60) }

    package func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth {
        var series = CloudMonitoringSeries(metricType: Self.metricType)
        series.aligner = "ALIGN_MAX"
        let now = wallClock.now()
        let readings: [LoadReading]
        do throws(GoogleFailure) {
            readings = try await load.newest(
                series, of: [replica.text], for: "replication", within: Self.staleAfter, at: now)
        } catch {
            return .unknown("Cloud Monitoring: \(error)")
        }
        guard let reading = readings.first, now.since(reading.measuredAt) <= Self.staleAfter else {
            // Nor has it one of a reader whose name here is not its instance's.
            return .unknown(
                "Cloud Monitoring has no sample of the last \(Self.staleAfter.components.seconds) s yet")
        }
        guard reading.value >= 0 else { return .stopped("Cloud Monitoring shows a negative lag") }
        return .replicating(lag: .milliseconds(Int64(min(reading.value, 1e9) * 1_000)))
    }
}

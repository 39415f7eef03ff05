package import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Load as Cloud Monitoring shows it (Cloud Monitoring API v3, `projects.timeSeries.list`).
///
/// Values of Cloud SQL are sampled each minute and can be seen up to 165 seconds late; each reading carries the end of
/// the interval that it stands for, and whoever decides judges its age.
package struct MonitoringLoad: LoadSource {
    private let request: GoogleRequest
    private let project: String
    private static let maximumPages = 20

    /// Reads the time series of the instances of `project`.
    package init(request: GoogleRequest, project: String) {
        self.request = request
        self.project = project
    }

    package func readings(
        for group: GroupRecord, metrics: [MetricPolicy], at now: Timestamp
    ) async throws(LoadSourceError) -> [LoadReading] {
        var readings: [LoadReading] = []
        for metric in metrics {
            guard case .cloudMonitoring(let series) = metric.source else { continue }
            let instances = Self.instances(of: group, series)
            guard !instances.isEmpty else { continue }
            do throws(GoogleFailure) {
                readings += try await newest(
                    series, of: instances, for: metric.name, within: metric.staleAfter, at: now)
            } catch {
                let advice = error.code == .permissionDenied ? "; grant roles/monitoring.viewer" : ""
                throw LoadSourceError(
                    "reading \(series.metricType) of \(group.name): \(error)\(advice)",
                    isRetryable: ![.permissionDenied, .invalid, .unauthenticated].contains(error.code))
            }
        }
        return readings
    }

    /// Names that are no instance's are left out: what a person calls a configured server need not be one.
    private static func instances(of group: GroupRecord, _ series: CloudMonitoringSeries) -> [String] {
        guard series.ofReaders else { return [group.primaryInstance.text] }
        return group.configuration.servers.filter { $0.origin != .primary }
            .compactMap { try? InstanceName($0.name).text }
    }

    // MARK: The call

    private struct Answer: Decodable, Sendable {
        struct Series: Decodable, Sendable {
            struct Resource: Decodable, Sendable { var labels: [String: String]? }
            struct Point: Decodable, Sendable {
                struct Interval: Decodable, Sendable { var endTime: String? }
                struct Value: Decodable, Sendable {
                    /// Nil for what is no number: NaN and infinity are texts here, and say nothing of a load.
                    var number: Double?

                    private enum Key: String, CodingKey { case doubleValue, int64Value, boolValue }

                    init(from decoder: any Decoder) throws {
                        let members = try decoder.container(keyedBy: Key.self)
                        number =
                            (try? members.decode(Double.self, forKey: .doubleValue))
                            ?? (try? members.decode(String.self, forKey: .int64Value)).flatMap { Double($0) }
                            ?? (try? members.decode(Bool.self, forKey: .boolValue)).map { $0 ? 1 : 0 }
                    }
                }
                var interval: Interval?
                var value: Value?
            }
            var resource: Resource?
            var points: [Point]?
        }
        var timeSeries: [Series]?
        var nextPageToken: String?
    }

    /// The newest point of each instance that has one, under the name `metric`, among those of the last `freshness`.
    func newest(
        _ series: CloudMonitoringSeries, of instances: [String], for metric: String, within freshness: Duration,
        at now: Timestamp
    ) async throws(GoogleFailure) -> [LoadReading] {
        let ids = instances.map { "\"\(project):\($0)\"" }.joined(separator: ",")
        var filter = "metric.type=\"\(series.metricType)\" AND resource.labels.database_id=one_of(\(ids))"
        if !series.filter.isEmpty { filter += " AND (\(series.filter))" }
        let window = max(freshness, series.alignmentPeriod * 3)
        let query = [
            ("filter", filter), ("interval.startTime", now.advanced(by: .zero - window).rfc3339),
            ("interval.endTime", now.rfc3339),
            ("aggregation.alignmentPeriod", "\(max(series.alignmentPeriod.components.seconds, 60))s"),
            ("aggregation.perSeriesAligner", series.aligner), ("view", "FULL"), ("pageSize", "1000"),
        ]
        var newest: [String: (value: Double, at: Timestamp)] = [:]
        var token: String?
        for _ in 0..<Self.maximumPages {
            let call = GoogleCall(
                .GET, "/v3/projects/\(project)/timeSeries", query: query + (token.map { [("pageToken", $0)] } ?? []))
            let answer: Answer = try await request.send(call)
            for one in answer.timeSeries ?? [] { Self.take(one, into: &newest) }
            guard let next = answer.nextPageToken, !next.isEmpty, next != token else { break }
            token = next
        }
        return newest.sorted { $0.key < $1.key }.map { id, point in
            LoadReading(
                metric: metric, instance: id.split(separator: ":").last.map { String($0) }, value: point.value,
                measuredAt: point.at)
        }
    }

    /// Points come newest first. Several series of one instance, for example one for each kind of thread, are parts of
    /// one number; what is older than the newest is not added to it.
    private static func take(_ series: Answer.Series, into newest: inout [String: (value: Double, at: Timestamp)]) {
        guard let id = series.resource?.labels?["database_id"], let point = series.points?.first,
            let value = point.value?.number, let at = point.interval?.endTime.flatMap({ Timestamp(rfc3339: $0) })
        else { return }
        guard let known = newest[id], known.at >= at else {
            newest[id] = (value, at)
            return
        }
        if known.at == at { newest[id] = (known.value + value, at) }
    }
}

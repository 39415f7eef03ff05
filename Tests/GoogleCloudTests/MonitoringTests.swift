import FleetModel
import Foundation
import Hummingbird
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("Load from Cloud Monitoring", .timeLimit(.minutes(1)))
struct MonitoringTests {
    private func metric(_ name: String, ofReaders: Bool = true) -> MetricPolicy {
        var series = CloudMonitoringSeries(metricType: "cloudsql.googleapis.com/database/cpu/utilization")
        series.ofReaders = ofReaders
        series.aligner = "ALIGN_MAX"
        return MetricPolicy(
            name: name, source: .cloudMonitoring(series), scaleOut: .init(0.7), scaleIn: .init(0.3))
    }

    private static func series(_ id: String, _ end: String, _ value: String) -> String {
        """
        {"resource":{"labels":{"database_id":"p:\(id)"}},"points":[
        {"interval":{"endTime":"\(end)"},"value":\(value)},
        {"interval":{"endTime":"2020-01-01T00:00:00Z"},"value":{"doubleValue":99}}]}
        """
    }

    @Test("one reading an instance, as old as it is, over all pages, parts added up")
    func readings() async throws {
        let asked = Mutex<[[String: String]]>([])
        let router = Router()
        router.get("/v3/projects/p/timeSeries") { request, _ in
            let query = Dictionary(
                request.uri.queryParameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { $1 })
            asked.withLock { $0.append(query) }
            let end = "2027-01-15T07:58:00Z"
            if query["pageToken"] == nil {
                return
                    "{\"timeSeries\":[\(Self.series("shop-r1", end, #"{"doubleValue":0.5}"#))],\"nextPageToken\":\"2\"}"
            }
            let parts = [
                Self.series("shop-fixed", end, #"{"int64Value":"3"}"#),
                Self.series("shop-fixed", end, #"{"int64Value":"4"}"#),
                Self.series("shop-fixed", "2027-01-15T07:57:00Z", #"{"int64Value":"100"}"#),
                Self.series("shop-none", end, #"{"doubleValue":"NaN"}"#), Self.series("shop-empty", end, "{}"),
            ]
            return "{\"timeSeries\":[\(parts.joined(separator: ","))]}"
        }
        try await withServer(router) { url in
            let load = MonitoringLoad(request: GoogleRequest(endpoint: url, timeout: patience), project: "p")
            let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
            var other = metric("elsewhere")
            other.source = .proxySQLQueries
            let readings = try await load.readings(for: try record("shop"), metrics: [metric("cpu"), other], at: now)
            let at = try #require(Timestamp(rfc3339: "2027-01-15T07:58:00Z"))
            #expect(
                readings == [
                    LoadReading(metric: "cpu", instance: "shop-fixed", value: 7, measuredAt: at),
                    LoadReading(metric: "cpu", instance: "shop-r1", value: 0.5, measuredAt: at),
                ])
            let query = try #require(asked.withLock { $0.first })
            #expect(
                query["filter"]
                    == "metric.type=\"cloudsql.googleapis.com/database/cpu/utilization\" AND "
                    + "resource.labels.database_id=one_of(\"p:shop-fixed\",\"p:shop-r1\")")
            #expect(query["aggregation.perSeriesAligner"] == "ALIGN_MAX")
            #expect(query["aggregation.alignmentPeriod"] == "60s")
            #expect(query["interval.startTime"]?.hasPrefix("2027-01-15T07:56:00") == true)
            _ = try await load.readings(for: try record("shop"), metrics: [metric("cpu", ofReaders: false)], at: now)
            #expect(asked.withLock { $0.last?["filter"]?.contains("one_of(\"p:shop\")") } == true)
        }
    }

    @Test(
        "a replica's replication is what the newest sample says, unless that is old or negative",
        arguments: [
            ("2027-01-15T07:58:00Z", "3", ReplicationHealth.replicating(lag: .seconds(3))),
            ("2027-01-15T07:58:00Z", "-1", .stopped("Cloud Monitoring shows a negative lag")),
            ("2027-01-15T07:50:00Z", "3", .unknown("Cloud Monitoring has no sample of the last 240 s yet")),
        ])
    func replication(end: String, value: String, expected: ReplicationHealth) async throws {
        let router = Router()
        router.get("/v3/projects/p/timeSeries") { request, _ in
            let filter = request.uri.queryParameters["filter"].map { String($0) } ?? ""
            guard filter.contains("replication/seconds_behind_master"), filter.contains("p:shop-r1") else {
                return "{}"
            }
            return "{\"timeSeries\":[\(Self.series("shop-r1", end, "{\"int64Value\":\"\(value)\"}"))]}"
        }
        try await withServer(router) { url in
            let probe = MonitoringReplicationProbe(
                load: MonitoringLoad(request: GoogleRequest(endpoint: url, timeout: patience), project: "p"),
                wallClock: TestWallClock())
            let health = await probe.look(at: try InstanceName("shop-r1"), address: "10.0.0.1", port: 3306)
            #expect(health == expected)
        }
    }

    @Test("whether another try can help is said")
    func failures() async throws {
        let router = Router()
        router.get("/v3/projects/p/timeSeries") { _, _ in Response(status: .forbidden) }
        try await withServer(router) { url in
            let load = MonitoringLoad(request: GoogleRequest(endpoint: url, timeout: patience), project: "p")
            do {
                _ = try await load.readings(
                    for: try record("shop"), metrics: [metric("cpu")], at: Timestamp(secondsSinceEpoch: 1_800_000_000))
                Issue.record("it was forbidden")
            } catch {
                let failure = try #require(error as? LoadSourceError)
                #expect(!failure.isRetryable && failure.reason.contains("roles/monitoring.viewer"))
            }
        }
    }
}

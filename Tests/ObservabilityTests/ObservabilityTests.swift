import CoreMetrics
import Foundation
import Logging
import Testing

@testable import Observability

@Suite("Logs and metrics")
struct ObservabilityTests {
    @Test("a failure in a task that was cancelled is no warning, and everything else is what it is")
    func cancelled() {
        for level in Logger.Level.allCases {
            #expect(LineLogHandler.level(level, isCancelled: false) == level)
            #expect(LineLogHandler.level(level, isCancelled: true) == (level > .notice ? .debug : level))
        }
    }

    @Test("a JSON line is one line of JSON, whatever is in it")
    func jsonLine() throws {
        let hostile = "a\"b\\c\nd\u{1}é"
        let line = LineLogHandler.line(
            .json, seconds: 1_800_000_000, milliseconds: 7, level: .warning, label: "l", message: hostile,
            metadata: ["group.name": "\(hostile)"])
        #expect(line.hasSuffix("}\n") && line.dropLast().contains("\n") == false)
        let members = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
        #expect(members["message"] == hostile)
        #expect(members["group.name"] == hostile)
        #expect(members["time"] == "2027-01-15T08:00:00.007Z")
        #expect(members["level"] == "warning")
    }

    @Test("the place in the source is told as Go's slog tells it, when it is asked for")
    func source() throws {
        let place = LineLogHandler.Source(file: "Agent/A.swift", line: 7, function: "run()")
        func line(_ format: LineLogHandler.Format) -> String {
            LineLogHandler.line(
                format, seconds: 0, milliseconds: 0, level: .info, label: "l", message: "m", metadata: ["a": "b"],
                source: place)
        }
        #expect(
            line(.json).hasSuffix(
                ",\"a\":\"b\",\"source\":{\"function\":\"run()\",\"file\":\"Agent/A.swift\",\"line\":7}}\n"))
        #expect(line(.text).hasSuffix(" INFO m a=\"b\" source=\"Agent/A.swift:7\"\n"))
    }

    @Test("counters, gauges and timers are written as Prometheus text")
    func exposition() {
        let metrics = PrometheusMetrics()
        metrics.makeCounter(label: "a.total", dimensions: [("node", "x\"y\n")]).increment(by: 2)
        metrics.makeRecorder(label: "size", dimensions: [], aggregate: false).record(Int64(7))
        metrics.makeTimer(label: "took", dimensions: []).recordNanoseconds(20_000_000)
        let text = metrics.exposition()
        #expect(text.contains("# TYPE a_total counter\na_total{node=\"x\\\"y\\n\"} 2.0\n"))
        #expect(text.contains("# TYPE size gauge\nsize 7.0\n"))
        #expect(text.contains("took_bucket{le=\"0.01\"} 0\n") && text.contains("took_bucket{le=\"0.05\"} 1\n"))
        #expect(text.contains("took_bucket{le=\"+Inf\"} 1\ntook_sum 0.02\ntook_count 1\n"))
    }

    @Test("the number of series is bounded")
    func bounded() {
        let metrics = PrometheusMetrics()
        for index in 0..<3_000 {
            metrics.makeCounter(label: "c", dimensions: [("i", "\(index)")]).increment(by: 1)
        }
        #expect(metrics.exposition().split(separator: "\n").count <= PrometheusMetrics.maximumSeries + 2)
        #expect(metrics.exposition().contains("overflow=\"true\""))
    }
}

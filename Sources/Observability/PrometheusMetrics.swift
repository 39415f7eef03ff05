package import CoreMetrics
import Synchronization

/// Keeps the metrics of swift-metrics and writes them as Prometheus text
/// (Prometheus documentation, "Text-based format").
package final class PrometheusMetrics: MetricsFactory {
    /// Further label combinations of one name are counted together, so that memory stays bounded.
    package static let maximumSeries = 1_000
    /// Upper bounds of timers' buckets, in seconds.
    package static let buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1_800]

    struct Series: Hashable {
        var name: String
        var labels: String
    }

    final class Cell: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
        struct Numbers {
            var value = 0.0
            var count = 0
            var buckets = [Int](repeating: 0, count: PrometheusMetrics.buckets.count)
        }

        let numbers = Mutex(Numbers())
        let aggregates: Bool

        init(aggregates: Bool) {
            self.aggregates = aggregates
        }

        func increment(by amount: Int64) { numbers.withLock { $0.value += Double(amount) } }
        func increment(by amount: Double) { numbers.withLock { $0.value += amount } }
        func decrement(by amount: Double) { numbers.withLock { $0.value -= amount } }
        func reset() { numbers.withLock { $0 = Numbers() } }
        func set(_ value: Int64) { numbers.withLock { $0.value = Double(value) } }
        func set(_ value: Double) { numbers.withLock { $0.value = value } }
        func record(_ value: Int64) { record(Double(value)) }

        func record(_ value: Double) {
            guard aggregates else { return set(value) }
            observe(value)
        }

        func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }

        private func observe(_ value: Double) {
            numbers.withLock { numbers in
                numbers.value += value
                numbers.count += 1
                for (index, bound) in PrometheusMetrics.buckets.enumerated() where value <= bound {
                    numbers.buckets[index] += 1
                }
            }
        }
    }

    private enum Kind: String { case counter, gauge, histogram }

    private let cells = Mutex<[Series: (kind: Kind, cell: Cell)]>([:])
    private let meanings: [String: String]

    /// Makes a registry that explains the metrics of `catalogues`; those series of theirs that begin with the process
    /// are there at once, at zero.
    package init(_ catalogues: [any MetricName.Type] = []) {
        let all = catalogues.flatMap { Self.definitions($0) }
        meanings = Dictionary(all.map { ($0.name, $0.definition.meaning) }, uniquingKeysWith: { first, _ in first })
        for (name, definition) in all {
            let kind: Kind =
                switch definition.kind {
                case .counter: .counter
                case .gauge: .gauge
                case .histogram: .histogram
                }
            for values in definition.begins { _ = cell(name, Array(zip(definition.labels, values)), kind) }
        }
    }

    private static func definitions<Name: MetricName>(
        _ catalogue: Name.Type
    ) -> [(name: String, definition: MetricDefinition)] {
        catalogue.allCases.map { ($0.rawValue, $0.definition) }
    }

    /// All metrics as Prometheus text, sorted by name.
    package func exposition() -> String {
        let all = cells.withLock { $0 }.sorted { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }
        var lines: [String] = []
        var last = ""
        for (series, (kind, cell)) in all {
            if series.name != last {
                if let meaning = meanings[series.name] { lines.append("# HELP \(series.name) \(meaning)") }
                lines.append("# TYPE \(series.name) \(kind.rawValue)")
            }
            last = series.name
            let numbers = cell.numbers.withLock { $0 }
            if kind == .histogram {
                for (bound, count) in zip(Self.buckets, numbers.buckets) {
                    lines.append("\(series.name)_bucket\(Self.braces(series.labels, "le=\"\(bound)\"")) \(count)")
                }
                lines.append("\(series.name)_bucket\(Self.braces(series.labels, "le=\"+Inf\"")) \(numbers.count)")
                lines.append("\(series.name)_sum\(Self.braces(series.labels)) \(numbers.value)")
                lines.append("\(series.name)_count\(Self.braces(series.labels)) \(numbers.count)")
            } else {
                lines.append("\(series.name)\(Self.braces(series.labels)) \(numbers.value)")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, dimensions, .counter)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        cell(label, dimensions, .counter)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(label, dimensions, .gauge)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        cell(label, dimensions, aggregate ? .histogram : .gauge)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(label, dimensions, .histogram)
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func cell(_ label: String, _ dimensions: [(String, String)], _ kind: Kind) -> Cell {
        let name = Self.sanitise(label)
        let labels = dimensions.map { "\(Self.sanitise($0.0))=\"\(Self.escape($0.1))\"" }.joined(separator: ",")
        return cells.withLock { cells in
            var series = Series(name: name, labels: labels)
            if cells[series] == nil, cells.count >= Self.maximumSeries {
                series.labels = "overflow=\"true\""
            }
            if let known = cells[series] { return known.cell }
            let made = Cell(aggregates: kind == .histogram)
            cells[series] = (kind, made)
            return made
        }
    }

    private static func braces(_ parts: String...) -> String {
        let inside = parts.filter { !$0.isEmpty }.joined(separator: ",")
        return inside.isEmpty ? "" : "{\(inside)}"
    }

    /// Nearly all names and values are written as they are; each count of something asks.
    static func sanitise(_ name: String) -> String {
        let isUsual = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            default: false
            }
        }
        if isUsual, !name.isEmpty { return name }
        let characters = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" }
        return (characters.first?.isNumber ?? true ? "_" : "") + String(characters)
    }

    static func escape(_ value: String) -> String {
        let special = [UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "\n")]
        guard value.utf8.contains(where: special.contains) else { return value }
        return value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

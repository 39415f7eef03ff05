import Metrics

/// What a metric is, for the manual and for `# HELP`.
package struct MetricDefinition: Hashable, Sendable {
    /// How it behaves.
    package enum Kind: String, Hashable, Sendable {
        /// Only grows, from 0 at the start of the process.
        case counter
        /// What is so at the moment.
        case gauge
        /// Durations in buckets, with their sum and count.
        case histogram
    }

    /// How it behaves.
    package var kind: Kind
    /// What one of it is, for example `seconds`.
    package var unit: String
    /// The labels' names, in the order in which values are given.
    package var labels: [String]
    /// What it says, in one sentence.
    package var meaning: String
    /// Values of the labels whose series exist from the start, so that what never happened reads 0 and not nothing.
    package var begins: [[String]]

    /// Describes a metric; one without labels exists from the start.
    package init(
        _ kind: Kind, _ unit: String, labels: [String] = [], _ meaning: String, begins: [[String]]? = nil
    ) {
        self.kind = kind
        self.unit = unit
        self.labels = labels
        self.meaning = meaning
        self.begins = begins ?? (labels.isEmpty ? [[]] : [])
    }
}

/// The metrics of one module. Nothing else of ours makes a metric, so that none can be missing from the manual.
package protocol MetricName: RawRepresentable<String>, CaseIterable, Sendable {
    /// What it is.
    var definition: MetricDefinition { get }
}

extension MetricName {
    /// Adds to a counter; without `by` it adds one, and with 0 it makes the series exist.
    package func count(_ values: String..., by amount: Int = 1) {
        Counter(label: rawValue, dimensions: dimensions(values)).increment(by: amount)
    }

    /// Sets a gauge.
    package func set(_ value: some BinaryInteger, _ values: String...) {
        Gauge(label: rawValue, dimensions: dimensions(values)).record(Double(value))
    }

    /// Sets a gauge.
    package func set(_ value: Double, _ values: String...) {
        Gauge(label: rawValue, dimensions: dimensions(values)).record(value)
    }

    /// Adds a duration to a histogram; one below zero, from a clock that was set back, counts as zero.
    package func record(_ duration: Duration, _ values: String...) {
        let (seconds, attoseconds) = max(.zero, duration).components
        Timer(label: rawValue, dimensions: dimensions(values))
            .recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private func dimensions(_ values: [String]) -> [(String, String)] {
        assert(values.count == definition.labels.count, "\(rawValue) has the labels \(definition.labels)")
        return Array(zip(definition.labels, values))
    }
}

package import FleetModel

/// A load over time, from a measurement or a generator.
package struct LoadTrace: Sendable {
    /// What was measured at one moment; it holds until the next one.
    package struct Sample: Hashable, Sendable {
        /// When.
        package var at: Timestamp
        /// The whole group's load, in whatever unit a reader's capacity is given in; 0 or more.
        package var load: Double
        /// The values of the other columns, in the order of `columns`.
        package var others: [Double]

        /// Makes a sample.
        package init(at: Timestamp, load: Double, others: [Double] = []) {
            self.at = at
            self.load = load
            self.others = others
        }
    }

    /// One sample or more, ascending in time.
    package let samples: [Sample]
    /// The names of the columns beside the load: values of the policy's metrics of that name.
    package let columns: [String]

    /// Makes a trace.
    /// - Throws: `SimulationError` when there is no sample, or they do not ascend.
    package init(samples: [Sample], columns: [String] = []) throws(SimulationError) {
        guard !samples.isEmpty else { throw SimulationError("the trace has no samples") }
        for (before, after) in zip(samples, samples.dropFirst()) where after.at <= before.at {
            throw SimulationError("the trace goes back in time at \(after.at.rfc3339)")
        }
        self.samples = samples
        self.columns = columns
    }

    /// Reads lines of `timestamp,load`, with a header or without. A timestamp is RFC 3339 text or seconds since 1970.
    /// Columns after the second need a header; each is named as the metric of the policy whose values it holds.
    /// - Throws: `SimulationError` naming the line.
    package init(csv text: String) throws(SimulationError) {
        var samples: [Sample] = []
        var columns: [String] = []
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            if line.isEmpty || line.first == "#" { continue }
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
            guard fields.count >= 2 else {
                throw SimulationError("line \(number) of the trace has no comma; it must be timestamp,load")
            }
            guard let at = Self.moment(fields[0]) else {
                if samples.isEmpty, columns.isEmpty, Double(fields[1]) == nil {
                    columns = Array(fields.dropFirst(2))
                    continue
                }
                throw SimulationError(
                    "line \(number) of the trace begins with \"\(fields[0])\", which is neither a time such as "
                        + "2026-01-05T00:00:00Z nor seconds since 1970")
            }
            guard fields.count == columns.count + 2 else {
                throw SimulationError(
                    "line \(number) of the trace has \(fields.count) fields and needs \(columns.count + 2)")
            }
            let values = fields.dropFirst().compactMap { Double($0) }.filter(\.isFinite)
            guard values.count == columns.count + 1, let load = values.first, (0...1e15).contains(load) else {
                throw SimulationError("line \(number) of the trace has a value that is no number from 0 to 1e15")
            }
            samples.append(Sample(at: at, load: load, others: Array(values.dropFirst())))
        }
        try self.init(samples: samples, columns: columns)
    }

    /// The trace as the lines that `init(csv:)` reads, with three digits after the point.
    package var csv: String {
        var text = "timestamp,load\n"
        for sample in samples {
            let thousandths = Int64(clamping: (sample.load * 1_000).rounded())
            let fraction = String(1_000 + thousandths % 1_000).dropFirst()
            text += "\(sample.at.rfc3339),\(thousandths / 1_000).\(fraction)\n"
        }
        return text
    }

    private static func trimmed(_ field: Substring) -> String {
        var field = field
        while let first = field.first, first == " " || first == "\"" { field = field.dropFirst() }
        while let last = field.last, last == " " || last == "\"" { field = field.dropLast() }
        return String(field)
    }

    private static func moment(_ text: String) -> Timestamp? {
        if let seconds = Double(text), seconds.isFinite, abs(seconds) < 1e12 {
            return Timestamp(millisecondsSinceEpoch: Int64((seconds * 1_000).rounded()))
        }
        return Timestamp(rfc3339: text)
    }
}

import FleetModel

/// Draws a comparison as an SVG picture: replicas above, utilisation below.
package struct Plot: Sendable {
    private static let width = 1_100.0
    private static let left = 60.0
    private static let colours = ["policy": "#1f6fd0", "chester": "#d97a1c", "oracle": "#7a8590"]

    private let comparison: Comparison

    /// Draws `comparison`.
    package init(_ comparison: Comparison) {
        self.comparison = comparison
    }

    /// The picture as text.
    package var svg: String {
        let peak = Double(max(1, comparison.runs.map(\.peak).max() ?? 1))
        let busiest = max(1, min(3, comparison.runs.map(\.worstUtilisation).max() ?? 1))
        let samples = comparison.trace.samples
        let (from, until) = (samples.first?.at.rfc3339 ?? "", samples.last?.at.rfc3339 ?? "")
        var lines = [
            #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 620" font-family="sans-serif" font-size="13">"#,
            "<title>Managed replicas and utilisation from \(from) to \(until)</title>",
            #"<rect width="1200" height="620" fill="white"/>"#,
        ]
        lines += frame(top: 50, height: 230, title: "managed replicas", peak: peak)
        lines += frame(top: 340, height: 230, title: "utilisation of the readers", peak: busiest)
        let limit = 570 - 230 * min(1, comparison.model.limit / busiest)
        lines.append(
            #"<line x1="60" x2="1160" y1="\#(Self.number(limit))" y2="\#(Self.number(limit))" stroke="firebrick" "#
                + #"stroke-dasharray="6 4"/>"#)
        for run in comparison.runs.reversed() {
            let colour = Self.colours[run.name] ?? "black"
            lines.append(
                curve(Self.buckets(run.sizes.map(Double.init)), top: 50, height: 230, peak: peak, colour))
            lines.append(
                curve(
                    Self.buckets(run.utilisation.map { Double($0) }), top: 340, height: 230, peak: busiest, colour))
        }
        for (index, run) in comparison.runs.enumerated() {
            let x = 60 + index * 370
            lines.append(
                #"<text x="\#(x)" y="24" fill="\#(Self.colours[run.name] ?? "black")">\#(run.name): "#
                    + "\(Comparison.fixed(run.minutesOverLimit, 0)) min over the limit, "
                    + "\(Comparison.fixed(run.replicaHours, 0)) replica-hours</text>")
        }
        lines.append(#"<text x="60" y="600">\#(from)</text><text x="1160" y="600" text-anchor="end">\#(until)</text>"#)
        lines.append("</svg>")
        return lines.joined(separator: "\n") + "\n"
    }

    private func frame(top: Double, height: Double, title: String, peak: Double) -> [String] {
        [
            #"<text x="60" y="\#(Self.number(top - 6))" fill="dimgray">\#(title)</text>"#,
            #"<rect x="60" y="\#(Self.number(top))" width="1100" height="\#(Self.number(height))" fill="none" "#
                + #"stroke="lightgray"/>"#,
            #"<text x="54" y="\#(Self.number(top + 10))" text-anchor="end">\#(Comparison.fixed(peak, 1))</text>"#,
            #"<text x="54" y="\#(Self.number(top + height))" text-anchor="end">0</text>"#,
        ]
    }

    private func curve(_ values: [Double], top: Double, height: Double, peak: Double, _ colour: String) -> String {
        let points = values.enumerated().map { index, value in
            let x = Self.left + Self.width * Double(index) / Double(max(1, values.count - 1))
            let y = top + height * (1 - min(1, value / peak))
            return "\(Self.number(x)),\(Self.number(y))"
        }
        return
            #"<polyline fill="none" stroke="\#(colour)" stroke-width="1.5" points="\#(points.joined(separator: " "))"/>"#
    }

    /// At most a value a pixel, each the highest of its stretch, because it is the peaks that matter.
    private static func buckets(_ values: [Double]) -> [Double] {
        let count = min(values.count, Int(width))
        return (0..<count).map { bucket in
            let range = bucket * values.count / count..<(bucket + 1) * values.count / count
            return values[range].max() ?? 0
        }
    }

    private static func number(_ value: Double) -> String { Comparison.fixed(value, 1) }
}

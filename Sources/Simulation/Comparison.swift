package import FleetModel

/// A policy beside the oracle and beside Chester's fixed behaviour, over one trace.
package struct Comparison: Sendable {
    /// What was simulated.
    package let trace: LoadTrace
    /// With what model.
    package let model: SimulationModel
    /// `policy`, `chester` and `oracle`, in this order.
    package let runs: [SimulationRun]

    /// Runs all three.
    ///
    /// Chester adds one replica, or removes one, while an alert is open, five minutes after it has finished the one
    /// before, up to the same maximum; it has no minimum.
    /// - Throws: `SimulationError` for numbers that make no model.
    package init(
        policy: ScalingPolicy, trace: LoadTrace, model: SimulationModel, offsets: any UTCOffset
    ) throws(SimulationError) {
        self.trace = trace
        self.model = model
        // Who simulates a dry run wants to see what it would do.
        var acting = policy
        acting.isDryRun = false
        let chester = ScalingPolicy(maximumReplicas: policy.maximumReplicas)
        runs = [
            try FleetSimulator(model: model, policy: acting, offsets: offsets).run(over: trace, named: "policy"),
            try FleetSimulator(model: model, policy: chester, driver: .alerts).run(over: trace, named: "chester"),
            Oracle(model: model, policy: acting).run(over: trace),
        ]
    }

    /// The report as a table for people.
    package var table: String {
        let rows: [(String, (SimulationRun) -> String)] = [
            ("minutes over the limit", { Self.fixed($0.minutesOverLimit, 0) }),
            ("highest utilisation", { Self.fixed($0.worstUtilisation, 2) }),
            ("mean utilisation", { Self.fixed($0.meanUtilisation, 2) }),
            ("replica-hours", { Self.fixed($0.replicaHours, 1) }),
            ("most replicas", { "\($0.peak)" }),
            ("added", { "\($0.additions)" }),
            ("removed", { "\($0.removals)" }),
            ("flaps", { "\($0.flaps)" }),
        ]
        var lines = [Self.line("", runs.map(\.name))]
        lines += rows.map { name, value in Self.line(name, runs.map(value)) }
        if let reasons = runs.first?.reasons {
            lines.append("")
            lines.append("decisions of the policy, by reason:")
            lines += reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                Self.line("  " + $0.key, ["\($0.value)"])
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ name: String, _ values: [String]) -> String {
        let padded = name + String(repeating: " ", count: max(1, 26 - name.count))
        return padded + values.map { String(repeating: " ", count: max(1, 12 - $0.count)) + $0 }.joined()
    }

    /// With `digits` after the point, without Foundation's formatting.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
        let scaled = Int64((value * Double(scale)).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let fraction = String(abs(scaled) % Int64(scale))
        let sign = scaled < 0 ? "-" : ""
        return
            "\(sign)\(abs(scaled) / Int64(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}

extension Comparison: Encodable {
    private struct Entry: Encodable {
        var name: String
        var minutesOverLimit: Double
        var worstUtilisation: Double
        var meanUtilisation: Double
        var replicaHours: Double
        var peakReplicas: Int
        var additions: Int
        var removals: Int
        var flaps: Int
        var decisions: [String: Int]
    }

    private struct Window: Encodable {
        var from: String
        var until: String
        var samples: Int
    }

    private struct Numbers: Encodable {
        var capacity: Double
        var fixedReaders: Int
        var limit: Double
        var provisioningSeconds: Double
        var warmUpSeconds: Double
        var drainSeconds: Double
        var deletionSeconds: Double
        var metricDelaySeconds: Double
        var intervalSeconds: Double
        var alertAbove: Double
        var alertBelow: Double
        var flapWindowSeconds: Double
    }

    private enum Key: String, CodingKey { case trace, model, runs }

    package func encode(to encoder: any Encoder) throws {
        func seconds(_ duration: Duration) -> Double { Double(duration.wholeMilliseconds) / 1_000 }
        func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
        var container = encoder.container(keyedBy: Key.self)
        let samples = trace.samples
        try container.encode(
            Window(
                from: samples.first?.at.rfc3339 ?? "", until: samples.last?.at.rfc3339 ?? "", samples: samples.count),
            forKey: .trace)
        try container.encode(
            Numbers(
                capacity: model.capacity, fixedReaders: model.fixedReaders, limit: model.limit,
                provisioningSeconds: seconds(model.provisioning), warmUpSeconds: seconds(model.warmUp),
                drainSeconds: seconds(model.draining), deletionSeconds: seconds(model.deletion),
                metricDelaySeconds: seconds(model.metricDelay), intervalSeconds: seconds(model.interval),
                alertAbove: model.alertAbove, alertBelow: model.alertBelow,
                flapWindowSeconds: seconds(model.flapWindow)),
            forKey: .model)
        try container.encode(
            runs.map { run in
                Entry(
                    name: run.name, minutesOverLimit: rounded(run.minutesOverLimit),
                    worstUtilisation: rounded(run.worstUtilisation), meanUtilisation: rounded(run.meanUtilisation),
                    replicaHours: rounded(run.replicaHours), peakReplicas: run.peak, additions: run.additions,
                    removals: run.removals, flaps: run.flaps, decisions: run.reasons)
            }, forKey: .runs)
    }
}

import FleetModel
import Simulation
import Testing

private let start = Timestamp(secondsSinceEpoch: 1_767_571_200)

private func trace(_ minutes: [Double]) throws -> LoadTrace {
    try LoadTrace(
        samples: minutes.enumerated().map {
            LoadTrace.Sample(at: start.advanced(by: .seconds(60 * $0)), load: $1)
        })
}

private func tracking(minimum: Int = 0, maximum: Int = 8) -> ScalingPolicy {
    var policy = ScalingPolicy(minimumReplicas: minimum, maximumReplicas: maximum)
    var metric = MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.6), scaleIn: .init(0.35))
    metric.target = 0.5
    policy.metrics = [metric]
    policy.step = .targetTracking(maximumOut: 4, maximumIn: 1)
    policy.scaleOutCooldown = .seconds(60)
    policy.scaleInCooldown = .seconds(600)
    policy.scaleInStabilization = .seconds(900)
    return policy
}

@Suite("Simulating a policy")
struct SimulationTests {
    @Test("a steady load that fits changes nothing")
    func steady() throws {
        let comparison = try Comparison(
            policy: tracking(), trace: trace(Array(repeating: 500, count: 600)),
            model: SimulationModel(capacity: 1_000),
            offsets: FixedUTCOffset())
        for run in comparison.runs {
            #expect(run.minutesOverLimit == 0 && run.replicaHours == 0 && run.additions + run.removals == 0)
        }
        #expect(comparison.runs.first?.reasons == ["NO_WISH": 600])
    }

    @Test("a step of the load is followed, one replica after another, as long as it takes to make them")
    func step() throws {
        let load = Array(repeating: 300.0, count: 60) + Array(repeating: 2_500.0, count: 240)
        let model = SimulationModel(capacity: 1_000)
        let comparison = try Comparison(
            policy: tracking(), trace: trace(load), model: model, offsets: FixedUTCOffset())
        let policy = try #require(comparison.runs.first { $0.name == "policy" })
        let oracle = try #require(comparison.runs.first { $0.name == "oracle" })
        #expect((4...5).contains(policy.sizes.last ?? 0), "five readers are half busy, and one of them is fixed")
        #expect((7.0...60).contains(policy.minutesOverLimit))
        #expect(oracle.minutesOverLimit == 0)
        #expect(oracle.sizes.last == 3)
        let firstAction = try #require(policy.sizes.firstIndex { $0 > 0 })
        #expect(firstAction == 63, "the metric is seen two minutes late, and the next step shows what was done")
        let begins = try #require(oracle.sizes.firstIndex { $0 > 0 })
        #expect(begins == 48, "the oracle begins as early as making and warming takes")
    }

    @Test("the oracle is never over the limit more often than others with the same limits, nor dearer than keeping all")
    func bounds() throws {
        for seed in UInt64(1)...3 {
            let generator = TraceGenerator(
                shapes: Set(TraceGenerator.Shape.allCases), base: 1_500, days: 3, seed: seed)
            let trace = try generator.trace()
            let comparison = try Comparison(
                policy: tracking(), trace: trace, model: SimulationModel(capacity: 1_000), offsets: FixedUTCOffset())
            let oracle = try #require(comparison.runs.last)
            for run in comparison.runs {
                #expect(oracle.minutesOverLimit <= run.minutesOverLimit, "\(run.name), seed \(seed)")
                #expect(run.peak <= 8 && run.sizes.count == trace.samples.count)
                #expect(run.replicaHours <= 8 * 72.1)
            }
        }
    }

    @Test("the same input gives the same run, and a dry run is simulated as if it were none")
    func deterministic() throws {
        let trace = try TraceGenerator(shapes: [.dailyWave, .noise], base: 1_500, days: 2, seed: 9).trace()
        var policy = tracking(minimum: 1)
        let once = try Comparison(
            policy: policy, trace: trace, model: SimulationModel(capacity: 900), offsets: FixedUTCOffset())
        policy.isDryRun = true
        let again = try Comparison(
            policy: policy, trace: trace, model: SimulationModel(capacity: 900), offsets: FixedUTCOffset())
        #expect(once.table == again.table)
        #expect(once.runs.map(\.sizes) == again.runs.map(\.sizes))
        #expect(Plot(once).svg.hasSuffix("</svg>\n"))
    }

    @Test("columns of the trace are the metrics of their names")
    func columns() throws {
        let csv = "timestamp,load,queue\n" + (0..<30).map { "\($0 * 60),100,\($0 < 10 ? 1 : 50)\n" }.joined()
        var policy = tracking()
        policy.metrics = [MetricPolicy(name: "queue", source: .external, scaleOut: .init(20), scaleIn: .init(2))]
        let comparison = try Comparison(
            policy: policy, trace: try LoadTrace(csv: csv), model: SimulationModel(capacity: 1_000),
            offsets: FixedUTCOffset())
        #expect(comparison.runs.first?.sizes.firstIndex { $0 > 0 } == 13)
    }

    @Test("a policy without metrics is steered by alerts, one replica at a time")
    func alerts() throws {
        let comparison = try Comparison(
            policy: ScalingPolicy(maximumReplicas: 3), trace: trace(Array(repeating: 1_500, count: 120)),
            model: SimulationModel(capacity: 1_000), offsets: FixedUTCOffset())
        let policy = try #require(comparison.runs.first)
        #expect(policy.additions == 2, "three readers are half busy, and the alert is over")
        #expect(policy.reasons["OPEN_INCIDENT"] == 2)
    }

    @Test("numbers that make no model are refused with every reason")
    func model() throws {
        var model = SimulationModel(capacity: 0)
        model.interval = .zero
        let error = #expect(throws: SimulationError.self) {
            try Comparison(policy: tracking(), trace: trace([1, 2]), model: model, offsets: FixedUTCOffset())
        }
        #expect(error?.description.contains("capacity") == true && error?.description.contains("interval") == true)
    }
}

@Suite("Load traces")
struct TraceTests {
    @Test("the same seed gives the same trace, another seed another one")
    func seeds() throws {
        let shapes = Set(TraceGenerator.Shape.allCases)
        let first = try TraceGenerator(shapes: shapes, days: 2, seed: 4).trace().csv
        #expect(try TraceGenerator(shapes: shapes, days: 2, seed: 4).trace().csv == first)
        #expect(try TraceGenerator(shapes: shapes, days: 2, seed: 5).trace().csv != first)
        #expect(try LoadTrace(csv: first).csv == first)
    }

    @Test("each shape does what it is called")
    func shapes() throws {
        let wave = try TraceGenerator(shapes: [.dailyWave], days: 1).trace().samples
        #expect((wave.max { $0.load < $1.load }?.at.rfc3339.contains("T16:00") ?? false))
        let growth = try TraceGenerator(shapes: [.slowGrowth], days: 1).trace().samples
        #expect(abs((growth.last?.load ?? 0) - 2_000) < 2)
        let crowd = try TraceGenerator(shapes: [.flashCrowd], days: 30).trace().samples.map(\.load)
        #expect((crowd.max() ?? 0) > 1_500 && crowd.min() == 1_000)
        #expect(try TraceGenerator(shapes: [], days: 1).trace().samples.allSatisfy { $0.load == 1_000 })
    }

    @Test(
        "what is no trace is refused with the line",
        arguments: [
            ("", "no samples"), ("timestamp,load\n", "no samples"), ("0,1\n0,2", "back in time"), ("0,1\n60", "line 2"),
            ("0,x", "line 1"), ("0,1\nyesterday,2", "line 2"), ("0,-1", "line 1"), ("0,1,2", "line 1"),
        ])
    func refused(csv: String, says: String) {
        let error = #expect(throws: SimulationError.self) { try LoadTrace(csv: csv) }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
    }

    @Test("times may be text or seconds, with or without a header, comments and quotation marks")
    func forms() throws {
        let csv = "# from a dashboard\n\"timestamp\",\"load\"\r\n2026-01-05T00:00:00Z, 5\r\n\"1767571260\",6.5\r\n"
        let trace = try LoadTrace(csv: csv)
        #expect(trace.samples.map(\.load) == [5, 6.5])
        #expect(trace.samples[1].at.since(trace.samples[0].at) == .seconds(60))
    }
}

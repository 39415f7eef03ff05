package import FleetModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Makes load traces from a seed: the same seed gives the same trace on every machine.
package struct TraceGenerator: Sendable {
    /// What a trace is made of; shapes are added up.
    package enum Shape: String, Hashable, Sendable, CaseIterable {
        /// Low at four in the morning, high in the afternoon, less at week-ends.
        case dailyWave = "daily-wave"
        /// Now and then a crowd that comes within minutes and goes within an hour or two.
        case flashCrowd = "flash-crowd"
        /// Twice the load at the end of the trace.
        case slowGrowth = "slow-growth"
        /// What each minute differs from the next, with a memory of some minutes.
        case noise
    }

    /// What to add up; without any the load is constant.
    package var shapes: Set<Shape>
    /// The load at an ordinary moment.
    package var base: Double
    /// Where it begins.
    package var start: Timestamp
    /// How many days.
    package var days: Int
    /// Between two samples.
    package var interval: Duration
    /// The seed.
    package var seed: UInt64

    /// Makes a generator of minutes from Monday, 5 January 2026.
    package init(shapes: Set<Shape>, base: Double = 1_000, days: Int = 7, seed: UInt64 = 1) {
        self.shapes = shapes
        self.base = base
        self.start = Timestamp(secondsSinceEpoch: 1_767_571_200)
        self.days = days
        self.interval = .seconds(60)
        self.seed = seed
    }

    private struct Crowd {
        var beginning: Double
        var rise: Double
        var decay: Double
        var height: Double
    }

    /// The trace.
    /// - Throws: `SimulationError` when the numbers make no trace, or one of more than ten million samples.
    package func trace() throws(SimulationError) -> LoadTrace {
        let step = Double(interval.wholeMilliseconds) / 1_000
        guard days > 0, step >= 1, base >= 0, base.isFinite, Double(days) * 86_400 / step <= 10_000_000 else {
            throw SimulationError(
                "a trace needs a day or more, a load of 0 or more, an interval of a second or more, and at most ten "
                    + "million samples")
        }
        var random = SeededGenerator(seed: seed)
        let length = Double(days) * 86_400
        let crowds = shapes.contains(.flashCrowd) ? crowds(until: length, &random) : []
        var wander = 0.0
        var samples: [LoadTrace.Sample] = []
        samples.reserveCapacity(Int(length / step))
        for index in 0..<Int(length / step) {
            let second = Double(index) * step
            var factor = 1.0
            if shapes.contains(.dailyWave) {
                let phase = (second / 86_400 - 10.0 / 24).truncatingRemainder(dividingBy: 1)
                factor += 0.6 * sin(2 * .pi * phase)
                let day = Int(second / 86_400) % 7
                if day >= 5 { factor *= 0.7 }
            }
            if shapes.contains(.slowGrowth) { factor *= 1 + second / length }
            for crowd in crowds where second >= crowd.beginning && second < crowd.beginning + 8 * crowd.decay {
                let age = second - crowd.beginning
                factor += crowd.height * min(1, age / crowd.rise) * exp(-max(0, age - crowd.rise) / crowd.decay)
            }
            if shapes.contains(.noise) {
                wander = 0.9 * wander + 0.03 * random.gaussian()
                factor *= max(0, 1 + wander)
            }
            samples.append(
                LoadTrace.Sample(at: start.advanced(by: .milliseconds(Int64(second * 1_000))), load: base * factor))
        }
        return try LoadTrace(samples: samples)
    }

    /// About two crowds in three days.
    private func crowds(until end: Double, _ random: inout SeededGenerator) -> [Crowd] {
        var crowds: [Crowd] = []
        var at = 0.0
        while true {
            at += -log(1 - random.unit()) * 130_000
            guard at < end else { return crowds }
            crowds.append(
                Crowd(
                    beginning: at, rise: 120 + 480 * random.unit(), decay: 1_200 + 3_600 * random.unit(),
                    height: 0.8 + 2.2 * random.unit()))
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): small, and the same
/// everywhere, which the system's generator does not promise.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 to below 1.
    mutating func unit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Mean 0, deviation 1 (Box and Muller).
    mutating func gaussian() -> Double {
        (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
    }
}

import FleetModel

/// What the simulated fleet is like.
package struct SimulationModel: Hashable, Sendable {
    /// The load that one reader bears at a utilisation of 1, in the trace's unit.
    package var capacity: Double
    /// Readers that are always there and that are not managed.
    package var fixedReaders: Int
    /// A utilisation above this is too much; minutes above it are what scaling should avoid.
    package var limit: Double
    /// From the decision to the first query on a new replica. Cloud SQL takes five to seven minutes as a rule.
    package var provisioning: Duration
    /// From its first query to its full capacity: its caches are cold and its weight is ramped.
    package var warmUp: Duration
    /// From the decision to the last query on a replica that goes.
    package var draining: Duration
    /// From its last query to the end of its costs.
    package var deletion: Duration
    /// How old a reading is when it is seen; ProxySQL is asked directly. Cloud Monitoring shows Cloud SQL's values up to
    /// 165 seconds late.
    package var metricDelay: Duration
    /// Between two decisions.
    package var interval: Duration
    /// An alert of Chester's kind asks for more while utilisation is above this.
    package var alertAbove: Double
    /// An alert of Chester's kind asks for fewer while utilisation is below this.
    package var alertBelow: Double
    /// Two changes in opposite directions within this are a flap.
    package var flapWindow: Duration

    /// Makes a model with one fixed reader, and replicas as Cloud SQL makes them.
    package init(capacity: Double) {
        self.capacity = capacity
        self.fixedReaders = 1
        self.limit = 0.8
        self.provisioning = .seconds(420)
        self.warmUp = .seconds(300)
        self.draining = .seconds(60)
        self.deletion = .seconds(180)
        self.metricDelay = .seconds(120)
        self.interval = .seconds(60)
        self.alertAbove = 0.7
        self.alertBelow = 0.3
        self.flapWindow = .seconds(1_800)
    }

    /// - Throws: `SimulationError` naming every number that makes no model.
    func check() throws(SimulationError) {
        var problems: [String] = []
        if !(capacity.isFinite && capacity > 0) { problems.append("the capacity must be above 0") }
        if !(0...1_000).contains(fixedReaders) { problems.append("the fixed readers must be 0 to 1,000") }
        if !(limit > 0 && limit <= 10) { problems.append("the limit must be above 0, up to 10") }
        if !(alertBelow >= 0 && alertBelow < alertAbove) {
            problems.append("the alert for fewer must be 0 or more and below the one for more")
        }
        let times = [provisioning, warmUp, draining, deletion, metricDelay, flapWindow]
        if !times.allSatisfy({ $0 >= .zero && $0 <= .seconds(86_400) }) {
            problems.append("times must be 0 to 86,400 seconds")
        }
        if !(interval >= .seconds(1) && interval <= .seconds(3_600)) {
            problems.append("the interval must be 1 to 3,600 seconds")
        }
        guard problems.isEmpty else { throw SimulationError(problems.joined(separator: "; ")) }
    }
}

/// What came of one way to scale.
package struct SimulationRun: Sendable {
    /// `policy`, `chester` or `oracle`.
    package var name: String
    /// Minutes with a utilisation above the limit.
    package var minutesOverLimit = 0.0
    /// Hours of managed replicas, from the decision to create each to its end.
    package var replicaHours = 0.0
    /// Replicas added.
    package var additions = 0
    /// Replicas removed.
    package var removals = 0
    /// Changes that undo the one before within the model's window.
    package var flaps = 0
    /// The largest number of managed replicas.
    package var peak = 0
    /// The mean utilisation.
    package var meanUtilisation = 0.0
    /// The highest utilisation.
    package var worstUtilisation = 0.0
    /// Decisions by their reason; empty for the oracle, which does not decide.
    package var reasons: [String: Int] = [:]
    /// Managed replicas at each step.
    package var sizes: [UInt16] = []
    /// Utilisation at each step.
    package var utilisation: [Float] = []

    private var sum = 0.0
    private var lastChange: (second: Int64, isAddition: Bool)?

    init(name: String, steps: Int) {
        self.name = name
        sizes.reserveCapacity(steps)
        utilisation.reserveCapacity(steps)
    }

    /// Notes what one step of `model` was like.
    mutating func note(size: Int, utilisation value: Double, model: SimulationModel) {
        let seconds = Double(model.interval.wholeMilliseconds) / 1_000
        sizes.append(UInt16(clamping: size))
        utilisation.append(Float(value))
        if value > model.limit { minutesOverLimit += seconds / 60 }
        replicaHours += Double(size) * seconds / 3_600
        peak = max(peak, size)
        worstUtilisation = max(worstUtilisation, value)
        sum += value
        meanUtilisation = sum / Double(sizes.count)
    }

    /// Notes a replica that is added or removed.
    mutating func act(isAddition: Bool, atSecond second: Int64, model: SimulationModel) {
        if isAddition { additions += 1 } else { removals += 1 }
        if let last = lastChange, last.isAddition != isAddition,
            .seconds(second - last.second) <= model.flapWindow
        {
            flaps += 1
        }
        lastChange = (second, isAddition)
    }
}

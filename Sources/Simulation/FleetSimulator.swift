package import FleetModel

/// Runs the scaler's own decision code over a load trace, with a model in the place of the cloud.
package struct FleetSimulator: Sendable {
    /// What asks for changes.
    package enum Driver: Sendable {
        /// The metrics of the policy; where it has none, alerts.
        case policy
        /// Alerts with the model's thresholds, as Chester has them.
        case alerts
    }

    let model: SimulationModel
    let policy: ScalingPolicy
    let driver: Driver
    let offsets: any UTCOffset
    private let incidents: (add: Incident, remove: Incident)
    private let group: InstanceName

    /// Prepares a simulation.
    /// - Throws: `SimulationError` for numbers that make no model.
    package init(
        model: SimulationModel, policy: ScalingPolicy, driver: Driver = .policy,
        offsets: any UTCOffset = FixedUTCOffset()
    ) throws(SimulationError) {
        try model.check()
        self.model = model
        self.policy = policy
        self.driver = driver
        self.offsets = offsets
        do throws(InvalidName) {
            group = try InstanceName("simulated")
        } catch {
            throw SimulationError(error.description)
        }
        incidents = (Self.incident(.add, group), Self.incident(.remove, group))
    }

    private static func incident(_ action: IncidentAction, _ group: InstanceName) -> Incident {
        let start = Timestamp(millisecondsSinceEpoch: 0)
        return Incident(
            alert: Alert(
                incidentID: "alert-\(action.rawValue)", policyName: "simulated", state: .open, startedAt: start,
                closedAt: nil, primaryInstance: group, group: group, replicaBaseName: "r-", action: action,
                documentation: ""),
            at: start)
    }

    /// Ten thousand days of minutes are enough, and fit the memory.
    private static let maximumSteps = 14_400_000

    /// Runs over `trace`.
    /// - Throws: `SimulationError` should a replica find no name, or the trace be too long.
    package func run(over trace: LoadTrace, named name: String) throws(SimulationError) -> SimulationRun {
        let steps = Steps(trace: trace, interval: model.interval)
        guard steps.count <= Self.maximumSteps else {
            throw SimulationError(
                "the trace has \(steps.count) steps of the interval between its first and its last sample; there may be "
                    + "\(Self.maximumSteps)")
        }
        var run = SimulationRun(name: name, steps: steps.count)
        var fleet = SimulatedFleet(
            model: model, record: try record(of: trace), isRamped: driver == .policy, at: steps.moment(0))
        var memory = DecisionMemory()
        var reasons: [ScalingDecision.Reason: Int] = [:]
        let delay = Int(model.metricDelay / model.interval)
        let columns = policy.metrics.map { metric in trace.columns.firstIndex(of: metric.name) }
        var cursor = 0
        var delayed = 0
        for step in 0..<steps.count {
            let now = steps.moment(step)
            steps.advance(&cursor, to: now)
            fleet.pass(until: now)
            let load = trace.samples[cursor].load
            let utilisation = fleet.utilisation(under: load, at: now)
            run.note(size: fleet.record.managedCount, utilisation: utilisation, model: model)
            let seen = max(0, step - delay)
            steps.advance(&delayed, to: steps.moment(seen))
            let late = Sight(
                at: steps.moment(seen), utilisation: Double(run.utilisation[seen]), sample: trace.samples[delayed])
            let current = Sight(at: now, utilisation: utilisation, sample: trace.samples[cursor])
            var inputs = DecisionInputs(record: fleet.record, memory: memory, now: now, offsets: offsets)
            ask(&inputs, late, current, columns)
            let decision = ScalingDecision.decide(inputs)
            memory = decision.memory
            reasons[decision.reason, default: 0] += 1
            guard let direction = decision.direction else { continue }
            try fleet.act(on: decision, at: now)
            run.act(isAddition: direction == .out, atSecond: now.secondsSinceEpoch, model: model)
        }
        run.reasons = Dictionary(uniqueKeysWithValues: reasons.map { ($0.rawValue, $1) })
        return run
    }

    /// What can be seen of one moment.
    private struct Sight {
        var at: Timestamp
        var utilisation: Double
        var sample: LoadTrace.Sample
    }

    /// Gives the decision what it may see: ProxySQL is asked directly, everything else comes late.
    private func ask(_ inputs: inout DecisionInputs, _ late: Sight, _ current: Sight, _ columns: [Int?]) {
        if driver == .alerts || !policy.metrics.contains(where: { $0.role == .load }) {
            if late.utilisation > model.alertAbove { inputs.incidents = [incidents.add] }
            if late.utilisation < model.alertBelow { inputs.incidents = [incidents.remove] }
        }
        for (metric, column) in zip(policy.metrics, columns) {
            let isDirect = metric.source == .proxySQLConnections || metric.source == .proxySQLQueries
            let sight = isDirect ? current : late
            let value: Double
            switch (column, metric.role, metric.basis) {
            case (let column?, _, _): value = sight.sample.others[column]
            // A machine that is full shows no more than that.
            case (nil, .load, .perReader): value = min(sight.utilisation, 1)
            case (nil, .load, .total): value = sight.sample.load
            case (nil, .replicaLag, _), (nil, .primaryWrites, _): value = 0
            }
            guard metric.role == .replicaLag else {
                inputs.readings.append(LoadReading(metric: metric.name, value: value, measuredAt: sight.at))
                continue
            }
            for replica in inputs.record.replicas where replica.state == .serving {
                inputs.readings.append(
                    LoadReading(metric: metric.name, instance: replica.name.text, value: value, measuredAt: sight.at))
            }
        }
    }

    private func record(of trace: LoadTrace) throws(SimulationError) -> GroupRecord {
        let readers = (0..<model.fixedReaders).map {
            BackendServer(name: "fixed-\($0)", address: "fixed-\($0)", hostgroup: 10, origin: .configured)
        }
        return GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: (readers, [], [])),
            policy: policy, primaryInstance: group)
    }
}

/// The moments at which is decided, and the samples that hold then.
struct Steps: Sendable {
    private let trace: LoadTrace
    private let start: Timestamp
    private let interval: Duration
    let count: Int

    init(trace: LoadTrace, interval: Duration) {
        self.trace = trace
        self.interval = interval
        start = trace.samples[0].at
        let length = (trace.samples.last?.at ?? start).since(start)
        count = Int(clamping: length / interval).clampedSum(1)
    }

    func moment(_ step: Int) -> Timestamp {
        start.advanced(by: interval * step)
    }

    /// Moves `cursor` to the newest sample at or before `now`.
    func advance(_ cursor: inout Int, to now: Timestamp) {
        while cursor + 1 < trace.samples.count, trace.samples[cursor + 1].at <= now { cursor += 1 }
    }
}

/// The simulated group: its record changes only by the scaler's own transitions.
private struct SimulatedFleet {
    let model: SimulationModel
    var record: GroupRecord
    private var serving: [(name: InstanceName, since: Timestamp)] = []
    private var underWay: (name: InstanceName, isAddition: Bool, begun: Timestamp)?
    private var named = 0
    private let isRamped: Bool

    /// The minimum is there from the beginning.
    init(model: SimulationModel, record: GroupRecord, isRamped: Bool, at start: Timestamp) {
        self.model = model
        self.isRamped = isRamped
        self.record = record
        let long = start.advanced(by: .zero - model.warmUp)
        for _ in 0..<record.policy.minimumReplicas {
            guard let name = nextName() else { return }
            self.record.plan(name, for: "", at: long)
            begin(serving: name, at: long)
            self.record.serve(name, at: long)
        }
        self.record.lastScaling = nil
    }

    private mutating func nextName() -> InstanceName? {
        named += 1
        return try? InstanceName("r-\(named)")
    }

    private mutating func begin(serving name: InstanceName, at now: Timestamp) {
        record.creationBegan(name, operationID: nil, at: now)
        record.admit(name, address: name.text, by: AdmissionRule(), at: now)
        serving.append((name, now))
    }

    /// What was under way goes on when its time has come.
    mutating func pass(until now: Timestamp) {
        guard let change = underWay else { return }
        guard change.isAddition else {
            let end = change.begun.advanced(by: model.draining + model.deletion)
            guard now >= end else { return }
            underWay = nil
            record.remove(change.name, at: end)
            record.deletionMayBegin(change.name, at: end)
            return record.forget(change.name, at: end)
        }
        let beginning = change.begun.advanced(by: model.provisioning)
        guard now >= beginning else { return }
        if serving.last?.name != change.name { begin(serving: change.name, at: beginning) }
        // The change is complete when the replica has its full share; Chester has no ramp and goes on at once.
        let end = isRamped ? beginning.advanced(by: model.warmUp) : beginning
        guard now >= end else { return }
        underWay = nil
        record.serve(change.name, at: end)
    }

    /// Queries go to each reader by its capacity, so all are as busy.
    func utilisation(under load: Double, at now: Timestamp) -> Double {
        var readers = Double(model.fixedReaders)
        let warm = Double(model.warmUp.wholeMilliseconds)
        for replica in serving {
            let age = Double(now.since(replica.since).wholeMilliseconds)
            readers += warm <= 0 ? 1 : min(1, max(0.1, age / warm))
        }
        guard readers > 0 else { return load > 0 ? 10 : 0 }
        return min(10, load / (readers * model.capacity))
    }

    mutating func act(on decision: ScalingDecision, at now: Timestamp) throws(SimulationError) {
        if decision.direction == .out {
            guard let name = nextName() else { throw SimulationError("a replica found no name") }
            record.plan(name, for: decision.incidentID ?? "", at: now)
            underWay = (name, true, now)
        } else if let victim = decision.victim {
            record.drain(victim, for: decision.incidentID ?? "", at: now)
            serving.removeAll { $0.name == victim }
            underWay = (victim, false, now)
        }
        record.enter(decision, at: now)
    }
}

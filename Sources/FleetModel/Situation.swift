/// The inputs of a decision, understood once: sizes, evidence and what everybody wishes for.
struct Situation {
    let inputs: DecisionInputs
    let evidence: [MetricEvidence]
    let current: Int
    let readers: Int
    let memory: DecisionMemory
    /// The replicas' lags in seconds, by instance; negative where replication is not running.
    let lags: [String: Double]
    /// The largest wish of the metrics before and after it was stabilised; nil without metrics.
    let metricWish: (raw: Wish, settled: Int)?
    let hasStaleLoad: Bool
    let hasStaleLag: Bool

    var policy: ScalingPolicy { inputs.record.policy }
    var now: Timestamp { inputs.now }
    var record: GroupRecord { inputs.record }

    init(_ inputs: DecisionInputs) {
        self.inputs = inputs
        let policy = inputs.record.policy
        current = inputs.record.managedCount
        let serving = inputs.record.servingCount
        readers = inputs.record.fixedReaders + serving
        let (count, names, now) = (readers, inputs.record.readerNames, inputs.now)
        let all = policy.metrics.map {
            MetricEvidence(
                $0, readings: inputs.readings, readers: count, names: names, since: inputs.record.lastScaling, at: now)
        }
        evidence = all.filter { $0.metric.role == .load }
        hasStaleLoad = evidence.contains { !$0.isWhole }
        var lags: [String: Double] = [:]
        for one in all where one.metric.role == .replicaLag { lags.merge(one.instances) { max($0, $1) } }
        self.lags = lags
        var memory = inputs.memory
        hasStaleLag = Self.brake(
            policy, lags, all.first { $0.metric.role == .primaryWrites }?.perReader, serving: serving, &memory)
        let sizes = GroupSizes(
            // A metric wishes for readers, and what is sidelined is none.
            current: current, readers: readers, fixed: readers - serving - inputs.record.sidelinedCount,
            isGrowing: inputs.record.continuesGoal(.out, from: current, at: now))
        metricWish = Self.settle(evidence, sizes, policy, &memory, now)
        self.memory = memory
    }

    /// Brings the brake up to date.
    /// - Returns: whether it cannot tell, though there are replicas that could lag.
    private static func brake(
        _ policy: ScalingPolicy, _ lags: [String: Double], _ writes: Double?, serving: Int,
        _ memory: inout DecisionMemory
    ) -> Bool {
        guard let brake = policy.lagBrake else {
            memory.isBraked = false
            return false
        }
        guard let isEngaged = brake.isEngaged(lags: Array(lags.values), writes: writes, before: memory.isBraked) else {
            return serving > 0
        }
        memory.isBraked = isEngaged
        return false
    }

    /// The largest wish of the metrics; one without a reading wishes for no change. It is noted in the history, whose
    /// window then decides: out by the smallest wish of its time, in by the largest.
    private static func settle(
        _ evidence: [MetricEvidence], _ sizes: GroupSizes, _ policy: ScalingPolicy,
        _ memory: inout DecisionMemory, _ now: Timestamp
    ) -> (raw: Wish, settled: Int)? {
        let current = sizes.current
        let wishes = evidence.map { one in
            Wish(
                rule: .metric, name: one.metric.name,
                size: one.wish(sizes, policy: policy), value: one.perReader)
        }
        guard let raw = wishes.max(by: { ($0.size ?? current, $1.name) < ($1.size ?? current, $0.name) }) else {
            return nil
        }
        let size = raw.size ?? current
        memory.wishes.note(size, at: now, longest: max(policy.scaleOutStabilization, policy.scaleInStabilization))
        guard size != current else { return (raw, current) }
        let window = size > current ? policy.scaleOutStabilization : policy.scaleInStabilization
        guard let range = memory.wishes.range(over: window, at: now) else { return (raw, current) }
        return (raw, size > current ? max(current, range.lowerBound) : min(current, range.upperBound))
    }
}

/// What the readings say about one metric, made of whatever order they came in.
struct MetricEvidence: Hashable, Sendable {
    /// The metric.
    var metric: MetricPolicy
    /// The value per reader; nil when there is no reading that is fresh and makes sense.
    var perReader: Double?
    /// The change of size that was completed after it was measured, if there is one.
    var outdatedBy: ScalingDirection?
    /// The fresh readings of single instances.
    var instances: [String: Double]
    /// The readers whose series has no fresh point, by name; a part of the load is no evidence for fewer.
    var missing: [String]
    /// Whether something can be concluded that removes a replica.
    var isWhole: Bool { perReader != nil && missing.isEmpty }

    /// - Parameters:
    ///   - readers: how many readers share the load.
    ///   - names: those of them that a source with one reading an instance must have shown.
    init(
        _ metric: MetricPolicy, readings: [LoadReading], readers: Int, names: [String] = [],
        since last: ScalingEvent?, at now: Timestamp
    ) {
        self.metric = metric
        var newest: [String?: LoadReading] = [:]
        for reading in readings where reading.metric == metric.name {
            let age = now.since(reading.measuredAt)
            // A clock ahead of ours by more than that tells nothing about now either.
            guard reading.value.isFinite, age <= metric.staleAfter, age >= .zero - metric.staleAfter else { continue }
            guard reading.value >= 0 || metric.role == .replicaLag else { continue }
            if let other = newest[reading.instance],
                (other.measuredAt, other.value) >= (reading.measuredAt, reading.value)
            {
                continue
            }
            newest[reading.instance] = reading
        }
        let whole = newest.removeValue(forKey: nil)
        let measuredAt = whole?.measuredAt ?? newest.values.map(\.measuredAt).min()
        instances = [:]
        for case (let instance?, let reading) in newest { instances[instance] = reading.value }
        let shown = instances
        let isByReader = whole == nil && !shown.isEmpty && metric.isOfReaders
        missing = isByReader ? names.filter { shown[$0] == nil } : []
        let count = Double(max(readers, 1))
        switch metric.basis {
        case .perReader:
            perReader = whole?.value ?? Self.sum(instances).map { $0 / Double(instances.count) }
            if let last, let measuredAt, measuredAt < last.completedAt { outdatedBy = last.direction }
        case .total:
            perReader = (whole?.value ?? Self.sum(instances)).map { $0 / count }
        }
    }

    /// Sums in order of size, because floating-point sums depend on the order.
    private static func sum(_ instances: [String: Double]) -> Double? {
        instances.isEmpty ? nil : instances.values.sorted().reduce(0, +)
    }

    /// The managed size that the metric wishes for, before any limit; `current` where it wishes for no change.
    func wish(_ sizes: GroupSizes, policy: ScalingPolicy) -> Int? {
        guard let perReader else { return nil }
        let current = sizes.current
        let readers = Double(max(sizes.readers, 1))
        // What is measured before a replica serves is shared by one more since: it must not be asked for twice.
        let shared = outdatedBy == .out ? perReader * max(readers - 1, 1) / readers : perReader
        // A change that has begun goes on to its target; the threshold only says when one begins.
        let limit =
            sizes.isGrowing
            ? min(metric.target ?? metric.scaleOut.threshold, metric.scaleOut.threshold)
            : metric.scaleOut.threshold + metric.scaleOut.margin
        let isOut = shared > limit
        let isIn = missing.isEmpty && perReader < metric.scaleIn.threshold - metric.scaleIn.margin
        guard isOut || isIn else { return current }
        switch policy.step {
        case .fixed(let out, let `in`):
            return isOut ? current + out : current - `in`
        case .direct(let out, let `in`):
            let goal = isOut ? out ?? policy.maximumReplicas : `in` ?? policy.minimumReplicas
            return isOut ? max(goal, current) : min(goal, current)
        case .targetTracking(let maximumOut, let maximumIn):
            let target = metric.target ?? metric.scaleOut.threshold
            let needed = (readers * (isOut ? shared : perReader) / target).rounded(.up)
            let wanted = Int(clamping: min(max(needed, 0), 1e6)) - sizes.fixed
            return isOut
                ? min(max(wanted, current + 1), current + maximumOut)
                : max(min(wanted, current - 1), current - maximumIn)
        }
    }

    /// Whether the load would stay below the threshold of scale-out with `fewer` of `readers` less.
    func bears(losing fewer: Int, of readers: Int) -> Bool {
        guard let perReader, missing.isEmpty else { return false }
        guard perReader > 0 else { return true }
        guard readers > fewer else { return false }
        // What is measured before a replica went was shared by one more.
        let sharing = Double(outdatedBy == .in ? readers + 1 : readers)
        let projected = perReader * sharing / Double(readers - fewer)
        return projected < metric.scaleOut.threshold - min(metric.scaleOut.margin, metric.scaleOut.threshold / 2)
    }
}

/// How many there are of what.
struct GroupSizes: Hashable, Sendable {
    /// Managed replicas, whatever state they are in.
    var current: Int
    /// Readers that take traffic.
    var readers: Int
    /// Those of them that are not managed.
    var fixed: Int
    /// Whether the replica that was added last was not the last of its change.
    var isGrowing: Bool
}

extension MetricPolicy {
    /// Whether its readings are about the readers, and not about the primary.
    fileprivate var isOfReaders: Bool {
        guard case .cloudMonitoring(let series) = source else { return true }
        return series.ofReaders
    }
}

extension GroupRecord {
    /// The names of the readers that take traffic, as far as they can be an instance's; a replica on its way is none
    /// yet.
    var readerNames: [String] {
        let underWay = Set(replicas.filter { $0.state != .serving }.map(\.name.text))
        return configuration.servers.filter {
            $0.hostgroup == configuration.readerHostgroup && $0.origin != .primary && $0.status == .online
                && $0.weight > 0 && !underWay.contains($0.name) && (try? InstanceName($0.name)) != nil
        }.map(\.name).sorted()
    }

    /// Backends in the hostgroup of the readers that take traffic and that the scaler does not manage.
    var fixedReaders: Int {
        configuration.servers.count {
            $0.hostgroup == configuration.readerHostgroup && $0.origin != .managed && $0.status == .online
                && $0.weight > 0
        }
    }
}

extension LagBrake {
    /// Whether the brake is engaged now; nil when no replica's lag is known.
    func isEngaged(lags: [Double], writes: Double?, before: Bool?) -> Bool? {
        let known = lags.filter { $0 >= 0 }
        guard !known.isEmpty else { return nil }
        func lagging(above limit: Duration) -> Double {
            let seconds = Double(limit.wholeMilliseconds) / 1_000
            return Double(known.count { $0 >= seconds }) / Double(known.count)
        }
        // Writes that are not known are taken for the cause: the brake errs on the side of holding.
        if let writesAbove, let writes, writes <= writesAbove { return false }
        if lagging(above: engageAbove) >= share { return true }
        // Between the marks what was is kept; after a restart, when that is not known, the brake holds.
        return lagging(above: releaseBelow) >= share && before != false
    }
}

/// What the readings say about one metric, made of whatever order they came in.
struct MetricEvidence: Hashable, Sendable {
    /// The metric.
    var metric: MetricPolicy
    /// The value per reader; nil when there is no reading that is fresh and makes sense.
    var perReader: Double?
    /// The fresh readings of single instances.
    var instances: [String: Double]
    /// When the oldest of the readings that count was measured.
    var measuredAt: Timestamp?

    init(_ metric: MetricPolicy, readings: [LoadReading], readers: Int, at now: Timestamp) {
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
        measuredAt = whole?.measuredAt ?? newest.values.map(\.measuredAt).min()
        instances = [:]
        for case (let instance?, let reading) in newest { instances[instance] = reading.value }
        let count = Double(max(readers, 1))
        switch metric.basis {
        case .perReader:
            perReader = whole?.value ?? Self.sum(instances).map { $0 / Double(instances.count) }
        case .total:
            perReader = (whole?.value ?? Self.sum(instances)).map { $0 / count }
        }
    }

    /// Sums in order of size, because floating-point sums depend on the order.
    private static func sum(_ instances: [String: Double]) -> Double? {
        instances.isEmpty ? nil : instances.values.sorted().reduce(0, +)
    }

    /// The managed size that the metric wishes for, before any limit; `current` where it wishes for no change.
    /// - Parameter fixed: how many of the readers are not managed.
    func wish(current: Int, readers: Int, fixed: Int, policy: ScalingPolicy) -> Int? {
        guard let perReader else { return nil }
        let isOut = perReader > metric.scaleOut.threshold + metric.scaleOut.margin
        let isIn = perReader < metric.scaleIn.threshold - metric.scaleIn.margin
        guard isOut || isIn else { return current }
        switch policy.step {
        case .fixed(let out, let `in`):
            return isOut ? current + out : current - `in`
        case .direct(let out, let `in`):
            let goal = isOut ? out ?? policy.maximumReplicas : `in` ?? policy.minimumReplicas
            return isOut ? max(goal, current) : min(goal, current)
        case .targetTracking(let maximumOut, let maximumIn):
            let target = metric.target ?? metric.scaleOut.threshold
            let needed = (Double(max(readers, 1)) * perReader / target).rounded(.up)
            let wanted = Int(min(max(needed, 0), 1e6)) - fixed
            return isOut
                ? min(max(wanted, current + 1), current + maximumOut)
                : max(min(wanted, current - 1), current - maximumIn)
        }
    }

    /// Whether the load would stay below the threshold of scale-out with `fewer` readers less.
    /// - Parameter readers: how many shared the load when it was measured, down to how many there are now.
    func bears(losing fewer: Int, of readers: (measured: Int, now: Int)) -> Bool {
        guard let perReader else { return false }
        guard perReader > 0 else { return true }
        guard readers.now > fewer else { return false }
        let projected = perReader * Double(readers.measured) / Double(readers.now - fewer)
        return projected < metric.scaleOut.threshold - min(metric.scaleOut.margin, metric.scaleOut.threshold / 2)
    }
}

extension GroupRecord {
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

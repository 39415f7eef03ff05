import FleetModel

/// What a scaler that knows the future would do: every replica is asked for exactly as early as it takes to be warm
/// when it is needed, and kept over a gap only where removing and adding it again would take as long.
///
/// It is no goal that can be reached: it pays for nothing that it did not know it would need.
struct Oracle {
    let model: SimulationModel
    let policy: ScalingPolicy

    func run(over trace: LoadTrace) -> SimulationRun {
        let steps = Steps(trace: trace, interval: model.interval)
        var run = SimulationRun(name: "oracle", steps: steps.count)
        let loads = loads(trace, steps)
        let needed = loads.map(needed(for:))
        let before = ticks(model.provisioning + model.warmUp)
        let after = ticks(model.draining + model.deletion)
        var paid = [Int](repeating: 0, count: steps.count)
        var actions: [(step: Int, isAddition: Bool)] = []
        for layer in 1...max(1, needed.max() ?? 0) {
            for interval in Self.intervals(needed, layer, before, after) {
                for step in interval { paid[step] += 1 }
                if interval.lowerBound > 0 { actions.append((interval.lowerBound, true)) }
                // The drain begins when it is needed last; what is after is the end of its costs.
                if interval.upperBound < steps.count { actions.append((interval.upperBound - after, false)) }
            }
        }
        for step in 0..<steps.count {
            // Those that are paid for and not needed are on their way in or out.
            let readers = Double(model.fixedReaders + needed[step])
            let utilisation = readers > 0 ? min(10, loads[step] / (readers * model.capacity)) : loads[step] > 0 ? 10 : 0
            run.note(size: paid[step], utilisation: utilisation, model: model)
        }
        for action in actions.sorted(by: { ($0.step, $0.isAddition ? 1 : 0) < ($1.step, $1.isAddition ? 1 : 0) }) {
            run.act(
                isAddition: action.isAddition, atSecond: steps.moment(action.step).secondsSinceEpoch, model: model)
        }
        return run
    }

    private func loads(_ trace: LoadTrace, _ steps: Steps) -> [Double] {
        var cursor = 0
        return (0..<steps.count).map { step in
            steps.advance(&cursor, to: steps.moment(step))
            return trace.samples[cursor].load
        }
    }

    private func needed(for load: Double) -> Int {
        let readers = Int(clamping: min((load / (model.capacity * model.limit)).rounded(.up), 1e6))
        return min(max(readers - model.fixedReaders, policy.minimumReplicas), policy.maximumReplicas)
    }

    private func ticks(_ duration: Duration) -> Int {
        Int((duration / model.interval).rounded(.up))
    }

    /// When the replica number `layer` is paid for.
    static func intervals(_ needed: [Int], _ layer: Int, _ before: Int, _ after: Int) -> [Range<Int>] {
        var intervals: [Range<Int>] = []
        var step = 0
        while step < needed.count {
            guard needed[step] >= layer else {
                step += 1
                continue
            }
            let first = step
            while step < needed.count, needed[step] >= layer { step += 1 }
            let next = max(0, first - before)..<min(needed.count, step + after)
            if let last = intervals.last, last.upperBound >= next.lowerBound {
                intervals[intervals.count - 1] = last.lowerBound..<next.upperBound
            } else {
                intervals.append(next)
            }
        }
        return intervals
    }
}

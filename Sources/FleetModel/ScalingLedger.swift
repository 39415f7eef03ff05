/// What a group did and what that cost, as far as budgets and the change under way must know it: part of its record,
/// saved in the same write as the change itself.
package struct ScalingLedger: Hashable, Codable, Sendable {
    /// A change of size by more than one, of which a part is done. The cooldown begins after its last replica.
    package struct Goal: Hashable, Codable, Sendable {
        /// Which way.
        package var direction: ScalingDirection
        /// Managed replicas at its end.
        package var size: Int
    }

    /// A managed replica that was seen and when its costs began.
    private struct Member: Hashable, Codable, Sendable {
        var name: InstanceName
        var since: Timestamp
    }

    /// The change under way.
    package var goal: Goal?
    /// When replicas were added or removed within the last hour, oldest first.
    package private(set) var actions: [Timestamp] = []
    private var day: Int64 = 0
    /// Milliseconds of replicas that are gone, on `day`.
    private var spent: Int64 = 0
    private var members: [Member] = []
    /// When replicas were replaced within the last day, oldest first; nil for never.
    package private(set) var replacements: [Timestamp]?

    /// Makes the ledger of a group that has done nothing.
    package init() {}

    /// Actions in the sixty minutes before `now`.
    package func actions(inTheHourBefore now: Timestamp) -> [Timestamp] {
        actions.filter { now.since($0) < .seconds(3_600) }
    }

    /// Hours of managed replicas on the day (UTC) of `now`, up to `now`.
    package func replicaHours(at now: Timestamp) -> Double {
        let today = CivilTime.floorDivide(now.millisecondsSinceEpoch, Self.millisecondsPerDay)
        let midnight = today * Self.millisecondsPerDay
        let running = members.reduce(Int64(0)) { sum, member in
            sum.clampedSum(max(0, now.millisecondsSinceEpoch - max(member.since.millisecondsSinceEpoch, midnight)))
        }
        return Double(running.clampedSum(today == day ? spent : 0)) / 3_600_000
    }

    /// Notes that a replica is added or removed at `now`, on the way to `goal`.
    package mutating func act(at now: Timestamp, goal: Goal?) {
        actions = Array((actions(inTheHourBefore: now) + [now]).suffix(Self.maximumActions))
        self.goal = goal
    }

    /// Replacements in the twenty-four hours before `now`.
    package func replacements(inTheDayBefore now: Timestamp) -> [Timestamp] {
        (replacements ?? []).filter { now.since($0) < .seconds(86_400) }
    }

    /// Notes that a replica is replaced at `now`.
    package mutating func replace(at now: Timestamp) {
        replacements = Array((replacements(inTheDayBefore: now) + [now]).suffix(Self.maximumActions))
    }

    /// Takes up which replicas there are: those that went are paid for up to the group's last change.
    /// - Returns: whether anything changed and is worth saving.
    package mutating func reconcile(with record: GroupRecord, at now: Timestamp) -> Bool {
        let before = self
        let today = CivilTime.floorDivide(now.millisecondsSinceEpoch, Self.millisecondsPerDay)
        let present = Set(record.replicas.map(\.name))
        let gone = members.filter { !present.contains($0.name) }
        let known = Set(members.map(\.name))
        let new = record.replicas.filter { !known.contains($0.name) }
        guard !gone.isEmpty || !new.isEmpty else { return false }
        if day != today { (day, spent) = (today, 0) }
        let end = min(now, record.lastScaling?.completedAt ?? now)
        let midnight = today * Self.millisecondsPerDay
        for member in gone {
            let cost = max(0, end.millisecondsSinceEpoch - max(member.since.millisecondsSinceEpoch, midnight))
            spent = spent.clampedSum(cost)
        }
        members.removeAll { !present.contains($0.name) }
        members += new.map { Member(name: $0.name, since: $0.plannedAt) }
        return self != before
    }

    private static let millisecondsPerDay: Int64 = 86_400_000
    private static let maximumActions = 1_000
}

extension GroupRecord {
    /// Whether a change in `direction` from `size` replicas is the rest of one that is under way, which does not wait
    /// for the cooldown between its replicas.
    func continuesGoal(_ direction: ScalingDirection, from size: Int, at now: Timestamp) -> Bool {
        guard consecutiveFailures == 0, let goal = ledger?.goal, goal.direction == direction, let lastScaling,
            now < lastScaling.completedAt.advanced(by: max(policy.cooldown(direction), .seconds(120)))
        else { return false }
        return direction == .out ? size < goal.size : size > goal.size
    }

    /// Enters in the ledger that `decision` is being acted on; part of the write that records the intent itself.
    package mutating func enter(_ decision: ScalingDecision, at now: Timestamp) {
        guard let direction = decision.direction else { return }
        // The rest of a change keeps its goal: a step of two that is taken again at each of its replicas never ends.
        let continues = continuesGoal(direction, from: decision.current, at: now)
        var ledger = ledger ?? ScalingLedger()
        _ = ledger.reconcile(with: self, at: now)
        let goal = continues ? ledger.goal : ScalingLedger.Goal(direction: direction, size: decision.desired)
        ledger.act(at: now, goal: goal)
        self.ledger = ledger
    }
}

/// A decision as it is kept for people: what was looked at, which rule decided, and what came of it.
///
/// Decisions that say the same one after another are one entry, with the moments of the first and the last.
package struct DecisionEntry: Hashable, Codable, Sendable {
    /// What was looked at.
    package struct Inputs: Hashable, Codable, Sendable {
        /// The open incidents, as `add 0-abc`, oldest first.
        package var incidents: [String]
        /// The readings of the policy's metrics.
        package var readings: [LoadReading]
        /// Our replicas and their states.
        package var replicas: [String: ReplicaRecord.State]
        /// Readers of the group that take traffic and that Drover does not manage.
        package var fixedReaders: Int
        /// Why there are no readings, where they could not be had.
        package var loadFailure: String?
    }

    /// The group.
    package var group: InstanceName
    /// When it was first decided; with the group, the entry's identity.
    package var firstAt: Timestamp
    /// When it was decided again for the last time.
    package var lastAt: Timestamp
    /// How often it was decided, from 1.
    package var count: Int
    /// Which way; nil held.
    package var direction: ScalingDirection?
    /// The rule that decided, or held.
    package var reason: ScalingDecision.Reason
    /// Managed replicas at the time.
    package var current: Int
    /// Managed replicas that are gone to, or, while it holds, would have been.
    package var desired: Int
    /// What asked for it, where something did.
    package var wish: Wish?
    /// Everything that was asked for.
    package var wishes: [Wish]
    /// The replica that is, or would be, removed.
    package var victim: InstanceName?
    /// When it is looked at again, where the reason ends by itself.
    package var notBefore: Timestamp?
    /// Which freeze, pause or budget held.
    package var detail: String?
    /// The decision as one sentence.
    package var sentence: String
    /// What was looked at, the last time.
    package var inputs: Inputs

    /// Makes the entry of a decision that was just made.
    package init(_ decision: ScalingDecision, of inputs: DecisionInputs, loadFailure: String? = nil) {
        group = inputs.record.name
        firstAt = inputs.now
        lastAt = inputs.now
        count = 1
        direction = decision.direction
        reason = decision.reason
        current = decision.current
        desired = decision.desired
        wish = decision.wish
        wishes = decision.wishes
        victim = decision.victim
        notBefore = decision.notBefore
        detail = decision.detail
        sentence = decision.sentence
        let open = inputs.incidents.filter { $0.state == .open }.sorted {
            ($0.startedAt, $0.id) < ($1.startedAt, $1.id)
        }
        self.inputs = Inputs(
            incidents: open.map { "\($0.action.rawValue) \($0.id)" },
            readings: inputs.readings.sorted { ($0.metric, $0.instance ?? "") < ($1.metric, $1.instance ?? "") },
            replicas: Dictionary(
                inputs.record.replicas.map { ($0.name.text, $0.state) }, uniquingKeysWith: { first, _ in first }),
            fixedReaders: inputs.record.fixedReaders, loadFailure: loadFailure)
    }

    /// Whether `next` decided the same again, so that it is counted here. Numbers that people read off a meter may
    /// differ; what is done, why, and who asked may not. A change of size that was acted on is never decided again as
    /// it was: the size is another one then.
    package func repeats(as next: DecisionEntry) -> Bool {
        direction == next.direction && group == next.group && reason == next.reason && current == next.current
            && desired == next.desired && wish?.rule == next.wish?.rule && wish?.name == next.wish?.name
            && victim == next.victim
    }

    /// Takes up the same decision, made later.
    package mutating func again(_ next: DecisionEntry) {
        let (first, before) = (firstAt, count)
        self = next
        firstAt = first
        count = before.clampedSum(1)
    }
}

/// Decisions that were made, kept for people and bounded in number.
package protocol DecisionStore: Sendable {
    /// Stores `entry`, or puts it in the place of the one of the same group and `firstAt`.
    func save(_ entry: DecisionEntry) async throws(StoreError)
    /// The decisions about `group`, newest first, at most `limit`; with `before`, only those that began before it.
    func decisions(of group: InstanceName, limit: Int, before: Timestamp?) async throws(StoreError) -> [DecisionEntry]
}

package import FleetModel
package import Logging
import Observability

/// Makes a group's decisions: reads the metrics of its policy, decides, counts, and keeps what was decided for people.
///
/// What it remembers spares calls and smooths metrics; it can be thrown away at any instant and made again.
package actor Decider {
    /// The systems around it, each of which may be missing.
    package struct Surroundings: Sendable {
        /// Where readings come from; without it, policies with metrics hold and say so.
        package var load: (any LoadSource)?
        /// Where decisions are kept.
        package var decisions: (any DecisionStore)?
        /// The time zones of schedules and freezes.
        package var zones: any UTCOffset
        /// Between two polls of the metrics of a group.
        package var loadPoll: Duration

        /// Gathers the systems.
        package init(
            load: (any LoadSource)? = nil, decisions: (any DecisionStore)? = nil,
            zones: any UTCOffset = FixedUTCOffset(), loadPoll: Duration = .seconds(15)
        ) {
            self.load = load
            self.decisions = decisions
            self.zones = zones
            self.loadPoll = loadPoll
        }
    }

    /// An entry that says the same again is written at most this often.
    private static let repetitionInterval = Duration.seconds(300)

    private let around: Surroundings
    private let logger: Logger
    /// What the decisions so far have left to know.
    private(set) var memory: DecisionMemory
    private var poll: (at: Timestamp, readings: [LoadReading], failure: String?)?
    private var entry: DecisionEntry?
    private var savedAt: Timestamp?

    /// Makes the decider of one group; `logger` names the group.
    package init(around: Surroundings, logger: Logger, memory: DecisionMemory = DecisionMemory()) {
        self.around = around
        self.logger = logger
        self.memory = memory
    }

    /// Decides about `record`; what comes of it is durable in the log before the caller acts.
    package func decide(
        _ record: GroupRecord, incidents: [Incident], at now: Timestamp
    ) async -> ScalingDecision {
        await read(for: record, at: now)
        let inputs = DecisionInputs(
            record: record, incidents: incidents, readings: poll?.readings ?? [], memory: memory, now: now,
            offsets: around.zones)
        let decision = ScalingDecision.decide(inputs)
        memory = decision.memory
        await keep(DecisionEntry(decision, of: inputs, loadFailure: poll?.failure))
        return decision
    }

    /// Keeps what was decided elsewhere than in `decide`, for people.
    func note(_ decision: ScalingDecision, of inputs: DecisionInputs) async {
        await keep(DecisionEntry(decision, of: inputs))
    }

    /// Whether a replica that is about to go is wanted after all, by what was read for the last decision; nothing of
    /// the answer is remembered.
    func wantsBack(
        _ replica: ReplicaRecord, in record: GroupRecord, incidents: [Incident], at now: Timestamp
    ) -> Bool {
        ScalingDecision.wantsBack(
            replica,
            DecisionInputs(
                record: record, incidents: incidents, readings: poll?.readings ?? [], memory: memory, now: now,
                offsets: around.zones))
    }

    /// Polls the metrics when the last poll is old enough; a source that fails leaves the readings there were, which
    /// grow stale by themselves.
    private func read(for record: GroupRecord, at now: Timestamp) async {
        guard !record.policy.metrics.isEmpty else {
            poll = nil
            return
        }
        if let poll, now.since(poll.at) >= .zero, now.since(poll.at) < around.loadPoll { return }
        guard let load = around.load else {
            poll = (now, [], "no source of metrics is configured")
            return
        }
        do throws(LoadSourceError) {
            poll = (now, try await load.readings(for: record, metrics: record.policy.metrics, at: now), nil)
        } catch {
            if poll?.failure == nil {
                logger.warning("reading metrics failed", metadata: ["error": "\(error)"])
            }
            poll = (now, poll?.readings ?? [], error.reason)
            ScalerMetric.loadPollsFailed.count(record.name.text)
        }
    }

    private func keep(_ next: DecisionEntry) async {
        ScalerMetric.decisions.count(
            next.group.text, next.reason.rawValue, next.direction?.rawValue ?? "hold")
        // A group whose metrics were always readable reads 0.
        ScalerMetric.loadPollsFailed.count(next.group.text, by: 0)
        ScalerMetric.desiredReplicas.set(next.desired, next.group.text)
        guard var present = entry, present.repeats(as: next) else {
            // What went before gets its last count, so that people see how long it held.
            if let entry, let savedAt, entry.lastAt > savedAt { await save(entry) }
            entry = next
            logger.info(
                "decision", metadata: ["rule.code": "\(next.reason.rawValue)", "decision": "\(next.sentence)"])
            await save(next)
            return
        }
        present.again(next)
        entry = present
        if let savedAt, next.lastAt.since(savedAt) < Self.repetitionInterval { return }
        await save(present)
    }

    private func save(_ entry: DecisionEntry) async {
        guard let decisions = around.decisions else { return }
        do throws(StoreError) {
            try await decisions.save(entry)
            savedAt = entry.lastAt
        } catch {
            // The log is for people; what is done must not depend on it.
            logger.warning("storing a decision failed", metadata: ["error": "\(error)"])
        }
    }
}

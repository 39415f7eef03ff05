/// Everything that a decision depends on: the same inputs give the same decision, in whatever order the lists are.
package struct DecisionInputs: Sendable {
    /// The group as it is stored.
    package var record: GroupRecord
    /// Its incidents; closed ones ask for nothing.
    package var incidents: [Incident]
    /// What the metrics of its policy show.
    package var readings: [LoadReading]
    /// What must be known of the decisions before.
    package var memory: DecisionMemory
    /// The time.
    package var now: Timestamp
    /// The time zones of schedules and freezes.
    package var offsets: any UTCOffset

    /// Gathers the inputs.
    package init(
        record: GroupRecord, incidents: [Incident] = [], readings: [LoadReading] = [],
        memory: DecisionMemory = DecisionMemory(), now: Timestamp, offsets: any UTCOffset = FixedUTCOffset()
    ) {
        self.record = record
        self.incidents = incidents
        self.readings = readings
        self.memory = memory
        self.now = now
        self.offsets = offsets
    }
}

/// What one input asks for.
package struct Wish: Hashable, Codable, Sendable {
    /// What kind of input: `openIncident`, `metric`, `schedule`, `belowMinimum`, `pinned`.
    package var rule: ScalingDecision.Reason
    /// Which one: the incident's id, the metric's or the schedule's name; empty for the limits.
    package var name: String
    /// The managed size that it asks for; nil when its metric has no fresh reading.
    package var size: Int?
    /// The metric's value per reader.
    package var value: Double?

    /// Makes a wish.
    package init(rule: ScalingDecision.Reason, name: String = "", size: Int?, value: Double? = nil) {
        self.rule = rule
        self.name = name
        self.size = size
        self.value = value
    }
}

/// How far a replica was behind its primary when somebody last measured it.
package struct LagReading: Hashable, Codable, Sendable {
    /// The lag in seconds, 0 or more.
    package var seconds: Double
    /// When it was measured.
    package var measuredAt: Timestamp

    /// Makes a reading.
    package init(seconds: Double, measuredAt: Timestamp) {
        self.seconds = seconds
        self.measuredAt = measuredAt
    }

    /// The newest of `readings`.
    package static func newest(_ readings: [LagReading?]) -> LagReading? {
        readings.compactMap(\.self).max { $0.measuredAt < $1.measuredAt }
    }
}

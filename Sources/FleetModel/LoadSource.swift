/// One value of one metric of a group's policy.
package struct LoadReading: Hashable, Codable, Sendable {
    /// The name of the metric in the policy (`MetricPolicy.name`).
    package var metric: String
    /// The instance that the value is about; nil for a value about all readers of the group together.
    ///
    /// A source that gets one series an instance returns one reading an instance and leaves it to the decision to
    /// take their mean or sum.
    package var instance: String?
    /// The value in the metric's own unit. Not a number, or negative, counts as not measured.
    package var value: Double
    /// When it was measured, which is not when it was asked for: the end of the interval that it stands for.
    package var measuredAt: Timestamp

    /// Makes a reading.
    package init(metric: String, instance: String? = nil, value: Double, measuredAt: Timestamp) {
        self.metric = metric
        self.instance = instance
        self.value = value
        self.measuredAt = measuredAt
    }
}

/// Why a source has no readings; the decision holds, because it never acts blindly.
package struct LoadSourceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Whether the next poll may succeed without a person mending anything.
    package var isRetryable: Bool
    /// What was attempted on what, and what to do.
    package var reason: String

    package var description: String { reason }

    /// Makes an error.
    package init(_ reason: String, isRetryable: Bool = true) {
        self.reason = reason
        self.isRetryable = isRetryable
    }
}

/// Where the scaler gets the values of a policy's metrics from.
package protocol LoadSource: Sendable {
    /// The newest reading of each of `metrics` that this source serves, by `MetricPolicy.source`; metrics of other
    /// sources, and series without points, are left out. The call has a deadline of its own.
    /// - Throws: `LoadSourceError` when nothing could be read; the caller goes on without readings.
    func readings(
        for group: GroupRecord, metrics: [MetricPolicy], at now: Timestamp
    ) async throws(LoadSourceError) -> [LoadReading]
}

/// Several sources as one: each serves the metrics that are its own.
package struct LoadSources: LoadSource {
    private let sources: [any LoadSource]

    /// Asks `sources` one after another.
    package init(_ sources: [any LoadSource]) {
        self.sources = sources
    }

    /// The readings of all sources; one that fails only leaves out its own.
    /// - Throws: `LoadSourceError` with every reason when all that were asked failed.
    package func readings(
        for group: GroupRecord, metrics: [MetricPolicy], at now: Timestamp
    ) async throws(LoadSourceError) -> [LoadReading] {
        var readings: [LoadReading] = []
        var failures: [LoadSourceError] = []
        for source in sources {
            do throws(LoadSourceError) {
                readings += try await source.readings(for: group, metrics: metrics, at: now)
            } catch {
                failures.append(error)
            }
        }
        guard readings.isEmpty, !failures.isEmpty else { return readings }
        throw LoadSourceError(
            failures.map(\.reason).joined(separator: "; "), isRetryable: failures.contains(where: \.isRetryable))
    }
}

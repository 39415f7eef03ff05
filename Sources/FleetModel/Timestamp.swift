/// A moment of wall-clock time, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Durable records carry it; decisions compare it; nothing in this module ever asks for the present time.
package struct Timestamp: Hashable, Comparable, Codable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package var millisecondsSinceEpoch: Int64

    /// Makes a moment from milliseconds since 1970-01-01T00:00:00Z.
    package init(millisecondsSinceEpoch: Int64) {
        self.millisecondsSinceEpoch = millisecondsSinceEpoch
    }

    /// Makes a moment from whole seconds since 1970-01-01T00:00:00Z, as Cloud Monitoring writes them; an impossible
    /// number of seconds is clamped to the range that milliseconds can hold.
    package init(secondsSinceEpoch: Int64) {
        let (product, overflow) = secondsSinceEpoch.multipliedReportingOverflow(by: 1_000)
        self.millisecondsSinceEpoch = overflow ? (secondsSinceEpoch < 0 ? .min : .max) : product
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    package var secondsSinceEpoch: Int64 {
        let quotient = millisecondsSinceEpoch / 1_000
        return millisecondsSinceEpoch % 1_000 < 0 ? quotient - 1 : quotient
    }

    /// The time from `earlier` to `self`; negative when `earlier` is the later one.
    package func since(_ earlier: Timestamp) -> Duration {
        let (difference, overflow) = millisecondsSinceEpoch.subtractingReportingOverflow(earlier.millisecondsSinceEpoch)
        return .milliseconds(overflow ? (millisecondsSinceEpoch < 0 ? .min : .max) : difference)
    }

    /// The moment `duration` after `self`, clamped to the representable range.
    package func advanced(by duration: Duration) -> Timestamp {
        let (sum, overflow) = millisecondsSinceEpoch.addingReportingOverflow(duration.wholeMilliseconds)
        return Timestamp(millisecondsSinceEpoch: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// Orders moments by time.
    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.millisecondsSinceEpoch < right.millisecondsSinceEpoch
    }

    package init(from decoder: any Decoder) throws {
        millisecondsSinceEpoch = try decoder.singleValueContainer().decode(Int64.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(millisecondsSinceEpoch)
    }
}

extension Duration {
    /// This duration in whole milliseconds, rounded toward zero.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000_000_000
    }
}

/// A moment of wall-clock time, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Durable records carry it; decisions compare it; nothing in this module ever asks for the present time. It lies in the
/// years 0 to 9999, which is what RFC 3339 can write: whatever number a notification, a document or a node names, reading,
/// adding and writing it cannot overflow.
package struct Timestamp: Hashable, Comparable, Codable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package let millisecondsSinceEpoch: Int64

    /// 0000-01-01T00:00:00Z.
    package static let earliest = Timestamp(millisecondsSinceEpoch: .min)
    /// 9999-12-31T23:59:59.999Z.
    package static let latest = Timestamp(millisecondsSinceEpoch: .max)
    private static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    /// Makes a moment from milliseconds since 1970-01-01T00:00:00Z, clamped to the years 0 to 9999.
    package init(millisecondsSinceEpoch: Int64) {
        self.millisecondsSinceEpoch = min(max(millisecondsSinceEpoch, Self.range.lowerBound), Self.range.upperBound)
    }

    /// Makes a moment from whole seconds since 1970-01-01T00:00:00Z, as Cloud Monitoring writes them, clamped to the
    /// years 0 to 9999.
    package init(secondsSinceEpoch: Int64) {
        self.init(millisecondsSinceEpoch: secondsSinceEpoch.clampedProduct(1_000))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    package var secondsSinceEpoch: Int64 {
        let quotient = millisecondsSinceEpoch / 1_000
        return millisecondsSinceEpoch % 1_000 < 0 ? quotient - 1 : quotient
    }

    /// The time from `earlier` to `self`; negative when `earlier` is the later one.
    package func since(_ earlier: Timestamp) -> Duration {
        .milliseconds(millisecondsSinceEpoch - earlier.millisecondsSinceEpoch)
    }

    /// The moment `duration` after `self`, clamped to the years 0 to 9999.
    package func advanced(by duration: Duration) -> Timestamp {
        Timestamp(millisecondsSinceEpoch: millisecondsSinceEpoch.clampedSum(duration.wholeMilliseconds))
    }

    /// Orders moments by time.
    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.millisecondsSinceEpoch < right.millisecondsSinceEpoch
    }

    package init(from decoder: any Decoder) throws {
        self.init(millisecondsSinceEpoch: try decoder.singleValueContainer().decode(Int64.self))
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
        return seconds.clampedProduct(1_000).clampedSum(attoseconds / 1_000_000_000_000_000)
    }
}

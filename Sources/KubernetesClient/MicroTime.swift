package import FleetModel

/// A moment as Leases and Events carry it: RFC 3339 in UTC with six digits of a second (`metav1.MicroTime`). Reading
/// takes any number of digits and any offset; what is kept is whole milliseconds.
package struct MicroTime: Hashable, Codable, Sendable {
    /// The moment.
    package var timestamp: Timestamp

    /// Makes one.
    package init(_ timestamp: Timestamp) {
        self.timestamp = timestamp
    }

    /// Reads RFC 3339; `nil` for anything else.
    package init?(_ text: String) {
        guard let timestamp = Self.parse(text) else { return nil }
        self.timestamp = timestamp
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let timestamp = Self.parse(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is not an RFC 3339 time")
        }
        self.timestamp = timestamp
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// For example `2026-11-20T23:57:19.491000Z`.
    package var text: String { Self.text(timestamp, fraction: true) }

    /// Without a fraction, as `metav1.Time` and annotations are written: `2026-11-20T23:57:19Z`.
    package static func wholeSeconds(_ timestamp: Timestamp) -> String { text(timestamp, fraction: false) }

    private static func text(_ timestamp: Timestamp, fraction: Bool) -> String {
        let seconds = timestamp.secondsSinceEpoch
        let milliseconds = timestamp.millisecondsSinceEpoch - seconds * 1_000
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let (year, month, day) = date(days)
        let time = "\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
        let digits = fraction ? ".\(padded(milliseconds, 3))000" : ""
        return "\(padded(year, 4))-\(two(month))-\(two(day))T\(time)\(digits)Z"
    }

    private static func two(_ value: Int64) -> String { padded(value, 2) }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// The civil date of a day since 1970-01-01, in eras of 400 years that begin in March.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func parse(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 64 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for index in range {
                guard index < bytes.count, (48...57).contains(bytes[index]) else { return nil }
                value = value * 10 + Int64(bytes[index] - 48)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second < 61,
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[13] == UInt8(ascii: ":"),
            bytes[16] == UInt8(ascii: ":"), [UInt8(ascii: "T"), UInt8(ascii: "t")].contains(bytes[10])
        else { return nil }
        var index = 19
        var milliseconds: Int64 = 0
        if bytes[index] == UInt8(ascii: ".") {
            var weight: Int64 = 100
            index += 1
            let first = index
            while index < bytes.count, (48...57).contains(bytes[index]) {
                milliseconds += Int64(bytes[index] - 48) * weight
                weight /= 10
                index += 1
            }
            guard index > first else { return nil }
        }
        guard index < bytes.count else { return nil }
        var offset: Int64 = 0
        if [UInt8(ascii: "Z"), UInt8(ascii: "z")].contains(bytes[index]) {
            guard index + 1 == bytes.count else { return nil }
        } else {
            let isBehind = bytes[index] == UInt8(ascii: "-")
            guard isBehind || bytes[index] == UInt8(ascii: "+"), bytes.count == index + 6,
                let hours = number(index + 1..<index + 3), let minutes = number(index + 4..<index + 6)
            else { return nil }
            offset = (hours * 3_600 + minutes * 60) * (isBehind ? -1 : 1)
        }
        let seconds =
            days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return Timestamp(millisecondsSinceEpoch: seconds * 1_000 + milliseconds)
    }
}

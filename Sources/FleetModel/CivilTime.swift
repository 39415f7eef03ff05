/// A date and a time of day in the proleptic Gregorian calendar, without a time zone.
package struct CivilTime: Hashable, Sendable {
    /// For example 2026.
    package var year: Int
    /// 1–12.
    package var month: Int
    /// 1–31.
    package var day: Int
    /// 0–86,399.
    package var secondOfDay: Int

    /// The civil time `seconds` after 1970-01-01 00:00:00.
    package init(seconds: Int64) {
        let days = Self.floorDivide(seconds, 86_400)
        self.init(dayNumber: days)
        secondOfDay = Int(seconds - days * 86_400)
    }

    /// Midnight of the day that is `dayNumber` days after 1970-01-01. The arithmetic counts from 1 March of year 0, so
    /// that the leap day is the last of its year.
    init(dayNumber: Int64) {
        let shifted = dayNumber + 719_468
        let era = Self.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        secondOfDay = 0
    }

    /// Days from 1970-01-01 to the given day.
    package static func dayNumber(year: Int, month: Int, day: Int) -> Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let era = floorDivide(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// 0 for Sunday to 6 for Saturday; 1970-01-01 was a Thursday.
    package static func weekday(dayNumber: Int64) -> Int {
        let remainder = (dayNumber + 4) % 7
        return Int(remainder < 0 ? remainder + 7 : remainder)
    }

    static func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
        let quotient = dividend / divisor
        return dividend % divisor < 0 ? quotient - 1 : quotient
    }
}

extension Timestamp {
    /// Reads an RFC 3339 text such as `2026-12-24T18:00:00Z` or `2026-12-24 19:00:00.250+01:00`; nil when it is none,
    /// or names a day that there is not. A leap second counts as the second before it.
    package init?(rfc3339 text: String) {
        var scanner = DigitScanner(text)
        guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
            let hour = scanner.number(2), scanner.skip(":"), let minute = scanner.number(2), scanner.skip(":"),
            let second = scanner.number(2), (1...12).contains(month), hour < 24, minute < 60, second <= 60
        else { return nil }
        let dayNumber = CivilTime.dayNumber(year: year, month: month, day: day)
        let back = CivilTime(dayNumber: dayNumber)
        guard back.month == month, back.day == day else { return nil }
        let milliseconds = scanner.skip(".") ? scanner.fraction() : 0
        guard let milliseconds, let offset = scanner.offset(), scanner.isAtEnd else { return nil }
        let seconds = dayNumber * 86_400 + Int64(hour * 3_600 + minute * 60 + min(second, 59)) - Int64(offset)
        self.init(millisecondsSinceEpoch: seconds * 1_000 + Int64(milliseconds))
    }

    /// The moment as RFC 3339 text in UTC, with milliseconds only where there are some.
    package var rfc3339: String {
        let civil = CivilTime(seconds: secondsSinceEpoch)
        let milliseconds = millisecondsSinceEpoch - secondsSinceEpoch * 1_000
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let second = civil.secondOfDay
        return "\(padded(civil.year, 4))-\(padded(civil.month, 2))-\(padded(civil.day, 2))T"
            + "\(padded(second / 3_600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
            + (milliseconds == 0 ? "" : ".\(padded(Int(milliseconds), 3))") + "Z"
    }
}

/// Reads fixed-width numbers.
private struct DigitScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = Substring(text).utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func number(_ width: Int) -> Int? {
        guard rest.count >= width else { return nil }
        var value = 0
        for _ in 0..<width {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Digits after the point, as milliseconds rounded down.
    mutating func fraction() -> Int? {
        var milliseconds = 0
        var scale = 100
        var count = 0
        while let digit = digit() {
            milliseconds += digit * scale
            scale /= 10
            count += 1
        }
        return (1...9).contains(count) ? milliseconds : nil
    }

    /// `Z`, or hours and minutes east or west, as seconds east.
    mutating func offset() -> Int? {
        if skip("Z") || skip("z") { return 0 }
        let sign = skip("+") ? 1 : skip("-") ? -1 : 0
        guard sign != 0, let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60 else {
            return nil
        }
        return sign * (hours * 3_600 + minutes * 60)
    }

    private mutating func digit() -> Int? {
        guard let byte = rest.first, (0x30...0x39).contains(byte) else { return nil }
        rest = rest.dropFirst()
        return Int(byte) - 0x30
    }
}

/// Tells how far a time zone is from UTC; the rules of the world's zones change, so they are no part of this module.
package protocol UTCOffset: Sendable {
    /// Seconds east of UTC in the zone named `zone` at `moment`; nil when there is no such zone.
    func secondsEast(of zone: String, at moment: Timestamp) -> Int?
}

/// Knows `UTC`, `GMT`, `Z` and fixed offsets such as `+02:00`.
package struct FixedUTCOffset: UTCOffset {
    /// Makes the provider; it has no state.
    package init() {}

    /// Seconds east of UTC, for the zones that need no rules.
    package func secondsEast(of zone: String, at moment: Timestamp) -> Int? {
        if ["UTC", "GMT", "Etc/UTC"].contains(zone) { return 0 }
        var scanner = DigitScanner(zone)
        guard let offset = scanner.offset(), scanner.isAtEnd, abs(offset) <= 18 * 3_600 else { return nil }
        return offset
    }
}

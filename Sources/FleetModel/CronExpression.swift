/// A schedule of five fields: minute, hour, day of the month, month, day of the week.
///
/// Fields take `*`, numbers, names (`jan`, `mon`), ranges, lists and steps; 7 is Sunday as 0 is. When both day fields
/// are restricted, a day that fits either of them fits, as in crontab(5).
package struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// The five fields as they were written.
    package let description: String
    private let minutes: UInt64
    private let hours: UInt64
    private let days: UInt64
    private let months: UInt64
    private let weekdays: UInt64
    private let eitherDay: Bool

    /// What is wrong with an expression.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        /// A sentence that names the field.
        package var description: String
    }

    /// Reads `text`.
    /// - Throws: `Invalid` naming the field.
    package init(_ text: String) throws(Invalid) {
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count == 5 else {
            throw Invalid(
                description: "\"\(text)\" has \(fields.count) fields and needs five: minute, hour, day of the month, "
                    + "month, day of the week")
        }
        description = fields.joined(separator: " ")
        minutes = try Self.mask(fields[0], "minute", 0...59)
        hours = try Self.mask(fields[1], "hour", 0...23)
        days = try Self.mask(fields[2], "day of the month", 1...31)
        months = try Self.mask(fields[3], "month", 1...12, names: Self.monthNames, namesFrom: 1)
        let week = try Self.mask(fields[4], "day of the week", 0...7, names: Self.weekdayNames, namesFrom: 0)
        weekdays = week & (1 << 7) == 0 ? week : (week | 1) & 0x7F
        eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        let hasDay = (1...12).contains { month in
            months & (1 << UInt64(month)) != 0
                && (1...Self.longest[month - 1]).contains { days & (1 << UInt64($0)) != 0 }
        }
        guard eitherDay || hasDay else {
            throw Invalid(description: "\"\(description)\" names a day that none of its months has, so it never comes")
        }
    }

    /// The most days that each month has.
    private static let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

    /// The latest match at or before `minute` and not before `earliest`; both are minutes since 1970-01-01 00:00 in
    /// the schedule's own time zone.
    package func latestMatch(atOrBefore minute: Int64, notBefore earliest: Int64) -> Int64? {
        guard earliest <= minute else { return nil }
        var day = CivilTime.floorDivide(minute, 1_440)
        let firstDay = CivilTime.floorDivide(earliest, 1_440)
        var limit = Int(minute - day * 1_440)
        while day >= firstDay {
            if matches(day: day), let found = latest(minuteOfDay: limit) {
                let match = day * 1_440 + Int64(found)
                return match >= earliest ? match : nil
            }
            day -= 1
            limit = 1_439
        }
        return nil
    }

    private func latest(minuteOfDay limit: Int) -> Int? {
        let hour = limit / 60
        if hours & (1 << UInt64(hour)) != 0, let minute = Self.highest(minutes, upTo: limit % 60) {
            return hour * 60 + minute
        }
        guard hour > 0, let earlier = Self.highest(hours, upTo: hour - 1) else { return nil }
        return Self.highest(minutes, upTo: 59).map { earlier * 60 + $0 }
    }

    private func matches(day: Int64) -> Bool {
        let civil = CivilTime(dayNumber: day)
        guard months & (1 << UInt64(civil.month)) != 0 else { return false }
        let inMonth = days & (1 << UInt64(civil.day)) != 0
        let inWeek = weekdays & (1 << UInt64(CivilTime.weekday(dayNumber: day))) != 0
        return eitherDay ? inMonth || inWeek : inMonth && inWeek
    }

    private static func highest(_ mask: UInt64, upTo limit: Int) -> Int? {
        let masked = mask & ((2 << UInt64(limit)) &- 1)
        return masked == 0 ? nil : 63 - masked.leadingZeroBitCount
    }

    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    private static func mask(
        _ field: Substring, _ name: String, _ range: ClosedRange<Int>, names: [String] = [], namesFrom: Int = 0
    ) throws(Invalid) -> UInt64 {
        func number(_ text: Substring) throws(Invalid) -> Int {
            let lowered = text.lowercased()
            let value = names.firstIndex(of: lowered).map { $0 + namesFrom } ?? plainNumber(text)
            guard let value, range.contains(value) else {
                throw Invalid(
                    description: "the \(name) \"\(text)\" is not between \(range.lowerBound) and \(range.upperBound)")
            }
            return value
        }
        var mask: UInt64 = 0
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var step = 1
            if halves.count == 2 {
                guard let given = plainNumber(halves[1]), given > 0 else {
                    throw Invalid(description: "the step of the \(name) \"\(part)\" is not a number above 0")
                }
                step = given
            }
            let bounds: ClosedRange<Int>
            let ends = halves[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            if halves[0] == "*" {
                bounds = range
            } else if ends.count == 2 {
                let (low, high) = (try number(ends[0]), try number(ends[1]))
                guard low <= high else {
                    throw Invalid(description: "the range of the \(name) \"\(part)\" runs backwards")
                }
                bounds = low...high
            } else {
                let low = try number(halves[0])
                bounds = low...(halves.count == 2 ? range.upperBound : low)
            }
            for value in stride(from: bounds.lowerBound, through: bounds.upperBound, by: step) {
                mask |= 1 << UInt64(value)
            }
        }
        return mask
    }

    private static func plainNumber(_ text: Substring) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}

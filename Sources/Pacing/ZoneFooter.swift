import FleetModel

/// The rule for the years after the last change of a zone file, for example `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX,
/// "Other Environment Variables", TZ).
struct ZoneFooter: Sendable {
    /// A moment of each year: the `week`th `weekday` of `month`, the fifth being the last.
    private struct Change {
        var month: Int
        var week: Int
        var weekday: Int
        var second: Int
    }

    /// Seconds east of UTC.
    private var standard: Int
    private var summer: (east: Int, begins: Change, ends: Change)?

    /// Reads `text`; nil for one that is empty or in the form that counts days, which no zone of today uses.
    init?(_ text: String) {
        var scanner = Scanner(text)
        guard scanner.name(), let west = scanner.time() else { return nil }
        standard = -west
        guard !scanner.isAtEnd else { return }
        guard scanner.name() else { return nil }
        var east = standard + 3_600
        if !scanner.isNext(",") {
            guard let west = scanner.time() else { return nil }
            east = -west
        }
        guard let begins = scanner.change(), let ends = scanner.change() else { return nil }
        summer = (east, begins, ends)
    }

    func secondsEast(at second: Int64) -> Int {
        guard let summer else { return standard }
        let year = CivilTime(seconds: second + Int64(standard)).year
        let begins = Self.moment(of: summer.begins, in: year) - Int64(standard)
        let ends = Self.moment(of: summer.ends, in: year) - Int64(summer.east)
        let isSummer = begins < ends ? begins <= second && second < ends : !(ends <= second && second < begins)
        return isSummer ? summer.east : standard
    }

    /// Seconds since 1970 on the clock that goes until then.
    private static func moment(of change: Change, in year: Int) -> Int64 {
        let first = CivilTime.dayNumber(year: year, month: change.month, day: 1)
        let next =
            change.month == 12
            ? CivilTime.dayNumber(year: year + 1, month: 1, day: 1)
            : CivilTime.dayNumber(year: year, month: change.month + 1, day: 1)
        let shift = (change.weekday - CivilTime.weekday(dayNumber: first) + 7) % 7
        var day = first + Int64(shift + 7 * (change.week - 1))
        while day >= next { day -= 7 }
        return day * 86_400 + Int64(change.second)
    }

    private struct Scanner {
        private var rest: Substring

        init(_ text: String) {
            rest = Substring(text)
        }

        var isAtEnd: Bool { rest.isEmpty }

        func isNext(_ character: Character) -> Bool { rest.first == character }

        mutating func name() -> Bool {
            if rest.first == "<" {
                guard let end = rest.firstIndex(of: ">") else { return false }
                rest = rest[rest.index(after: end)...]
                return true
            }
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            return name.count >= 3
        }

        mutating func number() -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            return digits.count <= 4 ? Int(digits) : nil
        }

        private mutating func skip(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest = rest.dropFirst()
            return true
        }

        /// Hours, and minutes and seconds where they are given, with a sign, as seconds.
        mutating func time() -> Int? {
            let sign = skip("-") ? -1 : 1
            if sign == 1 { _ = skip("+") }
            guard let hours = number() else { return nil }
            var seconds = hours * 3_600
            for unit in [60, 1] where skip(":") {
                guard let more = number() else { return nil }
                seconds += more * unit
            }
            return sign * seconds
        }

        /// `,Mm.w.d`, with `/time` where it is not two o'clock.
        mutating func change() -> Change? {
            guard skip(","), skip("M"), let month = number(), skip("."), let week = number(), skip("."),
                let weekday = number(), (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
            else { return nil }
            var second = 7_200
            if skip("/") {
                guard let time = time() else { return nil }
                second = time
            }
            return Change(month: month, week: week, weekday: weekday, second: second)
        }
    }
}

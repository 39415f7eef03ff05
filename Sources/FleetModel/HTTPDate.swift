extension Timestamp {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// Reads HTTP's date form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7); nil when `text` is none.
    package init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 6, let month = Self.months.firstIndex(of: String(parts[2])), let day = Int(parts[1]) else {
            return nil
        }
        self.init(rfc3339: "\(parts[3])-\(Self.two(month + 1))-\(Self.two(day))T\(parts[4])Z")
    }

    /// The moment in HTTP's date form, whole seconds.
    package var httpDate: String {
        let civil = CivilTime(seconds: secondsSinceEpoch)
        let weekday = CivilTime.weekday(dayNumber: CivilTime.floorDivide(secondsSinceEpoch, 86_400))
        let (hour, minute, second) = (civil.secondOfDay / 3_600, civil.secondOfDay / 60 % 60, civil.secondOfDay % 60)
        let digits = String(civil.year)
        let year = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return "\(Self.weekdays[weekday]), \(Self.two(civil.day)) \(Self.months[civil.month - 1]) \(year) "
            + "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second)) GMT"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

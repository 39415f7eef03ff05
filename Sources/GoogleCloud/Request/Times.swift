import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Timestamp {
    /// Reads `2026-01-02T03:04:05.123456789Z`, as Google's APIs write times; what is finer than milliseconds is cut.
    init?(rfc3339 text: String) {
        guard let dot = text.firstIndex(of: ".") else {
            guard let date = try? Date(text, strategy: .iso8601) else { return nil }
            self.init(millisecondsSinceEpoch: Int64((date.timeIntervalSince1970 * 1_000).rounded()))
            return
        }
        let fraction = text[text.index(after: dot)...].prefix { $0.isASCII && $0.isNumber }
        let whole = text[..<dot] + text[dot...].dropFirst(1 + fraction.count)
        guard let date = try? Date(String(whole), strategy: .iso8601),
            let milliseconds = Int64((fraction + "000").prefix(3))
        else { return nil }
        self.init(millisecondsSinceEpoch: Int64(date.timeIntervalSince1970.rounded()) * 1_000 + milliseconds)
    }

    /// Writes the form that `init(rfc3339:)` reads, in UTC.
    var rfc3339: String {
        let whole = Date(timeIntervalSince1970: Double(secondsSinceEpoch)).formatted(.iso8601)
        let milliseconds = millisecondsSinceEpoch - secondsSinceEpoch * 1_000
        guard milliseconds != 0 else { return whole }
        let digits = String(1_000 + milliseconds).dropFirst()
        return "\(whole.dropLast()).\(digits)Z"
    }

    /// Reads HTTP's date form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
    init?(httpDate text: String) {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        guard parts.count == 6, let month = months.firstIndex(of: String(parts[2])), let day = Int(parts[1]) else {
            return nil
        }
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        self.init(rfc3339: "\(parts[3])-\(two(month + 1))-\(two(day))T\(parts[4])Z")
    }
}

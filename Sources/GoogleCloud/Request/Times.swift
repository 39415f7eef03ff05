import FleetModel

extension Timestamp {
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

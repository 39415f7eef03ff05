import FleetModel
import Ingest
import TestSupport
import Testing

@Suite("Numbers in a notification")
struct OutsideNumbersTests {
    @Test("a notification with any number in any place is refused or read, and its times can be written")
    func notifications() throws {
        let text = #"""
            {"version":"1.2","incident":{"incident_id":"0.a","state":"closed","started_at":1700000000,"ended_at":1,
            "closed_timestamp":2,"observed_value":0.5,"policy_name":"p","documentation":{"content":
            "{\"sql_master_instance\":\"shop\",\"action\":\"add\"}","mime_type":"text/markdown"}}}
            """#
        var numbers = OutsideNumbers(seed: 4)
        var read = 0
        for round in 0..<1_000 {
            let changed = numbers.replacing(oneIn: round % 3 + 1, of: text)
            guard case .alert(let alert) = try? AlertParser.parse(Array(changed.utf8)) else { continue }
            read += 1
            for time in [alert.startedAt, alert.closedAt].compactMap(\.self) {
                #expect(Timestamp(rfc3339: time.rfc3339) == time, "\(changed)")
            }
        }
        #expect(read == 1_000)
    }

    @Test(
        "a time that no calendar has is the nearest that one has",
        arguments: [
            ("-9223372036854775808", "0000-01-01T00:00:00Z"), ("-1e16", "0000-01-01T00:00:00Z"),
            ("9223372036854775807", "9999-12-31T23:59:59.999Z"), ("\"253402300800\"", "9999-12-31T23:59:59.999Z"),
            ("1e300", "1970-01-01T00:00:00Z"),
        ])
    func absurd(number: String, shown: String) throws {
        let text = """
            {"incident":{"incident_id":"0.a","state":"open","started_at":\(number),
            "documentation":"{\\"sql_master_instance\\":\\"shop\\",\\"action\\":\\"add\\"}"}}
            """
        guard case .alert(let alert) = try AlertParser.parse(Array(text.utf8)) else { throw AlertError.none }
        #expect(alert.startedAt.rfc3339 == shown)
    }

    private enum AlertError: Error { case none }
}

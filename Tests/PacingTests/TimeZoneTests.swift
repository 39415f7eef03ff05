import FleetModel
import Pacing
import Testing

@Suite("The machine's time zones")
struct TimeZoneTests {
    private let zones = SystemTimeZones()

    @Test(
        "hours east of UTC, before and after the clocks change, now and in years that no file lists",
        arguments: [
            ("Europe/Berlin", "2026-03-29T00:59:59Z", 3_600), ("Europe/Berlin", "2026-03-29T01:00:00Z", 7_200),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", 7_200), ("Europe/Berlin", "2026-10-25T01:00:00Z", 3_600),
            ("Europe/Berlin", "2071-07-01T00:00:00Z", 7_200), ("Europe/Berlin", "2071-12-01T00:00:00Z", 3_600),
            ("America/New_York", "2026-07-01T00:00:00Z", -14_400), ("Australia/Sydney", "2070-01-01T00:00:00Z", 39_600),
            ("Asia/Kolkata", "2026-01-01T00:00:00Z", 19_800), ("UTC", "2026-01-01T00:00:00Z", 0),
            ("-03:30", "2026-01-01T00:00:00Z", -12_600),
        ] as [(String, String, Int)])
    func offsets(zone: String, moment: String, east: Int) throws {
        #expect(zones.secondsEast(of: zone, at: try #require(Timestamp(rfc3339: moment))) == east)
    }

    @Test("names that are no zones", arguments: ["Europe/Atlantis", "", "../../etc/passwd", "/etc/passwd", "zone.tab"])
    func none(zone: String) {
        #expect(zones.secondsEast(of: zone, at: Timestamp(secondsSinceEpoch: 0)) == nil)
    }
}

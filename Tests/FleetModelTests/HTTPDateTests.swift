import FleetModel
import Testing

@Suite("Dates as HTTP writes them")
struct HTTPDateTests {
    @Test(
        "a moment is written as RFC 9110 does, and read again",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
        ])
    func written(seconds: Int64, text: String) {
        let moment = Timestamp(millisecondsSinceEpoch: seconds * 1_000)
        #expect(moment.httpDate == text)
        #expect(Timestamp(httpDate: text) == moment)
    }

    @Test(
        "what is no such date is none",
        arguments: ["", "yesterday", "Sun, 06 Nov 1994", "Sun, 31 Feb 1994 08:49:37 GMT"])
    func refused(text: String) {
        #expect(Timestamp(httpDate: text) == nil)
    }
}

import FleetModel
import ProxySQLAdmin
import Testing

@Suite("Nodes that do not answer")
struct SilenceTests {
    private let start = Timestamp(secondsSinceEpoch: 1_800_000_000)
    private let limit = Duration.seconds(300)

    @Test("each try waits twice as long as the last, up to the timeout")
    func doubles() {
        var silence = Silence(since: start)
        var now = start
        for expected in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            silence.goesOn(at: now, reason: "r", longest: .seconds(10), jitter: 1)
            #expect(!silence.isOver(at: now.advanced(by: .milliseconds(expected - 1)), limit: limit))
            now = now.advanced(by: .milliseconds(expected))
            #expect(silence.isOver(at: now, limit: limit))
        }
        #expect(silence.since == start)
        #expect(silence.reason == "r")
    }

    @Test("jitter shortens the wait")
    func jitter() {
        var silence = Silence(since: start)
        silence.goesOn(at: start, reason: "", longest: .seconds(10), jitter: 0.5)
        #expect(!silence.isOver(at: start.advanced(by: .milliseconds(249)), limit: limit))
        #expect(silence.isOver(at: start.advanced(by: .milliseconds(250)), limit: limit))
    }

    @Test("a node is asked again before it is taken for down, and when the clock was set back")
    func asked() {
        var silence = Silence(since: start)
        let late = start.advanced(by: limit)
        silence.goesOn(at: late, reason: "", longest: .seconds(10), jitter: 1)
        #expect(silence.isOver(at: late, limit: limit))
        #expect(silence.isOver(at: start.advanced(by: .seconds(-1)), limit: limit))
    }
}

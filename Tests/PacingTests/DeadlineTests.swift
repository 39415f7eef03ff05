import Pacing
import TestSupport
import Testing

@Suite("Deadlines", .timeLimit(.minutes(1)))
struct DeadlineTests {
    @Test("what does not end in time is cancelled and said so")
    func tooLong() async throws {
        let clock = ManualClock()
        async let outcome: Void = withDeadline(.seconds(3), clock: clock) {
            try await clock.sleep(for: .seconds(3_600))
        }
        await clock.waitForSleeps { $0 == [.seconds(3), .seconds(3_600)] }
        clock.advance(by: .seconds(3))
        do {
            try await outcome
            Issue.record("the hour is not over")
        } catch {
            #expect(error as? DeadlineExceeded == DeadlineExceeded(limit: .seconds(3)))
        }
        #expect(clock.sleeps.isEmpty)
    }

    @Test("what ends in time is handed on, value or error, and no clock is left running")
    func inTime() async throws {
        let clock = ManualClock()
        let value = try await withDeadline(.seconds(3), clock: clock) { 7 }
        #expect(value == 7)
        await #expect(throws: CancellationError.self) {
            try await withDeadline(.seconds(3), clock: clock) { throw CancellationError() }
        }
        #expect(clock.sleeps.isEmpty)
    }
}

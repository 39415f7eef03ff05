import AsyncHTTPClient
import Pacing
import Scaler
import TestSupport
import Testing

@Suite("Asking the agents beside the nodes", .timeLimit(.minutes(1)))
struct AgentReaderTests {
    @Test("an agent that does not end its answer is given up in its time")
    func halfAnswer() async throws {
        try await HalfAnswer.serve { server in
            let clock = ManualClock()
            let reader = AgentReader(client: .shared, timeout: .seconds(2), clock: clock)
            async let report = reader.report(from: "127.0.0.1", port: server.port)
            await clock.waitForSleeps { !$0.isEmpty }
            clock.advance(by: .seconds(2))
            do {
                _ = try await report
                Issue.record("it said only half")
            } catch {
                #expect(error as? DeadlineExceeded == DeadlineExceeded(limit: .seconds(2)))
            }
        }
    }
}

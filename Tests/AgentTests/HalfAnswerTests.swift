import TestSupport
import Testing

@testable import Agent

@Suite("Agents that stop in the middle of an answer", .timeLimit(.minutes(1)))
struct HalfAnswerTests {
    @Test("a core's agent that does not end its answer counts as silent, and nobody waits for it for ever")
    func peer() async throws {
        try await HalfAnswer.serve { server in
            let clock = ManualClock()
            let reader = HTTPPeerReader(clock: clock)
            let member = CoreMember(name: "core-1", host: "127.0.0.1", adminPort: 6_032, apiPort: server.port)
            async let answer = reader.ask(member)
            await clock.waitForSleeps { !$0.isEmpty }
            clock.advance(by: .seconds(1))
            guard case .silent = await answer else {
                Issue.record("it said only half")
                return
            }
            await reader.close()
        }
    }

    @Test("an exec probe fails in its time")
    func probe() async throws {
        try await HalfAnswer.serve { server in
            let clock = ManualClock()
            let settings = try AgentSettings(
                arguments: AgentArguments(["--run_mode=core", "--api.port=\(server.port)"]), environment: [:],
                read: { _ in nil })
            async let answer = AgentProbe(.ready, timeout: .seconds(2), clock: clock).askAgent(settings)
            await clock.waitForSleeps { !$0.isEmpty }
            clock.advance(by: .seconds(2))
            let result = await answer
            #expect(!result.passes)
        }
    }
}

import AsyncHTTPClient
package import Logging
import NIOCore
import NIOHTTP1
package import Pacing
import ProxySQLAdmin

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One probe from outside: what `drover probe` does.
package struct AgentProbe: Sendable {
    /// The verdict, and a sentence for people.
    package struct Result: Hashable, Sendable {
        /// Whether the probe succeeds.
        package var passes: Bool
        /// Why.
        package var message: String
    }

    /// What is asked.
    package let probe: HealthPolicy.Probe
    /// How long all of it may take.
    package let timeout: Duration
    private let clock: any Clock<Duration>

    /// Makes a probe.
    package init(
        _ probe: HealthPolicy.Probe, timeout: Duration, clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.probe = probe
        self.timeout = timeout
        self.clock = clock
    }

    /// Asks the agent on this machine.
    package func askAgent(_ settings: AgentSettings) async -> Result {
        let host = settings.text("agent.api.host")
        let address = AgentAddress(
            host: host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host, port: settings.integer("agent.api.port"))
        let url = "http://\(address)/healthz/\(probe.rawValue)"
        do {
            return try await withDeadline(timeout, clock: clock) { [timeout] in
                let response = try await HTTPClient.shared.execute(
                    HTTPClientRequest(url: url), timeout: TimeAmount(timeout))
                let body = try await response.body.collect(upTo: 64 << 10)
                let message = try? JSONDecoder().decode(Answer.self, from: Data(body.readableBytesView)).message
                return Result(
                    passes: response.status.code == 200,
                    message: message ?? "the agent answered \(response.status.code)")
            }
        } catch {
            return Result(passes: false, message: "the agent at \(address) did not answer: \(error)")
        }
    }

    /// Asks ProxySQL itself, by the same rules; a drain is known only by its file.
    package func askProxySQL(_ settings: AgentSettings, wallClock: any WallClock, logger: Logger) async -> Result {
        var policy = settings.healthPolicy
        policy.tries = 1
        var health = NodeHealth(at: wallClock.now())
        if DrainFile(path: settings.text("agent.shutdown.draining-file")).exists { health.draining = .draining }
        health.dataPlane = settings.dataPlane
        let port = AdminPort(settings.port, clock: ContinuousClock(), wallClock: wallClock, logger: logger)
        async let greeting = Self.greet(settings.dataPlane.address, within: timeout)
        do throws(AdminError) {
            health.looked(
                try await NodeObservation.look(
                    port, timeout: timeout, requiresContent: policy.requiresConfiguration, now: wallClock.now))
        } catch {
            if error.code == .statementRefused || error.code == .unexpectedAnswer {
                health.refusals = 1
                health.answeredAt = wallClock.now()
            } else {
                health.failures = 1
            }
            health.problem = error.message
        }
        if let greeting = await greeting {
            // There is no second look: this one counts.
            for _ in 0..<DataPlane.misses { health.dataPlane.probed(greeting, at: wallClock.now()) }
        }
        await port.close()
        let verdict = policy.answer(probe, health, at: wallClock.now())
        return Result(passes: verdict.passes, message: verdict.message)
    }

    private static func greet(_ address: AgentAddress?, within limit: Duration) async -> Greeting? {
        guard let address else { return nil }
        return await GreetingProbe.sockets.greet(address, limit)
    }

    private struct Answer: Decodable {
        var message: String
    }
}

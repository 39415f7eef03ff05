import FleetModel
import Logging
import Observability
import Pacing
import ServiceLifecycle

/// Probes the node's MySQL port, apart from the admin interface, which may hang for long while clients are served.
struct DataPlanePoller: Service {
    /// A greeting takes a moment; a server that needs longer is of no use to clients.
    static let patience = Duration.seconds(1)

    let board: HealthBoard
    let probe: GreetingProbe
    let clock: any Clock<Duration>
    let wallClock: any WallClock
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isMissing = await step()
                // A first miss is looked into at once: it may be a moment's hiccup, and clients wait.
                if !isMissing { try? await clock.sleep(for: board.policy.interval) }
            }
        }
    }

    /// One probe; whether it was the first of a row without a greeting.
    func step() async -> Bool {
        let before = board.health
        // The listener is closed by us, or by somebody's PAUSE: nothing is to be learnt, and the drain counts clients.
        guard before.draining == .no, before.observation?.isPaused != true, let address = before.dataPlane.address
        else { return false }
        let greeting = await probe.greet(address, Self.patience)
        guard !Task.isCancelled else { return false }
        let now = wallClock.now()
        board.probed(greeting, of: address, at: now)
        let after = board.health.dataPlane
        AgentMetric.greets.set(greeting == .answered ? 1 : 0)
        switch (before.dataPlane.problem, after.problem) {
        case (nil, let problem?):
            logger.warning("clients are not greeted", metadata: ["error": "\(problem)"])
        case (.some, nil):
            logger.info("clients are greeted again", metadata: ["mysql.address": "\(address)"])
        default: break
        }
        return greeting != .answered && after.misses < DataPlane.misses
    }
}

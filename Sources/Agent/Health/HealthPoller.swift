import FleetModel
import Observability
package import Logging
package import Pacing
import ProxySQLAdmin
import ServiceLifecycle

/// The only one who looks at the node's health: one look at a time, whatever the number of probes.
package struct HealthPoller: Service {
    private let port: AdminPort
    private let board: HealthBoard
    private let drainFile: DrainFile
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let wakeup: Wakeup
    private let events: AgentEvents
    private let logger: Logger

    /// A look that hangs is not given up before this: giving up leaves a connection in the node's queue, and the answer
    /// to the look is what tells first that the node is back.
    private static let hangingLimit = Duration.seconds(60)

    /// Makes the poller; `wakeup` makes it look at once.
    package init(
        port: AdminPort, board: HealthBoard, drainFile: DrainFile, clock: any Clock<Duration>,
        wallClock: any WallClock, wakeup: Wakeup, events: AgentEvents, logger: Logger
    ) {
        self.port = port
        self.board = board
        self.drainFile = drainFile
        self.clock = clock
        self.wallClock = wallClock
        self.wakeup = wakeup
        self.events = events
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await step()
                await wakeup.wait(upTo: board.policy.interval, clock: clock)
            }
        }
    }

    /// One look.
    package func step() async {
        board.drainFile(isThere: drainFile.exists)
        let started = wallClock.now()
        let before = board.health
        do throws(AdminError) {
            let observation = try await NodeObservation.look(
                port, timeout: max(Self.hangingLimit, board.policy.timeout),
                asksPeers: board.policy.requiresConfiguration && !before.hasStarted, now: wallClock.now)
            board.looked(observation)
            if before.failures > 0 {
                logger.info("the admin interface answers again")
            }
            if !before.hasStarted, board.health.hasStarted { events.publish(.started) }
            report(observation)
        } catch {
            guard !Task.isCancelled else { return }
            board.failed(error.message)
            if before.failures == 0 {
                logger.warning("the admin interface does not answer", metadata: ["error": "\(error)"])
            }
        }
        AgentMetric.look.record(wallClock.now().since(started))
    }

    private func report(_ observation: NodeObservation) {
        for status in ["ONLINE", "SHUNNED", "OFFLINE_SOFT"] {
            AgentMetric.backends.set(observation.count(status), status)
        }
        AgentMetric.clients.set(observation.clients)
    }
}

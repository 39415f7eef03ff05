import FleetModel
import MySQLWire
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
    private let lost: Wakeup?
    private let events: AgentEvents
    private let logger: Logger

    /// A look that hangs is not given up before this: giving up leaves a connection in the node's queue, and the answer
    /// to the look is what tells first that the node is back.
    private static let hangingLimit = Duration.seconds(60)

    /// Makes the poller; `wakeup` makes it look at once, and `lost` is woken when the node lacks what its peers have.
    package init(
        port: AdminPort, board: HealthBoard, drainFile: DrainFile, clock: any Clock<Duration>,
        wallClock: any WallClock, wakeup: Wakeup, lost: Wakeup? = nil, events: AgentEvents, logger: Logger
    ) {
        self.lost = lost
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
                asksPeers: board.policy.requiresConfiguration && !before.hasStarted,
                requiresContent: board.policy.requiresConfiguration, now: wallClock.now)
            // Asked first: a node that hangs right after it was called ready must be known by its port.
            await findPort()
            board.looked(observation)
            if before.failures > 0 {
                logger.info("the admin interface answers again")
            } else if before.refusals > 0 {
                logger.info("the admin interface takes the agent's login and statements again")
            }
            if !before.hasStarted, board.health.hasStarted { events.publish(.started) }
            if !observation.lacking.isEmpty { lost?.wake() }
            report(observation)
        } catch {
            guard !Task.isCancelled else { return }
            failed(error, before)
        }
        AgentMetric.look.record(wallClock.now().since(started))
    }

    /// An answer that is an error is not silence: the process is alive, and a person has to look.
    private func failed(_ error: AdminError, _ before: NodeHealth) {
        guard error.code == .statementRefused || error.code == .unexpectedAnswer else {
            board.failed(error.message)
            if before.failures == 0 {
                logger.warning("the admin interface does not answer", metadata: ["error": "\(error)"])
            }
            return
        }
        board.refused(error.message, at: wallClock.now())
        guard before.refusals == 0 else { return }
        logger.error(
            "the admin interface refuses the agent: compare its password with admin-admin_credentials of the node",
            metadata: ["error": "\(error)"])
        events.publish(.adminRefused, [.problem: error.message])
    }

    /// Asks where clients connect; a node that does not say is probed where it was.
    private func findPort() async {
        guard board.wantsInterfaces() else { return }
        let answer = try? await port.query(
            "SELECT variable_value FROM runtime_global_variables WHERE variable_name='mysql-interfaces'",
            within: Self.hangingLimit)
        guard let text = answer?.rows.first?[0], !text.isEmpty else { return }
        board.interfaces(text, admin: port.address)
    }

    private func report(_ observation: NodeObservation) {
        for status in ["ONLINE", "SHUNNED", "OFFLINE_SOFT"] {
            AgentMetric.backends.set(observation.count(status), status)
        }
        AgentMetric.clients.set(observation.clients)
    }
}

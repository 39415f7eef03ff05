import FleetModel
package import Logging
package import Pacing
import MySQLWire
import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

/// Carries out what `DrainMachine` says; whoever asks for a drain joins the one that is under way.
package final class DrainRunner: Service {
    /// What `resume` found.
    package enum Resumption: Hashable, Sendable {
        /// The node takes clients again, or will.
        case accepted
        /// The node is being shut down, or was not draining.
        case refused
    }

    private struct Shared {
        var machine: DrainMachine
        var waiting: [CheckedContinuation<Void, Never>] = []
        var formerWaitTimeout: String?
        /// Whether the last step failed, so that only the first of many alike is a warning.
        var isFailing = false
    }

    private let shared: Mutex<Shared>
    private let port: AdminPort
    private let board: HealthBoard
    private let file: DrainFile
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let events: AgentEvents
    private let look: Wakeup
    private let wakeup = Wakeup()
    private let ending = Wakeup()
    private let logger: Logger

    /// Makes the runner of a node; `look` has the poller look at it at once, `events` hears of `draining` and `drained`.
    package init(
        machine: DrainMachine, port: AdminPort, board: HealthBoard, file: DrainFile,
        look: Wakeup, time: (clock: any Clock<Duration>, wallClock: any WallClock), events: AgentEvents, logger: Logger
    ) {
        shared = Mutex(Shared(machine: machine))
        self.port = port
        self.board = board
        self.file = file
        self.look = look
        clock = time.clock
        wallClock = time.wallClock
        self.logger = logger
        self.events = events
    }

    /// Where the drain is.
    package var machine: DrainMachine { shared.withLock { $0.machine } }

    /// Asks for a drain; the node is unready when this returns.
    package func request(_ goal: DrainMachine.Goal, because reason: String) {
        let (before, after) = shared.withLock { shared in
            let before = shared.machine.state
            shared.machine.request(goal, at: wallClock.now())
            return (before, shared.machine.state)
        }
        if before != after, before == .serving || before == .resuming {
            board.drain(.draining)
            logger.info("draining", metadata: ["reason": "\(reason)"])
        }
        wakeup.wake()
    }

    /// Waits until the drain that is under way has come to rest.
    package func finished() async {
        await withCheckedContinuation { continuation in
            let isAtRest = shared.withLock { shared in
                if [.serving, .held, .done].contains(shared.machine.state) { return true }
                shared.waiting.append(continuation)
                return false
            }
            if isAtRest { continuation.resume() }
        }
    }

    /// Waits until the node was shut down, or until cancellation.
    package func untilShutDown() async {
        await ending.wait(upTo: .seconds(1 << 40), clock: clock)
    }

    /// Asks for clients again.
    package func resume() -> Resumption {
        let isAccepted = shared.withLock { $0.machine.resume() }
        wakeup.wake()
        return isAccepted ? .accepted : .refused
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled { await advance() }
        }
        for continuation in takeWaiting() { continuation.resume() }
    }

    /// One step of the machine, or a wait until something is asked for.
    func advance() async {
        let step = shared.withLock { $0.machine.step(at: wallClock.now()) }
        if step == .rest {
            for continuation in takeWaiting() { continuation.resume() }
            await wakeup.wait(upTo: .seconds(3_600), clock: clock)
            return
        }
        let (reply, clients) = await perform(step)
        let (before, after) = shared.withLock { shared in
            let before = shared.machine
            shared.machine.ended(step, reply, clients: clients, at: wallClock.now())
            return (before, shared.machine)
        }
        if before.state != after.state { changed(to: after) }
    }

    private func changed(to machine: DrainMachine) {
        switch machine.state {
        case .shuttingDown:
            board.drain(.shuttingDown)
            tell(machine)
        case .held: tell(machine)
        case .done: ending.wake()
        case .serving:
            board.drain(.no)
            // What was last seen is a node that is paused.
            look.wake()
            logger.info("taking clients again")
        default: break
        }
    }

    private func tell(_ machine: DrainMachine) {
        logger.info(
            "clients were let go",
            metadata: [
                "outcome": "\(machine.outcome?.rawValue ?? "")",
                "clients.left": "\(machine.clients.map { "\($0)" } ?? "unknown")",
            ])
        events.publish(
            .drained,
            [.outcome: machine.outcome?.rawValue ?? "", .clients: machine.clients.map { "\($0)" } ?? "unknown"])
    }

    private func takeWaiting() -> [CheckedContinuation<Void, Never>] {
        shared.withLock { shared in
            defer { shared.waiting = [] }
            return shared.waiting
        }
    }

    // MARK: Effects

    private func perform(_ step: DrainMachine.Step) async -> (DrainMachine.Reply, clients: Int?) {
        switch step {
        case .rest: break
        case .announce: announce()
        case .wait(let duration):
            // A resume or a shutdown must not wait for this to pass.
            if duration > .zero { await wakeup.wait(upTo: duration, clock: clock) }
        case .pause(let limit): return (await pause(within: limit), nil)
        case .closeIdleClients(let limit): return (await closeIdleClients(within: limit), nil)
        case .countClients(let limit): return await countClients(within: limit)
        case .shutDown(let limit):
            return (await attempt("PROXYSQL SHUTDOWN", within: limit, endsConnection: true).reply, nil)
        case .resume(let limit): return (await takeClientsAgain(within: limit), nil)
        }
        return (.answered, nil)
    }

    private func pause(within limit: Duration) async -> DrainMachine.Reply {
        let reply = await attempt("PROXYSQL PAUSE", within: limit).reply
        // Version 3.0 sends two replies to PAUSE; nothing else may read the second one. Without an answer the connection
        // is gone anyway, or another call waits on it.
        if reply == .answered { await port.close() }
        return reply
    }

    private func announce() {
        do {
            try file.write()
        } catch {
            // Probes answer from the agent, so the file is only for others to see.
            logger.warning("the draining file cannot be written", metadata: ["error": "\(error)"])
        }
        events.publish(.draining)
    }

    private func closeIdleClients(within limit: Duration) async -> DrainMachine.Reply {
        // What was read first is what it was: after a LOAD that failed it would be our own zero.
        if shared.withLock({ $0.formerWaitTimeout }) == nil {
            let former = await attempt(
                "SELECT variable_value FROM global_variables WHERE variable_name='mysql-wait_timeout'", within: limit)
            guard former.reply == .answered else { return former.reply }
            if let value = former.cells.first { shared.withLock { $0.formerWaitTimeout = value } }
        }
        return await setWaitTimeout("0", within: limit)
    }

    private func setWaitTimeout(_ milliseconds: String, within limit: Duration) async -> DrainMachine.Reply {
        let reply = await attempt(
            "UPDATE global_variables SET variable_value='\(milliseconds)' WHERE variable_name='mysql-wait_timeout'",
            within: limit
        ).reply
        guard reply == .answered else { return reply }
        return await attempt("LOAD MYSQL VARIABLES TO RUNTIME", within: limit).reply
    }

    private func countClients(within limit: Duration) async -> (DrainMachine.Reply, clients: Int?) {
        let count = await attempt(
            "SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='Client_Connections_connected'",
            within: limit)
        return (count.reply, count.cells.first.flatMap { Int($0) })
    }

    private func takeClientsAgain(within limit: Duration) async -> DrainMachine.Reply {
        let former = shared.withLock { $0.formerWaitTimeout }
        if let former, Int(former) != nil {
            let reply = await setWaitTimeout(former, within: limit)
            guard reply != .silent else { return reply }
        }
        let reply = await attempt("PROXYSQL RESUME", within: limit).reply
        guard reply != .silent else { return reply }
        shared.withLock { $0.formerWaitTimeout = nil }
        _ = file.removeOurs()
        board.drainFile(isThere: file.exists)
        return reply
    }

    /// What became of a statement, and the first cells of its result.
    private func attempt(
        _ statement: String, within limit: Duration, endsConnection: Bool = false
    ) async -> (reply: DrainMachine.Reply, cells: [String]) {
        do throws(AdminError) {
            let cells = try await port.query(statement, within: limit).rows.map { $0[0] ?? "" }
            shared.withLock { $0.isFailing = false }
            return (.answered, cells)
        } catch {
            // Whether it broke off because it ended, the next attempt tells: then nothing listens there any more.
            if !endsConnection { warn(error) }
            switch error.code {
            case .refused: return (.gone, [])
            case .unreachable: return (.silent, [])
            default: return (.answered, [])
            }
        }
    }

    private func warn(_ error: AdminError) {
        let wasFailing = shared.withLock { shared in
            defer { shared.isFailing = true }
            return shared.isFailing
        }
        logger.log(
            level: wasFailing ? .debug : .warning, "a step of the drain failed", metadata: ["error": "\(error)"])
    }
}

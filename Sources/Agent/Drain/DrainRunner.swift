import FleetModel
package import Logging
package import Pacing
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

    struct Shared {
        var machine: DrainMachine
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// What is on the disk of what was done to the node.
        var record: DrainRecord?
        var resumedAt: Timestamp?
        /// Whether the last step failed, so that only the first of many alike is a warning.
        var isFailing = false
    }

    let shared: Mutex<Shared>
    let port: AdminPort
    let board: HealthBoard
    let file: DrainFile
    let recordFile: DrainRecordFile
    let isCore: Bool
    let clock: any Clock<Duration>
    let wallClock: any WallClock
    let events: AgentEvents
    private let look: Wakeup
    let wakeup = Wakeup()
    private let ending = Wakeup()
    let logger: Logger

    /// Makes the runner of a node; `look` has the poller look at it at once, `events` hears of `draining` and `drained`.
    package init(
        machine: DrainMachine, port: AdminPort, board: HealthBoard,
        files: (draining: DrainFile, record: DrainRecordFile),
        isCore: Bool, look: Wakeup, time: (clock: any Clock<Duration>, wallClock: any WallClock),
        events: AgentEvents, logger: Logger
    ) {
        shared = Mutex(Shared(machine: machine))
        self.port = port
        self.board = board
        file = files.draining
        recordFile = files.record
        self.isCore = isCore
        self.look = look
        clock = time.clock
        wallClock = time.wallClock
        self.logger = logger
        self.events = events
    }

    /// Where the drain is.
    package var machine: DrainMachine { shared.withLock { $0.machine } }

    /// Whether a drain is under way that ends ProxySQL.
    var isShuttingDown: Bool {
        let machine = machine
        return machine.goal == .shutDown && machine.state != .serving && machine.state != .done
    }

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

    /// Goes on from what an earlier agent left behind: a hold is held again, anything else is taken back.
    ///
    /// A drain for a shutdown that did not come is not finished: who asked for it, a `preStop` hook or a signal, has not
    /// waited for it.
    package func restore() {
        let record = recordFile.read()
        guard let record else {
            if file.removeOurs() {
                logger.info("the draining file of an earlier drain was removed")
            } else if file.exists {
                logger.warning("the draining file was made by hand: the node stays unready until it is removed")
            }
            return
        }
        shared.withLock { $0.record = record }
        board.drain(.draining)
        switch record.goal {
        case .hold:
            logger.notice("the node was drained and held when the agent ended: it is held until it is resumed")
            shared.withLock { $0.machine.request(.hold, at: wallClock.now()) }
        case .shutDown, .serve:
            logger.notice("an earlier agent ended in the middle of a drain: the node takes clients again")
            _ = shared.withLock { $0.machine.resume(isPaused: true) }
        }
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
        let isPaused = board.health.looksPaused
        let isAccepted = shared.withLock { $0.machine.resume(isPaused: isPaused) }
        if isAccepted { board.drain(.draining) }
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
            // From here on there is nothing that a restart should hold.
            note(.shutDown)
            board.drain(.shuttingDown)
            tell(machine)
        case .held: tell(machine)
        case .done:
            // The next process is not paused. One that could not be ended may go on, and is opened again.
            if machine.outcome != .abandoned { recordFile.remove() }
            ending.wake()
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
}

import FleetModel
import Logging
import Observability
import Pacing

/// Leads, works, and stops working before anybody else can lead.
struct Leadership: Sendable {
    let lock: any LeadershipLock
    let fence: Fence
    let duration: Duration
    let clock: any Clock<Duration>
    let wallClock: any WallClock
    let logger: Logger
    /// Names this process to the others.
    private let holder = "scaler-\(UInt64.random(in: 0...UInt64.max))"

    init(
        lock: any LeadershipLock, fence: Fence, duration: Duration, clock: any Clock<Duration>,
        wallClock: any WallClock, logger: Logger
    ) {
        self.lock = lock
        self.fence = fence
        self.duration = duration
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Runs `work` whenever this process leads, until cancellation; `work` is cancelled when the lead is lost.
    func whileLeading(_ work: @escaping @Sendable () async -> Void) async {
        while !Task.isCancelled {
            let asked = wallClock.now()
            if let token = await ask() {
                fence.set(token)
                ScalerMetric.leader.set(1)
                logger.notice("leading", metadata: ["leader.token": "\(token)"])
                await withTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { await work() }
                    tasks.addTask { await keep(token, since: asked) }
                    await tasks.next()
                    tasks.cancelAll()
                }
                fence.set(nil)
                ScalerMetric.leader.set(0)
                logger.notice("not leading any more", metadata: ["leader.token": "\(token)"])
            }
            try? await clock.sleep(for: duration / 5)
        }
    }

    /// Lets a successor lead at once. A cancelled task can reach no store, so this is called outside of the work.
    func resign() async {
        do throws(StoreError) {
            try await lock.resign(as: holder)
        } catch {
            logger.debug("resigning failed; the lead runs out by itself", metadata: ["error": "\(error)"])
        }
    }

    /// Renews until that was last done two thirds of the duration ago; the last third is for work to end in.
    private func keep(_ token: Int64, since start: Timestamp) async {
        var renewed = start
        while !Task.isCancelled {
            try? await clock.sleep(for: duration / 5)
            let now = wallClock.now()
            if await ask() == token {
                renewed = now
            } else if wallClock.now().since(renewed) >= duration * 2 / 3 {
                return
            }
        }
    }

    private func ask() async -> Int64? {
        do throws(StoreError) {
            return try await lock.lead(as: holder, for: duration, at: wallClock.now())
        } catch {
            logger.warning("asking for the lead failed", metadata: ["error": "\(error)"])
            return nil
        }
    }
}

import FleetModel
import Logging
import Observability
import Pacing
import Synchronization

/// Leads, works, and stops working before anybody else can lead.
final class Leadership: Sendable {
    private let lock: any LeadershipLock
    private let fence: Fence
    private let timing: LeaseTiming
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let logger: Logger
    private let stopwatch: Stopwatch
    private let election: Mutex<LeaseElection>
    /// When the last attempt began, and how long the last one took that succeeded.
    private let pace = Mutex((began: Duration.zero, took: Duration.zero))

    init(
        lock: any LeadershipLock, fence: Fence, timing: LeaseTiming, clock: any Clock<Duration>,
        wallClock: any WallClock, logger: Logger
    ) {
        self.lock = lock
        self.fence = fence
        self.timing = timing
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
        stopwatch = Stopwatch(clock)
        // Names this process to the others.
        let holder = "scaler-\(UInt64.random(in: 0...UInt64.max))"
        election = Mutex(LeaseElection(holder: holder, timing: timing))
    }

    /// Runs `work` whenever this process leads, until cancellation; `work` is cancelled when the lead is lost, which is
    /// before the lease ends, also while a call of the store hangs.
    func whileLeading(_ work: @escaping @Sendable () async -> Void) async {
        var leader: String?
        while !Task.isCancelled {
            await attempt()
            if let token {
                leader = nil
                await lead(token, work)
            } else if let other = election.withLock({ $0.leader }), other != leader {
                leader = other
                logger.info("standing by", metadata: ["leader.holder": "\(other)"])
            }
            try? await clock.sleep(for: timing.interval)
        }
    }

    /// Lets a successor lead at once. A cancelled task can reach no store, so this is called outside of the work.
    func resign() async {
        do {
            let stored = try await within(timing.timeout) { try await $0.lease() }
            guard let lease = election.withLock({ $0.resign(stored) }) else { return }
            _ = try await within(timing.timeout) { try await $0.replace(stored, with: lease) }
        } catch {
            logger.debug("resigning failed; the lease expires by itself", metadata: ["error": "\(error)"])
        }
    }

    private var token: Int64? {
        let now = stopwatch.elapsed
        return election.withLock { $0.token(at: now) }
    }

    private func lead(_ token: Int64, _ work: @escaping @Sendable () async -> Void) async {
        fence.set(token) { [weak self] in self?.token == token }
        ScalerMetric.leader.set(1)
        logger.notice("leading", metadata: ["leader.token": "\(token)"])
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await work() }
            tasks.addTask { await self.renew(token) }
            // Beside the renewals: one of them may hang longer than the lead lasts.
            tasks.addTask { await self.waitForEnd(of: token) }
            await tasks.next()
            tasks.cancelAll()
        }
        fence.set(nil)
        ScalerMetric.leader.set(0)
        logger.notice("not leading any more", metadata: ["leader.token": "\(token)"])
    }

    private func renew(_ token: Int64) async {
        while !Task.isCancelled, self.token == token {
            // Counted from the beginning of the last one, so that a store that is slow and sure can be led on.
            let due = pace.withLock { $0.began } + timing.interval - stopwatch.elapsed
            try? await clock.sleep(for: max(due, .milliseconds(100)))
            if !Task.isCancelled { await attempt() }
        }
    }

    private func waitForEnd(of token: Int64) async {
        while !Task.isCancelled, self.token == token {
            guard let until = election.withLock({ $0.leadsUntil }) else { return }
            try? await clock.sleep(for: max(until - stopwatch.elapsed, .milliseconds(1)))
        }
    }

    /// Takes or renews the lease once, if it can be had.
    private func attempt() async {
        do {
            let began = stopwatch.elapsed
            pace.withLock { $0.began = began }
            var step = election.withLock { $0.attempt(at: began, time: wallClock.now()) }
            if step == .read {
                let lease = try await within(limit(of: timing.duration)) { try await $0.lease() }
                let now = stopwatch.elapsed
                step = election.withLock { $0.read(lease, at: now, time: wallClock.now()) }
            }
            guard case .write(let next, let seen) = step else { return }
            let sent = stopwatch.elapsed
            let isWritten = try await within(limit(of: timing.renewDeadline)) {
                try await $0.replace(seen, with: next)
            }
            let now = stopwatch.elapsed
            if isWritten { pace.withLock { $0.took = now - sent } }
            election.withLock { isWritten ? $0.wrote(next, sent: sent, at: now) : $0.failed() }
        } catch {
            election.withLock { $0.failed() }
            guard !Task.isCancelled else { return }
            logger.warning("the lease cannot be kept", metadata: ["error": "\(error)"])
        }
    }

    /// How long a call may take. One that renews leaves time for another, unless the last one took so long that only
    /// patience helps; who does not lead has nothing to lose.
    private func limit(of candidate: Duration) -> Duration {
        let now = stopwatch.elapsed
        guard token != nil, let until = election.withLock({ $0.leadsUntil }) else { return candidate }
        return min(max(timing.timeout, pace.withLock { $0.took } * 2), max(until - now, .milliseconds(1)))
    }

    private func within<Value: Sendable>(
        _ limit: Duration, _ call: @escaping @Sendable (any LeadershipLock) async throws -> Value
    ) async throws -> Value {
        try await withDeadline(limit, clock: clock) { [lock] in try await call(lock) }
    }
}

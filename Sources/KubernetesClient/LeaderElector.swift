package import Logging
package import Pacing
import ServiceLifecycle
import Synchronization

/// Elects one of several processes by a Lease and runs what only the leader does.
///
/// ```swift
/// let elector = LeaderElector(client, lease: "proxysql-core", identity: "\(host)_\(uuid)", logger: logger)
/// await elector.run { leadership in
///     while leadership.isValid, !Task.isCancelled { … }
/// }
/// ```
///
/// The body is cancelled when leadership is lost and has the time between renew deadline and lease duration to end; what
/// it does to others is preceded by a look at `leadership.isValid`. A body that returns gives the lease up, and so does
/// graceful shutdown; a plain cancellation leaves it to expire.
package final class LeaderElector: Sendable {
    /// What the leader's work holds.
    package struct Leadership: Sendable {
        /// Grows with every change of the leader; what is written with it can be told from what an older leader wrote.
        package let term: Int
        private let elector: LeaderElector

        init(term: Int, elector: LeaderElector) {
            self.term = term
            self.elector = elector
        }

        /// Whether acting is still allowed at this moment.
        package var isValid: Bool { elector.isLeader }
    }

    private let client: KubernetesClient
    private let name: String
    private let namespace: String
    private let logger: Logger
    private let wallClock: any WallClock
    private let stopwatch: Stopwatch
    private let stopping = Wakeup()
    private let state: Mutex<State>

    private struct State {
        var election: LeaderElection
        var lease: Lease?
        var failure: KubernetesError?
    }

    /// Makes a candidate; `identity` must be of this process alone, client-go's is `<hostname>_<uuid>`. `namespace` is
    /// the client's own when absent.
    package init(
        _ client: KubernetesClient, lease name: String, in namespace: String? = nil, identity: String,
        timing: LeaderTiming = .standard, wallClock: any WallClock = SystemWallClock(), logger: Logger
    ) {
        // A renewal is tried more than once before its deadline, by us and not by the client.
        self.client = client.with(
            .init(timeout: min(timing.renewDeadline / 2, client.options.timeout), attempts: 1))
        self.name = name
        self.namespace = namespace ?? client.namespace
        self.logger = logger
        self.wallClock = wallClock
        stopwatch = Stopwatch(client.clock)
        state = Mutex(State(election: LeaderElection(identity: identity, timing: timing)))
    }

    /// Whether this process may act as the leader at this moment.
    package var isLeader: Bool {
        let now = stopwatch.elapsed
        return state.withLock { $0.election.isLeader(at: now) }
    }

    /// Who held the lease when it was last seen.
    package var holder: String? { state.withLock { $0.election.holder } }
    /// Why the Lease cannot be read or written; `nil` while it can.
    package var failure: KubernetesError? { state.withLock { $0.failure } }
    /// How this process is called in the Lease.
    package var identity: String { state.withLock { $0.election.identity } }

    /// Makes `run` give the lease up and return.
    package func stop() {
        stopping.wake()
    }

    /// Takes part in the election until graceful shutdown, `stop()` or cancellation; `body` runs whenever this process
    /// leads, and never twice at once.
    package func run(whileLeading body: @escaping @Sendable (Leadership) async -> Void) async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await self.contend(body) }
                tasks.addTask { await self.stopping.wait(upTo: .seconds(1 << 40), clock: self.client.clock) }
                await tasks.next()
                tasks.cancelAll()
            }
        }
        if !Task.isCancelled { await release() }
    }

    private func contend(_ body: @escaping @Sendable (Leadership) async -> Void) async {
        while !Task.isCancelled {
            await attempt()
            guard isLeader else {
                await rest(timing.retryPeriod * (1 + 0.2 * Double.random(in: 0..<1)))
                continue
            }
            let leadership = Leadership(term: state.withLock { $0.election.transitions }, elector: self)
            logger.info("This process leads", metadata: log(["lease.term": "\(leadership.term)"]))
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await body(leadership) }
                tasks.addTask { await self.renew() }
                await tasks.next()
                tasks.cancelAll()
            }
            logger.info("This process leads no longer", metadata: log(["lease.holder": "\(holder ?? "")"]))
            if !Task.isCancelled { await release() }
            await rest(timing.retryPeriod)
        }
    }

    /// Renews until leadership is lost or the task is cancelled.
    private func renew() async {
        while !Task.isCancelled, isLeader {
            let until = state.withLock { $0.election.leadsUntil } ?? .zero
            await rest(min(timing.retryPeriod, until - stopwatch.elapsed))
            if isLeader, !Task.isCancelled { await attempt(until: until) }
        }
    }

    /// One attempt that ends when leadership does: an answer that comes later must not keep the body going.
    private func attempt(until end: Duration) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.attempt() }
            tasks.addTask { await self.rest(end - self.stopwatch.elapsed) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    private var timing: LeaderTiming { state.withLock { $0.election.timing } }

    private func rest(_ duration: Duration) async {
        guard duration > .zero else { return }
        try? await client.clock.sleep(for: duration)
    }

    /// One attempt; after a conflict it looks and tries once more, because it may be our own metadata that changed.
    private func attempt() async {
        for _ in 0..<2 {
            let now = stopwatch.elapsed
            var step = state.withLock { $0.election.attempt(at: now) }
            do throws(KubernetesError) {
                if step == .read { step = try await read() }
                if case .write(let claim) = step { try await write(claim) }
                state.withLock { $0.failure = nil }
                return
            } catch {
                let isConflict = error.isConflict || error.isAlreadyExists
                state.withLock { state in
                    state.election.failed()
                    state.failure = isConflict ? nil : error
                }
                guard isConflict else {
                    if error.code != .cancelled {
                        logger.notice("The Lease cannot be kept", metadata: log(["error": "\(error)"]))
                    }
                    return
                }
            }
        }
    }

    private func read() async throws(KubernetesError) -> LeaderElection.Step {
        let lease: Lease?
        do throws(KubernetesError) {
            lease = try await client.get(Lease.self, name, in: namespace)
        } catch {
            guard error.isNotFound else { throw error }
            lease = nil
        }
        let now = stopwatch.elapsed
        return state.withLock { state in
            state.lease = lease
            return state.election.read(
                lease.map { $0.spec ?? Lease.Spec() }, version: lease?.metadata.resourceVersion, at: now)
        }
    }

    private func write(_ claim: LeaderElection.Claim) async throws(KubernetesError) {
        // Labels, annotations and owners of the Lease are others' and stay.
        var lease =
            state.withLock { claim.version == nil ? nil : $0.lease }
            ?? Lease(metadata: ObjectMeta(name: name, namespace: namespace), spec: nil)
        let time = MicroTime(wallClock.now())
        var spec = Lease.Spec()
        spec.holderIdentity = claim.holder
        spec.leaseDurationSeconds = claim.leaseDurationSeconds
        spec.acquireTime = claim.acquireTime ?? time
        spec.renewTime = time
        spec.leaseTransitions = claim.transitions
        lease.spec = spec
        lease.metadata.resourceVersion = claim.version
        let sent = stopwatch.elapsed
        let written = claim.version == nil ? try await client.create(lease) : try await client.update(lease)
        let now = stopwatch.elapsed
        state.withLock { state in
            state.lease = written
            state.election.wrote(
                written.spec ?? spec, version: written.metadata.resourceVersion, sent: sent, at: now)
        }
    }

    private func release() async {
        do throws(KubernetesError) {
            let before = stopwatch.elapsed
            if state.withLock({ $0.election.mustLook(at: before) }) { _ = try await read() }
            let now = stopwatch.elapsed
            guard let claim = state.withLock({ $0.election.resign(at: now) }) else { return }
            try await write(claim)
        } catch {
            logger.notice("The Lease could not be given up and will expire", metadata: log(["error": "\(error)"]))
        }
    }

    private func log(_ more: Logger.Metadata) -> Logger.Metadata {
        more.merging(["lease.name": "\(namespace)/\(name)"]) { old, _ in old }
    }
}

import Pacing
import Synchronization

/// Asks the probes of one pod's containers, as a kubelet does, and restarts a container whose liveness or startup probe
/// failed too often.
final class ContainerWatch: Sendable {
    private struct State {
        var hasStarted: Set<String> = []
        var isReady: Set<String> = []
    }

    private let containers: [PodContainer]
    private let host: String
    private let http: JSONClient
    private let clock: any Clock<Duration>
    /// Starts a container anew; returns when the former one has ended.
    private let restart: @Sendable (String) async -> Void
    private let state = Mutex(State())
    /// Wakes whoever tells the API server.
    let change = Wakeup()

    init(
        _ containers: [PodContainer], host: String, clock: any Clock<Duration>,
        restart: @escaping @Sendable (String) async -> Void
    ) {
        self.containers = containers
        self.host = host
        self.clock = clock
        self.restart = restart
        http = JSONClient(clock: clock)
    }

    /// Whether every container has started and is ready.
    var isReady: Bool {
        state.withLock { state in
            containers.allSatisfy { state.hasStarted.contains($0.name) && state.isReady.contains($0.name) }
        }
    }

    /// Asks until cancellation.
    func run() async {
        await withDiscardingTaskGroup { tasks in
            for container in containers { tasks.addTask { await self.keep(container) } }
        }
    }

    private func keep(_ container: PodContainer) async {
        while !Task.isCancelled {
            if await hasStarted(container) {
                set { $0.hasStarted.insert(container.name) }
                await untilDead(container)
            }
            guard !Task.isCancelled else { return }
            set { state in
                state.hasStarted.remove(container.name)
                state.isReady.remove(container.name)
            }
            await restart(container.name)
        }
    }

    /// The startup probe, if there is one, until it passes; false when it failed too often.
    private func hasStarted(_ container: PodContainer) async -> Bool {
        guard let probe = container.startup else { return true }
        try? await clock.sleep(for: probe.delay)
        var failures = 0
        while !Task.isCancelled {
            if await probe.passes(host, http) { return true }
            failures += 1
            guard failures < probe.failures else { return false }
            try? await clock.sleep(for: probe.period)
        }
        return false
    }

    /// The readiness probe beside the liveness probe, until that has failed too often.
    private func untilDead(_ container: PodContainer) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.keepReady(container) }
            if let probe = container.liveness {
                try? await clock.sleep(for: probe.delay)
                var failures = 0
                while !Task.isCancelled, failures < probe.failures {
                    failures = await probe.passes(host, http) ? 0 : failures + 1
                    if failures < probe.failures { try? await clock.sleep(for: probe.period) }
                }
                tasks.cancelAll()
            }
            await tasks.waitForAll()
        }
    }

    private func keepReady(_ container: PodContainer) async {
        guard let probe = container.readiness else {
            set { $0.isReady.insert(container.name) }
            while !Task.isCancelled { try? await clock.sleep(for: .seconds(3_600)) }
            return
        }
        try? await clock.sleep(for: probe.delay)
        var failures = 0
        while !Task.isCancelled {
            let passes = await probe.passes(host, http)
            failures = passes ? 0 : failures + 1
            if passes {
                set { $0.isReady.insert(container.name) }
            } else if failures >= probe.failures {
                set { $0.isReady.remove(container.name) }
            }
            try? await clock.sleep(for: probe.period)
        }
    }

    private func set(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        change.wake()
    }
}

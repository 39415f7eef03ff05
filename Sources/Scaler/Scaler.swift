package import FleetModel
package import Logging
import Pacing
import ServiceLifecycle
import Synchronization

/// The signals of the groups' workers, for whoever has news for one.
private final class Wakeups: Sendable {
    private let all = Mutex<[InstanceName: Wakeup]>([:])

    subscript(group: InstanceName) -> Wakeup? {
        get { all.withLock { $0[group] } }
        set { all.withLock { $0[group] = newValue } }
    }
}

/// The role `drover scaler`: a publisher for all groups and a worker for each, woken by messages, by their own timetables
/// and at each start.
package struct Scaler: Service {
    private let around: GroupWorker.Surroundings
    private let queue: any WorkQueue
    private let settings: ScalerSettings
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let lock: (any LeadershipLock)?

    /// Makes the role; nothing runs before `run()`. With a `lock` it works only while it leads.
    package init(
        around: GroupWorker.Surroundings, queue: any WorkQueue, lock: (any LeadershipLock)?, settings: ScalerSettings,
        clock: any Clock<Duration>, logger: Logger
    ) {
        var around = around
        if lock != nil {
            let fence = around.fence ?? Fence()
            around.fence = fence
            around.provider = FencedProvider(provider: around.provider, fence: fence)
            around.fleet = FencedFleet(fleet: around.fleet, fence: fence)
            around.certificates = around.certificates.map { FencedCertificates(certificates: $0, fence: fence) }
        }
        if around.steady == nil { around.steady = Stopwatch(clock) }
        self.around = around
        self.queue = queue
        self.lock = lock
        self.settings = settings
        self.clock = clock
        self.logger = logger
    }

    /// Runs until graceful shutdown or cancellation; returns then, with nothing half-done that a restart would not
    /// finish.
    package func run() async throws {
        await run { work in await cancelWhenGracefulShutdown(work) }
    }

    /// The same for as long as `whole` runs what it is given, for whoever has no service group.
    package func run(as whole: (@escaping @Sendable () async -> Void) async -> Void) async {
        guard let lock, let fence = around.fence else {
            return await whole { await scale() }
        }
        let leadership = Leadership(
            lock: lock, fence: fence, timing: settings.lease, clock: clock,
            wallClock: around.wallClock, logger: logger)
        await whole { await leadership.whileLeading { await scale() } }
        await leadership.resign()
    }

    private func scale() async {
        // Another process may lead next: what this one fetched and did not take up is not kept from it.
        defer { queue.stopReceiving() }
        await around.rounds?.begin()
        await withDiscardingTaskGroup { tasks in
            let wakeups = Wakeups()
            if let probe = around.probe {
                tasks.addTask {
                    await LagWatch(around: around, probe: probe, clock: clock) { wakeups[$0]?.wake() }.run()
                }
            }
            let publisher = FleetPublisher(
                groups: around.groups, fleet: around.fleet, rounds: around.rounds, interval: settings.resync,
                mayAct: { [fence = around.fence] in fence.map { $0.current != nil } ?? true },
                noteOrphans: around.noteOrphans, clock: clock, logger: logger)
            tasks.addTask { await publisher.run() }
            while !Task.isCancelled {
                let messages = await look()
                for group in messages.groups where wakeups[group] == nil {
                    let wakeup = Wakeup()
                    wakeups[group] = wakeup
                    tasks.addTask { await work(on: group, wakeup: wakeup) }
                }
                await publisher.wake(messages.deliveries.map(\.message.group))
                for delivery in messages.deliveries { wakeups[delivery.message.group]?.wake() }
                await acknowledge(messages.deliveries)
                try? await clock.sleep(for: settings.queuePoll)
            }
        }
    }

    /// The groups there are and the messages that wait. A message carries no state: the incident was durable before
    /// it, and each worker looks at the store, so acknowledging before the work is done loses nothing.
    private func look() async -> (groups: [InstanceName], deliveries: [WorkDelivery]) {
        do throws(StoreError) {
            let deliveries = try await queue.receive(
                limit: 1_000, visibility: .seconds(60), at: around.wallClock.now())
            return (try await around.groups.names(), deliveries)
        } catch {
            logger.error("store failed", metadata: ["error": "\(error)"])
            return ([], [])
        }
    }

    private func acknowledge(_ deliveries: [WorkDelivery]) async {
        guard !deliveries.isEmpty else { return }
        do throws(StoreError) {
            try await queue.acknowledge(deliveries.map(\.id))
        } catch {
            logger.warning("acknowledging messages failed; they come again", metadata: ["error": "\(error)"])
        }
    }

    private func work(on group: InstanceName, wakeup: Wakeup) async {
        let worker = GroupWorker(name: group, around: around, settings: settings, logger: logger)
        while !Task.isCancelled {
            var next = settings.resync
            do throws(StoreError) {
                if let report = try await worker.step() { next = report.next }
            } catch .conflict {
                next = .zero
            } catch {
                logger.error("step failed", metadata: ["group.name": "\(group)", "error": "\(error)"])
                next = settings.publicationRetry
            }
            if next > .zero { await wakeup.wait(upTo: next, clock: clock) }
        }
    }
}

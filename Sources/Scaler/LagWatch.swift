import FleetModel
import Pacing

/// Measures how far the readers of all groups are behind, for people: nothing is decided by it.
struct LagWatch {
    let around: GroupWorker.Surroundings
    let probe: any ReplicationProbe
    let clock: any Clock<Duration>

    private static let interval = Duration.seconds(30)
    /// An account's look may wait ten seconds for a replica that does not answer.
    private static let looksAtOnce = 16

    func run() async {
        while !Task.isCancelled {
            // A store that fails is the workers' to complain of.
            if let groups = try? await around.groups.groups() { await look(groups.map(\.document)) }
            try? await clock.sleep(for: Self.interval)
        }
    }

    private func look(_ groups: [GroupRecord]) async {
        let readers = groups.flatMap { $0.configuration.servers.filter { $0.origin != .primary } }
        await withDiscardingTaskGroup { tasks in
            for first in 0..<Self.looksAtOnce {
                tasks.addTask {
                    for index in stride(from: first, to: readers.count, by: Self.looksAtOnce) {
                        let server = readers[index]
                        guard !Task.isCancelled, let name = try? InstanceName(server.name) else { continue }
                        _ = await around.look(with: probe, at: name, address: server.address, port: server.port)
                    }
                }
            }
        }
    }
}

extension GroupWorker.Surroundings {
    /// Looks at a replica, and notes how far it is behind for whoever shows it.
    func look(
        with probe: any ReplicationProbe, at replica: InstanceName, address: String, port: Int
    ) async -> ReplicationHealth {
        let health = await probe.look(at: replica, address: address, port: port)
        if case .replicating(let lag) = health {
            let reading = LagReading(seconds: Double(lag.wholeMilliseconds) / 1_000, measuredAt: wallClock.now())
            noteLag?(reading, address, port)
        }
        return health
    }
}

import FleetModel
import Pacing

/// Looks at how the readers of all groups replicate: for the workers, which judge them, and for people, who see the lag.
struct LagWatch {
    let around: GroupWorker.Surroundings
    let probe: any ReplicationProbe
    let clock: any Clock<Duration>
    /// Called for a group of which a worker may have something to do.
    let wake: @Sendable (InstanceName) -> Void

    /// Which groups and readers there are changes seldom.
    private static let reading = Duration.seconds(30)
    /// An account's look may wait ten seconds for a replica that does not answer.
    private static let looksAtOnce = 16

    func run() async {
        var records: [GroupRecord] = []
        var read: Stopwatch?
        while !Task.isCancelled {
            if read.map({ $0.elapsed >= Self.reading }) ?? true {
                // A store that fails is the workers' to complain of.
                if let groups = try? await around.groups.groups() {
                    records = groups.map(\.document)
                    around.looks.keep(Set(records.map(\.name)))
                    read = Stopwatch(clock)
                }
            }
            await look(records)
            try? await clock.sleep(for: probe.pace)
        }
    }

    private func look(_ groups: [GroupRecord]) async {
        let readers = groups.indices.flatMap { index in
            groups[index].configuration.servers.filter { $0.origin != .primary }.map { (index, $0) }
        }
        var found: [Int: [String: ReaderLooks.Look]] = [:]
        await withTaskGroup(of: [(Int, BackendServer, ReplicationHealth)].self) { tasks in
            for first in 0..<min(Self.looksAtOnce, readers.count) {
                tasks.addTask {
                    var seen: [(Int, BackendServer, ReplicationHealth)] = []
                    for position in stride(from: first, to: readers.count, by: Self.looksAtOnce) {
                        let (index, server) = readers[position]
                        guard !Task.isCancelled, let name = try? InstanceName(server.name) else { continue }
                        let health = await around.look(
                            with: probe, at: name, address: server.address, port: server.port)
                        seen.append((index, server, health))
                    }
                    return seen
                }
            }
            for await seen in tasks {
                for (index, server, health) in seen {
                    found[index, default: [:]][server.name] = .init(address: server.address, health: health)
                }
            }
        }
        guard !Task.isCancelled else { return }
        for (index, record) in groups.enumerated() {
            let looks = found[index] ?? [:]
            around.looks.put(looks, of: record.name)
            let isWell = looks.values.allSatisfy { look in
                guard case .replicating(let lag) = look.health else { return false }
                return lag <= record.maximumLag
            }
            if !isWell || record.unfitReaders != nil { wake(record.name) }
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

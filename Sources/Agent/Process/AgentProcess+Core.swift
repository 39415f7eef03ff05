import Logging
import Pacing
import ProxySQLAdmin
import ServiceLifecycle

/// What a core does besides answering probes.
extension AgentProcess {
    func coreDuties() -> RoleDuties {
        let change = Wakeup()
        let name = settings.nodeName
        let effects = CoreEffects(port, logger: around.logger)
        let cores = coreDirectory(change)
        let office = CoreOffice(name: name, directory: cores.directory)
        let interval = settings.seconds("agent.core.interval-seconds")
        let membership = MembershipKeeper(
            effects: effects, core: (name, cores.directory, office), role: role, events: events,
            pace: .init(change: change, interval: interval, clock: around.clock), logger: around.logger)
        let stated = settings.optionalText("agent.core.generation").flatMap { Int64($0) }
        let configuration = ConfigurationKeeper(
            parts: .init(
                effects: effects, name: name, directory: cores.directory, office: office, peers: HTTPPeerReader(),
                mounted: MountedConfiguration(
                    path: settings.text("agent.core.configuration-file"), stated: stated, usesAge: !cores.arePods),
                memory: ClaimFile(besides: settings.text("agent.shutdown.draining-file")),
                restores: settings.flag("agent.core.restore")),
            role: role, events: events, time: (around.clock, around.wallClock),
            interval: interval > .zero ? interval : .seconds(10), logger: around.logger)
        return RoleDuties(
            services: [membership, configuration] + cores.services(office, change),
            resync: {
                await Self.result { () async throws(AdminError) in
                    let plan = try await membership.step()
                    return plan.isEmpty ? "the table of cores is as it should be" : "the table of cores was corrected"
                }
            },
            reload: { "there is nothing to reload" })
    }

    /// The cores, and what keeps them known.
    private func coreDirectory(_ change: Wakeup) -> Cores {
        let apiPort = settings.integer("agent.api.port")
        let peers = settings.peers("agent.peers")
        if peers.isEmpty {
            // Alone: this node is the only core that there is.
            return Cores(directory: FixedCores([], apiPort: apiPort), arePods: false) { _, _ in [] }
        }
        return Cores(directory: FixedCores(peers, apiPort: apiPort), arePods: false) { _, _ in [] }
    }
}

/// The cores, and what keeps them known.
struct Cores {
    var directory: any CoreDirectory
    /// Whether they are pods, whose files are made anew with each of them.
    var arePods: Bool
    var services: (CoreOffice, Wakeup) -> [any Service]
}

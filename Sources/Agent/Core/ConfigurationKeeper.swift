package import Logging
package import Pacing
package import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

/// Looks at a core and its peers and does what `CoreConfiguration` says.
package struct ConfigurationKeeper: Service {
    /// What the keeper works with.
    package struct Parts: Sendable {
        /// The node.
        package var effects: CoreEffects
        /// The core's name.
        package var name: String
        /// The cores.
        package var directory: any CoreDirectory
        /// Who acts.
        package var office: CoreOffice
        /// Asks the others.
        package var peers: any PeerReader
        /// What this core mounts.
        package var mounted: MountedConfiguration
        /// Remembers the claim over a restart of the agent.
        package var memory: ClaimFile
        /// Whether a mounted configuration may be restored.
        package var restores: Bool

        /// Gathers the parts.
        package init(
            effects: CoreEffects, name: String, directory: any CoreDirectory, office: CoreOffice,
            peers: any PeerReader, mounted: MountedConfiguration, memory: ClaimFile, restores: Bool
        ) {
            self.effects = effects
            self.name = name
            self.directory = directory
            self.office = office
            self.peers = peers
            self.mounted = mounted
            self.memory = memory
            self.restores = restores
        }
    }

    private static let concurrentQuestions = 16
    /// Once the core has settled no more than this many are asked in one look; the others answer by what they said last.
    private static let questionsAtRest = 32
    /// Between two looks of a core that has not settled.
    private static let hurry = Duration.seconds(1)

    private let parts: Parts
    private let role: RoleBoard
    private let events: AgentEvents
    private let time: (clock: any Clock<Duration>, wallClock: any WallClock)
    private let interval: Duration
    private let logger: Logger
    private let answers = PeerAnswers()

    /// Makes the keeper; `interval` passes between two looks once the core has settled.
    package init(
        parts: Parts, role: RoleBoard, events: AgentEvents,
        time: (clock: any Clock<Duration>, wallClock: any WallClock), interval: Duration, logger: Logger
    ) {
        self.parts = parts
        self.role = role
        self.events = events
        self.time = time
        self.interval = interval
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var machine = CoreConfiguration()
            parts.office.record(parts.memory.read())
            var reported = ""
            while !Task.isCancelled {
                do throws(AdminError) {
                    let note = try await step(&machine)
                    if note != reported, !Task.isCancelled {
                        logger.info(
                            "configuration", metadata: ["state": "\(machine.phase.rawValue)", "note": "\(note)"])
                    }
                    reported = note
                } catch {
                    role.update { $0.note = error.message }
                    if error.message != reported {
                        logger.warning("the configuration cannot be judged", metadata: ["error": "\(error)"])
                    }
                    reported = error.message
                }
                try? await time.clock.sleep(for: machine.phase == .settled ? interval : min(Self.hurry, interval))
            }
        }
    }

    /// One look, and what follows from it; the reason as a sentence.
    package func step(_ machine: inout CoreConfiguration) async throws(AdminError) -> String {
        guard let members = parts.directory.members else { return "the cores are not known yet" }
        // What this core mounts is not known before: without that it would be a core that nothing can be said of.
        guard members.contains(where: { $0.name == parts.name }) else {
            let reason = "no running core is called \(parts.name); if that lasts, set agent.name to the pod's name"
            role.update { $0.note = reason }
            return reason
        }
        let view = try await look(limit: machine.phase == .settled ? Self.questionsAtRest : .max)
        let before = machine.running
        let action = machine.look(view)
        switch action {
        case .rest: break
        case .stamp(let reason):
            logger.notice("the mounted configuration is restored", metadata: ["reason": "\(reason)"])
            let after = try await parts.effects.restore()
            machine.didStamp(view, after: after)
            events.publish(.configurationApplied, [.source: "file", .order: view.order.map { "\($0)" } ?? ""])
        case .load(let modules, let reason):
            logger.info(
                "modules are loaded as they run",
                metadata: [
                    "modules": "\(modules.map(\.checksumName).joined(separator: " "))", "reason": "\(reason)",
                ])
            try await parts.effects.load(modules)
            machine.didLoad(modules, view)
        }
        if let running = machine.running, running != before {
            parts.memory.write(running)
            parts.office.record(running)
        }
        report(machine, view, action)
        return action.reason
    }

    /// What this core and the others run, from one moment.
    private func look(limit: Int) async throws(AdminError) -> CoreView {
        await parts.directory.refresh()
        let members = parts.directory.members ?? []
        let others = members.filter { $0.name != parts.name }
        await ask(answers.next(others, limit: limit))
        let answers = answers.all
        for case .status(let document) in answers.values { parts.directory.learn(document.seen) }
        // Read last: what was decided from an older look at ourselves could be overtaken by a pull.
        let tables = others.isEmpty ? [:] : try await parts.effects.peerStamps()
        let stamps = try await parts.effects.stamps()
        let known = parts.directory.members ?? []
        let own = known.first { $0.name == parts.name }
        return CoreView(
            at: time.wallClock.now(), order: parts.mounted.order ?? own?.order, podOrder: own?.order, stamps: stamps,
            isActing: parts.office.isActing, restores: parts.restores, recorded: parts.office.recorded,
            peers: others.map { member in
                let order = known.first { $0.name == member.name }?.order
                return Self.peer(member, order, answers[member.name] ?? .silent, tables[member.host] ?? [:])
            })
    }

    private static func peer(
        _ member: CoreMember, _ order: ConfigurationOrder?, _ answer: PeerAnswer,
        _ table: [CoreModule: NodeObservation.Stamp]
    ) -> CoreView.Peer {
        switch answer {
        case .status(let document):
            let stamps = CoreModule.stamps(
                document.checksums.map {
                    .init(module: $0.module, version: $0.version, epoch: $0.epoch, checksum: $0.checksum)
                })
            // By its own word, unless that is the age of a template, which we may know better.
            let stated = document.order.flatMap { $0.source == .age && $0.name != nil ? nil : $0 }
            return .init(
                name: member.name, voice: .agent, order: stated ?? order ?? document.order, running: document.running,
                stamps: stamps.isEmpty ? table : stamps)
        case .other: return .init(name: member.name, voice: .other, order: order, stamps: table)
        case .silent: return .init(name: member.name, voice: .silent, order: order, stamps: table)
        }
    }

    private func ask(_ members: [CoreMember]) async {
        await withTaskGroup(of: Void.self) { tasks in
            for (index, member) in members.enumerated() {
                if index >= Self.concurrentQuestions { await tasks.next() }
                tasks.addTask { answers.put(await parts.peers.ask(member), of: member.name) }
            }
        }
    }

    private func report(_ machine: CoreConfiguration, _ view: CoreView, _ action: CoreConfiguration.Action) {
        let drift = CoreModule.allCases.filter { module in
            guard let own = view.stamps[module] else { return false }
            return view.peers.contains { peer in peer.stamps[module].map { $0.checksum != own.checksum } ?? false }
        }
        role.update { report in
            report.order = view.order
            report.running = machine.running
            report.seen = parts.directory.seen
            report.boot = machine.phase.rawValue
            report.note = action.reason
            report.drift = drift.map(\.checksumName)
            report.isLeader = view.isActing
            report.leader = parts.office.acting
        }
    }
}

/// What peers answered last, and whose turn it is to be asked.
final class PeerAnswers: Sendable {
    private let state = Mutex((answers: [String: PeerAnswer](), next: 0))

    var all: [String: PeerAnswer] { state.withLock { $0.answers } }

    func put(_ answer: PeerAnswer, of name: String) {
        state.withLock { $0.answers[name] = answer }
    }

    /// The next few of `members`, all in turn; what others said is forgotten.
    func next(_ members: [CoreMember], limit: Int) -> [CoreMember] {
        state.withLock { state in
            let names = Set(members.map(\.name))
            state.answers = state.answers.filter { names.contains($0.key) }
            guard members.count > limit else { return members }
            let start = state.next % members.count
            state.next = start + limit
            return (0..<limit).map { members[(start + $0) % members.count] }
        }
    }
}

package import Logging
package import Pacing
package import ProxySQLAdmin
import ServiceLifecycle

/// Looks at a core and its peers and does what `CoreConfiguration` says.
package struct ConfigurationKeeper: Service {
    /// What the keeper works with.
    package struct Parts: Sendable {
        /// The node.
        package var effects: CoreEffects
        /// Which core this is.
        package var identity: NodeIdentity
        /// The cores.
        package var directory: any CoreDirectory
        /// Who acts.
        package var office: CoreOffice
        /// Asks the others.
        package var peers: any PeerReader
        /// What this core mounts.
        package var mounted: MountedConfiguration
        /// Remembers over a restart of the agent, by the core's name.
        package var claims: @Sendable (String) -> ClaimFile
        /// Whether a mounted configuration may be restored.
        package var restores: Bool
        /// Whether the rows of groups come from a followed configuration.
        package var isFollowing: Bool

        /// Gathers the parts.
        package init(
            effects: CoreEffects, identity: NodeIdentity, directory: any CoreDirectory, office: CoreOffice,
            peers: any PeerReader, mounted: MountedConfiguration, claims: @escaping @Sendable (String) -> ClaimFile,
            restores: Bool, isFollowing: Bool
        ) {
            self.effects = effects
            self.identity = identity
            self.directory = directory
            self.office = office
            self.peers = peers
            self.mounted = mounted
            self.claims = claims
            self.restores = restores
            self.isFollowing = isFollowing
        }
    }

    /// What one pass leaves for the next.
    package struct Memory: Sendable {
        /// What is decided about the configuration.
        package var machine = CoreConfiguration()
        /// Where claims are kept, once the core's name is known, and what was written last.
        var claims: (file: ClaimFile, written: AgentMemory)?
        /// Passes in a row that failed.
        var failures = 0
        /// Whether a restore may have ended in the middle: of an earlier agent, or of this one.
        var isUnfinished = true
        /// Restores in a row that something undid.
        var restores = 0
        /// When each kind of waiting began, by our own clock.
        var since: [AgentTrouble: Duration] = [:]
        /// Before this the file is not restored once more.
        var restoresFrom = Duration.zero

        /// Remembers nothing.
        package init() {}

        /// How long `trouble` has lasted, counted from the first pass that says so.
        mutating func lasting(_ trouble: AgentTrouble, at now: Duration) -> Duration {
            let start = since[trouble] ?? now
            since[trouble] = start
            return now - start
        }
    }

    private static let concurrentQuestions = 16
    /// Once the core has settled no more than this many are asked in one look; the others answer by what they said last.
    private static let questionsAtRest = 32
    /// Between two looks of a core that has not settled.
    private static let hurry = Duration.seconds(1)
    /// The longest pause after failures.
    private static let longestPause = Duration.seconds(30)
    /// So many restores in a row may be undone, as in a rollout, before it is trouble.
    private static let restorePatience = 5
    /// A rollout's core settles in this time.
    private static let settlingPatience = Duration.seconds(60)

    private let parts: Parts
    private let role: RoleBoard
    private let events: AgentEvents
    private let time: (clock: any Clock<Duration>, wallClock: any WallClock)
    private let stopwatch: Stopwatch
    private let interval: Duration
    private let logger: Logger
    private let trouble: TroubleReporter
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
        stopwatch = Stopwatch(time.clock)
        self.interval = interval
        self.logger = logger
        trouble = TroubleReporter(role: role, events: events, logger: logger)
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var memory = Memory()
            var reported = ""
            while !Task.isCancelled {
                do throws(AdminError) {
                    let note = try await step(&memory)
                    if note != reported, !Task.isCancelled {
                        logger.info(
                            "configuration", metadata: ["state": "\(memory.machine.phase.rawValue)", "note": "\(note)"])
                    }
                    reported = note
                } catch {
                    if error.message != reported {
                        logger.warning("the configuration cannot be judged", metadata: ["error": "\(error)"])
                    }
                    reported = error.message
                }
                try? await time.clock.sleep(for: pause(memory))
            }
        }
    }

    /// Until the next pass: longer after each that failed.
    func pause(_ memory: Memory) -> Duration {
        let usual = memory.machine.phase == .settled ? interval : min(Self.hurry, interval)
        guard memory.failures > 0 else { return usual }
        return max(usual, min(Self.hurry * (1 << min(memory.failures - 1, 5)), Self.longestPause))
    }

    /// One pass: what is wrong is reported, whatever came of it; the reason as a sentence.
    package func step(_ memory: inout Memory) async throws(AdminError) -> String {
        role.update { $0.boot = memory.machine.phase.rawValue }
        do throws(AdminError) {
            let note = try await pass(&memory)
            memory.failures = 0
            memory.since[.nodeUnreadable] = nil
            return note
        } catch {
            memory.failures += 1
            role.update { $0.note = error.message }
            // A node that just starts refuses for half a minute.
            if role.report.trouble != .restoreFailed,
                memory.lasting(.nodeUnreadable, at: stopwatch.elapsed) >= NodeIdentity.patience
            {
                trouble.report(.nodeUnreadable, error.message)
            }
            throw error
        }
    }

    private func pass(_ memory: inout Memory) async throws(AdminError) -> String {
        guard let members = parts.directory.members else {
            let reason = "the cores are not known yet"
            role.update { $0.note = $0.note.isEmpty ? reason : $0.note }
            if memory.lasting(.coresUnknown, at: stopwatch.elapsed) >= NodeIdentity.patience {
                role.update { $0.note = "the cores are not known: pods cannot be listed" }
                trouble.report(.coresUnknown, "pods cannot be listed; the agent needs get, list and watch on them")
            }
            return reason
        }
        memory.since[.coresUnknown] = nil
        var isStranger = false
        if let name = await find(members) {
            if role.report.node != name { nameIs(name) }
            memory.since[.coreNotFound] = nil
        } else {
            let reason =
                "none of the \(members.count) running cores is \(parts.identity.name): set agent.name to the pod's name "
                + "by the downward API, and check the labels in agent.core.pod-selector"
            role.update { $0.note = reason }
            guard memory.lasting(.coreNotFound, at: stopwatch.elapsed) >= NodeIdentity.patience else { return reason }
            trouble.report(.coreNotFound, reason)
            isStranger = true
        }
        recall(&memory)
        return try await configure(&memory, isStranger: isStranger)
    }

    /// Which of the cores this is: by name or address, else the one at whose address this very process answers.
    private func find(_ members: [CoreMember]) async -> String? {
        if let name = parts.identity.find(among: members) { return name }
        await ask(answers.next(members, limit: Self.questionsAtRest))
        let answers = answers.all
        for member in members {
            guard case .status(let document) = answers[member.name], document.instance == parts.identity.instance
            else { continue }
            parts.identity.recognise(member)
            return member.name
        }
        let strangers = answers.values.compactMap { answer -> StatusDocument? in
            if case .status(let document) = answer, document.role == "core" { document } else { nil }
        }
        let own = (parts.identity.name, parts.identity.instance)
        parts.office.act(
            asFirstOfStrangers: strangers.allSatisfy { !$0.isLeader && own < ($0.node, $0.instance ?? "") })
        return nil
    }

    private func nameIs(_ name: String) {
        parts.office.act(asFirstOfStrangers: false)
        role.update { $0.node = name }
        events.rename(name)
        logger.info("this core is among the running ones", metadata: ["node.id": "\(name)"])
    }

    /// Takes up what an earlier agent of this core wrote down, once the name is known under which it did.
    private func recall(_ memory: inout Memory) {
        guard memory.claims == nil else { return }
        let file = parts.claims(parts.identity.name)
        let known = file.read()
        memory.claims = (file, known)
        parts.office.record(known.running)
        parts.directory.learn(known.seen)
    }

    /// Looks at the core and its peers and does what follows.
    private func configure(_ memory: inout Memory, isStranger: Bool) async throws(AdminError) -> String {
        if memory.isUnfinished {
            try await parts.effects.undoUnfinished()
            memory.isUnfinished = false
        }
        let view = try await look(
            limit: memory.machine.phase == .settled ? Self.questionsAtRest : .max, isStranger: isStranger)
        let action = memory.machine.look(view)
        var failure: AdminError?
        switch action {
        case .rest: break
        case .stamp(let reason):
            do throws(AdminError) {
                try await restore(&memory, view, reason)
            } catch {
                memory.isUnfinished = true
                trouble.report(.restoreFailed, error.message)
                failure = error
            }
        case .load(let modules, let reason):
            logger.info(
                "modules are loaded as they run",
                metadata: [
                    "modules": "\(modules.map(\.checksumName).joined(separator: " "))", "reason": "\(reason)",
                ])
            try await parts.effects.load(modules)
            memory.machine.didLoad(modules, view)
        }
        remember(&memory)
        report(memory.machine, view, action)
        if let failure { throw failure }
        judge(&memory, action, isStranger: isStranger)
        return action.reason
    }

    /// Puts the mounted file in force; less and less often when something undoes it each time.
    private func restore(_ memory: inout Memory, _ view: CoreView, _ reason: String) async throws(AdminError) {
        guard stopwatch.elapsed >= memory.restoresFrom else { return }
        let done = try await parts.effects.restore(
            .init(
                ownsGroups: parts.mounted.isRendered && !parts.isFollowing,
                // What a restore that failed left in memory was not loaded.
                onlyIfChanged: memory.failures == 0 && (memory.restores > 0 || memory.machine.phase != .booting)))
        guard !done.loaded.isEmpty else { return memory.machine.didConfirm(done.after) }
        logger.notice(
            "the mounted configuration was restored",
            metadata: [
                "reason": "\(reason)", "modules": "\(done.loaded.map(\.checksumName).joined(separator: " "))",
            ])
        memory.machine.didStamp(view, after: done.after)
        memory.restores += 1
        if memory.restores > 1 {
            let wait = min(Self.hurry * (1 << min(memory.restores - 2, 5)), Self.longestPause)
            memory.restoresFrom = stopwatch.elapsed + wait
        }
        events.publish(.configurationApplied, [.source: "file", .order: view.order.map { "\($0)" } ?? ""])
    }

    private func remember(_ memory: inout Memory) {
        let known = AgentMemory(running: memory.machine.running, seen: parts.directory.seen)
        parts.office.record(known.running)
        guard let claims = memory.claims, claims.written != known else { return }
        claims.file.write(known)
        memory.claims?.written = known
    }

    /// Whether the core is in trouble although every statement succeeded.
    private func judge(_ memory: inout Memory, _ action: CoreConfiguration.Action, isStranger: Bool) {
        if memory.machine.phase == .settled {
            memory.since[.notSettled] = nil
            if case .rest = action { memory.restores = 0 }
        }
        if isStranger { return }
        if memory.restores > Self.restorePatience {
            trouble.report(.restoreOverwritten, action.reason)
        } else if memory.machine.phase != .settled,
            memory.lasting(.notSettled, at: stopwatch.elapsed) >= Self.settlingPatience
        {
            trouble.report(.notSettled, action.reason)
        } else {
            trouble.report(nil)
        }
    }

    /// What this core and the others run, from one moment.
    private func look(limit: Int, isStranger: Bool) async throws(AdminError) -> CoreView {
        await parts.directory.refresh()
        let name = parts.identity.name
        let members = parts.directory.members ?? []
        let others = members.filter { isStranger || $0.name != name }
        await ask(answers.next(others, limit: limit))
        let answers = answers.all
        for case .status(let document) in answers.values { parts.directory.learn(document.seen) }
        // Read last: what was decided from an older look at ourselves could be overtaken by a pull.
        let tables = others.isEmpty && !isStranger ? [:] : try await parts.effects.peerStamps()
        let stamps = try await parts.effects.stamps()
        let known = parts.directory.members ?? []
        let own = isStranger ? nil : known.first { $0.name == name }
        var peers = others.map { member in
            let order = known.first { $0.name == member.name }?.order
            return Self.peer(member, order, answers[member.name] ?? .silent, tables[member.host] ?? [:])
        }
        if isStranger {
            // Pods that cannot be told from our own say nothing of the cluster's nodes; the node knows those itself.
            let hosts = Set(others.map(\.host))
            peers += tables.filter { !hosts.contains($0.key) }.sorted { $0.key < $1.key }.map { host, stamps in
                .init(name: host, voice: .other, stamps: stamps)
            }
        }
        var view = CoreView(
            at: time.wallClock.now(), name: name, acting: parts.office.acting, order: parts.mounted.order ?? own?.order,
            podOrder: own?.order, stamps: stamps, isActing: parts.office.isActing,
            restores: parts.restores && !isStranger, recorded: parts.office.recorded, peers: peers)
        if !view.notPulled.isEmpty { view.pulls = try await parts.effects.pulls(tables) }
        return view
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
            // An agent tells what it saw last, and ProxySQL what the node ran at its own last look.
            var peer = CoreView.Peer(
                name: member.name, voice: .agent, order: stated ?? order ?? document.order, running: document.running,
                stamps: stamps.merging(table) { told, seen in seen.epoch > told.epoch ? seen : told })
            peer.isSeen = !table.isEmpty
            return peer
        case .other: return .init(name: member.name, voice: .other, order: order, stamps: table)
        case .absent: return .init(name: member.name, voice: .absent, order: order, stamps: table)
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

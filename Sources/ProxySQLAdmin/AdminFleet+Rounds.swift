import FleetModel
import Logging
import MySQLWire
import Pacing

/// What is known of one node.
struct NodeState: Sendable {
    /// Why a node has nothing to say.
    struct Absence: Sendable, Equatable {
        var condition: NodePublication.Condition
        var detail: String
    }

    let wakeup = Wakeup()
    var memory = NodeMemory()
    /// Where the fleet's stamp was when the last round that ended began.
    var finished = 0
    /// The same, for the last reading of the connection pool.
    var counted = 0
    /// Why groups are behind.
    var lacks: [InstanceName: String] = [:]
    /// Rows of somebody else in places of groups.
    var foreign: [InstanceName: [ForeignRow]] = [:]
    /// Servers of somebody else in hostgroups of groups.
    var foreignServers: [InstanceName: [ForeignRow]] = [:]
    /// Where the fleet's stamp was when the groups that it holds rows of changed.
    var heldSince = 0
    /// The groups that clients used on this node, looked at while it holds rows of some that are not registered.
    var usage: Usage?
    /// Why nothing is known of it; nil when it answered in the last round.
    var absence: Absence?
    /// Since when it has not answered.
    var awaySince: Timestamp?
    var silence: Silence?
    var pool = PoolReading()
    /// The round under way.
    var round: Stopwatch?
    var read: Due?
    var disk: Due?
    var count: Due?
    /// Rounds one after another in which a group was behind.
    var troubles = 0
    /// When what is unsaved is to be saved again; nil at once.
    var save: Due?
    var saveTries = 0
    /// Why something is not saved.
    var saveProblem: String?

    /// Who uses a node, and where the fleet's stamp was when that was asked.
    struct Usage: Sendable {
        let groups: Set<String>
        let seenAt: Int
    }

    /// Something that is due when a time is over.
    struct Due: Sendable {
        let watch: Stopwatch
        let after: Duration

        var left: Duration { after - watch.elapsed }
        var isOver: Bool { left <= .zero }
    }

    /// Whether it counted as down when it was asked last, and has said nothing since although it is asked again and
    /// again: one that hangs takes longer to be asked than a publication waits, and would never be down to any.
    var staysDown: Bool { silence != nil && absence?.condition == .down }

    func publication(of configuration: FleetConfiguration, by node: String) -> NodePublication {
        var result: NodePublication
        if let absence {
            result = NodePublication(node: node, condition: absence.condition, detail: absence.detail)
        } else if let lack = lacks[configuration.group] {
            result = NodePublication(node: node, condition: .behind, detail: lack)
            result.foreignRows = foreign[configuration.group]
        } else {
            result = NodePublication(node: node, condition: .current, detail: saveProblem)
        }
        if absence == nil {
            result.backends = pool.backends(of: configuration)
            result.foreignServers = foreignServers[configuration.group]
        }
        result.awaySince = awaySince
        return result
    }

    /// What whoever shows the fleet wants to hear of at once.
    func standsAs(_ other: NodeState) -> Bool {
        absence?.condition == other.absence?.condition && lacks.keys == other.lacks.keys
            && foreignServers == other.foreignServers && saveProblem == other.saveProblem
            && (finished > 0) == (other.finished > 0)
    }
}

extension AdminFleet {
    package func run(mayAct: @escaping @Sendable () -> Bool, onChange: @escaping @Sendable () -> Void) async {
        self.mayAct = mayAct
        self.onChange = onChange
        // Somebody else may have led meanwhile: the first round compares everything, and loads only what differs.
        for node in nodes { states[node] = NodeState() }
        loadedAt = [:]
        await withDiscardingTaskGroup { tasks in
            while !Task.isCancelled {
                for node in nodes where loops.insert(node).inserted {
                    tasks.addTask { await self.keep(node) }
                }
                await nodesChanged.wait(upTo: .seconds(3_600), clock: clock)
            }
        }
    }

    /// One node's loop: as long as it is one.
    private func keep(_ node: FleetNode) async {
        var isPatient = true
        while !Task.isCancelled, nodes.contains(node), let wakeup = states[node]?.wakeup {
            let began = stamp
            let pause = await round(node, began, mayBeOutdated: isPatient)
            isPatient = pause > .zero
            guard pause > .zero else { continue }
            await wakeup.wait(upTo: pause, clock: clock)
        }
        await connections.removeValue(forKey: node)?.close()
        loops.remove(node)
        nodesChanged.wake()
    }

    /// - Returns: how long to wait for the next one; zero when something else was wanted meanwhile.
    private func round(_ node: FleetNode, _ began: Int, mayBeOutdated: Bool) async -> Duration {
        guard let before = states[node] else { return .zero }
        if let silence = before.silence, !silence.isOver(at: wallClock.now(), limit: settings.unreachableAfter) {
            finish(node, began) {
                $0.absence = .init(condition: .unknown, detail: "\(silence.reason); it will be asked again soon")
            }
            return min(silence.pause(at: wallClock.now()), settings.verifyEvery)
        }
        states[node]?.round = Stopwatch(clock)
        do throws(AdminError) {
            let isOutdated = try await attempt(node, began, mayBeOutdated: mayBeOutdated)
            if isOutdated { return .zero }
        } catch {
            if error.code != .readBackDiffers, error.code != .statementRefused {
                await connections.removeValue(forKey: node)?.close()
            }
            finish(node, began) { fail(&$0, error) }
            // Asking at a closed port costs nothing, and one that is back has what is on its disk.
            return min(error.code == .unreachable ? .milliseconds(500) : .seconds(1), settings.verifyEvery)
        }
        await save(node)
        return pause(of: node)
    }

    /// Looks at the node, and once more over a new connection when the old one turns out to be broken: it may have been
    /// restarted.
    /// - Returns: whether something was left undone because something else is wanted by now.
    private func attempt(
        _ node: FleetNode, _ began: Int, mayBeOutdated: Bool
    ) async throws(AdminError) -> Bool {
        let watch = Stopwatch(clock)
        let isReused = connections[node]?.isOpen == true
        do throws(AdminError) {
            return try await look(at: node, began, mayBeOutdated: mayBeOutdated)
        } catch {
            guard isReused, error.code == .unreachable, watch.elapsed < settings.statementTimeout / 2,
                !Task.isCancelled
            else { throw error }
            await connections.removeValue(forKey: node)?.close()
            return try await look(at: node, began, mayBeOutdated: mayBeOutdated)
        }
    }

    private func look(at node: FleetNode, _ began: Int, mayBeOutdated: Bool) async throws(AdminError) -> Bool {
        let connection = try await connection(to: node)
        guard let state = states[node] else { return false }
        var depth = RoundDepth.checksums
        if state.read?.isOver ?? true { depth = .tables }
        if state.disk?.isOver ?? true { depth = .disk }
        let gone = try await gone(from: node, connection)
        // What is to go has to leave the disk too.
        if !gone.isEmpty { depth = .disk }
        let surveys = register != nil
        let wanted = wanted
        var round = NodeRound(
            connection: connection, node: node.name, savesToDisk: settings.savesToDisk, depth: depth,
            memory: state.memory, logger: logger
        ) { [weak self, mayAct] module, revision in
            guard mayAct() else { return false }
            guard mayBeOutdated, let self else { return true }
            return await self.wanted.revision(of: module) == revision
        }
        do throws(AdminError) {
            try await round.run(wanted, gone: gone, surveys: surveys)
        } catch {
            note(round, of: node)
            throw error
        }
        note(round, of: node)
        if round.isOutdated { return true }
        let isCounting = state.counted < countsAskedAt || state.count?.isOver ?? true
        let countBegan = stamp
        let pool = isCounting ? try await PoolReading(of: connection) : nil
        let (lacks, foreign) = (round.lacks, round.foreign)
        finish(node, began) { state in
            state.absence = nil
            state.awaySince = nil
            state.silence = nil
            state.lacks = lacks
            state.foreign = foreign
            state.foreignServers = state.memory.foreignServers
            state.troubles = lacks.isEmpty ? 0 : min(state.troubles + 1, 16)
            if wanted.groups.isEmpty, !surveys { return }
            if depth >= .tables { state.read = due(settings.readEvery) }
            if depth >= .disk { state.disk = due(settings.diskEvery) }
        }
        guard let pool else { return false }
        states[node]?.pool = pool
        states[node]?.counted = countBegan
        states[node]?.count = due(settings.countEvery)
        progress.advance()
        return false
    }

    /// The fleet's nodes are not all read at the same moment.
    private func due(_ interval: Duration) -> NodeState.Due {
        .init(watch: Stopwatch(clock), after: interval * means.chance(0.75...1))
    }

    private func note(_ round: NodeRound, of node: FleetNode) {
        noteHeld(round.memory, of: node)
        guard round.hasLoaded else { return }
        stamp += 1
        loadedAt[node] = stamp
        wakeAll(but: node)
    }

    private func finish(_ node: FleetNode, _ began: Int, _ body: (inout NodeState) -> Void) {
        guard var state = states[node] else { return }
        let before = state
        body(&state)
        state.finished = max(state.finished, began)
        // Who does not answer has no connections that could be counted.
        if state.absence != nil { state.counted = max(state.counted, began) }
        state.round = nil
        states[node] = state
        progress.advance()
        if !state.standsAs(before) { onChange() }
    }

    private func fail(_ state: inout NodeState, _ error: AdminError) {
        let now = wallClock.now()
        switch error.code {
        case .refused:
            state.silence = nil
            state.awaySince = state.awaySince ?? now
            state.absence = .init(condition: .down, detail: error.message)
        case .unreachable:
            var silence = state.silence ?? Silence(since: now)
            silence.goesOn(
                at: now, reason: error.message, longest: settings.statementTimeout,
                jitter: means.chance(0.5...1))
            state.silence = silence
            state.awaySince = state.awaySince ?? silence.since
            let isDown = now.since(silence.since) >= settings.unreachableAfter
            state.absence = .init(condition: isDown ? .down : .unknown, detail: error.message)
        case .statementRefused, .unusableText, .contradictory, .unexpectedAnswer, .readBackDiffers, .unsupported,
            .foreignRows:
            state.silence = nil
            state.awaySince = nil
            state.absence = .init(condition: .behind, detail: error.message)
        }
    }

    /// Saves what is not saved, after the round was told of: a SAVE may hang, for as long as a statement may take, and
    /// is then left alone for longer and longer.
    private func save(_ node: FleetNode) async {
        guard let state = states[node], let connection = connections[node] else { return }
        guard !state.memory.unsaved.isEmpty else {
            return settleSave(of: node, nil)
        }
        guard settings.savesToDisk, state.save?.isOver ?? true else { return }
        var round = NodeRound(
            connection: connection, node: node.name, savesToDisk: true, depth: .checksums, memory: state.memory,
            logger: logger
        ) { _, _ in true }
        do throws(AdminError) {
            try await round.save()
            noteHeld(round.memory, of: node)
            settleSave(of: node, nil)
        } catch {
            states[node]?.memory = round.memory
            if error.code != .statementRefused { await connections.removeValue(forKey: node)?.close() }
            logger.warning(
                "what runs could not be saved and is saved again",
                metadata: [
                    "node.id": "\(node.name)", "error": "\(error)",
                ])
            settleSave(of: node, "it runs what is wanted, which is not on its disk yet: \(error.message)")
        }
    }

    private func settleSave(of node: FleetNode, _ problem: String?) {
        guard var state = states[node] else { return }
        let before = state.saveProblem
        state.saveProblem = problem
        if problem == nil {
            state.save = nil
            state.saveTries = 0
        } else {
            state.save = .init(
                watch: Stopwatch(clock), after: min(.seconds(1) * (1 << min(state.saveTries, 10)), .seconds(300)))
            state.saveTries += 1
        }
        states[node] = state
        if (before == nil) != (problem == nil) { onChange() }
    }

    private func pause(of node: FleetNode) -> Duration {
        guard let state = states[node] else { return .milliseconds(1) }
        var pause = settings.verifyEvery
        if state.troubles > 0 { pause = min(pause, .seconds(1) * (1 << min(state.troubles - 1, 10))) }
        if let save = state.save { pause = min(pause, max(save.left, .milliseconds(100))) }
        return pause
    }

    func connection(to node: FleetNode) async throws(AdminError) -> any AdminConnection {
        // The node may have been restarted since the last round.
        if let present = connections[node], present.isOpen { return present }
        let made = try await means.connect(node, settings, logger)
        connections[node] = made
        return made
    }
}

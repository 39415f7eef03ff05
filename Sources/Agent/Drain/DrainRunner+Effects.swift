import FleetModel
import Logging
import MySQLWire
import Pacing
import ProxySQLAdmin
import Synchronization

/// What a drain does to the node.
extension DrainRunner {
    /// ProxySQL's own default, in milliseconds.
    private static let defaultWaitTimeout = "28800000"
    private static let gapAfterResume = Duration.milliseconds(500)
    /// A step of ending clients takes so many rounds, with so much time between two.
    private static let roundsOfEnding = 10
    private static let gapOfEnding = Duration.milliseconds(10)

    func perform(_ step: DrainMachine.Step) async -> (DrainMachine.Reply, clients: Int?) {
        switch step {
        case .rest: break
        case .announce: announce()
        case .wait(let duration):
            // A resume or a shutdown must not wait for this to pass.
            if duration > .zero { await wakeup.wait(upTo: duration, clock: clock) }
        case .pause(let limit): return (await pause(within: limit), nil)
        case .endSessions(let limit, let isLate): return (await endSessions(within: limit, isLate: isLate), nil)
        case .closeIdleClients(let limit): return (await closeIdleClients(within: limit), nil)
        case .countClients(let limit): return await countClients(within: limit)
        case .shutDown(let limit):
            return (await attempt("PROXYSQL SHUTDOWN", within: limit, endsConnection: true).reply, nil)
        case .resume(let limit): return (await takeClientsAgain(within: limit), nil)
        }
        return (.answered, nil)
    }

    private func pause(within limit: Duration) async -> DrainMachine.Reply {
        // ProxySQL 3.0.3 aborts on a PAUSE right after a RESUME.
        if let resumedAt = shared.withLock({ $0.resumedAt }) {
            let rest = Self.gapAfterResume - wallClock.now().since(resumedAt)
            if rest > .zero { try? await clock.sleep(for: min(rest, Self.gapAfterResume)) }
        }
        return await attempt("PROXYSQL PAUSE", within: limit, endsSession: true).reply
    }

    /// Writes down what is about to be done. A folder that cannot be written to does not keep a node from ending.
    func note(_ goal: DrainRecord.Goal, waitTimeout: String? = nil) {
        let record = shared.withLock { shared in
            let record = DrainRecord(goal: goal, waitTimeout: waitTimeout ?? shared.record?.waitTimeout)
            shared.record = record
            return record
        }
        do {
            try recordFile.write(record)
        } catch {
            logger.warning(
                "what is done to the node cannot be written down: after a restart the agent will not know of it",
                metadata: ["error": "\(error)"])
        }
    }

    private var goal: DrainRecord.Goal { machine.goal == .hold ? .hold : .shutDown }

    private func announce() {
        note(goal)
        do {
            try file.write()
        } catch {
            // Probes answer from the agent, so the file is only for others to see.
            logger.warning("the draining file cannot be written", metadata: ["error": "\(error)"])
        }
        events.publish(.draining)
    }

    private func closeIdleClients(within limit: Duration) async -> DrainMachine.Reply {
        // What was read first is what it was: after a LOAD that failed it would be our own zero.
        if shared.withLock({ $0.record?.waitTimeout }) == nil {
            let former = await waitTimeout(in: "global_variables", within: limit)
            guard former.reply == .answered else { return former.reply }
            let value = former.value == "0" ? await saved(within: limit) : former.value
            if let value { note(goal, waitTimeout: value) }
        }
        return await setWaitTimeout("0", within: limit)
    }

    private func waitTimeout(
        in table: String, within limit: Duration
    ) async -> (reply: DrainMachine.Reply, value: String?) {
        let answer = await attempt(
            "SELECT variable_value FROM \(table) WHERE variable_name='mysql-wait_timeout'", within: limit)
        return (answer.reply, answer.cells.first)
    }

    /// The wait timeout that a 0 was put in the place of: a drain never saves its 0, so the disk has the former one.
    private func saved(within limit: Duration) async -> String {
        let value = await waitTimeout(in: "disk.global_variables", within: limit).value
        guard let value, let number = Int64(value), number > 0 else { return Self.defaultWaitTimeout }
        return value
    }

    /// Ends clients between their transactions, until the step has lasted a moment or the drain was taken back.
    private func endSessions(within limit: Duration, isLate: Bool) async -> DrainMachine.Reply {
        // A core's variables are its peers' too, so idle clients are not closed there; unless the core goes for good and
        // nobody pulls from it any more.
        if isCore, goal == .shutDown, shared.withLock({ $0.record?.waitTimeout }) == nil, await isAlone(within: limit) {
            _ = await closeIdleClients(within: limit)
        }
        let isExpiring = !isCore || shared.withLock { $0.record?.waitTimeout } != nil
        for _ in 0..<Self.roundsOfEnding {
            guard !Task.isCancelled, machine.state == .ending else { break }
            let reply =
                isExpiring && !isLate
                ? await end(ClientSessions.nobody, within: limit) : await endOnes(within: limit, isLate: isLate)
            guard reply == .answered else { return reply }
            try? await clock.sleep(for: Self.gapOfEnding)
        }
        return .answered
    }

    /// Whether no peer pulls from this node; false where it cannot be told.
    private func isAlone(within limit: Duration) async -> Bool {
        await (try? port.query(ClientSessions.peers, within: limit))?.rows.first?[0] == "0"
    }

    private func endOnes(within limit: Duration, isLate: Bool) async -> DrainMachine.Reply {
        let rows: [MySQLRow]
        do throws(AdminError) {
            rows = try await port.query(ClientSessions.statement, within: limit).rows
        } catch {
            warn(error)
            return await reply(to: error)
        }
        for id in ClientSessions(rows).next(isLate: isLate) {
            let reply = await end(id, within: limit)
            guard reply == .answered else { return reply }
        }
        return .answered
    }

    /// A session that is not there any more is no failure.
    private func end(_ session: Int, within limit: Duration) async -> DrainMachine.Reply {
        do throws(AdminError) {
            _ = try await port.query("KILL CONNECTION \(session)", within: limit)
            return .answered
        } catch {
            let reply = await reply(to: error)
            if reply != .answered { warn(error) }
            return reply
        }
    }

    private func setWaitTimeout(_ milliseconds: String, within limit: Duration) async -> DrainMachine.Reply {
        let reply = await attempt(
            "UPDATE global_variables SET variable_value='\(milliseconds)' WHERE variable_name='mysql-wait_timeout'",
            within: limit
        ).reply
        guard reply == .answered else { return reply }
        return await attempt("LOAD MYSQL VARIABLES TO RUNTIME", within: limit).reply
    }

    private func countClients(within limit: Duration) async -> (DrainMachine.Reply, clients: Int?) {
        let count = await attempt(
            "SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='Client_Connections_connected'",
            within: limit)
        return (count.reply, count.cells.first.flatMap { Int($0) })
    }

    private func takeClientsAgain(within limit: Duration) async -> DrainMachine.Reply {
        note(.serve)
        if !isCore || shared.withLock({ $0.record?.waitTimeout }) != nil {
            let present = await waitTimeout(in: "runtime_global_variables", within: limit)
            guard present.reply != .silent else { return present.reply }
            // A value that somebody set meanwhile stays.
            if present.value == "0" {
                let noted = shared.withLock { $0.record?.waitTimeout }.flatMap { Int64($0) }.flatMap {
                    $0 > 0 ? $0 : nil
                }
                let former = if let noted { "\(noted)" } else { await saved(within: limit) }
                let reply = await setWaitTimeout(former, within: limit)
                guard reply != .silent else { return reply }
            }
        }
        let reply = await attempt("PROXYSQL RESUME", within: limit, endsSession: true).reply
        guard reply != .silent else { return reply }
        shared.withLock { shared in
            shared.record = nil
            shared.resumedAt = wallClock.now()
        }
        recordFile.remove()
        _ = file.removeOurs()
        board.drainFile(isThere: file.exists)
        return reply
    }

    /// What became of a statement, and the first cells of its result.
    private func attempt(
        _ statement: String, within limit: Duration, endsConnection: Bool = false, endsSession: Bool = false
    ) async -> (reply: DrainMachine.Reply, cells: [String]) {
        do throws(AdminError) {
            let cells = try await port.query(statement, within: limit, endsSession: endsSession).rows
                .map { $0[0] ?? "" }
            shared.withLock { $0.isFailing = false }
            return (.answered, cells)
        } catch {
            // Whether it broke off because it ended, the next attempt tells: then nothing listens there any more.
            if !endsConnection { warn(error) }
            return (await reply(to: error), [])
        }
    }

    /// A node has ended when nothing listens on its MySQL port either: ProxySQL greets clients before its admin
    /// interface listens, and goes on with them where that was moved to another address.
    private func reply(to error: AdminError) async -> DrainMachine.Reply {
        switch error.code {
        case .refused:
            guard let address = board.health.dataPlane.address else { return .gone }
            if case .refused = await GreetingProbe.sockets.greet(address, DataPlanePoller.patience) { return .gone }
            return .silent
        // A login that is refused may be taken in a moment, when the right password has come.
        case .unreachable, .unexpectedAnswer: return .silent
        default: return .answered
        }
    }

    private func warn(_ error: AdminError) {
        let wasFailing = shared.withLock { shared in
            defer { shared.isFailing = true }
            return shared.isFailing
        }
        logger.log(
            level: wasFailing ? .debug : .warning, "a step of the drain failed", metadata: ["error": "\(error)"])
    }
}

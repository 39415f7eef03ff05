import Observability
package import Logging
import Pacing
package import ProxySQLAdmin
import ServiceLifecycle

/// Keeps a satellite in its cluster: when a core is missing it learns the cores anew from the bootstrap Service, and
/// when nobody answers there it goes back to the bootstrap row. When all are gone it keeps serving with what it has.
package struct SatelliteKeeper: Service {
    /// What one look leaves for the next.
    package struct Memory: Sendable {
        /// Looks in a row that found a table which ProxySQL will not correct.
        var strandedLooks = 0
        /// Looks in a row that found each module lost.
        var lostLooks: [CoreModule: Int] = [:]
        /// The cores that were missing.
        var missing: [String] = []

        /// Remembers nothing.
        package init() {}
    }

    /// A pull may be under way while one look is taken.
    private static let strandedPatience = 2
    /// Between two looks while something is lost.
    private static let hurry = Duration.seconds(1)
    private static let rowsPerStatement = 500

    private let port: any AdminShell
    private let cores: any CoreTableReader
    private let role: RoleBoard
    private let bootstrap: AgentAddress
    private let content: LostContent?
    private let pace: MembershipKeeper.Pace
    private let logger: Logger

    /// Makes the keeper; `bootstrap` is the cores' Service, and the row that is put in when the node's own configuration
    /// file has none. Without `content` what the node lost is left to others.
    package init(
        port: any AdminShell, cores: any CoreTableReader, content: LostContent? = nil, role: RoleBoard,
        bootstrap: AgentAddress, pace: MembershipKeeper.Pace, logger: Logger
    ) {
        self.content = content
        self.port = port
        self.cores = cores
        self.role = role
        self.bootstrap = bootstrap
        self.pace = pace
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var memory = Memory()
            while !Task.isCancelled {
                do throws(AdminError) {
                    try await step(&memory)
                } catch {
                    role.update { $0.note = "the cores could not be looked at: \(error.message)" }
                    logger.debug("the cores cannot be looked at", metadata: ["error": "\(error)"])
                }
                await bringBack(&memory)
                let wait = memory.lostLooks.isEmpty ? pace.interval : min(pace.interval, Self.hurry)
                await pace.change.wait(upTo: wait, clock: pace.clock)
            }
        }
    }

    /// Brings back what the node lost, apart from the cores' table: it may concern a core that does not answer.
    package func bringBack(_ memory: inout Memory) async {
        guard let content else { return }
        do throws(AdminError) {
            let lost = try await content.find()
            memory.lostLooks = memory.lostLooks.filter { known in lost.contains { $0.module == known.key } }
            for (module, sources) in lost {
                memory.lostLooks[module, default: 0] += 1
                guard memory.lostLooks[module, default: 0] >= Self.strandedPatience else { continue }
                try await content.bring(module, from: sources)
                memory.lostLooks[module] = nil
            }
        } catch {
            // A node that does not answer is told of by its health.
            guard !memory.lostLooks.isEmpty else { return }
            logger.warning(
                "what the node lost could not be brought back from a core; trying again",
                metadata: ["error": "\(error.message)"])
        }
    }

    /// One look, and a resync when a core is missing or the table of cores would stay wrong.
    package func step(_ memory: inout Memory) async throws(AdminError) {
        let absence = try await absence()
        let metrics = try await port.rows(
            "SELECT hostname, port, last_check_ms, Uptime_s FROM stats_proxysql_servers_metrics"
        ).map {
            CoreAbsence.Metrics(
                host: $0[0] ?? "", port: Self.integer($0[1]), lastCheck: Self.integer($0[2]),
                uptime: Self.integer($0[3]))
        }
        let missing = absence.missing(metrics).map(\.host)
        let known = metrics.filter { $0.host != bootstrap.host }.map(\.host)
        let drift = try await ClusterDrift.read(port)
        role.update {
            $0.peers = known
            $0.drift = drift
        }
        defer { memory.missing = missing }
        guard missing.isEmpty else {
            let names = missing.joined(separator: ", ")
            if missing != memory.missing {
                logger.warning("cores are missing, the cores are learnt anew", metadata: ["cores": "\(names)"])
            }
            let note = try await resync()
            return role.update { $0.note = "\(names) did not answer for \(absence.limit / 1_000) s; \(note)" }
        }
        let stranded = try await table()?.stranded
        memory.strandedLooks = stranded == nil ? 0 : memory.strandedLooks + 1
        guard let stranded, memory.strandedLooks >= Self.strandedPatience else {
            return role.update { $0.note = known.count == 1 ? "1 core answers" : "\(known.count) cores answer" }
        }
        memory.strandedLooks = 0
        guard let count = try await learn(from: stranded) else { return }
        logger.notice(
            "the cores were learnt by reading their table: ProxySQL does not pull one that was loaded before its own",
            metadata: ["source": "\(stranded)", "cores": "\(count)"])
        role.update { $0.note = "\(count) cores were learnt from \(stranded)" }
    }

    private func absence() async throws(AdminError) -> CoreAbsence {
        let rows = try await port.rows(
            "SELECT variable_name, variable_value FROM global_variables WHERE variable_name IN "
                + "('admin-cluster_check_interval_ms','admin-cluster_check_status_frequency')")
        var values: [String: Int] = [:]
        for row in rows { values[row[0] ?? ""] = Self.integer(row[1]) }
        return CoreAbsence(
            interval: values["admin-cluster_check_interval_ms"] ?? 1_000,
            frequency: values["admin-cluster_check_status_frequency"] ?? 10, bootstrapHost: bootstrap.host)
    }

    /// What the node and its peers run of the table of cores; nil when the node does not say.
    private func table() async throws(AdminError) -> CoreTable? {
        let own = try await port.rows(
            "SELECT version, epoch, checksum FROM runtime_checksums_values WHERE name='proxysql_servers'"
        ).first.flatMap { Self.stamp($0[...]) }
        guard let own, own.version > 1 else { return nil }
        let peers = try await port.rows(
            "SELECT hostname, port, version, epoch, checksum FROM stats_proxysql_servers_checksums "
                + "WHERE name='proxysql_servers'")
        return CoreTable(
            own: own,
            peers: peers.compactMap { row in
                guard row.count > 4, let host = row[0], let stamp = Self.stamp(row[2...]) else { return nil }
                return .init(address: AgentAddress(host: host, port: Self.integer(row[1])), stamp: stamp)
            })
    }

    /// Learns the cores anew; says so in a sentence.
    package func resync() async throws(AdminError) -> String {
        do throws(AdminError) {
            guard let count = try await learn(from: bootstrap) else {
                return "the table of cores is the one that runs at \(bootstrap)"
            }
            AgentMetric.resyncs.count()
            return "\(count) cores were learnt from \(bootstrap)"
        } catch {
            logger.info(
                "the cores cannot be learnt from the bootstrap Service", metadata: ["error": "\(error.message)"])
        }
        let note = try await goBack()
        AgentMetric.resyncs.count()
        return note
    }

    /// Takes over the table that runs at `core`: how many cores it has; nil when it is the node's own already.
    private func learn(from core: AgentAddress) async throws(AdminError) -> Int? {
        let theirs = try await cores.table(at: core)
        guard theirs.contains(where: { $0.host != bootstrap.host }) else {
            throw AdminError(.readBackDiffers, "\(core) knows no cores itself")
        }
        let own = try await port.rows("SELECT hostname, port, weight, comment FROM runtime_proxysql_servers")
        guard Set(own.compactMap { CoreRow($0) }) != Set(theirs) else { return nil }
        _ = try await port.rows("DELETE FROM proxysql_servers")
        for start in stride(from: 0, to: theirs.count, by: Self.rowsPerStatement) {
            var values: [String] = []
            for row in theirs[start..<min(start + Self.rowsPerStatement, theirs.count)] {
                let (host, comment) = (try SQLText.quote(row.host), try SQLText.quote(row.comment))
                values.append("(\(host),\(row.port),\(row.weight),\(comment))")
            }
            _ = try await port.rows(
                "INSERT OR REPLACE INTO proxysql_servers (hostname,port,weight,comment) VALUES "
                    + values.joined(separator: ","))
        }
        _ = try await port.rows("LOAD PROXYSQL SERVERS TO RUNTIME")
        return theirs.count
    }

    /// Goes back to the bootstrap row, over which ProxySQL itself asks for the cores from now on.
    private func goBack() async throws(AdminError) -> String {
        _ = try await port.rows("DELETE FROM proxysql_servers")
        do throws(AdminError) {
            _ = try await port.rows("LOAD PROXYSQL SERVERS FROM CONFIG")
        } catch {
            guard error.code == .statementRefused else { throw error }
            logger.warning("the configuration file cannot be read", metadata: ["error": "\(error)"])
        }
        let count = Self.integer(try await port.rows("SELECT COUNT(*) FROM proxysql_servers").first?.first ?? nil)
        if count == 0 {
            // Without any row the node would be alone for ever.
            _ = try await port.rows(
                "INSERT OR REPLACE INTO proxysql_servers (hostname, port) VALUES "
                    + "(\(try SQLText.quote(bootstrap.host)), \(bootstrap.port))")
        }
        _ = try await port.rows("LOAD PROXYSQL SERVERS TO RUNTIME")
        let row = count == 0 ? "the file has no bootstrap row, so \(bootstrap) was put in" : "back to the bootstrap row"
        return "\(row); the cores are learnt as soon as one answers there"
    }

    private static func integer(_ cell: String?) -> Int { cell.flatMap { Int($0) } ?? 0 }

    private static func stamp(_ cells: ArraySlice<String?>) -> NodeObservation.Stamp? {
        let cells = Array(cells)
        guard cells.count > 2, let checksum = cells[2] else { return nil }
        return NodeObservation.Stamp(
            module: "proxysql_servers", version: Int64(integer(cells[0])), epoch: Int64(integer(cells[1])),
            checksum: checksum)
    }
}

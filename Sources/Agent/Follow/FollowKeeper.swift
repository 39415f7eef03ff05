import FleetModel
package import Logging
import MySQLWire
import Pacing
package import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

/// Brings a followed configuration to the acting core, whose node the others pull it from, and verifies on every node
/// that it runs.
///
/// What is reported is what the node was verified to hold, by generation and content, and only as long as it does: when
/// the node's modules change, ProxySQL starts anew, or the node cannot be read, the report is taken back until the next
/// verification.
package final class FollowKeeper: Service {
    /// Whether this agent may apply now: it acts for the cores, and its node has settled.
    package typealias Right = @Sendable () -> Bool

    private struct Known {
        /// The newest of each group that the node was verified to hold.
        var newest: [InstanceName: PublishedConfiguration] = [:]
        var complaint = ""
        /// What the node ran when it was verified.
        var stamps: [[String?]]?
        /// Since when the node has held something else than what is followed.
        var differs: Stopwatch?
        /// Rounds in a row since then in which ProxySQL would never have pulled what differs.
        var strandedRounds = 0
    }

    /// Between two verifications it is looked this often whether the node's modules are the same.
    private static let watch = Duration.seconds(1)
    /// A pull may be under way while one round is taken.
    private static let strandedPatience = 2

    private let source: any FollowSource
    private let directory: TLSDirectory
    private let port: any AdminConnection
    private let node: String
    private let role: RoleBoard
    private let events: AgentEvents
    private let mayApply: Right
    private let repairsAfter: Duration?
    private let pace: MembershipKeeper.Pace
    private let logger: Logger
    private let known = Mutex(Known())
    private let unsaved: UnsavedModules

    /// Makes the keeper of a node; the files that rows name are kept in `directory`. A node that has held something else
    /// for longer than `repairsAfter` is loaded although another core acts; nil leaves that to cluster sync alone.
    package init(
        source: any FollowSource, directory: TLSDirectory, node: (name: String, port: any AdminConnection),
        role: RoleBoard,
        events: AgentEvents, mayApply: @escaping Right, repairsAfter: Duration? = nil, pace: MembershipKeeper.Pace,
        logger: Logger
    ) {
        self.repairsAfter = repairsAfter
        self.source = source
        self.directory = directory
        self.node = node.name
        port = node.port
        self.role = role
        self.events = events
        self.mayApply = mayApply
        self.pace = pace
        self.logger = logger
        unsaved = UnsavedModules(clock: pace.clock)
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.loop() }
    }

    private func loop() async {
        while !Task.isCancelled {
            var isCurrent = false
            do throws(AdminError) {
                isCurrent = try await step()
            } catch {
                complain("\(source.place) could not be brought to the node: \(error.message)")
            }
            // What is pulled from another core is there within seconds.
            guard isCurrent else {
                await pace.change.wait(upTo: min(Self.watch, pace.interval), clock: pace.clock)
                continue
            }
            await rest()
        }
    }

    /// Waits until the next verification is due, which is at once when the node runs something else.
    private func rest() async {
        var remaining = pace.interval
        while remaining > .zero, !Task.isCancelled {
            let slice = min(Self.watch, remaining)
            let stopwatch = Stopwatch(pace.clock)
            await pace.change.wait(upTo: slice, clock: pace.clock)
            remaining -= slice
            // Woken early: something else is wanted.
            guard stopwatch.elapsed >= slice, remaining > .zero else { return }
            guard await runsTheSame() else { return }
        }
    }

    /// Whether the modules are those that were verified; ProxySQL counts their versions anew when it starts.
    private func runsTheSame() async -> Bool {
        guard let stamps = try? await stamps() else {
            report([], generation: nil)
            return false
        }
        return stamps == known.withLock { $0.stamps }
    }

    private func stamps() async throws(AdminError) -> [[String?]] {
        let result = try await port.query(
            "SELECT name, version, epoch, checksum FROM runtime_checksums_values "
                + "WHERE name LIKE 'mysql_servers%' OR name IN ('mysql_users', 'mysql_query_rules') ORDER BY name")
        return result.rows.map(\.values)
    }

    /// One round; whether the node runs what is wanted.
    package func step() async throws(AdminError) -> Bool {
        do throws(AdminError) {
            return try await round()
        } catch {
            // Whether it still holds is not known.
            report([], generation: nil)
            throw error
        }
    }

    private func round() async throws(AdminError) -> Bool {
        let staged = source.files
        let given = given()
        let kept = known.withLock { $0.newest.values.sorted { $0.configuration.group < $1.configuration.group } }
        let (wanted, isLate) = given.map(newest) ?? (kept, true)
        let configurations = wanted.map(\.configuration)
        // Files first and rows second, so that no row of ours ever names a file that is not there.
        guard keep(staged, configurations) else {
            report([], generation: nil)
            return false
        }
        let generation = configurations.map(\.generation).max()
        role.update { $0.wantedGeneration = generation }
        let savesToDisk = try await savesToDisk()
        let apply = NodeApply(
            connection: port, node: node, savesToDisk: savesToDisk, tlsDirectory: directory.path,
            unsaved: unsaved, logger: logger)
        let isLeftAlone = try await isLeftAlone()
        if given != nil, mayApply() || isLeftAlone { try await bring(configurations, apply) }
        // Read before the rows: what changes while they are read is found by the next look.
        let stamps = try await stamps()
        var held: [HeldConfiguration] = []
        var isCurrent = true
        for one in wanted {
            if try await apply.holds(one.configuration) {
                known.withLock { $0.newest[one.configuration.group] = one }
                held.append(one.held)
                continue
            }
            isCurrent = false
            // Not there yet: it may hold what it held before.
            let former = known.withLock { $0.newest[one.configuration.group] }
            if let former, former != one, try await apply.holds(former.configuration) { held.append(former.held) }
        }
        known.withLock { known in
            known.stamps = stamps
            known.differs = isCurrent ? nil : known.differs ?? Stopwatch(pace.clock)
            if isCurrent { known.strandedRounds = 0 }
        }
        report(held, generation: isCurrent ? generation : wanted.count == 1 ? held.first?.generation : nil)
        guard isCurrent else { return false }
        if !isLate { known.withLock { $0.complaint = "" } }
        if given != nil {
            try await removeFiles(except: Set(staged.keys).union(Self.files(of: configurations).keys))
        }
        return true
    }

    /// A satellite whose own LOAD is newer than the cores' pulls nothing from them, so that what was changed there by
    /// hand would stay for ever. Nobody pulls from a satellite: it is loaded by its own agent, at once when it can be
    /// seen that nothing will be pulled, and in any case after a while.
    private func isLeftAlone() async throws(AdminError) -> Bool {
        guard let repairsAfter, let differs = known.withLock({ $0.differs }) else { return false }
        guard differs.elapsed < repairsAfter else { return true }
        let stamps = PeerStamps(
            own: try await port.query(PeerStamps.ownStatement).rows.map(\.values),
            peers: try await port.query(PeerStamps.peersStatement).rows.map(\.values))
        let isStranded = PeerStamps.contents.contains { stamps.isStranded($0) }
        return known.withLock { known in
            known.strandedRounds = isStranded ? known.strandedRounds + 1 : 0
            return known.strandedRounds >= Self.strandedPatience
        }
    }

    /// What the source says; nil when that is not usable, and what runs is kept.
    private func given() -> [PublishedConfiguration]? {
        guard let text = source.text() else {
            complain("\(source.place) is not there")
            return nil
        }
        do throws(FleetDocument.Problem) {
            return try FleetDocument(text).published
        } catch {
            complain("\(source.place) cannot be used, what runs is kept: \(error)")
            return nil
        }
    }

    private func bring(_ configurations: [FleetConfiguration], _ apply: NodeApply) async throws(AdminError) {
        for configuration in configurations {
            let loaded: [AdminModule]
            do throws(AdminError) {
                loaded = try await apply.apply(configuration)
            } catch  where error.code == .foreignRows {
                // Everything else of it was brought, and the other groups are not to wait for it.
                complain("\(source.place): \(error.message)")
                continue
            }
            guard !loaded.isEmpty else { continue }
            events.publish(
                .configurationApplied,
                [
                    .source: source.place, .group: configuration.group.text,
                    .generation: "\(configuration.generation)",
                    .modules: loaded.map(\.rawValue).joined(separator: ", "),
                ])
        }
    }

    /// Says what the node holds, and tells people what it does not hold any more.
    private func report(_ held: [HeldConfiguration], generation: Int64?) {
        let before = role.report.holds ?? []
        role.update {
            $0.holds = held
            $0.generation = generation
        }
        let groups = Set(held.map(\.group))
        for lost in before where !groups.contains(lost.group) {
            logger.warning(
                "the node is not known to hold a configuration any more",
                metadata: ["group.name": "\(lost.group)", "generation": "\(lost.generation)"])
        }
    }

    private static func files(of configurations: [FleetConfiguration]) -> [String: Secret] {
        Dictionary(
            configurations.flatMap(TLSFile.all).map { ($0.name, $0.content) }, uniquingKeysWith: { first, _ in first })
    }

    /// Writes the files that are there to be named and those that are; whether all of them are there.
    private func keep(_ staged: [String: Secret], _ configurations: [FleetConfiguration]) -> Bool {
        let wanted = staged.merging(Self.files(of: configurations)) { $1 }
        defer { role.update { $0.tlsFiles = directory.names.sorted() } }
        do throws(TLSDirectory.Problem) {
            try directory.put(wanted)
            return true
        } catch {
            complain("the TLS files of \(source.place) could not be written, what runs is kept: \(error)")
            return false
        }
    }

    /// Rows go first and files second: what a row names at runtime, in memory or on disk stays, whoever wrote the row.
    private func removeFiles(except wanted: Set<String>) async throws(AdminError) {
        guard !directory.names.isSubset(of: wanted) else { return }
        let columns = "SELECT ssl_ca, ssl_cert, ssl_key FROM"
        let result = try await port.query(
            "\(columns) runtime_\(SSLParamsRow.table) UNION ALL \(columns) main.\(SSLParamsRow.table) "
                + "UNION ALL \(columns) disk.\(SSLParamsRow.table)")
        let named = result.rows.flatMap(\.values).compactMap { $0?.split(separator: "/").last.map { String($0) } }
        directory.remove(except: wanted.union(named))
        role.update { $0.tlsFiles = directory.names.sorted() }
    }

    /// The newer of what is given and what the node ran already, group by group: a copy that comes late must not bring an
    /// older one back.
    private func newest(_ given: [PublishedConfiguration]) -> ([PublishedConfiguration], isLate: Bool) {
        var isLate = false
        let newest = given.map { one in
            let seen = known.withLock { $0.newest[one.configuration.group] }
            guard let seen, one.configuration.generation < seen.configuration.generation else { return one }
            complain(
                "\(source.place) has generation \(one.configuration.generation) of \(one.configuration.group), and the "
                    + "node ran \(seen.configuration.generation) already; it is left alone")
            isLate = true
            return seen
        }
        return (newest, isLate)
    }

    private func savesToDisk() async throws(AdminError) -> Bool {
        let result = try await port.query(
            "SELECT variable_value AS value FROM global_variables "
                + "WHERE variable_name='admin-cluster_mysql_servers_save_to_disk'")
        return result.rows.first?.string("value") == "true"
    }

    /// Says a thing once, until it is another.
    private func complain(_ text: String) {
        let isNews = known.withLock { known in
            defer { known.complaint = text }
            return known.complaint != text
        }
        if isNews { logger.warning("the followed configuration", metadata: ["problem": "\(text)"]) }
    }
}

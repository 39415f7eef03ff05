import FleetModel
package import Logging
import MySQLWire
import Pacing
package import ProxySQLAdmin
import ServiceLifecycle
import Synchronization

/// Brings a followed configuration to the acting core, whose node the others pull it from, and verifies on every node
/// that it runs.
package final class FollowKeeper: Service {
    /// Whether this agent may apply now: it acts for the cores, and its node has settled.
    package typealias Right = @Sendable () -> Bool

    private struct Known {
        var generations: [InstanceName: Int64] = [:]
        var complaint = ""
    }

    private let source: any FollowSource
    private let directory: TLSDirectory
    private let port: any AdminConnection
    private let node: String
    private let role: RoleBoard
    private let events: AgentEvents
    private let mayApply: Right
    private let pace: MembershipKeeper.Pace
    private let logger: Logger
    private let known = Mutex(Known())
    private let unsaved: UnsavedModules

    /// Makes the keeper of a node; the files that rows name are kept in `directory`.
    package init(
        source: any FollowSource, directory: TLSDirectory, node: (name: String, port: any AdminConnection),
        role: RoleBoard,
        events: AgentEvents, mayApply: @escaping Right, pace: MembershipKeeper.Pace, logger: Logger
    ) {
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
            let wait = isCurrent ? pace.interval : min(.seconds(1), pace.interval)
            await pace.change.wait(upTo: wait, clock: pace.clock)
        }
    }

    /// One round; whether the node runs what is wanted.
    package func step() async throws(AdminError) -> Bool {
        let staged = source.files
        guard let text = source.text() else {
            if keep(staged, []) { complain("\(source.place) is not there") }
            return true
        }
        let document: FleetDocument
        do throws(FleetDocument.Problem) {
            document = try FleetDocument(text)
        } catch {
            complain("\(source.place) cannot be used, what runs is kept: \(error)")
            return true
        }
        let (configurations, late) = newest(document.configurations)
        // Files first and rows second, so that no row of ours ever names a file that is not there.
        guard keep(staged, document.configurations) else { return false }
        let wanted = (configurations.map(\.generation) + late).max()
        role.update { $0.wantedGeneration = wanted }
        let savesToDisk = try await savesToDisk()
        let apply = NodeApply(
            connection: port, node: node, savesToDisk: savesToDisk, tlsDirectory: directory.path,
            unsaved: unsaved, logger: logger)
        if mayApply() {
            for configuration in configurations {
                let loaded = try await apply.apply(configuration)
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
        for configuration in configurations {
            guard try await apply.holds(configuration) else { return false }
            known.withLock { $0.generations[configuration.group] = configuration.generation }
        }
        if late.isEmpty { known.withLock { $0.complaint = "" } }
        role.update { $0.generation = wanted }
        try await removeFiles(except: Set(staged.keys).union(Self.files(of: document.configurations).keys))
        return true
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

    /// What is not older than what the node ran already: a copy that comes late must not bring it back. Beside it, what
    /// the node ran in the place of each that is older.
    private func newest(_ configurations: [FleetConfiguration]) -> ([FleetConfiguration], late: [Int64]) {
        var late: [Int64] = []
        let fresh = configurations.filter { configuration in
            let seen = known.withLock { $0.generations[configuration.group] }
            guard let seen, configuration.generation < seen else { return true }
            complain(
                "\(source.place) has generation \(configuration.generation) of \(configuration.group), and the node "
                    + "ran \(seen) already; it is left alone")
            late.append(seen)
            return false
        }
        return (fresh, late)
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

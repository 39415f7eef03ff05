package import Logging
package import Pacing
import ProxySQLAdmin

/// Brings a satellite back what it lost: a module of which it runs nothing at all, by a LOAD that is later than every
/// core's, so that ProxySQL pulls nothing. It is copied from a core, as a pull would have done it.
package struct LostContent: Sendable {
    private static let rowsPerStatement = 200

    private let port: any AdminShell
    private let cores: any CoreTableReader
    private let effects: CoreEffects
    private let logger: Logger

    /// Works over `port`, the satellite's own admin interface.
    package init(
        port: any AdminShell, cores: any CoreTableReader,
        time: (clock: any Clock<Duration>, wallClock: any WallClock), logger: Logger
    ) {
        self.port = port
        self.cores = cores
        effects = CoreEffects(port, time: time, logger: logger)
        self.logger = logger
    }

    /// What is lost, with the cores that have it.
    func find() async throws(AdminError) -> [(module: CoreModule, sources: [AgentAddress])] {
        let stamps = PeerStamps(
            own: try await port.rows(PeerStamps.ownStatement), peers: try await port.rows(PeerStamps.peersStatement))
        return PeerStamps.contents.map { ($0, stamps.sources(ofLost: $0)) }.filter { !$0.sources.isEmpty }
    }

    /// Copies a module from the first of `sources` that answers.
    func bring(_ module: CoreModule, from sources: [AgentAddress]) async throws(AdminError) {
        var failure = AdminError(.unreachable, "no core has \(module.checksumName)")
        for source in sources {
            let contents: [TableContent]
            do throws(AdminError) {
                contents = try await cores.content(of: Self.tables(of: module), at: source)
            } catch {
                failure = error
                continue
            }
            // It may have been emptied there meanwhile, and then it is pulled.
            guard !contents.isEmpty else { continue }
            for content in contents { try await put(content) }
            try await effects.load([module])
            return logger.warning(
                "the node had lost what its cores have, and got it back",
                metadata: ["module": "\(module.checksumName)", "source": "\(source)"])
        }
        throw failure
    }

    private func put(_ content: TableContent) async throws(AdminError) {
        let status = content.columns.firstIndex(of: "status")
        _ = try await port.rows("DELETE FROM \(content.table)")
        for start in stride(from: 0, to: content.rows.count, by: Self.rowsPerStatement) {
            var values: [String] = []
            for row in content.rows[start..<min(start + Self.rowsPerStatement, content.rows.count)] {
                var literals: [String] = []
                for (index, cell) in row.enumerated() {
                    // What Monitor found out is the other node's own, and no status that can be written.
                    let isShunned = index == status && cell?.hasPrefix("SHUNNED") == true
                    literals.append(try SQLText.quote(isShunned ? "ONLINE" : cell))
                }
                values.append("(\(literals.joined(separator: ",")))")
            }
            _ = try await port.rows(
                "INSERT OR REPLACE INTO \(content.table) (\(content.columns.joined(separator: ","))) VALUES "
                    + values.joined(separator: ","))
        }
    }

    /// As ProxySQL pulls them.
    private static func tables(of module: CoreModule) -> [String] {
        module == .queryRules ? module.tables + ["mysql_query_rules_fast_routing"] : module.tables
    }
}

import FakeGoogle
import JSONValues
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is kept when a story ends badly: nothing of it is left once its folder is removed.
extension AgentsStory {
    private static let tables = [
        "SELECT name, version, epoch, checksum FROM runtime_checksums_values WHERE version > 0",
        "SELECT hostname, name, version, epoch, checksum, diff_check FROM stats_proxysql_servers_checksums "
            + "WHERE version > 0",
        "SELECT hostname, comment FROM runtime_proxysql_servers",
        "SELECT hostname, last_check_ms, Uptime_s FROM stats_proxysql_servers_metrics",
    ]
    /// Lines of each agent's log.
    private static let lastLines = 40

    /// Tells what every pod's agent and node say of themselves.
    func tellEvidence() async {
        for process in cluster.runner.running.values.sorted(by: { $0.name < $1.name }) {
            var details: [String: JSONValue] = [:]
            do {
                let (_, status) = try await http.exchange(.GET, "\(process.agentURL)/v1/status")
                details["status"] = status
            } catch {
                details["status"] = .string("\(error)")
            }
            for sql in Self.tables {
                let name = sql.split(separator: " ").drop { $0 != "FROM" }.dropFirst().first.map(String.init) ?? sql
                do {
                    let rows = try await admin.query(sql, process.node.endpoint)
                    details[name] = .array(rows.map { .string($0.map { $0 ?? "NULL" }.joined(separator: " ")) })
                } catch {
                    details[name] = .string("\(error)")
                }
            }
            let log = (try? String(contentsOf: URL(fileURLWithPath: process.logFile), encoding: .utf8)) ?? ""
            details["log"] = .array(log.split(separator: "\n").suffix(Self.lastLines).map { .string(String($0)) })
            narrator.evidence("\(process.role) \(process.name), as it is now", details)
        }
    }
}

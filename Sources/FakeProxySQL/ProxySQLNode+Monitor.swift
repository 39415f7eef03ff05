import FleetModel
import Pacing

/// What ProxySQL's Monitor does at runtime beside `mysql_replication_hostgroups`: memory stays as it was written, and of
/// the two checksums of the servers only that of what runs moves.
extension ProxySQLNode {
    /// Takes a server to another hostgroup, as Monitor does when its `read_only` changed; with `staysToo` it is in both
    /// afterwards (`mysql-monitor_writer_is_also_reader`).
    package func moveByMonitor(address: String, from: Int, to: Int, staysToo: Bool = false) throws {
        let columns = ConfigurationTables.servers.columns.map(\.name)
        let values = columns.map { $0 == "hostgroup_id" ? "\(to)" : $0 }.joined(separator: ", ")
        let place = "hostname=\(NodeDatabase.literal(address)) AND hostgroup_id=\(from)"
        var statements = [
            "INSERT OR REPLACE INTO runtime_mysql_servers (\(columns.joined(separator: ", "))) "
                + "SELECT \(values) FROM runtime_mysql_servers WHERE \(place)"
        ]
        if !staysToo { statements.append("DELETE FROM runtime_mysql_servers WHERE \(place)") }
        try database.apply(statements)
        let epoch = wallClock.now().secondsSinceEpoch
        for (name, checksum) in try Layers(database: database).checksums(of: .servers) where name == "mysql_servers" {
            checksums[name] = ModuleChecksum(
                name: name, version: (checksums[name]?.version ?? 0) + 1, epoch: epoch, checksum: checksum)
        }
        pool = try Self.poolAfterLoad(pool, database)
    }
}

import FleetModel
import Pacing

/// Reads another node's admin interface.
package protocol ClusterPeer: Sendable {
    /// Where the peer is.
    var address: PeerAddress { get }
    /// The rows that `sql` selects; every value is text, nil is NULL. Bounded by a deadline of its own.
    func rows(_ sql: String) async throws -> [[String?]]
}

/// What a node has seen of one peer.
struct PeerView: Sendable {
    /// What was seen of one module.
    struct Module: Sendable {
        var checksum: ModuleChecksum
        var changedAt: Timestamp
        var updatedAt: Timestamp
        /// Checks in a row that found the peer's checksum different from ours: `diff_check`.
        var differences = 0
    }

    var modules: [String: Module] = [:]
    var lastAnswer: Timestamp?
}

/// A module that should be fetched from a peer now.
package struct ClusterPull: Sendable, Equatable {
    /// What to fetch.
    package var module: ConfigurationModule
    /// Where from: the peer with the newest epoch.
    package var source: PeerAddress
    /// The peer's rows of `runtime_checksums_values`, whose epochs and checksums the puller takes over.
    package var checksums: [ModuleChecksum]
}

/// The rules of ProxySQL's native clustering.
extension ProxySQLNode {
    /// The rows of `runtime_proxysql_servers`, without this node itself.
    package func configuredPeers() throws -> [PeerAddress] {
        try database.run("SELECT hostname, port FROM runtime_proxysql_servers").rows.compactMap { row in
            guard let host = row[0], let port = row[1].flatMap({ Int($0) }) else { return nil }
            let peer = PeerAddress(host: host, port: port)
            return peer == configuration.address ? nil : peer
        }
    }

    /// One check of every given peer, and the pulls that follow from it; takes no time of its own. A peer that does not
    /// answer changes nothing.
    package func clusterCheck(peers: [any ClusterPeer]) async {
        for peer in peers { await clusterCheck(peer) }
    }

    /// One check of one peer.
    package func clusterCheck(_ peer: any ClusterPeer) async {
        guard let rows = try? await peer.rows("SELECT name, version, epoch, checksum FROM runtime_checksums_values")
        else { return }
        observe(ModuleChecksum.parse(rows), of: peer.address)
        for pull in pullsDue(from: peer.address) { await fetch(pull, from: peer) }
    }

    /// Takes note of what a peer runs.
    package func observe(_ rows: [ModuleChecksum], of peer: PeerAddress) {
        let now = wallClock.now()
        var view = peers[peer] ?? PeerView()
        view.lastAnswer = now
        for row in rows {
            var seen =
                view.modules[row.name] ?? PeerView.Module(checksum: row, changedAt: now, updatedAt: now)
            let hasChanged = seen.checksum.checksum != row.checksum
            if hasChanged { seen.changedAt = now }
            seen.checksum = row
            seen.updatedAt = now
            if checksums[row.name]?.checksum == row.checksum {
                seen.differences = 0
            } else {
                seen.differences = hasChanged ? 1 : seen.differences + 1
            }
            view.modules[row.name] = seen
        }
        peers[peer] = view
    }

    /// The modules for which `peer` is the source now: it runs something else, it was loaded since it started, we were
    /// not or earlier, it was so for enough checks, and no other peer has something newer.
    package func pullsDue(from peer: PeerAddress) -> [ClusterPull] {
        let configured = Set((try? configuredPeers()) ?? [])
        guard configured.contains(peer), let view = peers[peer] else { return [] }
        return ConfigurationModule.allCases.compactMap { module -> ClusterPull? in
            guard let wanted = differencesNeeded(module), wanted > 0 else { return nil }
            let isDue = namesThatTrigger(module).contains { name in
                guard let seen = view.modules[name], isNewer(seen), seen.differences >= wanted else { return false }
                // The newest epoch decides; as long as it belongs to one that is not to be pulled, nobody is.
                return configured.allSatisfy { other in
                    guard let candidate = peers[other]?.modules[name]?.checksum, candidate.version > 1 else {
                        return true
                    }
                    return candidate.epoch <= seen.checksum.epoch
                }
            }
            guard isDue else { return nil }
            return ClusterPull(
                module: module, source: peer,
                checksums: module.checksumNames.compactMap { view.modules[$0]?.checksum })
        }
    }

    private func isNewer(_ seen: PeerView.Module) -> Bool {
        guard let own = checksums[seen.checksum.name], own.checksum != seen.checksum.checksum,
            seen.checksum.version > 1
        else { return false }
        return own.version == 1 || seen.checksum.epoch > own.epoch
    }

    /// `admin-cluster_…_diffs_before_sync`; nil for a module that never travels.
    private func differencesNeeded(_ module: ConfigurationModule) -> Int? {
        module.clusterName.flatMap { runtimeVariable("admin-cluster_\($0)_diffs_before_sync") }.flatMap { Int($0) }
    }

    /// With sync algorithm 2 only the configuration of the servers counts, not what the peer made of it.
    private func namesThatTrigger(_ module: ConfigurationModule) -> [String] {
        guard module == .servers, runtimeVariable("admin-cluster_mysql_servers_sync_algorithm") == "2" else {
            return module.checksumNames
        }
        return ["mysql_servers_v2"]
    }

    private func fetch(_ pull: ClusterPull, from peer: any ClusterPeer) async {
        var contents: [[[String?]]] = []
        for table in pull.module.tables {
            let columns = table.columns.map(\.name).map { name in
                // What the peer's own failures did to a server is the peer's affair.
                name == "status" ? "CASE status WHEN 'SHUNNED' THEN 'ONLINE' ELSE status END AS status" : name
            }
            let sql =
                "SELECT \(columns.joined(separator: ", ")) FROM runtime_\(table.name) WHERE \(pull.module.condition)"
            guard let rows = try? await peer.rows(sql) else { return }
            contents.append(rows)
        }
        // While the rows came a LOAD may have happened here; then the next check decides anew.
        guard pullsDue(from: pull.source).contains(pull) else { return }
        try? install(pull, contents: contents)
    }

    /// Replaces memory and runtime by a peer's content, under the peer's epoch and checksum and our next version.
    func install(_ pull: ClusterPull, contents: [[[String?]]]) throws {
        for (table, rows) in zip(pull.module.tables, contents) {
            let columns = table.columns.map(\.name)
            if pull.module.variablePrefix != nil {
                let taken = rows.filter { row in row[0].map { !VariableDefaults.local.contains($0) } ?? false }
                try database.apply(
                    taken.map { row in
                        "INSERT OR REPLACE INTO main.\(table.name) VALUES "
                            + "(\(row.map(NodeDatabase.literal).joined(separator: ",")))"
                    })
            } else {
                try database.replaceRows(of: "main.\(table.name)", columns: columns, with: rows)
            }
        }
        try activate(pull.module)
        for source in pull.checksums {
            checksums[source.name]?.epoch = source.epoch
            checksums[source.name]?.checksum = source.checksum
            peers[pull.source]?.modules[source.name]?.differences = 0
        }
        let name = "admin-cluster_\(pull.module.clusterName ?? "")_save_to_disk"
        if runtimeVariable(name) == "true" { try Layers(database: database).saveToDisk(pull.module) }
    }
}

extension ModuleChecksum {
    /// Reads rows of `runtime_checksums_values`; rows that make no sense are left out.
    package static func parse(_ rows: [[String?]]) -> [ModuleChecksum] {
        rows.compactMap { row in
            guard row.count >= 4, let name = row[0], let version = row[1].flatMap({ Int64($0) }),
                let epoch = row[2].flatMap({ Int64($0) }), let checksum = row[3]
            else { return nil }
            return ModuleChecksum(name: name, version: version, epoch: epoch, checksum: checksum)
        }
    }
}

/// A node in the same process as a peer: what a test uses, no sockets, no time.
package struct LocalPeer: ClusterPeer {
    private let node: ProxySQLNode
    package let address: PeerAddress

    /// Reads `node`, which others know as `address`.
    package init(_ node: ProxySQLNode, address: PeerAddress) {
        self.node = node
        self.address = address
    }

    /// The rows that `sql` selects on the node.
    package func rows(_ sql: String) async throws -> [[String?]] {
        switch await node.execute(sql).reply {
        case .rows(_, let rows): return rows
        case .error(let message): throw SQLFailure(message: message)
        case .ok, .gone: return []
        }
    }
}

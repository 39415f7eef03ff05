/// A row of the connection pool: one server in one hostgroup.
struct PoolKey: Hashable, Sendable, Comparable {
    var hostgroup: Int
    var host: String
    var port: Int

    static func < (left: PoolKey, right: PoolKey) -> Bool {
        (left.hostgroup, left.host, left.port) < (right.hostgroup, right.host, right.port)
    }
}

/// What the pool knows of one server.
struct PoolEntry: Sendable {
    var status: String
    var used = 0
    var free = 0
    var maximumUsed = 0
    var ok = 0
    var errors = 0
    var queries = 0
    /// The server is no longer configured; the row goes when its last connection does.
    var isRemoved = false

    /// The row of `stats_mysql_connection_pool`.
    func row(_ key: PoolKey) -> [String?] {
        [
            "\(key.hostgroup)", key.host, "\(key.port)", status, "\(used)", "\(free)", "\(ok)", "\(errors)",
            "\(maximumUsed)", "\(queries)", "0", "0", "0", "0",
        ]
    }
}

extension ProxySQLNode {
    /// The pool after a LOAD: new servers appear, known ones take the configured status (so shunned ones come back),
    /// absent ones stay as OFFLINE_HARD while connections are in use.
    static func poolAfterLoad(_ old: [PoolKey: PoolEntry], _ database: NodeDatabase) throws -> [PoolKey: PoolEntry] {
        var pool = old.filter { $0.value.used > 0 }.mapValues { entry in
            var entry = entry
            entry.status = "OFFLINE_HARD"
            entry.isRemoved = true
            entry.free = 0
            return entry
        }
        for row in try database.run("SELECT hostgroup_id, hostname, port, status FROM runtime_mysql_servers").rows {
            guard let hostgroup = row[0].flatMap({ Int($0) }), let host = row[1],
                let port = row[2].flatMap({ Int($0) }), let status = row[3]
            else { continue }
            let key = PoolKey(hostgroup: hostgroup, host: host, port: port)
            var entry = old[key] ?? PoolEntry(status: status)
            entry.status = status
            entry.isRemoved = false
            if status != "ONLINE" { entry.free = 0 }
            pool[key] = entry
        }
        return pool
    }

    /// Says how many connections clients use on a server, in one hostgroup or in all in which it is.
    package func setConnectionsInUse(address: String, port: Int, hostgroup: Int? = nil, count: Int) {
        for (key, entry) in pool
        where key.host == address && key.port == port && (hostgroup ?? key.hostgroup) == key.hostgroup {
            var entry = entry
            entry.used = max(0, count)
            entry.maximumUsed = max(entry.maximumUsed, entry.used)
            entry.ok = max(entry.ok, entry.used)
            pool[key] = entry.isRemoved && entry.used == 0 ? nil : entry
        }
    }

    /// Counts queries that a server answered.
    package func addQueries(address: String, port: Int, hostgroup: Int, count: Int) {
        pool[PoolKey(hostgroup: hostgroup, host: address, port: port)]?.queries += count
    }

    /// Makes a server SHUNNED at runtime, as failed connections (`forLag` false) or lag would; checksums do not move.
    package func shun(address: String, port: Int, forLag: Bool = false) throws {
        for key in pool.keys where key.host == address && key.port == port {
            pool[key]?.status = forLag ? "SHUNNED_REPLICATION_LAG" : "SHUNNED"
            pool[key]?.free = 0
        }
        try database.apply([
            "UPDATE runtime_mysql_servers SET status='SHUNNED' WHERE hostname=\(NodeDatabase.literal(address)) "
                + "AND port=\(port)"
        ])
    }
}

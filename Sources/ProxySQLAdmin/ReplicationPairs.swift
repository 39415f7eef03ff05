import MySQLWire

/// The pairs of hostgroups between which ProxySQL's Monitor moves servers at runtime, by what it reads of `read_only`
/// (ProxySQL documentation, "mysql_replication_hostgroups"). Memory stays as it was written, so there the two differ
/// for good, and a LOAD would put back what Monitor decided: after a failover, the old primary.
struct ReplicationPairs: Sendable {
    /// The writer's hostgroup of the pair that a hostgroup belongs to.
    private var writers: [Int: Int] = [:]

    /// No pairs: runtime shows what was loaded.
    init() {}

    /// Reads the pairs in force.
    /// - Throws: `AdminError`.
    init(of connection: any AdminConnection) async throws(AdminError) {
        let result = try await connection.query(
            "SELECT writer_hostgroup, reader_hostgroup FROM runtime_mysql_replication_hostgroups")
        for row in result.rows {
            let writer = try row.number("writer_hostgroup")
            writers[writer] = writer
            writers[try row.number("reader_hostgroup")] = writer
        }
    }

    func writer(of hostgroup: Int) -> Int { writers[hostgroup] ?? hostgroup }

    /// Whether `runtime` shows what was loaded: each server somewhere in its pair, and nowhere and nothing else.
    func agree<Row: ManagedRow>(_ runtime: Set<Row>, with expected: Set<Row>) -> Bool {
        guard !writers.isEmpty, runtime != expected else { return runtime == expected }
        let shown = Set(runtime.map { $0.placed(in: self) })
        let wanted = Set(expected.map { $0.placed(in: self) })
        return shown.isSubset(of: wanted) && Set(shown.map(\.key)) == Set(wanted.map(\.key))
    }
}

extension ManagedRow {
    func placed(in pairs: ReplicationPairs) -> Self {
        guard var row = self as? ServerRow else { return self }
        row.hostgroup = pairs.writer(of: row.hostgroup)
        return row as? Self ?? self
    }
}

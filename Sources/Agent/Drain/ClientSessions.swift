import MySQLWire

/// The clients of a node that are between two statements, as `stats_mysql_processlist` has them.
struct ClientSessions: Hashable, Sendable {
    /// One of them.
    struct Session: Hashable, Sendable {
        /// `SessionID`.
        var id: Int
        /// Milliseconds since its last packet.
        var idle: Int
        /// Whether it may be in a transaction.
        var mayBeInTransaction: Bool
    }

    /// No session has this number: `KILL CONNECTION` of it ends nobody, and makes every thread of ProxySQL look at its
    /// sessions at once, which it does by itself only each second (`MySQL_Threads_Handler::kill_session`,
    /// `read_one_byte_from_pipe`). With `mysql-wait_timeout=0` a thread then closes those that have been idle for a
    /// millisecond and are in no transaction. It decides that with the session in hand; from outside, what was read is
    /// past by the time it is acted upon.
    static let nobody = 2_147_483_647

    /// How many peers pull from this node: those that have asked it anything in the last ten seconds, or in three of
    /// their intervals.
    static let peers =
        "SELECT COUNT(*) FROM stats_proxysql_servers_clients_status WHERE last_seen_at > strftime('%s','now') - "
        + "MAX(10, 3 * (SELECT variable_value FROM global_variables "
        + "WHERE variable_name='admin-cluster_check_interval_ms') / 1000)"

    static let statement =
        "SELECT SessionID, srv_host, time_ms, extended_info FROM stats_mysql_processlist WHERE command='Sleep'"
    /// A client that has been quiet for so long will hardly begin a transaction in the next millisecond.
    private static let quiet = 100
    /// So many are ended after one reading at most.
    private static let batch = 20

    /// Those of them.
    var sessions: [Session]

    init(_ rows: [MySQLRow]) {
        sessions = rows.compactMap { row in
            guard let id = row[0].flatMap({ Int($0) }) else { return nil }
            let transactions = Self.transactions(row[3] ?? "")
            // A session without a transaction gives its backend connection back after each statement, unless something
            // pins it: from outside that cannot be told apart, without `mysql-show_processlist_extended`.
            let holdsBackend = row[1]?.isEmpty == false
            return Session(
                id: id, idle: max(0, row.integer(2)), mayBeInTransaction: transactions.map { $0 > 0 } ?? holdsBackend)
        }
    }

    /// Whom to end after this reading: several that are quiet; where there are none, and hardly any time is left, the
    /// one that has just begun its pause, because every other one is nearer to its next transaction. Of 22 clients that
    /// pause for 2 ms two thirds were in a transaction again by the time they were ended.
    func next(isLate: Bool) -> [Int] {
        let free = sessions.filter { !$0.mayBeInTransaction }
        let quiet = free.filter { $0.idle >= Self.quiet }.prefix(Self.batch).map(\.id)
        guard quiet.isEmpty, isLate else { return quiet }
        return free.min { $0.idle < $1.idle }.map { [$0.id] } ?? []
    }

    /// `active_transactions` of a session's JSON; nil where there is none.
    private static func transactions(_ text: String) -> Int? {
        let name = "\"active_transactions\":"
        guard let place = text.firstRange(of: name) else { return nil }
        return Int(text[place.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
    }
}

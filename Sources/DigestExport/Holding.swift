import FleetModel

/// A table in ProxySQL's memory that holds rows which were reset and are in no file yet.
///
/// Reading `stats_mysql_query_digest_reset` forgets the rows before the first of them has left ProxySQL, and the next
/// reading of either digest table, by anybody, empties both (ProxySQL's `stats___save_mysql_query_digest_to_sqlite`).
/// So the rows are moved, by one statement that runs inside ProxySQL, into a table of ours that nobody else names,
/// and that table is dropped only when the file is on disk. Its name says when, so a table that is found is work that
/// a dump before us did not finish.
struct Holding: Hashable, Sendable {
    /// When the rows were moved, in whole seconds.
    let time: Timestamp
    private let suffix: String

    private static let prefix = "drover_digest_"

    init(at time: Timestamp, suffix: String) {
        self.time = Timestamp(secondsSinceEpoch: time.secondsSinceEpoch)
        self.suffix = suffix
    }

    /// The holding whose table is named `table`; nil for any other table.
    init?(table: String) {
        guard table.hasPrefix(Self.prefix) else { return nil }
        let parts = table.dropFirst(Self.prefix.count).split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 2, let seconds = Int64(parts[0]), seconds >= 0, !parts[1].isEmpty,
            parts[1].utf8.allSatisfy({
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            })
        else { return nil }
        time = Timestamp(secondsSinceEpoch: seconds)
        suffix = String(parts[1])
    }

    var table: String { "stats.\(Self.prefix)\(time.secondsSinceEpoch)_\(suffix)" }

    static let list = "SELECT name FROM stats.sqlite_master WHERE type = 'table' AND name LIKE 'drover%' ORDER BY name"

    /// Made before anything is reset, so that a user who may not create a table loses nothing. In capitals the digests'
    /// table is read as it stands: ProxySQL looks for its name in small letters to know that it must be filled.
    var create: String { "CREATE TABLE \(table) AS SELECT * FROM stats.STATS_MYSQL_QUERY_DIGEST LIMIT 0" }

    var fill: String { "INSERT INTO \(table) SELECT * FROM stats_mysql_query_digest_reset" }

    var count: String { "SELECT COUNT(*) FROM \(table)" }

    var drop: String { "DROP TABLE \(table)" }

    /// A page of rows: other admin statements wait for a page, not for all of it.
    func page(after row: Int64, limit: Int) -> String {
        "SELECT rowid AS \(Self.rowColumn), * FROM \(table) WHERE rowid > \(row) ORDER BY rowid LIMIT \(limit)"
    }

    static let rowColumn = "drover_row"
}

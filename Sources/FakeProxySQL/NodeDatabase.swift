import GRDB

/// What SQLite answered to one statement.
struct SQLAnswer: Sendable {
    /// Names of the result's columns; empty for a statement without a result.
    var columns: [String]
    /// Every value as text, nil for NULL.
    var rows: [[String?]]
    /// SQLite's count of changed rows, which a statement that changes nothing leaves as it was.
    var changes: Int
}

/// What SQLite refused, in SQLite's words.
struct SQLFailure: Error, Sendable {
    let message: String
}

/// The SQLite database behind one node: schemas `main`, `disk`, `stats` and `monitor`, as ProxySQL attaches them.
final class NodeDatabase: Sendable {
    private let queue: DatabaseQueue

    /// Opens the memory layers, and the disk layer at `diskPath` or, without one, in memory too.
    init(diskPath: String?) throws(SQLFailure) {
        var configuration = Configuration()
        // ProxySQL's SQLite takes "text" for a string, and clients may leave savepoints open.
        configuration.acceptsDoubleQuotedStringLiterals = true
        configuration.allowsUnsafeTransactions = true
        configuration.foreignKeysEnabled = false
        do {
            queue = try DatabaseQueue(configuration: configuration)
            try queue.inDatabase { database in
                try database.execute(
                    sql: "ATTACH DATABASE ? AS disk", arguments: [diskPath ?? ":memory:"])
                try database.execute(sql: "ATTACH DATABASE ':memory:' AS stats")
                try database.execute(sql: "ATTACH DATABASE ':memory:' AS monitor")
            }
        } catch {
            throw SQLFailure(error)
        }
    }

    /// Runs the first statement of `sql`; what follows a semicolon is ignored, as ProxySQL does. With `isUndone` the
    /// answer is all that remains of it.
    func run(_ sql: String, isUndone: Bool = false) throws(SQLFailure) -> SQLAnswer {
        do {
            return try queue.inDatabase { database in
                if isUndone { try database.execute(sql: "SAVEPOINT drover_undone") }
                defer {
                    if isUndone { try? database.execute(sql: "ROLLBACK TO drover_undone; RELEASE drover_undone") }
                }
                let statements = try database.allStatements(sql: sql)
                guard let statement = try statements.next() else { throw SQLFailure(message: "not an error") }
                guard statement.columnCount > 0 else {
                    try statement.execute()
                    return SQLAnswer(columns: [], rows: [], changes: database.changesCount)
                }
                var rows: [[String?]] = []
                let cursor = try Row.fetchCursor(statement)
                while let row = try cursor.next() {
                    rows.append(row.databaseValues.map(Self.text))
                }
                return SQLAnswer(columns: statement.columnNames, rows: rows, changes: database.changesCount)
            }
        } catch {
            throw SQLFailure(error)
        }
    }

    /// Runs several statements of the simulator's own, all or none.
    func apply(_ statements: [String]) throws(SQLFailure) {
        do {
            try queue.inDatabase { database in
                // Not a transaction of GRDB's: a client may have one open.
                try database.execute(sql: "SAVEPOINT drover_apply")
                do {
                    for statement in statements { try database.execute(sql: statement) }
                } catch {
                    try database.execute(sql: "ROLLBACK TO drover_apply; RELEASE drover_apply")
                    throw error
                }
                try database.execute(sql: "RELEASE drover_apply")
            }
        } catch {
            throw SQLFailure(error)
        }
    }

    /// Replaces what `table` holds by `rows`.
    func replaceRows(of table: String, columns: [String], with rows: [[String?]]) throws(SQLFailure) {
        var statements = ["DELETE FROM \(table)"]
        // One statement for many rows keeps 10,000 servers quick; SQLite limits the terms of one VALUES list.
        for start in stride(from: 0, to: rows.count, by: 400) {
            let values = rows[start..<min(start + 400, rows.count)].map { row in
                "(" + row.map(Self.literal).joined(separator: ",") + ")"
            }
            statements.append(
                "INSERT OR REPLACE INTO \(table) (\(columns.joined(separator: ","))) "
                    + "VALUES \(values.joined(separator: ","))")
        }
        try apply(statements)
    }

    /// `value` as an SQL literal.
    static func literal(_ value: String?) -> String {
        guard let value else { return "NULL" }
        return "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    private static func text(_ value: DatabaseValue) -> String? {
        switch value.storage {
        case .null: nil
        case .int64(let number): "\(number)"
        case .double(let number): "\(number)"
        case .string(let text): text
        case .blob(let data): String(decoding: data, as: UTF8.self)
        }
    }
}

extension SQLFailure {
    /// Takes SQLite's message out of whatever GRDB threw.
    init(_ error: any Error) {
        switch error {
        case let failure as SQLFailure: self = failure
        case let failure as DatabaseError: message = failure.message ?? "\(failure.resultCode)"
        default: message = "\(error)"
        }
    }
}

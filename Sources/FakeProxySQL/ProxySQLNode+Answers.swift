extension ProxySQLNode {
    /// Statements that look like SQL but that the admin module answers itself; nil for everything else.
    func answerItself(_ statement: StatementText, user: String) throws -> AdminReply? {
        switch statement.words.first {
        case "SELECT": try answerSelect(statement, user: user)
        case "SHOW": try answerShow(statement)
        case "SET": try answerSet(statement)
        default: nil
        }
    }

    private func answerSelect(_ statement: StatementText, user: String) throws -> AdminReply? {
        func single(_ column: String, _ value: String) -> AdminReply { .rows(columns: [column], rows: [[value]]) }
        let what = statement.words.dropFirst().joined(separator: " ")
        switch what {
        case "@@VERSION": return single("@@version", Self.version)
        case "VERSION()": return single("version()", Self.version)
        case "@@VERSION_COMMENT LIMIT 1": return single("'(ProxySQL Admin Module)'", "(ProxySQL Admin Module)")
        case "DATABASE()": return single("DATABASE()", "admin")
        case "CONNECTION_ID()": return single("CONNECTION_ID()", "0")
        case "CURRENT_USER()": return single("current_user()", "\(user)@127.0.0.1")
        case "GLOBAL_CHECKSUM()": return single("CHECKSUM", "\(globalChecksum)")
        default: break
        }
        guard what.hasPrefix("@@"), statement.words.count == 2 else { return nil }
        let column = statement.text.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
        let answer = try database.run(
            "SELECT variable_value FROM main.global_variables WHERE variable_name="
                + NodeDatabase.literal(String(column.dropFirst(2))))
        return .rows(columns: [column], rows: answer.rows)
    }

    /// The version that the node claims; peers of another version would not be synchronised with.
    static let version = "2.7.1"

    /// Differs when any module's checksum differs.
    private var globalChecksum: UInt64 {
        let text = ModuleChecksum.of(ModuleChecksum.order.map { [$0, checksums[$0]?.checksum] })
        return UInt64(text.dropFirst(2), radix: 16) ?? 0
    }

    private func answerShow(_ statement: StatementText) throws -> AdminReply? {
        let words = statement.words
        let pattern = Self.likePattern(statement.text)
        let fixed = pattern == nil ? words : Array(words.prefix { $0 != "LIKE" })
        switch fixed.joined(separator: " ") {
        case "SHOW TABLES": return try showTables(in: nil, like: pattern)
        case "SHOW DATABASES" where pattern == nil, "SHOW SCHEMAS" where pattern == nil:
            return .rows(
                columns: ["seq", "name", "file"],
                rows: [
                    ["0", "main", ""], ["2", "disk", configuration.diskPath ?? ""], ["3", "stats", ""],
                    ["4", "monitor", ""],
                ])
        case "SHOW VARIABLES": return try showVariables("variable_name LIKE \(NodeDatabase.literal(pattern ?? "%"))")
        case "SHOW ALL VARIABLES" where pattern == nil: return try showVariables("1")
        case "SHOW GLOBAL VARIABLES" where pattern == nil: return try showVariables("1")
        case "SHOW ADMIN VARIABLES" where pattern == nil: return try showVariables("variable_name LIKE 'admin-%'")
        case "SHOW MYSQL VARIABLES" where pattern == nil: return try showVariables("variable_name LIKE 'mysql-%'")
        case "SHOW PROCESSLIST", "SHOW FULL PROCESSLIST":
            return try select(
                "SELECT SessionID, user, db, hostgroup, command, time_ms, info FROM stats_mysql_processlist")
        case "SHOW MYSQL SERVERS": return try select("SELECT * FROM main.mysql_servers")
        case "SHOW MYSQL USERS": return try select("SELECT * FROM main.mysql_users")
        case "SHOW MYSQL STATUS":
            try refresh(for: "stats_mysql_global")
            return try select(
                "SELECT Variable_Name AS Variable_name, Variable_Value AS Value FROM stats_mysql_global "
                    + "ORDER BY Variable_Name")
        default: break
        }
        if words.count == 4, words[1] == "TABLES", words[2] == "FROM" {
            let schema = statement.text.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
            return try showTables(in: schema, like: nil)
        }
        guard words.count == 4, words[1] == "CREATE", words[2] == "TABLE" else { return nil }
        return try showCreateTable(statement)
    }

    private func select(_ sql: String) throws(SQLFailure) -> AdminReply {
        let answer = try database.run(sql)
        return .rows(columns: answer.columns, rows: answer.rows)
    }

    private func showVariables(_ condition: String) throws(SQLFailure) -> AdminReply {
        try select(
            "SELECT variable_name AS Variable_name, variable_value AS Value FROM main.global_variables "
                + "WHERE \(condition) ORDER BY variable_name")
    }

    private func showTables(in schema: String?, like pattern: String?) throws(SQLFailure) -> AdminReply {
        let like = pattern.map { " AND name LIKE \(NodeDatabase.literal($0))" } ?? ""
        let name = schema ?? "main"
        return try select(
            "SELECT name AS tables FROM \(name).sqlite_master WHERE type='table' "
                + "AND name NOT LIKE 'sqlite_%'\(like) ORDER BY name")
    }

    private func showCreateTable(_ statement: StatementText) throws(SQLFailure) -> AdminReply {
        let full = statement.text.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
        let parts = full.split(separator: ".").map(String.init)
        let table = parts.last ?? full
        let schema = parts.count > 1 ? parts[0] : "main"
        let answer = try database.run(
            "SELECT name, sql FROM \(schema).sqlite_master WHERE type='table' AND name=\(NodeDatabase.literal(table))")
        return .rows(columns: ["table", "Create Table"], rows: answer.rows)
    }

    /// The quoted text after LIKE, when the statement ends with it.
    private static func likePattern(_ text: String) -> String? {
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count >= 2, parts[parts.count - 2].uppercased() == "LIKE", let last = parts.last,
            last.count >= 2, last.first == "'" || last.first == "\"", last.last == last.first
        else { return nil }
        return String(last.dropFirst().dropLast())
    }

    /// `SET name=value`. A name that is not a variable gets OK with a remark, as recorded.
    private func answerSet(_ statement: StatementText) throws(SQLFailure) -> AdminReply? {
        let rest = statement.text.dropFirst(3).trimmed
        let parts = rest.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0].trimmed)
        if ["autocommit", "character_set_results"].contains(name.lowercased()) { return .ok() }
        let known = try !database.run(
            "SELECT 1 FROM main.global_variables WHERE variable_name=\(NodeDatabase.literal(name))"
        ).rows.isEmpty
        guard known, parts.count == 2 else { return .ok(info: "ERROR: Unknown global variable: '\(name)'.") }
        let answer = try database.run(
            "UPDATE main.global_variables SET variable_value=\(parts[1].trimmed) "
                + "WHERE variable_name=\(NodeDatabase.literal(name))")
        return .ok(affectedRows: UInt64(max(0, answer.changes)))
    }
}

extension Substring {
    /// Without white space at the ends.
    fileprivate var trimmed: Substring {
        var rest = self
        while rest.first?.isWhitespace ?? false { rest.removeFirst() }
        while rest.last?.isWhitespace ?? false { rest.removeLast() }
        return rest
    }
}

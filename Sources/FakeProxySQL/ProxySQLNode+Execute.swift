import FleetModel
import Pacing

extension ProxySQLNode {
    /// Answers one statement of an admin session, exactly one: what follows a semicolon is ignored or an error, as the
    /// recorded node had it.
    package func execute(_ sql: String, user: String = "admin") -> AdminOutcome {
        let statement = StatementText(sql)
        if statement.isLoneSemicolon { return AdminOutcome(.gone, effect: .exit) }
        questions += 1
        do {
            if let command = AdminCommand(statement) { return try perform(command) }
            if let reply = try answerItself(statement, user: user) { return AdminOutcome(reply) }
            try refresh(for: statement.text.lowercased())
            return AdminOutcome(try passThrough(statement.text))
        } catch let failure as SQLFailure {
            return AdminOutcome(.error("ProxySQL Admin Error: \(failure.message)"))
        } catch {
            return AdminOutcome(.error("ProxySQL Admin Error: \(error)"))
        }
    }

    /// Gives the statement to SQLite. What is written to a runtime table is answered with OK and lost, because
    /// ProxySQL fills those tables anew before every reading.
    private func passThrough(_ sql: String) throws(SQLFailure) -> AdminReply {
        let answer = try database.run(sql, isUndone: Self.writesToGeneratedTable(sql))
        return answer.columns.isEmpty
            ? .ok(affectedRows: UInt64(max(0, answer.changes))) : .rows(columns: answer.columns, rows: answer.rows)
    }

    private static func writesToGeneratedTable(_ sql: String) -> Bool {
        let words = sql.prefix(200).lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }
        guard let verb = words.first, ["insert", "replace", "update", "delete"].contains(verb) else { return false }
        let noise: Set<Substring> = ["insert", "replace", "update", "delete", "or", "ignore", "into", "from", "main"]
        return words.first { !noise.contains($0) }?.hasPrefix("runtime_") ?? false
    }

    private func perform(_ command: AdminCommand) throws -> AdminOutcome {
        let layers = Layers(database: database)
        switch command {
        case .activate(let module): try activate(module)
        case .saveToMemory(let module): try layers.saveToMemory(module)
        case .saveToDisk(let module): try layers.saveToDisk(module)
        case .loadFromDisk(let module): try layers.loadFromDisk(module)
        case .loadFromConfiguration(let module):
            guard module == .peers else {
                try database.apply(configuration.fileStatements(of: module))
                return AdminOutcome(.ok())
            }
            try database.apply(configuration.peerStatements)
            return AdminOutcome(.ok(affectedRows: UInt64(configuration.bootstrapPeers.count)))
        case .pause:
            guard !isPaused else {
                return failure("ProxySQL MySQL module is already paused, impossible to pause")
            }
            isPaused = true
            return AdminOutcome(.ok(), effect: .pause)
        case .reloadTLS:
            if let problem = configuration.reloadTLS?() { return failure(problem) }
        case .resume:
            guard isPaused else { return failure("ProxySQL MySQL module is not paused, impossible to resume") }
            isPaused = false
            return AdminOutcome(.ok(), effect: .resume)
        case .start: return failure("ProxySQL already started")
        case .shutdown: return AdminOutcome(.gone, effect: .exit)
        case .setReadOnly(let isReadOnly): try database.apply(["PRAGMA query_only = \(isReadOnly ? 1 : 0)"])
        case .nothing: break
        case .truncateDigests: try database.apply(["DELETE FROM stats.stats_mysql_query_digest"])
        }
        return AdminOutcome(.ok())
    }

    private func failure(_ text: String) -> AdminOutcome {
        AdminOutcome(.error("ProxySQL Admin Error: \(text)"))
    }

    /// `LOAD … TO RUNTIME`: stamps the module even when nothing differs, as ProxySQL does.
    func activate(_ module: ConfigurationModule) throws {
        let layers = Layers(database: database)
        try layers.activate(module)
        let epoch = wallClock.now().secondsSinceEpoch
        for (name, checksum) in try layers.checksums(of: module) {
            checksums[name] = ModuleChecksum(
                name: name, version: (checksums[name]?.version ?? 0) + 1, epoch: epoch, checksum: checksum)
        }
        if module == .servers {
            serversTableVersion += 1
            pool = try Self.poolAfterLoad(pool, database)
        }
    }
}

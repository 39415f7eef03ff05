import Logging
package import ProxySQLAdmin

/// What came of restoring the mounted file.
package struct Restoration: Sendable {
    /// What runs right after it, of the modules for which the file has something.
    package var after: [CoreModule: NodeObservation.Stamp] = [:]
    /// The modules that were loaded; the others were in force already.
    package var loaded: [CoreModule] = []
}

/// How a file is restored.
package struct RestoreOptions: Hashable, Sendable {
    /// Whether rows of groups in the file replace those that are there: only where the file is how groups are published.
    package var ownsGroups = false
    /// Whether a module that holds the file's rows already is left as it runs.
    package var onlyIfChanged = false

    /// The file owns rows without a mark, and all of it is loaded.
    package init(ownsGroups: Bool = false, onlyIfChanged: Bool = false) {
        self.ownsGroups = ownsGroups
        self.onlyIfChanged = onlyIfChanged
    }
}

/// Restoring by ownership: the mounted file owns the variables and the rows without a mark. A row that is marked as a
/// group's stays as it is, also where the file has a row of its key; what the file says nothing of stays as it runs.
///
/// `LOAD … FROM CONFIG` merges into memory, and nothing else reads the file. So each row's comment gets a tag first:
/// what has lost it afterwards came of the file. The tables are never empty meanwhile, whoever loads them.
extension CoreEffects {
    private static let tag = "[restoring] "
    /// The tag of a row whose comment is NULL.
    private static let tagOfNull = "[restoring]"
    private static let rowsPerStatement = 200

    /// What a table holds, before and after.
    private struct Staged {
        /// Whether the file has anything of the module.
        var isInFile = false
        var isChanged = false
        /// Rows of the file whose keys are a group's.
        var yielded = 0
    }

    /// Restores the mounted file and loads it.
    ///
    /// While the file's rows are in memory a pull may put a peer's in their place. It shows in the node's own count of
    /// loads, and the module is done anew.
    /// - Throws: `readBackDiffers` when pulls came between again and again.
    package func restore(_ options: RestoreOptions = .init()) async throws(AdminError) -> Restoration {
        var result = Restoration()
        let present = Set(try await shell.rows("SHOW TABLES").compactMap(\.first).compactMap(\.self))
        var hasTables = false
        for module in [CoreModule.servers, .users, .queryRules] {
            // A file without any table is no file that says: no rules.
            let isEmptied = module == .queryRules && hasTables
            let tables = module.tables.enumerated().filter { $0.offset == 0 || present.contains($0.element) }
                .map(\.element)
            hasTables = try await restore(module, tables, isEmptied: isEmptied, options, &result) || hasTables
        }
        for module in [CoreModule.mysqlVariables, .adminVariables] {
            try await alone(module, &result) { () async throws(AdminError) in
                let before = try await variables(of: module)
                _ = try await shell.rows("LOAD \(module.rawValue) FROM CONFIG")
                guard options.onlyIfChanged else { return true }
                return try await variables(of: module) != before
            }
            result.after[module] = try await stamps()[module]
        }
        return result
    }

    /// Puts memory back as it runs where a restore ended in the middle, of an agent that died perhaps: whoever loaded
    /// what it left, to lift a module past version 1 for example, would bring the file's rows and the tags to every node.
    package func undoUnfinished() async throws(AdminError) {
        let present = Set(try await shell.rows("SHOW TABLES").compactMap(\.first).compactMap(\.self))
        for module in CoreModule.allCases where module.hasRows {
            let tables = module.tables.filter { present.contains($0) }
            var isUnfinished = false
            for table in tables where !isUnfinished {
                isUnfinished = try await !shell.rows("SELECT 1 FROM \(table) WHERE \(Self.isTagged) LIMIT 1").isEmpty
            }
            guard isUnfinished else { continue }
            logger.notice(
                "a restore of the mounted configuration ended in the middle: memory is put back as it runs",
                metadata: ["module": "\(module.checksumName)"])
            let running = try await shell.rows("SELECT 1 FROM runtime_\(tables.first ?? "") LIMIT 1")
            if !running.isEmpty { _ = try await shell.rows("SAVE \(module.rawValue) TO MEMORY") }
            for table in tables { try await untag(table, where: Self.isTagged) }
        }
    }

    /// Whether the file has anything of the module.
    private func restore(
        _ module: CoreModule, _ tables: [String], isEmptied: Bool, _ options: RestoreOptions,
        _ result: inout Restoration
    ) async throws(AdminError) -> Bool {
        var staged = Staged()
        try await alone(module, &result) { () async throws(AdminError) in
            staged = try await stage(module, tables, isEmptied: isEmptied, options)
            return staged.isInFile && (staged.isChanged || !options.onlyIfChanged)
        }
        if staged.isInFile { result.after[module] = try await stamps()[module] }
        if staged.yielded > 0 {
            logger.notice(
                "rows of the mounted file have the keys of rows of groups, which stay",
                metadata: ["module": "\(module.checksumName)", "rows": "\(staged.yielded)"])
        }
        return staged.isInFile
    }

    /// Loads a module as `prepare` left it in memory, with nothing of others between; `prepare` says whether to.
    private func alone(
        _ module: CoreModule, _ result: inout Restoration, _ prepare: () async throws(AdminError) -> Bool
    ) async throws(AdminError) {
        for _ in 0..<Self.tries {
            let before = try await stampOfThePast(module)?.version
            guard try await prepare() else { return }
            guard try await stamps()[module]?.version == before else {
                // What was pulled meanwhile is in memory only in part.
                if module.hasRows { _ = try await shell.rows("SAVE \(module.rawValue) TO MEMORY") }
                continue
            }
            try await load(module)
            let stamp = try await stamps()[module]
            result.after[module] = stamp
            if before.flatMap({ before in stamp.map { $0.version == before + 1 } }) ?? true {
                return result.loaded.append(module)
            }
        }
        throw AdminError(
            .readBackDiffers,
            "\(module.checksumName) was pulled from a peer each time while the file was being loaded")
    }

    /// Puts the file's rows of a module into memory, in the place of those that it owns.
    private func stage(
        _ module: CoreModule, _ tables: [String], isEmptied: Bool, _ options: RestoreOptions
    ) async throws(AdminError) -> Staged {
        var before: [String: [RestoredRow]] = [:]
        for table in tables {
            _ = try await shell.rows(
                "UPDATE \(table) SET comment=COALESCE('\(Self.tag)' || comment, '\(Self.tagOfNull)') "
                    + "WHERE comment IS NULL OR NOT (\(Self.isTagged))")
            before[table] = try await rows(of: table).filter(\.isTagged)
        }
        do throws(AdminError) {
            _ = try await shell.rows("LOAD \(module.rawValue) FROM CONFIG")
        } catch {
            for table in tables { try await untag(table, where: Self.isTagged) }
            throw error
        }
        var now: [String: [RestoredRow]] = [:]
        for table in tables { now[table] = try await rows(of: table) }
        let file = now.mapValues { $0.filter { !$0.isTagged } }
        var staged = Staged()
        staged.isInFile = isEmptied || file.values.contains { !$0.isEmpty }
        let ownsGroups = options.ownsGroups && file.values.contains { $0.contains(where: \.isMarked) }
        for (index, table) in tables.enumerated() {
            let (old, new) = (before[table] ?? [], file[table] ?? [])
            // A table of which the file has nothing stays; with servers the pairs of hostgroups go, as they always did.
            let isOwned =
                !new.isEmpty || (isEmptied && index == 0)
                || (table == "mysql_replication_hostgroups" && staged.isInFile)
            var condition = Self.isTagged
            if isOwned {
                let left = Set(now[table] ?? [])
                try await insert(old.filter { $0.isMarked && !ownsGroups && !left.contains($0) }, into: table)
                condition += ownsGroups ? " AND 0" : " AND comment LIKE '%[drover %]'"
            }
            try await untag(table, where: condition)
            if isOwned { _ = try await shell.rows("DELETE FROM \(table) WHERE \(Self.isTagged)") }
            let result = Set(try await rows(of: table).map(\.untagged))
            staged.isChanged = staged.isChanged || result != Set(old.map(\.untagged))
            staged.yielded += new.filter { !result.contains($0.untagged) }.count
        }
        return staged
    }

    /// Takes the tag off, never by writing rows again: what somebody removes meanwhile must not come back.
    private func untag(_ table: String, where condition: String) async throws(AdminError) {
        _ = try await shell.rows(
            "UPDATE \(table) SET comment=CASE WHEN comment='\(Self.tagOfNull)' THEN NULL "
                + "ELSE substr(comment, \(Self.tag.count + 1)) END WHERE \(condition)")
    }

    private func variables(of module: CoreModule) async throws(AdminError) -> Set<[String?]> {
        let prefix = module == .adminVariables ? "admin-" : "mysql-"
        return Set(
            try await shell.rows(
                "SELECT variable_name, variable_value FROM global_variables WHERE variable_name LIKE '\(prefix)%'"))
    }

    private func insert(_ rows: [RestoredRow], into table: String) async throws(AdminError) {
        for start in stride(from: 0, to: rows.count, by: Self.rowsPerStatement) {
            var values: [String] = []
            for row in rows[start..<min(start + Self.rowsPerStatement, rows.count)] {
                var literals: [String] = []
                for cell in row.untagged.dropFirst() { literals.append(try SQLText.quote(cell)) }
                values.append("(\(literals.joined(separator: ",")))")
            }
            _ = try await shell.rows("INSERT OR REPLACE INTO \(table) VALUES \(values.joined(separator: ","))")
        }
    }

    private func rows(of table: String) async throws(AdminError) -> [RestoredRow] {
        try await shell.rows("SELECT comment, * FROM \(table)").map { RestoredRow(cells: $0) }
    }

    private static var isTagged: String { "(substr(comment, 1, \(tag.count))='\(tag)' OR comment='\(tagOfNull)')" }

    /// A row: its comment, then every cell.
    private struct RestoredRow: Hashable {
        var cells: [String?]

        private var comment: String { (cells.first ?? nil) ?? "" }
        var isTagged: Bool { comment.hasPrefix(CoreEffects.tag) || comment == CoreEffects.tagOfNull }
        var isMarked: Bool { RowMark(comment: comment) != nil }

        /// The cells as they were; only comments begin with the tag.
        var untagged: [String?] {
            cells.map { cell in
                guard let cell, cell != CoreEffects.tagOfNull else { return nil }
                return cell.hasPrefix(CoreEffects.tag) ? String(cell.dropFirst(CoreEffects.tag.count)) : cell
            }
        }
    }
}

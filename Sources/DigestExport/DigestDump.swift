import FleetModel
package import Logging
import MySQLWire
package import Pacing

/// Exports `stats_mysql_query_digest` once, in constant memory.
package struct DigestDump: Sendable {
    /// One file that was written.
    package struct File: Hashable, Sendable {
        /// Where it is; nil for standard output.
        package var path: String?
        /// How many digests are in it.
        package var rows: Int
        /// Its size in bytes.
        package var bytes: Int
        /// Whether its rows were reset by an earlier dump that did not finish.
        package var isRecovered: Bool
    }

    /// What is dumped and how.
    package let settings: DumpSettings
    private let wallClock: any WallClock
    private let logger: Logger
    private let suffix: @Sendable () -> String
    private let progress: @Sendable (_ rows: Int, _ total: Int?) -> Void
    private let makeOutput: @Sendable (_ path: String?) throws(DigestError) -> any DigestOutput

    /// Rows that are read from a holding by one statement; about 50 ms of ProxySQL's admin interface.
    static let pageSize = 10_000
    /// An empty holding may be one whose rows are still coming: the statement of a dump that died may wait its turn.
    static let emptyHoldingAge = Duration.seconds(3_600)

    /// Makes a dump.
    ///
    /// - Parameters:
    ///   - suffix: letters and digits that make a holding's name one that was never used before.
    ///   - progress: hears of rows as they are written, and of their total where it is known.
    ///   - makeOutput: opens the output under a path, nil for standard output.
    package init(
        _ settings: DumpSettings, wallClock: any WallClock, logger: Logger,
        suffix: @escaping @Sendable () -> String = { String(UInt64.random(in: 0 ... .max), radix: 36) },
        progress: @escaping @Sendable (_ rows: Int, _ total: Int?) -> Void = { _, _ in },
        makeOutput: @escaping @Sendable (_ path: String?) throws(DigestError) -> any DigestOutput =
            DigestDump.open
    ) {
        self.settings = settings
        self.wallClock = wallClock
        self.logger = logger
        self.suffix = suffix
        self.progress = progress
        self.makeOutput = makeOutput
    }

    /// Opens a file, or standard output for nil.
    @Sendable package static func open(_ path: String?) throws(DigestError) -> any DigestOutput {
        guard let path else { return DigestPipe() }
        return try DigestFile(path: path)
    }

    /// Dumps.
    /// - Returns: the files, none when there were no digests.
    /// - Throws: `DigestError`; what was reset and is in no file is then still in ProxySQL, for the next dump.
    package func run() async throws(DigestError) -> [File] {
        try settings.check()
        var configuration = settings.server
        configuration.connectTimeout = min(settings.timeout, .seconds(30))
        let session: DigestSession
        do {
            session = DigestSession(
                connection: try await MySQLConnection.connect(configuration, logger: logger),
                timeout: settings.timeout, server: "\(configuration)")
        } catch let error as MySQLServerError {
            throw DigestError(.refused, "ProxySQL's admin interface refused \(configuration): \(error)")
        } catch {
            throw DigestError(.unreachable, "\(error)")
        }
        let result: Result<[File], DigestError>
        do throws(DigestError) {
            result = .success(settings.resets ? try await movedRows(session) : try await plainRows(session))
        } catch {
            result = .failure(error)
        }
        await session.connection.close()
        return try result.get()
    }

    // MARK: Without reset

    private func plainRows(_ session: DigestSession) async throws(DigestError) -> [File] {
        let path = path(at: wallClock.now())
        let writer = writer(path)
        do throws(DigestError) {
            try await session.rows("SELECT * FROM stats_mysql_query_digest") { row, columns throws(DigestError) in
                try writer.append(row, columns: columns)
                tell(writer.rows, of: nil)
            }
            try writer.commit()
        } catch {
            writer.abandon()
            throw error
        }
        progress(writer.rows, writer.rows)
        return report(writer, path, isRecovered: false).map { [$0] } ?? []
    }

    // MARK: With reset

    private func movedRows(_ session: DigestSession) async throws(DigestError) -> [File] {
        var files: [File] = []
        let unfinished = try await session.texts(Holding.list).compactMap(Holding.init(table:))
        for holding in unfinished {
            if let file = try await export(holding, session, isRecovered: true) {
                logger.warning(
                    "exported what an earlier dump had reset",
                    metadata: ["file.path": "\(file.path ?? "")", "rows": "\(file.rows)"])
                files.append(file)
            }
        }
        // A name that has a file, or will have one, is never used again: what is in it may exist nowhere else.
        let taken = Set(unfinished.map(\.time))
        var holding = Holding(at: wallClock.now(), suffix: suffix())
        while taken.contains(holding.time) || path(at: holding.time).map(DigestFile.exists) == true {
            holding = Holding(at: holding.time.advanced(by: .seconds(1)), suffix: suffix())
        }
        try await session.execute(holding.create)
        try await session.execute(holding.fill)
        if let file = try await export(holding, session, isRecovered: false) { files.append(file) }
        return files
    }

    /// Brings a holding's rows to disk; only then they leave ProxySQL.
    private func export(
        _ holding: Holding, _ session: DigestSession, isRecovered: Bool
    ) async throws(DigestError) -> File? {
        let total = try await session.texts(holding.count).first.flatMap { Int($0) } ?? 0
        guard total > 0 else {
            if !isRecovered || wallClock.now().since(holding.time) > Self.emptyHoldingAge {
                try await session.execute(holding.drop)
            }
            return nil
        }
        let path = path(at: holding.time)
        let writer = writer(path)
        do throws(DigestError) {
            var last: Int64 = 0
            while writer.rows < total {
                let before = writer.rows
                try await session.rows(holding.page(after: last, limit: Self.pageSize)) {
                    row, columns throws(DigestError) in
                    try writer.append(row, columns: columns)
                    if let number = row[0].flatMap({ Int64($0) }) { last = number }
                    tell(writer.rows, of: total)
                }
                guard writer.rows > before else { break }
            }
            guard writer.rows == total else {
                throw DigestError(
                    .unreachable, "\(holding.table) had \(total) rows and gave \(writer.rows); run the dump again")
            }
            try writer.commit()
        } catch {
            writer.abandon()
            throw DigestError(
                error.code,
                "\(error.message); the \(total) digests stay in ProxySQL's memory for the next dump with "
                    + "--reset")
        }
        progress(total, total)
        try await session.execute(holding.drop)
        return report(writer, path, isRecovered: isRecovered)
    }

    // MARK: Parts

    private func path(at time: Timestamp) -> String? {
        switch settings.destination {
        case .standardOutput: nil
        case .file(let path): settings.resets ? DumpSeries(path: path).path(at: time) : path
        case .series(let path): DumpSeries(path: path).path(at: time)
        }
    }

    private func writer(_ path: String?) -> DigestWriter {
        let makeOutput = makeOutput
        return DigestWriter(settings) { () throws(DigestError) in try makeOutput(path) }
    }

    private func tell(_ rows: Int, of total: Int?) {
        if rows % 1_000 == 0 { progress(rows, total) }
    }

    private func report(_ writer: DigestWriter, _ path: String?, isRecovered: Bool) -> File? {
        guard writer.rows > 0 else { return nil }
        if !writer.missing.isEmpty {
            logger.warning(
                "this ProxySQL does not have all columns; they are empty",
                metadata: ["columns": "\(writer.missing.joined(separator: ","))"])
        }
        return File(path: path, rows: writer.rows, bytes: writer.bytes, isRecovered: isRecovered)
    }
}

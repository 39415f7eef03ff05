import Agent
import ArgumentParser
import DigestExport
import FleetModel
import Foundation
import Foundations
import Logging
import MySQLWire
import Observability
import Pacing
import ServiceLifecycle
import Settings
import Synchronization
import UnixSignals

/// `drover dump`: the query digests of a ProxySQL node as a file.
struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Exports stats_mysql_query_digest to a file, once or again and again.",
        discussion: """
            Rows are streamed; the file gets its name when it is complete and on disk. Without digests there is no \
            file, and the exit code is 0. With --reset or --every the file's name carries the time in UTC.
            """)

    @Option(help: "ProxySQL's admin interface (default: the agent's setting agent.proxysql.address).")
    var address: String?

    @Option(help: "Admin user (default: the agent's setting agent.proxysql.username).")
    var username: String?

    @Option(
        help: ArgumentHelp(
            "File with the admin user's password (default: the agent's setting agent.proxysql.password).",
            valueName: "file"))
    var passwordFile: String?

    @Option(help: "csv or ndjson.")
    var format = DigestFormat.csv

    @Flag(help: "Compresses the file.")
    var gzip = false

    @Option(
        help: ArgumentHelp(
            "The file, a folder, or - for standard output (default: HOSTNAME-digests.csv in TMPDIR).",
            valueName: "path"))
    var output: String?

    @Option(help: "compatible (the Go agent's), all, or names separated by commas.")
    var columns = "compatible"

    @Option(help: ArgumentHelp("What stands in the column pod_name (default: the host name).", valueName: "name"))
    var hostName: String?

    @Flag(help: "ProxySQL forgets what was exported; nothing is lost when the disk is full or a process dies.")
    var reset = false

    @Option(
        help: ArgumentHelp(
            "Dumps again and again, for example each 30s, 5m or 1h.", valueName: "interval"))
    var every: String?

    @Option(help: ArgumentHelp("With --every: how many files are kept (default: all).", valueName: "number"))
    var keep: Int?

    @Option(help: ArgumentHelp("How long one conversation with ProxySQL may take.", valueName: "seconds"))
    var timeoutSeconds = 300.0

    func validate() throws {
        if let every {
            guard let interval = Duration(interval: every), interval >= .seconds(1) else {
                throw ValidationError("--every is a number with s, m, h or d, at least 1s, not \"\(every)\"")
            }
            guard output != "-" else { throw ValidationError("--every writes a series of files, not to -") }
        }
        guard keep.map({ $0 > 0 }) ?? true, keep == nil || every != nil else {
            throw ValidationError("--keep is at least 1 and needs --every")
        }
        guard output != "" else { throw ValidationError("--output is a file, a folder, or -, not empty") }
        guard timeoutSeconds >= 1, timeoutSeconds <= 86_400 else {
            throw ValidationError("--timeout-seconds is from 1 to 86400")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap {
            LineLogHandler(label: $0, format: every == nil ? .text : .json, level: every == nil ? .warning : .info)
        }
        // A reader of standard output that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let logger = Logger(label: "dump")
        let agent = try AgentCommand.settings(AgentCommand.arguments([]), needsMode: false)
        let settings: DumpSettings
        do throws(DigestError) {
            settings = try self.settings(agent, ProcessInfo.processInfo.environment)
            try settings.check()
        } catch {
            Console.complain(error.message)
            throw ProgramExit.usage.code
        }
        guard let every, let interval = Duration(interval: every) else {
            return try await Self.once(settings, logger)
        }
        let loop = DumpLoop(
            DigestDump(settings, wallClock: SystemWallClock(), logger: logger), every: interval, keep: keep,
            clock: ContinuousClock(), logger: logger)
        try await ServiceGroup(
            services: [loop], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }

    /// One dump with words for a person on standard error; also what `run_mode: dump` does.
    static func once(_ settings: DumpSettings, _ logger: Logger) async throws {
        let meter = isatty(2) == 1 ? ProgressLine() : nil
        let dump = DigestDump(
            settings, wallClock: SystemWallClock(), logger: logger, progress: { meter?.show($0, of: $1) })
        do throws(DigestError) {
            let files = try await dump.run()
            meter?.clear()
            if files.isEmpty { Console.tell("there are no digests, so there is no file") }
            for file in files {
                let recovered = file.isRecovered ? ", reset by an earlier dump that did not finish" : ""
                Console.tell("\(file.rows) digests, \(file.bytes) bytes, in \(file.path ?? "-")\(recovered)")
            }
        } catch {
            meter?.clear()
            Console.complain("the dump failed: \(error.message)")
            throw ProgramExit.failure.code
        }
    }

    /// What `run_mode: dump` does: one dump as the Go agent made it, to its file.
    static func once(_ agent: AgentSettings, _ logger: Logger) async throws {
        signal(SIGPIPE, SIG_IGN)
        try await ContinuousClock().sleep(for: agent.seconds("agent.start-delay-seconds"))
        let address = agent.address("agent.proxysql.address")
        let host = agent.identityHints(ProcessInfo.processInfo.environment).best
        var server = MySQLConfiguration(
            host: address.host, port: address.port, username: agent.text("agent.proxysql.username"),
            password: agent.secret("agent.proxysql.password")?.reveal() ?? "")
        agent.nodeTLS.apply(to: &server)
        let path = DumpSettings.usualPath(folder: temporaryFolder(ProcessInfo.processInfo.environment), hostName: host)
        try await once(DumpSettings(server: server, hostName: host, destination: .file(path)), logger)
    }

    private func settings(
        _ agent: AgentSettings, _ environment: [String: String]
    ) throws(DigestError) -> DumpSettings {
        let text = address ?? agent.text("agent.proxysql.address")
        guard let address = AgentAddress(text), address.port > 0 else {
            throw DigestError(.unusable, "--address is host:port, not \"\(ShownText.address(text))\"")
        }
        var server = MySQLConfiguration(
            host: address.host, port: address.port, username: username ?? agent.text("agent.proxysql.username"),
            password: try password() ?? agent.secret("agent.proxysql.password")?.reveal() ?? "")
        agent.nodeTLS.apply(to: &server)
        let host = hostName ?? agent.identityHints(environment).best
        var settings = DumpSettings(server: server, hostName: host, destination: destination(environment, host))
        settings.format = format
        settings.compresses = gzip
        settings.columns = try DigestColumn.list(columns)
        settings.resets = reset
        settings.timeout = .seconds(timeoutSeconds)
        return settings
    }

    private func password() throws(DigestError) -> String? {
        guard let passwordFile else { return nil }
        do throws(UnusableFile) {
            return OutsideText.firstLine(try InputFile.existingText(passwordFile))
        } catch {
            throw DigestError(.unusable, "the password file \(passwordFile) cannot be read: \(error)")
        }
    }

    private func destination(_ environment: [String: String], _ host: String) -> DumpSettings.Destination {
        if output == "-" { return .standardOutput }
        var folder: ObjCBool = false
        let isFolder = output.map { FileManager.default.fileExists(atPath: $0, isDirectory: &folder) } ?? false
        let path: String
        if let output, !(isFolder && folder.boolValue), !output.hasSuffix("/") {
            path = output
        } else {
            path = DumpSettings.usualPath(
                folder: output.map(Self.withoutSlash) ?? Self.temporaryFolder(environment), hostName: host,
                format: format, compresses: gzip)
        }
        return every == nil ? .file(path) : .series(path)
    }

    private static func temporaryFolder(_ environment: [String: String]) -> String {
        withoutSlash(environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp")
    }

    private static func withoutSlash(_ folder: String) -> String {
        folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    }
}

extension DigestFormat: ExpressibleByArgument {}

/// The line on a terminal that says how far a dump is.
private final class ProgressLine: Sendable {
    private let start = ContinuousClock.now
    private let last = Mutex<ContinuousClock.Instant?>(nil)

    func show(_ rows: Int, of total: Int?) {
        let now = ContinuousClock.now
        let isDue = last.withLock { last in
            guard last.map({ $0.duration(to: now) > .milliseconds(200) }) ?? true else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        let seconds = start.duration(to: now) / .seconds(1)
        let rate = seconds > 0 ? Int(Double(rows) / seconds) : 0
        let part = total.map { " of \($0)" } ?? ""
        write("\r\u{1B}[K\(rows)\(part) digests, \(rate) a second")
    }

    func clear() {
        write("\r\u{1B}[K")
    }

    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}

extension Console {
    /// Writes a line of information to standard error, which is no part of what is exported.
    static func tell(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("\(text)\n".utf8))
    }
}

extension Duration {
    /// Reads `90s`, `5m`, `1h` or `7d`.
    init?(interval text: String) {
        guard let unit = text.last, let number = Double(text.dropLast()), number.isFinite, number > 0,
            let factor = ["s": 1.0, "m": 60, "h": 3_600, "d": 86_400][unit], number * factor < 1e9
        else { return nil }
        self = .seconds(number * factor)
    }
}

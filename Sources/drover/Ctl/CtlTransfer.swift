import ArgumentParser
import ControlClient
import FleetModel
import Foundation
import Foundations
import Logging
import MySQLWire
import ProxySQLAdmin

extension ClientTLSSettings.Mode: ExpressibleByArgument {}

/// `drover ctl import`: reads a running ProxySQL.
struct CtlImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Reads a running ProxySQL into databases.yaml.",
        discussion: """
            The admin user's password is read from DROVER_FLEET_PASSWORD, or from the variable that --password-env names. \
            Writes to standard output and changes nothing. What cannot be expressed is named on standard error. \
            Passwords are written as ProxySQL holds them: keep the file to yourself.

            Each database says "adopt: true": applied, it takes over the rows that it was read from, and 'apply' shows \
            them first. Take the line out once the database is Drover's.
            """)

    @Option(help: ArgumentHelp("Its admin interface.", valueName: "host:port"))
    var fromProxysql: String
    @Option(help: "Admin user.") var username = "radmin"
    @Option(help: "Environment variable with its password.") var passwordEnv = "DROVER_FLEET_PASSWORD"
    @Option(help: "TLS: disabled, preferred, required, verify-ca or verify-identity, as MySQL's --ssl-mode.")
    var tls = ClientTLSSettings.Mode.disabled
    @Option(help: "File with the CA certificates of that interface.") var tlsCa: String?
    @Option(
        help: ArgumentHelp(
            "A database: its name, writer and reader hostgroup; may be repeated. Else what "
                + "mysql_replication_hostgroups says.", valueName: "name=writer,reader"))
    var database: [String] = []

    func run() async throws {
        let places = try database.map { text throws in
            let parts = text.split { $0 == "=" || $0 == "," }.map(String.init)
            guard parts.count == 3, let writer = Int(parts[1]), let reader = Int(parts[2]) else {
                throw ValidationError("--database takes name=writer,reader, not \(text)")
            }
            return ProxySQLImport.Place(name: parts[0], writer: writer, reader: reader)
        }
        guard Set(places.map(\.name)).count == places.count else {
            throw ValidationError("--database names one database twice")
        }
        guard let colon = fromProxysql.lastIndex(of: ":"), let port = Int(fromProxysql[colon...].dropFirst()),
            // A URL, or what has a user, is no host.
            !fromProxysql.contains(where: { "/@ ".contains($0) })
        else {
            throw ValidationError("--from-proxysql takes host:port")
        }
        let password = ProcessInfo.processInfo.environment[passwordEnv]
        do {
            var server = MySQLConfiguration(
                host: String(fromProxysql[..<colon]), port: port, username: username, password: password ?? "")
            try ClientTLSSettings(mode: tls, caFile: tlsCa).apply(to: &server)
            let node = try await AdminClient(
                server, node: fromProxysql, timeout: .seconds(10), logger: Logger(label: "drover"))
            let found = try await ProxySQLImport.read(node, places: places)
            await node.close()
            for remark in found.remarks { Console.complain(remark) }
            try FileHandle.standardOutput.write(contentsOf: Data(YAMLText.write(found.document).utf8))
        } catch let error as AdminError {
            let unset = "; the variable \(ShownText.variable(passwordEnv)) with its password is not set"
            Console.complain(error.message + (password == nil ? unset : ""))
            throw ProgramExit.unreachable.code
        } catch let error as MySQLWireError {
            Console.complain("--tls: \(error.message)")
            throw ProgramExit.settings.code
        } catch let error as ControlError {
            Console.complain(error.description)
            throw ProgramExit(error.kind).code
        }
    }
}

extension Operator.ExportFormat: ExpressibleByArgument {}

/// `drover ctl export`: writes what there is.
struct CtlExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the databases as databases.yaml and proxysql.cnf.",
        discussion: """
            databases.yaml is for 'drover ctl apply', here or on another installation; proxysql.cnf is for a ProxySQL \
            that starts from it. Both have all databases. Replicas that Drover manages stand in proxysql.cnf only.

            Passwords are "REDACTED": 'apply' keeps the password that is there already. --with-passwords writes \
            them; that needs the role admin, the audit log names who did it, and files are readable by you alone.

            EXAMPLES
              drover ctl export > databases.yaml
              drover ctl export --format cnf --with-passwords > proxysql.cnf
              drover ctl export --output-dir backup --with-passwords
            """)

    @Option(help: "What is written to standard output; with --output-dir, only that file.")
    var format: Operator.ExportFormat?
    @Option(
        help: ArgumentHelp("Writes databases.yaml and proxysql.cnf into that folder.", valueName: "folder"),
        completion: .directory)
    var outputDir: String?
    @Option(
        help: ArgumentHelp(
            "A proxysql.cnf whose other settings are kept: admin_variables, mysql_variables and so on.",
            valueName: "file"), completion: .file())
    var base: String?
    @Flag(help: "Writes passwords; for the role admin.") var withPasswords = false
    @Option(help: "Only that database.") var database: String?
    @OptionGroup var options: CtlOptions

    func run() async throws {
        let formats = format.map { [$0] } ?? (outputDir == nil ? [.yaml] : Operator.ExportFormat.allCases)
        try await options.run { work in
            let files = try await work.exported(
                formats, database: database, withPasswords: withPasswords, base: try Self.read(base))
            for (format, text) in files {
                guard let outputDir else {
                    try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
                    continue
                }
                try Self.write(text, "\(outputDir)/\(format.fileName)")
            }
            if !withPasswords, formats.contains(.cnf) {
                Console.complain("proxysql.cnf has REDACTED in the place of passwords; --with-passwords writes them")
            }
        }
    }

    private static func read(_ path: String?) throws(ControlError) -> String {
        try path.map { path throws(ControlError) in try readText(path) } ?? ""
    }

    /// Only its owner may read it, from its first byte on; the old file stays until the new one is whole.
    private static func write(_ text: String, _ path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        let unfinished = path + ".unfinished"
        do {
            var named = stat()
            if stat(path, &named) == 0, named.st_mode & S_IFMT != S_IFREG {
                // A device or a pipe is written to; the rename below would put a file in its place.
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                return Console.complain("wrote \(path)")
            }
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try? FileManager.default.removeItem(atPath: unfinished)
            guard
                FileManager.default.createFile(
                    atPath: unfinished, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
            else { throw ControlError(.unusableInput, "\(path) cannot be written; is the folder yours?") }
            guard rename(unfinished, path) == 0 else {
                throw ControlError(.unusableInput, "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
        } catch let error as ControlError {
            throw error
        } catch {
            throw ControlError(.unusableInput, "\(path) cannot be written: \(error.localizedDescription)")
        }
        Console.complain("wrote \(path)")
    }
}

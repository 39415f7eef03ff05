import ArgumentParser
import ControlClient
import FleetModel
import Foundation
import Logging
import MySQLWire
import ProxySQLAdmin

/// `drover ctl import`: reads a running ProxySQL.
struct CtlImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Reads a running ProxySQL into databases.yaml.",
        discussion: """
            Writes to standard output and changes nothing. What cannot be expressed is named on standard error. \
            Passwords are written as ProxySQL holds them: keep the file to yourself.
            """)

    @Option(help: ArgumentHelp("Its admin interface.", valueName: "host:port"))
    var fromProxysql: String
    @Option(help: "Admin user.") var username = "radmin"
    @Option(help: "Environment variable with its password.") var passwordEnv = "DROVER_FLEET_PASSWORD"
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
        guard let colon = fromProxysql.lastIndex(of: ":"), let port = Int(fromProxysql[colon...].dropFirst()) else {
            throw ValidationError("--from-proxysql takes host:port, not \(fromProxysql)")
        }
        let password = ProcessInfo.processInfo.environment[passwordEnv] ?? ""
        do {
            let node = try await AdminClient(
                MySQLConfiguration(
                    host: String(fromProxysql[..<colon]), port: port, username: username, password: password),
                node: fromProxysql, timeout: .seconds(10), logger: Logger(label: "drover"))
            let found = try await ProxySQLImport.read(node, places: places)
            await node.close()
            for remark in found.remarks { Console.complain(remark) }
            try FileHandle.standardOutput.write(contentsOf: Data(YAMLText.write(found.document).utf8))
        } catch let error as AdminError {
            Console.complain(error.message)
            throw ExitCode(ControlError.Kind.unreachable.rawValue)
        } catch let error as ControlError {
            Console.complain(error.description)
            throw ExitCode(error.kind.rawValue)
        }
    }
}

/// `drover ctl export`: writes what there is.
struct CtlExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the databases as databases.yaml or proxysql.cnf.",
        discussion: """
            The API shows no passwords: in both files they are "REDACTED". 'drover ctl apply' keeps a password where it \
            finds that; in proxysql.cnf they have to be put in.
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case yaml, cnf
    }

    @Option(help: "What is written.") var format = Format.yaml
    @Option(help: "Only that database; needed for cnf when there are several.") var database: String?
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            try await work.export(asConfiguration: format == .cnf, database: database)
        }
    }
}

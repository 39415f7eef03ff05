import FakeGoogle
import JSONValues
import Logging
import Subprocess
import SystemPackage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Real MariaDB servers behind the addresses that the Cloud SQL stand-in gives out: one primary, and for each replica
/// a server that replicates from it by GTID.
///
/// A server is started as soon as its instance has an address, so a replica that Cloud SQL calls RUNNABLE still has to
/// start and catch up, as a real one does.
struct MariaDBServers: Sendable {
    /// A login that applications use, with every right on the schema `shop`.
    struct Application: Sendable {
        var username: String
        var password: String
    }

    /// The account with which replication is watched, by the scaler and by ProxySQL's Monitor.
    static let monitorUser = "monitor"
    static let monitorPassword = "monitor"
    /// The account with which the story stops and starts replication.
    static let operatorUser = "operator"
    static let operatorPassword = "operator"

    let primary: String
    let folder: String
    let application: Application
    let cloudSQL: CloudSQLStandIn
    let clock: any Clock<Duration>
    let logger: Logger

    /// The programs of Debian's package `mariadb-server`, or nil when they are not installed.
    static var programs: (server: String, installer: String)? {
        let folders = ["/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin"]
        func find(_ name: String) -> String? {
            folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        }
        guard let server = find("mariadbd"), let installer = find("mariadb-install-db") else { return nil }
        return (server, installer)
    }

    /// Starts and ends servers as instances come and go, until cancellation.
    /// - Throws: `SandboxError` when a server cannot be started.
    func run() async throws {
        guard let programs = Self.programs else {
            throw SandboxError("--mariadb needs Debian's package mariadb-server, which is not installed")
        }
        try await prepareTemplate(programs.installer)
        try await withThrowingDiscardingTaskGroup { tasks in
            var started: Set<String> = []
            // A server that failed cancels the group, not the task of this loop.
            while !tasks.isCancelled {
                for (name, instance) in cloudSQL.instances where !started.contains(name) {
                    guard let address = Self.address(of: instance) else { continue }
                    started.insert(name)
                    let number = started.count
                    tasks.addTask { try await serve(name, address, number, programs.server) }
                }
                try await clock.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Runs the server of one instance until the instance is gone.
    private func serve(_ name: String, _ address: String, _ number: Int, _ program: String) async throws {
        let home = "\(folder)/\(name)"
        try FileManager.default.copyItem(atPath: "\(folder)/template", toPath: home)
        let statements = name == primary ? primaryStatements : try replicaStatements
        try statements.write(toFile: "\(home).sql", atomically: true, encoding: .utf8)
        var arguments = [
            "--no-defaults", "--datadir=\(home)", "--bind-address=\(address)", "--port=3306",
            "--socket=\(home).socket", "--pid-file=\(home).pid", "--init-file=\(home).sql", "--server-id=\(number)",
            "--log-bin=binlog", "--log-slave-updates", "--gtid-strict-mode=ON", "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2",
            "--performance-schema=OFF",
        ]
        // It refuses to run as root unless it is told to.
        if getuid() == 0 { arguments.append("--user=root") }
        if name != primary { arguments.append("--read-only") }
        let process = ChildProcess(
            executable: program, arguments: arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            logFile: "\(home).log", restarts: false, clock: clock)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await process.run() }
            tasks.addTask {
                while cloudSQL.instances[name] != nil { try await clock.sleep(for: .milliseconds(100)) }
            }
            _ = try await tasks.next()
            tasks.cancelAll()
            // The server ends as it likes after it was asked to; the instance is gone already.
            while await tasks.nextResult() != nil {}
        }
        try? FileManager.default.removeItem(atPath: home)
    }

    private func prepareTemplate(_ installer: String) async throws {
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let result = try await Subprocess.run(
            .path(FilePath(installer)),
            arguments: Arguments([
                "--no-defaults", "--datadir=\(folder)/template", "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ]),
            output: .discarded, error: .string(limit: 10_000))
        guard result.terminationStatus.isSuccess else {
            throw SandboxError("\(installer) failed: \(result.standardError)")
        }
    }

    private static func address(of instance: JSONValue) -> String? {
        guard instance[at: "state"].string == "RUNNABLE" else { return nil }
        return instance[at: "ipAddresses"].elements.first { $0[at: "type"].string == "PRIVATE" }?[at: "ipAddress"]
            .string
    }

    // MARK: Statements

    private var primaryStatements: String {
        let user = Self.literal(application.username)
        let password = Self.literal(application.password)
        return """
            CREATE USER replication@'%' IDENTIFIED BY 'replication';
            GRANT REPLICATION SLAVE ON *.* TO replication@'%';
            CREATE USER \(Self.monitorUser)@'%' IDENTIFIED BY '\(Self.monitorPassword)';
            GRANT REPLICA MONITOR, READ_ONLY ADMIN ON *.* TO \(Self.monitorUser)@'%';
            CREATE USER \(Self.operatorUser)@'%' IDENTIFIED BY '\(Self.operatorPassword)';
            GRANT REPLICATION SLAVE ADMIN ON *.* TO \(Self.operatorUser)@'%';
            CREATE DATABASE shop;
            CREATE USER \(user)@'%' IDENTIFIED BY \(password);
            GRANT ALL ON shop.* TO \(user)@'%';
            CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(40) NOT NULL, amount INT);
            INSERT INTO shop.orders (item, amount) VALUES ('first', 1);

            """
    }

    private var replicaStatements: String {
        get throws {
            guard let source = cloudSQL.instances[primary].flatMap(Self.address) else {
                throw SandboxError("the primary \(primary) has no address to replicate from")
            }
            return "CHANGE MASTER TO MASTER_HOST='\(source)', MASTER_PORT=3306, MASTER_USER='replication', "
                + "MASTER_PASSWORD='replication', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1;\nSTART SLAVE;\n"
        }
    }

    /// A string in MariaDB's quotes; an init file takes one statement a line.
    private static func literal(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }
}

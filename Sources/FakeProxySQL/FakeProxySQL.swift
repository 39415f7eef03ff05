package import FleetModel
package import Logging
import MySQLWire
package import Pacing
import Synchronization

/// A ProxySQL node on loopback that answers as version 2.7.1 was recorded: the admin interface, clustering with other
/// nodes over the wire, and a MySQL port that takes clients but has no backends.
///
/// `start` binds the ports; clients are served while `run()` runs.
package final class FakeProxySQL: Sendable {
    /// What a node is in its cluster; only for people, the rules follow from `proxysql_servers`.
    package enum Role: String, Sendable {
        case core, satellite
    }

    /// How a node is started.
    package struct Configuration: Sendable {
        /// Its name in logs and in the disk layer's file.
        package var name: String
        /// What it is in the cluster.
        package var role: Role
        /// The loopback address that both ports are on.
        package var host: String
        /// The admin port; 0 takes any.
        package var adminPort: Int
        /// The port for clients; 0 takes any.
        package var mysqlPort: Int
        /// Users of the admin port, as `user:password;user:password`.
        package var credentials: Secret
        /// With whom the node logs in at its peers, as `user:password`.
        package var clusterCredentials: Secret
        /// The rows of `proxysql_servers` that the node starts with.
        package var bootstrapPeers: [PeerAddress]
        /// `admin-cluster_check_interval_ms`.
        package var clusterCheckInterval: Duration
        /// Further variables, set at every start.
        package var variables: [String: String]
        /// Rows of the mounted configuration file, as INSERT OR REPLACE statements, each of one table; used at the
        /// first start and by LOAD … FROM CONFIG.
        package var fileStatements: [String] = []
        /// The version that it behaves as: 3 answers PAUSE and RESUME twice.
        package var version = "2.7.1"
        /// A folder that exists, for the disk layer's file; without it the layer lives as long as this object.
        package var dataDirectory: String?

        /// Makes the configuration of a node with ProxySQL's defaults.
        package init(
            name: String, role: Role = .core, host: String = "127.0.0.1", adminPort: Int = 6032,
            mysqlPort: Int = 6033, credentials: Secret = Secret("admin:admin;radmin:radmin"),
            clusterCredentials: Secret = Secret("radmin:radmin"), bootstrapPeers: [PeerAddress] = [],
            clusterCheckInterval: Duration = .seconds(1), variables: [String: String] = [:],
            dataDirectory: String? = nil
        ) {
            self.name = name
            self.role = role
            self.host = host
            self.adminPort = adminPort
            self.mysqlPort = mysqlPort
            self.credentials = credentials
            self.clusterCredentials = clusterCredentials
            self.bootstrapPeers = bootstrapPeers
            self.clusterCheckInterval = clusterCheckInterval
            self.variables = variables
            self.dataDirectory = dataDirectory
        }
    }

    /// The sockets, as they are now.
    struct Sockets {
        var adminPort: Int
        var mysqlPort: Int
        var admin: MySQLServer?
        var mysql: MySQLServer?
        /// Servers that stopped listening and may still have clients.
        var former: [MySQLServer] = []
        /// Servers that `run()` has not taken up yet.
        var unserved: [MySQLServer] = []
        var silent: [SilentListener] = []
        var isRunning = true
        var isPaused = false
        var isStopped = false
        var delay: Duration = .zero
        var clientsCreated = 0
        var imaginaryClients = 0
    }

    let configuration: Configuration
    /// What it holds, for whoever sets the scene without SQL.
    package let node: ProxySQLNode
    let clock: any Clock<Duration>
    let logger: Logger
    let gate = Gate()
    let sockets: Mutex<Sockets>
    let wakeup = Wakeup()
    /// What both ports show, where there is a data directory.
    let certificate: NodeCertificate?
    /// The peers that have a polling task.
    let polled = Mutex<Set<PeerAddress>>([])
    /// The peers in `runtime_proxysql_servers` at the last look.
    let configured = Mutex<Set<PeerAddress>>([])
    /// The clients on the MySQL port.
    let clients = ClientSessions()
    let faults = Mutex(StatementFaults())
    private let log = StatementLog()

    private init(
        _ configuration: Configuration, node: ProxySQLNode, certificate: NodeCertificate?,
        ports: (admin: Int, mysql: Int), clock: any Clock<Duration>, logger: Logger
    ) {
        self.configuration = configuration
        self.node = node
        self.certificate = certificate
        self.clock = clock
        self.logger = logger
        sockets = Mutex(Sockets(adminPort: ports.admin, mysqlPort: ports.mysql))
    }

    /// Opens the layers and binds both ports.
    ///
    /// - Throws: when a port is taken or the disk layer cannot be opened.
    package static func start(
        _ configuration: Configuration, clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), logger: Logger
    ) async throws -> FakeProxySQL {
        // A port that was free may be taken by the time it is bound; where any will do, another is tried.
        let takesAny = configuration.adminPort == 0 && configuration.mysqlPort == 0
        for _ in 0..<(takesAny ? 10 : 0) {
            if let fake = try? await open(configuration, clock: clock, wallClock: wallClock, logger: logger) {
                return fake
            }
        }
        return try await open(configuration, clock: clock, wallClock: wallClock, logger: logger)
    }

    private static func open(
        _ configuration: Configuration, clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger
    ) async throws -> FakeProxySQL {
        var configuration = configuration
        // Port 0 is decided before anything else: the node's own address is part of its configuration.
        configuration.adminPort = try await Self.free(configuration.adminPort, on: configuration.host)
        configuration.mysqlPort = try await Self.free(configuration.mysqlPort, on: configuration.host)
        let certificate = configuration.dataDirectory.map { NodeCertificate(folder: $0) }
        var nodeConfiguration = configuration.node
        if let certificate { nodeConfiguration.reloadTLS = { certificate.reload() } }
        let node = try ProxySQLNode(nodeConfiguration, wallClock: wallClock)
        let fake = FakeProxySQL(
            configuration, node: node, certificate: certificate,
            ports: (configuration.adminPort, configuration.mysqlPort), clock: clock,
            logger: logger)
        try await fake.listen(admin: true)
        do {
            try await fake.listen(admin: false)
        } catch {
            await fake.stop()
            throw error
        }
        return fake
    }

    private static func free(_ port: Int, on host: String) async throws -> Int {
        guard port == 0 else { return port }
        return try await SilentListener.freePort(on: host)
    }

    /// Where the admin interface is.
    package var adminEndpoint: PeerAddress {
        PeerAddress(host: configuration.host, port: sockets.withLock { $0.adminPort })
    }

    /// Where clients connect.
    package var mysqlEndpoint: PeerAddress {
        PeerAddress(host: configuration.host, port: sockets.withLock { $0.mysqlPort })
    }

    /// The engine, for tests that script what clients and backends do.
    package var engine: ProxySQLNode { node }

    /// The statements that clients sent to the admin port, oldest first, at most the last 2,000. Polling by peers is
    /// in it too, as user of the cluster credentials.
    package var statements: [ExecutedStatement] { log.all }

    /// Forgets the statements so far.
    package func forgetStatements() { log.removeAll() }

    /// Answers a statement of a client on the wire.
    func answer(_ sql: String, user: String) async -> AdminReply {
        log.add(user: user, sql: sql)
        let (delay, connected, created) = sockets.withLock { sockets in
            let clients = (sockets.former + [sockets.mysql].compactMap(\.self)).filter { $0 !== sockets.admin }
            return (
                sockets.delay, clients.reduce(sockets.imaginaryClients) { $0 + $1.connectionCount },
                sockets.clientsCreated
            )
        }
        if delay > .zero { try? await clock.sleep(for: delay) }
        if let refusal = await fault(sql) { return refusal }
        await node.setClientConnections(connected, created: created)
        if let reply = await endClient(sql) { return reply }
        if sql.lowercased().contains("processlist") { await node.setProcesslist(clients.rows) }
        let outcome = await node.execute(sql, user: user)
        switch outcome.effect {
        case .pause: await pause()
        case .resume: await resume()
        case .exit: await kill()
        case nil: break
        }
        return outcome.reply
    }

    /// Runs a statement as a local administrator, without the wire and without the log.
    package func query(_ sql: String) async -> AdminReply {
        let outcome = await node.execute(sql)
        switch outcome.effect {
        case .pause: await pause()
        case .resume: await resume()
        case .exit: await kill()
        case nil: break
        }
        return outcome.reply
    }

    /// `KILL CONNECTION`. Of a session that is not there it ends nobody, but has every thread look at its sessions at
    /// once; what `mysql-wait_timeout` says is done then.
    private func endClient(_ sql: String) async -> AdminReply? {
        let prefix = "KILL CONNECTION "
        guard sql.uppercased().hasPrefix(prefix), let id = Int(sql.dropFirst(prefix.count)) else { return nil }
        if clients.end(id) { return .ok() }
        if await node.variable("mysql-wait_timeout") == "0" { clients.endIdle() }
        return .error("ProxySQL Admin Error: Unknown thread id: \(id)")
    }

    func adminPassword(of username: String) async -> String? {
        await node.adminPassword(of: username)
    }

    func clientArrived() {
        sockets.withLock { $0.clientsCreated += 1 }
    }
}

extension FakeProxySQL.Configuration {
    /// The same for the engine.
    var node: NodeConfiguration {
        var variables = variables
        let parts = clusterCredentials.reveal().split(separator: ":", maxSplits: 1).map(String.init)
        variables["admin-cluster_username"] = parts.first ?? ""
        variables["admin-cluster_password"] = parts.count > 1 ? parts[1] : ""
        variables["mysql-interfaces"] = variables["mysql-interfaces"] ?? "\(host):\(mysqlPort)"
        variables["admin-cluster_check_interval_ms"] = "\(clusterCheckInterval.wholeMilliseconds)"
        var node = NodeConfiguration(
            name: name, address: PeerAddress(host: host, port: adminPort), variables: variables,
            bootstrapPeers: bootstrapPeers, diskPath: dataDirectory.map { "\($0)/\(name)-proxysql.db" },
            credentials: credentials)
        node.fileStatements = fileStatements
        return node
    }
}

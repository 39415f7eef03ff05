package import FleetModel
package import Logging
package import MySQLWire
package import Pacing

/// Load as ProxySQL itself sees it: connections in use against what it may open, and queries per second, read from
/// the `stats_mysql_connection_pool` of every node (ProxySQL documentation, "Stats").
///
/// A node is asked once for all groups. A node that refuses connections serves nobody and is left out; one that does
/// not answer may serve clients, and then there are no readings at all: a part of the load is not the load.
package actor PoolLoad: LoadSource {
    /// How the nodes are asked.
    package struct Settings: Sendable {
        /// Admin or stats user.
        package var username: String
        /// Its password.
        package var password: Secret
        /// How long connecting, or the statement, may take.
        package var timeout: Duration
        /// How long what was read serves all groups.
        package var freshFor: Duration
        /// How much is made sure of a node before it hears the password.
        package var tls = ClientTLSSettings.disabled

        /// Makes settings with a look every ten seconds at most.
        package init(
            username: String, password: Secret, timeout: Duration = .seconds(10), freshFor: Duration = .seconds(10)
        ) {
            self.username = username
            self.password = password
            self.timeout = timeout
            self.freshFor = freshFor
        }
    }

    private let directory: any NodeDirectory
    private let settings: Settings
    private let wallClock: any WallClock
    private let logger: Logger
    private var connections: [String: any AdminConnection] = [:]
    private var sample: PoolSample?
    /// The sample before, far enough away to make a rate of.
    private var earlier: PoolSample?
    private let turn = Turn()

    /// Makes the source of the nodes of `directory`; nothing is connected before it is asked.
    package init(directory: any NodeDirectory, settings: Settings, wallClock: any WallClock, logger: Logger) {
        self.directory = directory
        self.settings = settings
        self.wallClock = wallClock
        self.logger = logger
    }

    package func readings(
        for group: GroupRecord, metrics: [MetricPolicy], at now: Timestamp
    ) async throws(LoadSourceError) -> [LoadReading] {
        let ours = metrics.filter { $0.source == .proxySQLConnections || $0.source == .proxySQLQueries }
        guard !ours.isEmpty else { return [] }
        do throws(NodeDirectoryError) {
            try await refresh()
        } catch {
            throw LoadSourceError("it is not known which nodes there are: \(error)")
        }
        guard let sample, sample.asked > 0 else {
            throw LoadSourceError("the fleet has no node; set fleet.nodes or fleet.pod-selector")
        }
        guard sample.silent.isEmpty else {
            throw LoadSourceError(
                "reading the connection pool of \(sample.silent.joined(separator: ", ")) failed; the others show "
                    + "only a part of the load")
        }
        guard !sample.counts.isEmpty else { throw LoadSourceError("every node of the fleet refuses connections") }
        return ours.flatMap { metric in
            metric.source == .proxySQLConnections
                ? sample.connections(of: group, metric: metric)
                : sample.queries(of: group, metric: metric, since: earlier)
        }
    }

    private func refresh() async throws(NodeDirectoryError) {
        await turn.take()
        defer { turn.give() }
        let now = wallClock.now()
        if let sample, now.since(sample.at) >= .zero, now.since(sample.at) < settings.freshFor { return }
        let nodes = try await directory.nodes()
        for gone in connections.keys where !nodes.contains(where: { $0.name == gone }) {
            await connections.removeValue(forKey: gone)?.close()
        }
        var next = PoolSample(at: now)
        next.asked = nodes.count
        await withTaskGroup(of: (String, Result<[PoolSample.Backend: PoolSample.Counts], AdminError>).self) { tasks in
            for node in nodes { tasks.addTask { (node.name, await self.ask(node)) } }
            for await (node, answer) in tasks {
                switch answer {
                case .success(let counts): next.counts[node] = counts
                case .failure(let error) where error.code == .refused: continue
                case .failure(let error):
                    next.silent.append(node)
                    logger.debug(
                        "connection pool not read", metadata: ["node.id": "\(node)", "error": "\(error)"])
                }
            }
        }
        next.silent.sort()
        earlier = sample
        sample = next
    }

    private func ask(_ node: FleetNode) async -> Result<[PoolSample.Backend: PoolSample.Counts], AdminError> {
        do throws(AdminError) {
            let result = try await connection(to: node).query(
                "SELECT hostgroup, srv_host, srv_port, ConnUsed, Queries FROM stats_mysql_connection_pool")
            var counts: [PoolSample.Backend: PoolSample.Counts] = [:]
            for row in result.rows {
                let backend = PoolSample.Backend(
                    hostgroup: try row.number("hostgroup"), address: try row.required("srv_host"),
                    port: try row.number("srv_port"))
                counts[backend] = PoolSample.Counts(
                    inUse: try row.count("ConnUsed"), queries: try row.count("Queries"))
            }
            return .success(counts)
        } catch {
            if error.code != .statementRefused { await connections.removeValue(forKey: node.name)?.close() }
            return .failure(error)
        }
    }

    private func connection(to node: FleetNode) async throws(AdminError) -> any AdminConnection {
        if let present = connections[node.name], present.isOpen { return present }
        var configuration = MySQLConfiguration(
            host: node.host, port: node.port, username: settings.username, password: settings.password.reveal())
        settings.tls.apply(to: &configuration)
        let made = try await AdminClient(
            configuration, node: node.name, timeout: settings.timeout, logger: logger)
        connections[node.name] = made
        return made
    }
}

/// The connection pools of all nodes at one moment.
struct PoolSample: Sendable {
    /// One server in one hostgroup.
    struct Backend: Hashable, Sendable {
        var hostgroup: Int
        var address: String
        var port: Int
    }

    /// What one node counts for it.
    struct Counts: Hashable, Sendable {
        /// Connections in use now.
        var inUse: Int
        /// Queries since the node began.
        var queries: Int
    }

    var at: Timestamp
    /// How many nodes there were.
    var asked = 0
    /// By node; one that refuses connections is missing.
    var counts: [String: [Backend: Counts]] = [:]
    /// Nodes that may serve but did not answer.
    var silent: [String] = []

    private static func readers(of group: GroupRecord) -> [(server: BackendServer, backend: Backend)] {
        let configuration = group.configuration
        return configuration.servers.filter {
            $0.hostgroup == configuration.readerHostgroup && $0.status == .online && $0.weight > 0
        }.map { ($0, Backend(hostgroup: $0.hostgroup, address: $0.address, port: $0.port)) }
    }

    /// The share of the connections that may be opened, of each reader and of all.
    func connections(of group: GroupRecord, metric: MetricPolicy) -> [LoadReading] {
        var readings: [LoadReading] = []
        var (used, capacity) = (0, 0)
        for (server, backend) in Self.readers(of: group) where server.maxConnections > 0 {
            let inUse = counts.values.reduce(0) { $0 + ($1[backend]?.inUse ?? 0) }
            let limit = server.maxConnections.clampedProduct(counts.count)
            readings.append(
                LoadReading(
                    metric: metric.name, instance: server.name, value: Double(inUse) / Double(limit), measuredAt: at))
            used += inUse
            capacity = capacity.clampedSum(limit)
        }
        guard capacity > 0 else { return [] }
        readings.append(
            LoadReading(metric: metric.name, value: Double(used) / Double(capacity), measuredAt: at))
        return readings
    }

    /// Queries per second of each reader, and of all or per reader as the metric wants it; nothing while a node's
    /// count began anew, which is what a restart does.
    func queries(of group: GroupRecord, metric: MetricPolicy, since earlier: PoolSample?) -> [LoadReading] {
        guard let earlier, earlier.silent.isEmpty else { return [] }
        let seconds = Double(at.since(earlier.at).wholeMilliseconds) / 1_000
        guard seconds >= 1 else { return [] }
        var readings: [LoadReading] = []
        var total = 0.0
        let readers = Self.readers(of: group)
        for (server, backend) in readers {
            var count = 0
            for (node, now) in counts {
                guard let before = earlier.counts[node] else { return [] }
                let grown = (now[backend]?.queries ?? 0) - (before[backend]?.queries ?? 0)
                guard grown >= 0 else { return [] }
                count += grown
            }
            let rate = Double(count) / seconds
            readings.append(LoadReading(metric: metric.name, instance: server.name, value: rate, measuredAt: at))
            total += rate
        }
        guard !readers.isEmpty else { return [] }
        let whole = metric.basis == .total ? total : total / Double(readers.count)
        readings.append(LoadReading(metric: metric.name, value: whole, measuredAt: at))
        return readings
    }
}

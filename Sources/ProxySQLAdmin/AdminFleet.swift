package import FleetModel
package import Logging
import Observability
package import MySQLWire
package import Pacing

/// One ProxySQL node of the fleet.
package struct FleetNode: Hashable, Sendable {
    /// What a node is to the cluster.
    package enum Role: String, Hashable, Sendable {
        /// Others pull from it.
        case core
        /// It pulls from cores.
        case satellite
    }

    /// The node's name, for people.
    package var name: String
    /// What it is to the cluster.
    package var role: Role
    /// Host of its admin interface.
    package var host: String
    /// Port of its admin interface.
    package var port: Int

    /// Makes a node.
    package init(name: String, role: Role, host: String, port: Int) {
        self.name = name
        self.role = role
        self.host = host
        self.port = port
    }
}

/// The strategy `admin`: the difference, applied to each node through its admin interface and read back.
///
/// Publications take turns, so that two groups never load on two cores at once: the one that is loaded later would be
/// pulled over the other by cluster sync. Within one, cores come first and one after another, then the satellites
/// together; what a node has already pulled from a core is found equal there and not loaded again.
package actor AdminFleet: ProxyFleet {
    /// How nodes are reached.
    package struct Settings: Sendable {
        /// Admin user.
        package var username: String
        /// Its password.
        package var password: Secret
        /// How long one statement, or connecting, may take.
        package var statementTimeout: Duration
        /// After this a node that does not answer is taken for down.
        package var unreachableAfter: Duration
        /// Whether what is loaded is saved to disk.
        package var savesToDisk: Bool
        /// Where the nodes find the files that verify backends.
        package var tlsDirectory = TLSFile.usualDirectory
        /// How much is made sure of a node before it hears the password.
        package var tls = ClientTLSSettings.disabled

        /// Makes settings with the defaults of `drover serve`.
        package init(username: String, password: Secret) {
            self.username = username
            self.password = password
            self.statementTimeout = .seconds(10)
            self.unreachableAfter = .seconds(300)
            self.savesToDisk = true
        }
    }

    var nodes: [FleetNode]
    private let settings: Settings
    private let wallClock: any WallClock
    let logger: Logger
    private var connections: [String: any AdminConnection] = [:]
    /// The nodes that did not answer when they were last asked.
    private var silences: [String: Silence] = [:]
    private let turn = Turn()

    /// Makes the fleet; nothing is connected before the first publication.
    package init(nodes: [FleetNode], settings: Settings, wallClock: any WallClock, logger: Logger) {
        self.nodes = nodes
        self.settings = settings
        self.wallClock = wallClock
        self.logger = logger
    }

    /// Where nodes find the files that verify backends.
    var tlsDirectory: String { settings.tlsDirectory }

    /// Takes up which nodes there are now; connections to others are closed.
    package func setNodes(_ present: [FleetNode]) async {
        let gone = nodes.filter { !present.contains($0) }
        nodes = present
        for node in gone {
            silences[node.name] = nil
            await connections.removeValue(forKey: node.name)?.close()
        }
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        await turn.take()
        let beginning = wallClock.now()
        defer {
            turn.give()
            AdminMetric.publication.record(wallClock.now().since(beginning))
        }
        var results: [NodePublication] = []
        for node in nodes where node.role == .core {
            results.append(await bring(configuration, to: node))
        }
        let satellites = nodes.filter { $0.role == .satellite }
        results += await withTaskGroup(of: NodePublication.self) { tasks in
            for node in satellites { tasks.addTask { await self.bring(configuration, to: node) } }
            var brought: [NodePublication] = []
            for await result in tasks { brought.append(result) }
            return brought
        }
        // A pull that was under way while a node was loaded may have put older rows back. Nodes that were loaded within
        // one second have equal epochs and cannot pull from each other, which is harmless: what they hold is equal.
        let verified = await withTaskGroup(of: NodePublication.self) { tasks in
            for result in results { tasks.addTask { await self.verify(result, configuration) } }
            var read: [NodePublication] = []
            for await result in tasks { read.append(result) }
            return read
        }
        let order = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.name, $0) })
        return Publication(
            generation: configuration.generation,
            nodes: verified.sorted { order[$0.node, default: 0] < order[$1.node, default: 0] })
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await publish(configuration.emptied)
    }

    private func bring(_ configuration: FleetConfiguration, to node: FleetNode) async -> NodePublication {
        await attempt(node) { apply throws(AdminError) in
            _ = try await apply.apply(configuration)
            return NodePublication(node: node.name, condition: .current)
        }
    }

    private func verify(_ result: NodePublication, _ configuration: FleetConfiguration) async -> NodePublication {
        guard result.condition == .current, let node = nodes.first(where: { $0.name == result.node }) else {
            return result
        }
        return await attempt(node) { apply throws(AdminError) in
            let holds = try await apply.holds(configuration)
            return NodePublication(
                node: node.name, condition: holds ? .current : .behind,
                detail: holds ? nil : "it holds something else after it was brought there",
                backends: try await apply.backends(of: configuration))
        }
    }

    private func attempt(
        _ node: FleetNode, _ body: (NodeApply) async throws(AdminError) -> NodePublication
    ) async -> NodePublication {
        if let silence = silences[node.name], !silence.isOver(at: wallClock.now(), limit: settings.unreachableAfter) {
            return NodePublication(
                node: node.name, condition: .unknown, detail: "\(silence.reason); it will be asked again soon")
        }
        do throws(AdminError) {
            let connection = try await connection(to: node)
            let result = try await body(
                NodeApply(
                    connection: connection, node: node.name, savesToDisk: settings.savesToDisk,
                    tlsDirectory: settings.tlsDirectory, logger: logger))
            silences[node.name] = nil
            return result
        } catch {
            // A refused statement leaves the session as it was; anything else leaves it unknown.
            if ![.readBackDiffers, .statementRefused, .foreignRows].contains(error.code) {
                await connections.removeValue(forKey: node.name)?.close()
            }
            var result = NodePublication(
                node: node.name, condition: condition(of: node, error), detail: error.message)
            result.foreignRows = error.foreignRows.isEmpty ? nil : error.foreignRows
            return result
        }
    }

    private func condition(of node: FleetNode, _ error: AdminError) -> NodePublication.Condition {
        switch error.code {
        case .refused:
            silences[node.name] = nil
            return .down
        case .unreachable:
            let now = wallClock.now()
            var silence = silences[node.name] ?? Silence(since: now)
            silence.goesOn(
                at: now, reason: error.message, longest: settings.statementTimeout,
                jitter: Double.random(in: 0.5...1))
            silences[node.name] = silence
            return now.since(silence.since) >= settings.unreachableAfter ? .down : .unknown
        case .statementRefused, .unusableText, .contradictory, .unexpectedAnswer, .readBackDiffers, .unsupported,
            .foreignRows:
            silences[node.name] = nil
            return .behind
        }
    }

    func connection(to node: FleetNode) async throws(AdminError) -> any AdminConnection {
        // The node may have been restarted since the last publication.
        if let present = connections[node.name], present.isOpen { return present }
        var configuration = MySQLConfiguration(
            host: node.host, port: node.port, username: settings.username, password: settings.password.reveal())
        settings.tls.apply(to: &configuration)
        let made = try await AdminClient(
            configuration, node: node.name, timeout: settings.statementTimeout, logger: logger)
        connections[node.name] = made
        return made
    }
}

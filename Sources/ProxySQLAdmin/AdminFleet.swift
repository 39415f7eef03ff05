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

/// The strategy `admin`: what all groups want, brought to each node through its admin interface and read back.
///
/// Each node has a loop of its own, with its own connection and its own patience, so that one that hangs delays no
/// other. In one round a node is brought to what all groups want by then. Cluster sync takes the newest LOAD for the
/// truth, so nothing is loaded that was overtaken meanwhile, and after a LOAD all other nodes are looked at again: a
/// pull that was under way may have put older rows back. Nodes that were loaded within one second have equal epochs
/// and cannot pull from each other, which is harmless: what they hold is equal.
package actor AdminFleet: ProxyFleet, FleetRounds {
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
        /// Between two looks at the checksums of a node to which nothing happens.
        package var verifyEvery = Duration.seconds(30)
        /// Between two readings of all tables of a node, for what no checksum shows.
        package var readEvery = Duration.seconds(60)
        /// Between two readings of its disk.
        package var diskEvery = Duration.seconds(300)
        /// Between two readings of its connection pool that nobody asked for.
        package var countEvery = Duration.seconds(15)
        /// How long a publication waits for a node that says nothing; its loop goes on waiting.
        package var patience = Duration.seconds(3)

        /// Makes settings with the defaults of `drover serve`.
        package init(username: String, password: Secret) {
            self.username = username
            self.password = password
            self.statementTimeout = .seconds(10)
            self.unreachableAfter = .seconds(300)
            self.savesToDisk = true
        }
    }

    /// What the fleet does not do by itself, so that it can be played without sockets and without chance.
    package struct Means: Sendable {
        /// Connects to a node as `Settings` say, within the statement's timeout.
        package var connect: @Sendable (FleetNode, Settings, Logger) async throws(AdminError) -> any AdminConnection
        /// A number of a range, by chance: it keeps nodes from being asked in step.
        package var chance: @Sendable (ClosedRange<Double>) -> Double

        /// Over the wire, and by the machine's own chance.
        package init() {
            connect = { node, settings, logger throws(AdminError) in
                var configuration = MySQLConfiguration(
                    host: node.host, port: node.port, username: settings.username,
                    password: settings.password.reveal())
                settings.tls.apply(to: &configuration)
                return try await AdminClient(
                    configuration, node: node.name, timeout: settings.statementTimeout, logger: logger)
            }
            chance = { Double.random(in: $0) }
        }
    }

    var nodes: [FleetNode]
    let settings: Settings
    let wallClock: any WallClock
    let clock: any Clock<Duration>
    let logger: Logger
    let means: Means
    var connections: [FleetNode: any AdminConnection] = [:]
    var states: [FleetNode: NodeState] = [:]
    /// Where `stamp` was after each node's last LOAD; asked for every group and node, so it stands beside the states.
    var loadedAt: [FleetNode: Int] = [:]
    var wanted = WantedFleet()
    /// Counts what nodes have to be looked at for: each change of what is wanted, each question, each LOAD.
    var stamp = 0
    /// Where `stamp` was when a group's present configuration was taken up.
    var takenAt: [InstanceName: Int] = [:]
    /// Where `stamp` was when connections were last to be counted.
    var countsAskedAt = 0
    /// A generation that was seen once and not taken, by group.
    var older: [InstanceName: Int64] = [:]
    /// Which groups there are and were, as the store said last, and where `stamp` was then.
    var register: (groups: GroupRegister, takenAt: Int)?
    /// Why it is not known which nodes there are.
    private var nodesProblem: String?
    /// Goes on whenever a node's round ended.
    let progress = Progress()
    let nodesChanged = Wakeup()
    var loops: Set<FleetNode> = []
    var onChange: @Sendable () -> Void = {}
    var mayAct: @Sendable () -> Bool = { true }

    /// Makes the fleet; nothing is connected before it runs.
    package init(
        nodes: [FleetNode], settings: Settings, wallClock: any WallClock,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger, means: Means = Means()
    ) {
        self.nodes = nodes
        self.means = means
        self.settings = settings
        self.wallClock = wallClock
        self.clock = clock
        self.logger = logger
        for node in nodes { states[node] = NodeState() }
    }

    /// Where nodes find the files that verify backends.
    var tlsDirectory: String { settings.tlsDirectory }

    /// Takes up which nodes there are now; connections to others are closed.
    package func setNodes(_ present: [FleetNode]) {
        nodesProblem = nil
        guard present != nodes else { return }
        let gone = nodes.filter { !present.contains($0) }
        nodes = present
        for node in gone {
            states.removeValue(forKey: node)?.wakeup.wake()
            loadedAt[node] = nil
        }
        for node in present where states[node] == nil { states[node] = NodeState() }
        nodesChanged.wake()
    }

    /// Without knowing which nodes there are, nothing may be called published.
    package func nodesAreUnknown(because problem: String) {
        nodesProblem = problem
    }

    package func publish(_ configuration: FleetConfiguration) async -> Publication {
        await publish(WantedGroup(configuration, tlsDirectory: tlsDirectory))
    }

    package func withdraw(_ configuration: FleetConfiguration) async -> Publication {
        await publish(WantedGroup(configuration.emptied, tlsDirectory: tlsDirectory, isWithdrawn: true))
    }

    private func publish(_ group: WantedGroup) async -> Publication {
        let watch = Stopwatch(clock)
        take(group)
        stamp += 1
        countsAskedAt = stamp
        wakeAll()
        let needed = stamp
        await settle(needed, countsToo: true)
        AdminMetric.publication.record(watch.elapsed)
        return publication(of: group.configuration, needed: needed, countsToo: true)
    }

    package func look(at configuration: FleetConfiguration) async -> Publication {
        let group = configuration.group
        if mayTake(configuration), take(WantedGroup(configuration, tlsDirectory: tlsDirectory)) { wakeAll() }
        let needed = takenAt[group] ?? stamp
        await settle(needed, countsToo: false)
        let present = wanted.groups[group]?.configuration ?? configuration
        return publication(of: present, needed: needed, countsToo: false)
    }

    /// Whether what was read in the store is to be taken for what is wanted. Whoever has just published may have saved
    /// something newer since it was read, or be withdrawing the group; what is read again all the same is a store that
    /// was put back, or a group that was registered anew.
    private func mayTake(_ configuration: FleetConfiguration) -> Bool {
        let group = configuration.group
        guard let present = wanted.groups[group] else { return true }
        guard present.isWithdrawn || configuration.generation < present.configuration.generation else {
            older[group] = nil
            return present.configuration != configuration
        }
        guard older.updateValue(configuration.generation, forKey: group) == configuration.generation else {
            return false
        }
        older[group] = nil
        return true
    }

    @discardableResult
    private func take(_ group: WantedGroup) -> Bool {
        let name = group.configuration.group
        older[name] = nil
        let isOther = wanted.take(group)
        if isOther || takenAt[name] == nil {
            stamp += 1
            takenAt[name] = stamp
        }
        return isOther
    }

    func wakeAll(but own: FleetNode? = nil) {
        for node in nodes where node != own { states[node]?.wakeup.wake() }
    }

    // MARK: What is known

    /// Waits until each node was looked at since `needed`, but not for one that says nothing.
    private func settle(_ needed: Int, countsToo: Bool) async {
        let watch = Stopwatch(clock)
        while !Task.isCancelled {
            let seen = progress.count
            let left = settings.patience - watch.elapsed
            let isOver = nodes.allSatisfy {
                isSettled($0, needed, countsToo: countsToo)
                    || states[$0]?.round.map { $0.elapsed > settings.patience } ?? false
            }
            if isOver || left <= .zero { return }
            await progress.wait(beyond: seen, upTo: left, clock: clock)
        }
    }

    /// Whether the node was looked at since `needed`, and since any other was loaded.
    private func isSettled(_ node: FleetNode, _ needed: Int, countsToo: Bool) -> Bool {
        guard let state = states[node], state.finished >= needed, !countsToo || state.counted >= needed else {
            return false
        }
        return state.absence != nil || loadedAt.allSatisfy { $0.value <= state.finished || $0.key == node }
    }

    private func publication(of configuration: FleetConfiguration, needed: Int, countsToo: Bool) -> Publication {
        if let nodesProblem {
            return Publication(
                generation: configuration.generation,
                nodes: [NodePublication(node: "pods", condition: .unknown, detail: nodesProblem)])
        }
        let present = nodes.map { node in
            guard let state = states[node], isSettled(node, needed, countsToo: countsToo) || state.staysDown else {
                let elapsed = states[node]?.round.map { ", for \($0.elapsed.wholeMilliseconds) ms now" } ?? ""
                return NodePublication(
                    node: node.name, condition: .unknown, detail: "\(node.name) has not answered yet\(elapsed)")
            }
            return state.publication(of: configuration, by: node.name)
        }
        return Publication(generation: configuration.generation, nodes: present)
    }
}

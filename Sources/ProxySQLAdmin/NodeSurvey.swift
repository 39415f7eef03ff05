package import FleetModel
package import Logging
package import MySQLWire
package import Pacing

/// What looks at the tables of all nodes, for whoever gives out places in them.
package protocol NodeSurveying: Sendable {
    /// Reads every node within a few seconds; one that does not answer is named as silent. Unless `isFresh`, what was read
    /// a moment ago will do.
    func survey(isFresh: Bool) async -> NodeSurvey
}

/// What the nodes' tables hold in memory.
package struct NodeSurvey: Sendable {
    /// One node's tables.
    package struct Tables: Sendable {
        /// The node's name.
        package var node: String
        var servers: [ServerRow] = []
        var users: [UserRow] = []
        var rules: [QueryRuleRow] = []

        /// Makes a node without rows.
        package init(node: String) {
            self.node = node
        }
    }

    /// A row in a group's place, and the node that holds it.
    package struct Finding: Hashable, Sendable {
        /// The node's name.
        package var node: String
        /// The row.
        package var found: ForeignRow

        /// Says where a row is.
        package init(node: String, found: ForeignRow) {
            self.node = node
            self.found = found
        }
    }

    /// The nodes that answered.
    package var nodes: [Tables]
    /// Those that did not.
    package var silent: [String]

    /// Gathers tables.
    package init(nodes: [Tables] = [], silent: [String] = []) {
        self.nodes = nodes
        self.silent = silent
    }

    /// The places that are in use by rows of neither `group` nor the groups `known`, which tell their places themselves.
    ///
    /// What a mounted file says of the group that is about to come is not in its way: a server at one of `addresses`,
    /// and what is for one of `usernames`. Whether it means the same is looked at row by row, by `findings`.
    package func places(
        besides group: InstanceName, _ known: Set<String>, addresses: Set<String>, usernames: Set<String>
    ) -> OccupiedPlaces {
        func isForeign(_ mark: RowMark?) -> Bool {
            mark.map { $0.group != group.text && !known.contains($0.group) } ?? true
        }
        var places = OccupiedPlaces()
        for node in nodes {
            for row in node.servers
            where isForeign(row.mark) && (row.mark != nil || !addresses.contains("\(row.hostname) \(row.port)")) {
                places.hostgroups.insert(row.hostgroup)
            }
            for row in node.users where isForeign(row.mark) && (row.mark != nil || !usernames.contains(row.username)) {
                places.hostgroups.insert(row.defaultHostgroup)
            }
            for row in node.rules
            where isForeign(row.mark) && (row.mark != nil || !usernames.contains(row.username ?? "")) {
                places.ruleIDs.insert(row.id)
                if let hostgroup = row.destinationHostgroup { places.hostgroups.insert(hostgroup) }
            }
        }
        return places
    }

    /// The rows that keep `configuration` from being brought to the nodes, and servers of others in a hostgroup that is
    /// new to the group; rows marked as one of `known` are being moved or withdrawn by Drover itself.
    ///
    /// - Parameter before: what the group was; rows that it had already are not looked at again, so that a change of one
    ///   thing is not refused because of another. Nil looks at all.
    /// - Throws: `contradictory`, when the configuration wants two rows in one place.
    package func findings(
        for configuration: FleetConfiguration, before: FleetConfiguration?, besides known: Set<String>
    ) throws(AdminError) -> [Finding] {
        let had = Set(before?.rowNames ?? [])
        let group = configuration.group
        let newHostgroups = configuration.hostgroups.subtracting(before?.hostgroups ?? [])
        let wanted = Set(configuration.rowNames)
        var findings: [Finding] = []
        for node in nodes {
            var found: [ForeignRow] = []
            func collect<Row: ManagedRow>(_ current: [Row], _ rows: [Row]) throws(AdminError) {
                found += try Difference(
                    current: current, wanted: rows, group: group.text, adoption: configuration.adoption
                ).collisions
            }
            try collect(node.servers, configuration.plannedServers.map { ServerRow($0, group: group) })
            try collect(node.users, configuration.users.map { UserRow($0, group: group) })
            try collect(node.rules, configuration.queryRules.map { QueryRuleRow($0, of: configuration) })
            found = found.filter { !had.contains($0.row) }
            for row in node.servers where newHostgroups.contains(row.hostgroup) && row.mark?.group != group.text {
                let foreign = ForeignRow(row: row.name, owner: row.mark?.group)
                // Who adopts names the servers beside the group's own too: that all of the group's places are its own
                // says nothing of them.
                let isKnown =
                    before == nil
                    ? configuration.adoption?.rows.contains(row.name) : configuration.adoption?.covers(row.name)
                guard !wanted.contains(row.name), isKnown != true else { continue }
                found.append(foreign)
            }
            findings += found.filter { $0.owner.map { !known.contains($0) } ?? true }
                .map { Finding(node: node.node, found: $0) }
        }
        return findings
    }
}

extension Adoption {
    /// Forgets rows that `configuration` has no use for; servers of others in its hostgroups are known to be there.
    package mutating func trim(to configuration: FleetConfiguration) {
        let wanted = Set(configuration.rowNames)
        let hostgroups = Set(configuration.hostgroups.map { "\($0)" })
        trim { row in
            wanted.contains(row) || row.table == ServerRow.table && hostgroups.contains(row.key.first ?? "")
        }
    }
}

extension FleetConfiguration {
    /// Lets the group take over `rows`.
    package mutating func adopt(_ rows: [RowName]) {
        var adoption = adoption ?? Adoption()
        adoption.add(rows)
        self.adoption = adoption
    }

    /// Every row that the group wants.
    package var rowNames: [RowName] {
        servers.map { ServerRow($0, group: group).name } + users.map { UserRow($0, group: group).name }
            + queryRules.map { QueryRuleRow($0, of: self).name }
    }
}

extension [NodeSurvey.Finding] {
    /// The findings as a sentence: each row once, with its nodes.
    package var sentence: String {
        let rows = reduce(into: [ForeignRow]()) { if !$0.contains($1.found) { $0.append($1.found) } }
        let shown = rows.prefix(20).map { row in
            "\(row) on \(filter { $0.found == row }.map(\.node).joined(separator: ", "))"
        }
        return shown.joined(separator: "; ") + (rows.count > 20 ? " and \(rows.count - 20) more" : "")
    }
}

/// Looks at nodes through their admin interfaces; what was read a moment ago is not read again.
package actor AdminSurvey: NodeSurveying {
    /// How nodes are reached.
    package struct Settings: Sendable {
        /// Admin user.
        package var username: String
        /// Its password.
        package var password: Secret
        /// How long a node may take for all of it.
        package var timeout = Duration.seconds(3)
        /// How much is made sure of a node before it hears the password.
        package var tls = ClientTLSSettings.disabled

        /// Makes settings.
        package init(username: String, password: Secret) {
            self.username = username
            self.password = password
        }
    }

    /// Many groups that are registered one after another look at the nodes once.
    private static let freshness = Duration.seconds(1)
    private let directory: any NodeDirectory
    private let settings: Settings
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let logger: Logger
    private var last: (survey: NodeSurvey, at: Timestamp)?

    /// Looks at the nodes of `directory`.
    package init(
        directory: any NodeDirectory, settings: Settings, clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock, logger: Logger
    ) {
        self.directory = directory
        self.settings = settings
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
    }

    package func survey(isFresh: Bool) async -> NodeSurvey {
        let now = wallClock.now()
        if !isFresh, let last, last.at <= now, now.since(last.at) < Self.freshness { return last.survey }
        let nodes: [FleetNode]
        do {
            nodes = try await withDeadline(settings.timeout, clock: clock) { [directory] in try await directory.nodes()
            }
        } catch {
            logger.warning("nodes cannot be listed", metadata: ["error": "\(error)"])
            return NodeSurvey(silent: ["the list of nodes"])
        }
        let found = await withTaskGroup(of: (FleetNode, NodeSurvey.Tables?).self) { tasks in
            for node in nodes { tasks.addTask { (node, await self.read(node)) } }
            var found: [String: NodeSurvey.Tables] = [:]
            for await (node, tables) in tasks { found[node.name] = tables }
            return found
        }
        let survey = NodeSurvey(
            nodes: nodes.compactMap { found[$0.name] }, silent: nodes.map(\.name).filter { found[$0] == nil })
        if !survey.silent.isEmpty {
            logger.warning(
                "places are given out without a look at nodes that did not answer",
                metadata: ["nodes": "\(survey.silent.joined(separator: ","))"])
        }
        last = (survey, wallClock.now())
        return survey
    }

    private nonisolated func read(_ node: FleetNode) async -> NodeSurvey.Tables? {
        let (settings, logger) = (settings, logger)
        return try? await withDeadline(settings.timeout, clock: clock) {
            var configuration = MySQLConfiguration(
                host: node.host, port: node.port, username: settings.username, password: settings.password.reveal())
            settings.tls.apply(to: &configuration)
            let connection = try await AdminClient(
                configuration, node: node.name, timeout: settings.timeout, logger: logger)
            let tables: NodeSurvey.Tables
            do {
                tables = try await NodeSurvey.Tables(of: connection, node: node.name)
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            return tables
        }
    }
}

extension NodeSurvey.Tables {
    /// Reads a node.
    /// - Throws: `AdminError`.
    init(of connection: any AdminConnection, node: String) async throws(AdminError) {
        self.init(node: node)
        servers = try await Self.rows(connection)
        users = try await Self.rows(connection, where: UserRow.runtimeCondition)
        rules = try await Self.rows(connection)
    }

    private static func rows<Row: ManagedRow>(
        _ connection: any AdminConnection, where condition: String = "1=1"
    ) async throws(AdminError) -> [Row] {
        let result = try await connection.query(
            "SELECT \(Row.columns.joined(separator: ",")) FROM \(Row.table) WHERE \(condition)")
        var rows: [Row] = []
        for row in result.rows { rows.append(try Row(row)) }
        return rows
    }
}

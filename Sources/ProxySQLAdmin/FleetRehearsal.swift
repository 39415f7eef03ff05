package import FleetModel

/// What can say what a publication would change, and changes nothing itself.
package protocol FleetRehearsal: Sendable {
    /// Looks at every place that `configuration` would be brought to.
    func rehearse(_ configuration: FleetConfiguration) async -> [RehearsedTarget]
}

/// What a publication would change at one place.
package struct RehearsedTarget: Hashable, Codable, Sendable {
    /// The node, or what stands for several, for example `configmap/shop`.
    package var name: String
    /// Why it could not be looked at.
    package var problem: String?
    /// The rows that would be written or removed.
    package var rows: [RowChange]
    /// What else would be done, one sentence each.
    package var notes: [String]
    /// The group's backends as the node's connection pool shows them.
    package var backends: [BackendObservation]
    /// Rows of somebody else in places of the group, which would be left as they are.
    package var foreignRows: [ForeignRow]
    /// Servers of somebody else in hostgroups of the group, which would stay and take its queries; nil for none.
    package var foreignServers: [ForeignRow]?

    /// Makes a result.
    package init(
        name: String, problem: String? = nil, rows: [RowChange] = [], notes: [String] = [],
        backends: [BackendObservation] = [], foreignRows: [ForeignRow] = []
    ) {
        self.foreignRows = foreignRows
        self.name = name
        self.problem = problem
        self.rows = rows
        self.notes = notes
        self.backends = backends
    }
}

extension AdminFleet: FleetRehearsal {
    /// Compares each node's tables with `configuration`; only SELECT is sent.
    package func rehearse(_ configuration: FleetConfiguration) async -> [RehearsedTarget] {
        var targets: [RehearsedTarget] = []
        for node in nodes {
            do throws(AdminError) {
                let apply = NodeApply(
                    connection: try await connection(to: node), node: node.name, savesToDisk: false,
                    tlsDirectory: tlsDirectory, logger: logger)
                let changes = try await apply.changes(to: configuration)
                var target = RehearsedTarget(
                    name: node.name, rows: changes.rows, backends: try await apply.backends(of: configuration),
                    foreignRows: changes.foreign)
                let servers: [ServerRow] = try await apply.rows(ServerRow.table)
                target.foreignServers = ForeignServers(servers, [configuration]).rows[configuration.group]
                targets.append(target)
            } catch {
                targets.append(RehearsedTarget(name: node.name, problem: error.message))
            }
        }
        return targets
    }
}

extension NodeApply {
    /// The rows that `apply` would write or remove, and those that it would leave to somebody else.
    package typealias Changes = (rows: [RowChange], foreign: [ForeignRow])

    /// What `apply` would do.
    /// - Throws: `AdminError`.
    package func changes(to configuration: FleetConfiguration) async throws(AdminError) -> Changes {
        let group = configuration.group
        let users = configuration.users.map { UserRow($0, group: group) }
        let rules = configuration.queryRules.map { QueryRuleRow($0, of: configuration) }
        let parts = [
            try await changes(sslRows(configuration), configuration),
            try await changes(serverRows(configuration), configuration),
            try await changes(users, configuration), try await changes(rules, configuration),
        ]
        return (parts.flatMap(\.rows), parts.flatMap(\.foreign))
    }

    private func changes<Row: ManagedRow>(
        _ wanted: [Row], _ configuration: FleetConfiguration
    ) async throws(AdminError) -> Changes {
        let current = try await memory(wanted)
        let difference = try Difference(
            current: current, wanted: wanted, group: configuration.group.text, adoption: configuration.adoption)
        return (RowChange.changes(current, by: difference), difference.collisions)
    }
}

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

    /// Makes a result.
    package init(
        name: String, problem: String? = nil, rows: [RowChange] = [], notes: [String] = [],
        backends: [BackendObservation] = []
    ) {
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
                targets.append(
                    RehearsedTarget(
                        name: node.name, rows: try await apply.changes(to: configuration),
                        backends: try await apply.backends(of: configuration)))
            } catch {
                targets.append(RehearsedTarget(name: node.name, problem: error.message))
            }
        }
        return targets
    }
}

extension NodeApply {
    /// The rows that `apply` would write or remove.
    /// - Throws: `AdminError`.
    package func changes(to configuration: FleetConfiguration) async throws(AdminError) -> [RowChange] {
        let group = configuration.group
        let users = configuration.users.map { UserRow($0, group: group) }
        let rules = configuration.queryRules.map { QueryRuleRow($0, of: configuration) }
        return try await changes(sslRows(configuration), group) + changes(serverRows(configuration), group)
            + changes(users, group) + changes(rules, group)
    }

    private func changes<Row: ManagedRow>(
        _ wanted: [Row], _ group: InstanceName
    ) async throws(AdminError) -> [RowChange] {
        try RowChange.changes(current: try await memory(wanted), wanted: wanted, group: group)
    }
}

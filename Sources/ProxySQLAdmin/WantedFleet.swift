import FleetModel

/// What one group wants, in the rows of ProxySQL's tables; made once for all nodes.
struct WantedGroup: Sendable {
    let configuration: FleetConfiguration
    /// What verifies its backends, or why they cannot be verified; then its servers stay as they are.
    let trust: Result<[SSLParamsRow], AdminError>
    let servers: [ServerRow]
    let users: [UserRow]
    let rules: [QueryRuleRow]
    /// Whether the group is being removed, so that nothing is wanted of it any more.
    let isWithdrawn: Bool

    init(_ configuration: FleetConfiguration, tlsDirectory: String, isWithdrawn: Bool = false) {
        let group = configuration.group
        self.configuration = configuration
        self.isWithdrawn = isWithdrawn
        servers = configuration.plannedServers.map { ServerRow($0, group: group) }
        users = configuration.users.map { UserRow($0, group: group) }
        rules = configuration.queryRules.map { QueryRuleRow($0, of: configuration) }
        do throws(AdminError) {
            trust = .success(try SSLParamsRow.rows(of: configuration, directory: tlsDirectory))
        } catch {
            trust = .failure(error)
        }
    }

    /// The modules in which `other` wants something else.
    func modules(otherThan other: WantedGroup) -> [AdminModule] {
        // What may be taken over may be so in any table.
        guard configuration.adoption == other.configuration.adoption else { return AdminModule.allCases }
        return AdminModule.allCases.filter { module in
            switch module {
            case .servers: servers != other.servers || trust != other.trust
            case .users: users != other.users
            case .queryRules: rules != other.rules
            }
        }
    }
}

/// What all groups want of every node.
struct WantedFleet: Sendable {
    private(set) var groups: [InstanceName: WantedGroup] = [:]
    /// Grows for a module when any group wants something else in it.
    private(set) var revisions: [AdminModule: Int] = [:]

    /// The groups in an order that does not change.
    var ordered: [WantedGroup] { groups.sorted { $0.key < $1.key }.map(\.value) }

    func revision(of module: AdminModule) -> Int { revisions[module] ?? 0 }

    /// The same, with groups of which nothing is wanted on one node beside those that there are.
    func adding(_ gone: [WantedGroup]) -> WantedFleet {
        var all = self
        for group in gone where all.groups[group.configuration.group] == nil {
            all.groups[group.configuration.group] = group
        }
        return all
    }

    /// - Returns: whether anything is wanted otherwise than before.
    mutating func take(_ group: WantedGroup) -> Bool {
        let before = groups.updateValue(group, forKey: group.configuration.group)
        let changed = before.map { group.modules(otherThan: $0) } ?? AdminModule.allCases
        for module in changed { revisions[module, default: 0] += 1 }
        return !changed.isEmpty
    }
}

extension SSLParamsRow {
    /// The rows that verify the backends of `configuration`.
    /// - Throws: `contradictory`, when a server would be spoken with unverified.
    static func rows(of configuration: FleetConfiguration, directory: String) throws(AdminError) -> [SSLParamsRow] {
        let names = configuration.unverifiableServers.map(\.name).sorted()
        guard names.isEmpty else {
            throw AdminError(
                .contradictory,
                "group \(configuration.group) verifies its backends, and there is no server CA for "
                    + "\(names.joined(separator: ", ")); store the group's CA (PATCH /cert), or set its backendTLS to off"
            )
        }
        return configuration.plannedTrust.map {
            SSLParamsRow($0, directory: directory, group: configuration.group)
        }
    }
}

package import FleetModel

/// Servers of somebody else in hostgroups of groups, at addresses that the groups do not have: ProxySQL sends them the
/// groups' queries, and Drover leaves them as they are.
struct ForeignServers {
    private(set) var rows: [InstanceName: [ForeignRow]] = [:]

    /// Looks through `current`, the whole table, for what is in hostgroups of `groups`. What is marked as one of them is
    /// moved or withdrawn by Drover itself, what the group's record names was adopted, and OFFLINE_HARD gets no query.
    init(_ current: [ServerRow], _ groups: [FleetConfiguration]) {
        var owners: [Int: FleetConfiguration] = [:]
        for group in groups { for hostgroup in group.hostgroups { owners[hostgroup] = group } }
        let known = Set(groups.map(\.group.text))
        var own: [InstanceName: Set<[String]>] = [:]
        for row in current {
            guard let owner = owners[row.hostgroup], row.mark.map({ !known.contains($0.group) }) ?? true,
                row.isShownAtRuntime, owner.adoption?.rows.contains(row.name) != true
            else { continue }
            // Monitor moves and copies a group's own servers between its hostgroups.
            let addresses = own[owner.group] ?? Set(owner.servers.map { [$0.address, "\($0.port)"] })
            own[owner.group] = addresses
            guard !addresses.contains([row.hostname, "\(row.port)"]) else { continue }
            rows[owner.group, default: []].append(ForeignRow(row: row.name, owner: row.mark?.group))
        }
        for group in rows.keys { rows[group]?.sort { $0.description < $1.description } }
    }
}

extension FleetConfiguration {
    /// The same from a node's connection pool, which is all that its agent tells: whose mark a row bears is not known
    /// there. What the node does not use any more is OFFLINE_HARD.
    package func foreignServers(among backends: [BackendObservation]) -> [ForeignRow] {
        guard !servers.isEmpty else { return [] }
        let hostgroups = hostgroups
        let own = Set(servers.map { [$0.address, "\($0.port)"] })
        let rows = backends.filter { backend in
            hostgroups.contains(backend.hostgroup) && backend.status.uppercased() != "OFFLINE_HARD"
                && !own.contains([backend.address, "\(backend.port)"])
        }.map { RowName(table: ServerRow.table, key: ["\($0.hostgroup)", $0.address, "\($0.port)"]) }
        return Set(rows).filter { adoption?.rows.contains($0) != true }.map { ForeignRow(row: $0, owner: nil) }
            .sorted { $0.description < $1.description }
    }
}

import FleetModel

@testable import ProxySQLAdmin

/// What must be so once nothing happens any more.
struct Rest: Sendable {
    let installation: Installation

    init(_ installation: Installation) { self.installation = installation }

    private var world: World { installation.world }

    /// What is not, as sentences.
    func problems() async -> [String] {
        world.count(.checks)
        var wrong: [String] = []
        let records: [GroupRecord]
        let incidents: [InstanceName: [Incident]]
        do throws(StoreError) {
            records = try await installation.store.groups().map(\.document)
            var active: [InstanceName: [Incident]] = [:]
            for record in records {
                active[record.name] = try await installation.store.active(group: record.name).map(\.document)
            }
            incidents = active
        } catch {
            return ["the store cannot be read: \(error)"]
        }
        for record in records {
            wrong += Self.stuck(record, incidents[record.name] ?? [])
            wrong += disagreements(record)
        }
        for node in installation.nodes where node.mood == .well || node.mood == .refusesSaves {
            wrong += await differences(node, records)
        }
        for (group, places) in await orphans() {
            wrong.append("there is no group \(group), and rows of it are in \(places.joined(separator: ", "))")
        }
        return wrong
    }

    /// The groups that nobody uses and of which nodes hold rows, with where they are.
    func orphans() async -> [(group: String, places: [String])] {
        var found: [String: [String]] = [:]
        for node in installation.nodes where node.mood == .well || node.mood == .refusesSaves {
            for table in SimulatedNode.tables {
                for prefix in ["", "runtime_", "disk."] where prefix != "disk." || node.mood == .well {
                    let rows = await node.type("SELECT DISTINCT comment FROM \(prefix)\(table)")
                    let marks = Set(rows.compactMap { RowMark(comment: $0.first.flatMap { $0 } ?? "")?.group })
                    for group in marks.subtracting(world.used) {
                        found[group, default: []].append("\(prefix)\(table) of \(node.name)")
                    }
                }
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// A group takes each step that it may take.
    private static func stuck(_ record: GroupRecord, _ incidents: [Incident]) -> [String] {
        if record.removal != nil { return ["\(record.name) is still being removed: \(states(record))"] }
        if record.replicaUnderWay != nil { return ["\(record.name) has a replica under way: \(states(record))"] }
        let open = Set(incidents.filter { $0.state == .open }.map(\.action))
        let count = record.replicas.count
        let wanted: Int? =
            if count > record.policy.maximumReplicas {
                record.policy.maximumReplicas
            } else if open.contains(.add) {
                record.policy.maximumReplicas
            } else if open.contains(.remove) {
                record.policy.minimumReplicas
            } else {
                nil
            }
        if let unfit = record.unfitReaders {
            return ["\(record.name) has readers that are unfit: \(unfit.map(\.name))"]
        }
        guard let wanted, wanted != count else { return [] }
        return ["\(record.name) has \(count) replicas, and \(wanted) are wanted"]
    }

    private static func states(_ record: GroupRecord) -> String {
        record.replicas.map { "\($0.name) \($0.state.rawValue)\($0.waitsFor.map { " (\($0))" } ?? "")" }
            .joined(separator: ", ")
    }

    /// Replicas, instances and rows are the same ones.
    private func disagreements(_ record: GroupRecord) -> [String] {
        var wrong: [String] = []
        let instances = Dictionary(
            installation.cloud.instances.map { ($0.name, $0.instance) }, uniquingKeysWith: { first, _ in first })
        for replica in record.replicas {
            guard let instance = instances[replica.name] else {
                wrong.append("\(replica.name) \(replica.state.rawValue) and has no instance")
                continue
            }
            let server = record.configuration.servers.first { $0.name == replica.name.text }
            if server?.address != instance.address || server?.status != .online {
                wrong.append(
                    "\(replica.name) is at \(instance.address ?? "no address"), and the record has "
                        + "\(server.map { "\($0.address) \($0.status.rawValue)" } ?? "no server")")
            }
            if instance.state != .runnable || instance.primary != record.primaryInstance.text {
                wrong.append("\(replica.name) serves, and is \(instance.state) of \(instance.primary ?? "nothing")")
            }
        }
        let known = Set(record.replicas.map(\.name) + (record.leftReplicas ?? []).map(\.name))
        for (name, instance) in installation.cloud.instances
        where instance.labels["group"] == record.name.text && instance.primary == record.primaryInstance.text
            && !known.contains(name)
        {
            wrong.append("\(name) bears the labels of \(record.name), which does not know it")
        }
        let managed = record.configuration.servers.filter { $0.origin == .managed }.map(\.name).sorted()
        if managed != record.replicas.map(\.name.text).sorted() {
            wrong.append("\(record.name) has the managed servers \(managed) and the replicas \(Self.states(record))")
        }
        return wrong
    }

    // MARK: Rows

    private func differences(_ node: SimulatedNode, _ records: [GroupRecord]) async -> [String] {
        var wrong: [String] = []
        let configurations = records.map(\.configuration)
        let ours = records.map { record in
            "comment LIKE '%[drover \(record.name)]' OR comment LIKE '%[drover \(record.name) draining]'"
        }.joined(separator: " OR ")
        for (prefix, place) in [("", "memory"), ("runtime_", "runtime"), ("disk.", "disk")] {
            if place == "disk", node.mood == .refusesSaves { continue }
            let isRuntime = place == "runtime"
            let wanted = [
                configurations.flatMap(Self.servers), configurations.flatMap { Self.users($0, isRuntime) },
                configurations.flatMap { Self.rules($0, isRuntime) },
            ]
            let columns = [
                "hostgroup_id, hostname, port, status, weight, max_connections",
                "username, password, default_hostgroup, active",
                "rule_id, username, match_digest, destination_hostgroup, active",
            ]
            for (index, table) in SimulatedNode.tables.enumerated() {
                let condition = index == 1 ? " AND frontend=1" : ""
                let rows = await node.type(
                    "SELECT \(columns[index]) FROM \(prefix)\(table) WHERE (\(ours))\(condition)")
                let held = rows.map { row in
                    row.enumerated().map { index == 1 && $0 == 1 ? UserRow.hash($1 ?? "") : $1 ?? "" }
                        .joined(separator: " ")
                }
                let (missing, foreign) = (Set(wanted[index]).subtracting(held), Set(held).subtracting(wanted[index]))
                if !missing.isEmpty || !foreign.isEmpty || held.count != wanted[index].count {
                    wrong.append(
                        "\(node.name) has in \(place) of \(table) not \(missing.sorted()) but \(foreign.sorted())")
                }
            }
        }
        return wrong
    }

    private static func servers(_ configuration: FleetConfiguration) -> [String] {
        configuration.servers.map {
            "\($0.hostgroup) \($0.address) \($0.port) \($0.status.rawValue) \($0.weight) \($0.maxConnections)"
        }
    }

    private static func users(_ configuration: FleetConfiguration, _ isRuntime: Bool) -> [String] {
        configuration.users.filter { $0.isActive || !isRuntime }.map {
            "\($0.username) \(UserRow.hash($0.password.reveal())) \($0.defaultHostgroup) \($0.isActive ? 1 : 0)"
        }
    }

    private static func rules(_ configuration: FleetConfiguration, _ isRuntime: Bool) -> [String] {
        configuration.queryRules.filter { $0.isActive || !isRuntime }.map {
            "\($0.id + configuration.ruleIDBase) \($0.username) \($0.matchDigest) \($0.destinationHostgroup) "
                + "\($0.isActive ? 1 : 0)"
        }
    }
}

import FleetModel

// What Chester's calls make of a group: pure, so that a repeated call can be seen to change nothing.

/// What Chester shows in the place of a password; a client that sends it back means the password that is there.
let redacted = "REDACTED"

extension AddDatabase {
    /// The group's name. Chester stores a database under `instance_name`, by which all further calls name it; what
    /// `chester_meta_data.instance_group` says decides nothing there either.
    func groupName() throws(APIError) -> InstanceName {
        try name(instance_name, "instance_name")
    }

    /// The record of the group, with hostgroups and rule ids that no other group has.
    ///
    /// The same call again gives the record that is there. A group that is being removed is taken up again, with its
    /// places.
    func record(in scene: GroupEditor.Scene, policy: ScalingPolicy) throws(APIError) -> GroupRecord {
        guard password != redacted else { throw .bad("password: \"\(redacted)\" is what is shown, not a password") }
        let group = try groupName()
        let places =
            scene.current.map {
                HostgroupAllocation(
                    writer: $0.configuration.writerHostgroup, reader: $0.configuration.readerHostgroup,
                    ruleIDBase: $0.configuration.ruleIDBase)
            }
            ?? scene.freePlaces(
                addresses: Set(
                    ([master_instance] + (read_replicas ?? [])).map { "\($0.ip_address) \(BackendServer.usualPort)" }),
                usernames: [username])
        var policy = scene.current?.policy ?? policy
        if let maximum = chester_meta_data?.max_chester_instances?.value {
            policy.maximumReplicas = maximum
            policy.minimumReplicas = min(policy.minimumReplicas, max(0, maximum))
        }
        let useTLS = (enable_ssl?.value ?? 0) != 0
        var servers = [server(master_instance, .primary, places, useTLS)]
        for document in read_replicas ?? [] { servers.append(server(document, .configured, places, useTLS)) }
        let user = ProxyUser(username: username, password: Secret(password), defaultHostgroup: places.writer)
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: places.writer, readerHostgroup: places.reader,
                ruleIDBase: places.ruleIDBase, content: (servers, [user], rules(group, places))),
            policy: policy, primaryInstance: try name(master_instance.name, "master_instance.name"))
        let tls = TLSMaterial(
            key: key_data.flatMap { $0.isEmpty ? nil : Secret($0) }, certificate: cert_data.flatMap(\.nonEmpty),
            authority: ca_data.flatMap(\.nonEmpty))
        record.tls = tls.isEmpty ? nil : tls
        guard let current = scene.current else { return record }
        return try taking(up: current, record)
    }

    private func taking(up current: GroupRecord, _ wanted: GroupRecord) throws(APIError) -> GroupRecord {
        var record = current
        record.removal = nil
        record.tls = wanted.tls
        record.policy = wanted.policy
        record.primaryInstance = wanted.primaryInstance
        record.configuration.servers =
            wanted.configuration.servers.map { server in
                // What Drover keeps out of the traffic is what is wanted all the same.
                guard current.isSidelined(server.name) else { return server }
                return current.configuration.servers.first { $0.name == server.name && $0.address == server.address }
                    ?? server
            } + current.configuration.servers.filter { $0.origin == .managed }
        record.configuration.users = wanted.configuration.users
        record.configuration.queryRules = wanted.configuration.queryRules
        guard current.removal != nil || record == current else {
            throw .conflict("the database \(current.name) exists already with another content; PATCH changes it")
        }
        return record
    }

    private func server(
        _ document: ServerDocument, _ origin: BackendServer.Origin, _ places: HostgroupAllocation, _ useTLS: Bool
    ) -> BackendServer {
        var server = BackendServer(
            name: document.name, address: document.ip_address,
            hostgroup: origin == .primary ? places.writer : places.reader, origin: origin)
        server.useTLS = useTLS
        return server
    }

    private func rules(_ group: InstanceName, _ places: HostgroupAllocation) -> [QueryRule] {
        guard let query_rules, !query_rules.isEmpty else {
            return QueryRule.defaults(
                group: group, username: username, writerHostgroup: places.writer, readerHostgroup: places.reader)
        }
        return query_rules.numbered(after: 0).map { document, id in
            document.rule(id: id, username: username, places: places, over: nil)
        }
    }

    private func name(_ text: String, _ field: String) throws(APIError) -> InstanceName {
        do throws(InvalidName) {
            return try InstanceName(text)
        } catch {
            throw .bad("\(field) cannot be used: \(error.rule)")
        }
    }
}

extension ModifyDatabase {
    /// `current` with what the call changes.
    func applied(to current: GroupRecord) throws(APIError) -> GroupRecord {
        var record = current
        if let name = new_username.flatMap(\.nonEmpty) { rename(to: name, in: &record) }
        if let password = new_password.flatMap(\.nonEmpty), password != redacted {
            guard !record.configuration.users.isEmpty else {
                throw .bad("the database has no user whose password could change")
            }
            record.configuration.users[0].password = Secret(password)
        }
        changeRules(&record)
        if let read_replicas { replaceReplicas(by: read_replicas, in: &record) }
        if let maximum = chester_meta_data?.max_chester_instances?.value, maximum != 0 {
            record.policy.maximumReplicas = maximum
            record.policy.minimumReplicas = min(record.policy.minimumReplicas, max(0, maximum))
        }
        return record
    }

    /// The first user is the one that Chester knows; every rule goes along but those of the group's other users.
    private func rename(to name: String, in record: inout GroupRecord) {
        guard !record.configuration.users.isEmpty else { return }
        record.configuration.users[0].username = name
        let others = Set(record.configuration.users.dropFirst().map(\.username))
        for index in record.configuration.queryRules.indices
        where !others.contains(record.configuration.queryRules[index].username) {
            record.configuration.queryRules[index].username = name
        }
    }

    private func changeRules(_ record: inout GroupRecord) {
        let places = record.places
        let username = record.configuration.users.first?.username ?? ""
        if let query_rules {
            let known = Dictionary(
                record.configuration.queryRules.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            record.configuration.queryRules = query_rules.numbered(after: 0).map { document, id in
                document.rule(id: id, username: username, places: places, over: known[id])
            }
        }
        let highest = record.configuration.queryRules.map(\.id).max() ?? 0
        var next = highest + 1
        for document in add_query_rules ?? [] {
            var rule = document.rule(id: next, username: username, places: places, over: nil)
            rule.username = username
            // The same rule a second time decides nothing in ProxySQL: a repeated call adds nothing.
            let isThere = record.configuration.queryRules.contains {
                var known = $0
                known.id = rule.id
                return known == rule
            }
            guard !isThere else { continue }
            record.configuration.queryRules.append(rule)
            next += 1
        }
        let removed = Set((remove_query_rules ?? []).map(\.value))
        record.configuration.queryRules.removeAll { removed.contains($0.id) }
    }

    /// The list is the whole truth about the replicas that Drover does not manage.
    private func replaceReplicas(by documents: [ServerDocument], in record: inout GroupRecord) {
        let servers = record.configuration.servers
        let managed = Set(servers.filter { $0.origin == .managed }.map(\.name))
        let useTLS = servers.first { $0.origin == .primary }?.useTLS ?? false
        let wanted = documents.filter { !managed.contains($0.name) }.map { document in
            servers.first {
                $0.origin == .configured && $0.name == document.name && $0.address == document.ip_address
            }
                ?? {
                    var server = BackendServer(
                        name: document.name, address: document.ip_address,
                        hostgroup: record.configuration.readerHostgroup, origin: .configured)
                    server.useTLS = useTLS
                    return server
                }()
        }
        record.configuration.servers =
            servers.filter { $0.origin == .primary } + wanted + servers.filter { $0.origin == .managed }
    }
}

extension GroupRecord {
    /// The places in ProxySQL that the group owns.
    var places: HostgroupAllocation {
        HostgroupAllocation(
            writer: configuration.writerHostgroup, reader: configuration.readerHostgroup,
            ruleIDBase: configuration.ruleIDBase)
    }

    /// The user of that name.
    func user(_ name: String) -> ProxyUser? { configuration.users.first { $0.username == name } }
}

extension QueryRuleDocument {
    /// The rule under `id`; what the document leaves open comes from `known`, or else is Chester's default.
    ///
    /// Chester's clients name its fixed hostgroups 5 and 10: they mean this group's writer and reader. Terraform sends
    /// 0 for the hostgroup of a rule that it did not set.
    func rule(id: Int, username: String, places: HostgroupAllocation, over known: QueryRule?) -> QueryRule {
        let destination =
            switch destination_hostgroup?.value ?? 0 {
            case 0: known?.destinationHostgroup ?? places.writer
            case 5: places.writer
            case 10: places.reader
            case let other: other
            }
        var rule = QueryRule(
            id: id, username: self.username.flatMap(\.nonEmpty) ?? known?.username ?? username,
            matchDigest: match_digest, destinationHostgroup: destination, comment: comment ?? known?.comment ?? "")
        rule.isActive = active.map { $0.value != 0 } ?? known?.isActive ?? true
        rule.apply = apply.map { $0.value != 0 } ?? known?.apply ?? true
        return rule
    }
}

extension [QueryRuleDocument] {
    /// Each document with its id; those without one (Go sends 0) get the next free ones after `start`.
    func numbered(after start: Int) -> [(QueryRuleDocument, Int)] {
        var used = Set(compactMap { $0.rule_id?.value }.filter { $0 != 0 })
        var next = start
        return map { document in
            if let id = document.rule_id?.value, id != 0 { return (document, id) }
            repeat { next += 1 } while used.contains(next)
            used.insert(next)
            return (document, next)
        }
    }
}

extension String {
    var nonEmpty: String? { isEmpty ? nil : self }
}

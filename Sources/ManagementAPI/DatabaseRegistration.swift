import FleetModel

/// Why a request was refused.
struct APIError: Error, Hashable, Sendable {
    var status: Int
    var message: String

    static func bad(_ message: String) -> APIError { APIError(status: 400, message: message) }
}

extension AddDatabase {
    /// The record of the new group, with hostgroups and rule ids that nobody in `existing` has.
    /// - Throws: `APIError` that names the wrong field.
    func record(beside existing: [GroupRecord], policy: ScalingPolicy) throws(APIError) -> GroupRecord {
        let group = try Self.name(chester_meta_data?.instance_group ?? instance_name, "instance_group")
        let primary = try Self.name(master_instance.name, "master_instance.name")
        guard (1...64).contains(username.utf8.count), !username.utf8.contains(0) else {
            throw .bad("username must have 1 to 64 characters and no NUL")
        }
        guard !password.isEmpty, password.utf8.count <= 1_024, !password.utf8.contains(0) else {
            throw .bad("password must have 1 to 1024 characters and no NUL")
        }
        let places = HostgroupAllocation.next(beside: existing.map(\.configuration))
        var policy = policy
        if let maximum = chester_meta_data?.max_chester_instances?.value {
            guard (0...100).contains(maximum) else { throw .bad("max_chester_instances must be 0 to 100") }
            policy.maximumReplicas = maximum
        }
        let configuration = FleetConfiguration(
            group: group, writerHostgroup: places.writer, readerHostgroup: places.reader,
            ruleIDBase: places.ruleIDBase,
            content: (
                try servers(places),
                [
                    ProxyUser(username: username, password: Secret(password), defaultHostgroup: places.writer)
                ], try rules(group, places)
            ))
        return GroupRecord(configuration: configuration, policy: policy, primaryInstance: primary)
    }

    private func servers(_ places: HostgroupAllocation) throws(APIError) -> [BackendServer] {
        let useTLS = (enable_ssl?.value ?? 0) != 0
        var servers: [BackendServer] = []
        for (document, origin) in [(master_instance, BackendServer.Origin.primary)]
            + (read_replicas ?? []).map({ ($0, .configured) })
        {
            let name = try Self.name(document.name, "a server's name")
            guard Self.isAddress(document.ip_address) else {
                throw .bad("ip_address of \(name) is no IP address or host name")
            }
            guard !servers.contains(where: { $0.name == name.text || $0.address == document.ip_address }) else {
                throw .bad("\(name) or its address is named twice")
            }
            var server = BackendServer(
                name: name.text, address: document.ip_address,
                hostgroup: origin == .primary ? places.writer : places.reader, origin: origin)
            server.useTLS = useTLS
            servers.append(server)
        }
        return servers
    }

    private func rules(_ group: InstanceName, _ places: HostgroupAllocation) throws(APIError) -> [QueryRule] {
        guard let given = query_rules, !given.isEmpty else {
            return QueryRule.defaults(
                group: group, username: username, writerHostgroup: places.writer, readerHostgroup: places.reader)
        }
        guard given.count < 1_000 else { throw .bad("query_rules may hold 999 rules") }
        var rules: [QueryRule] = []
        for (index, document) in given.enumerated() {
            let id = document.rule_id?.value ?? index + 1
            guard (1..<1_000).contains(id), !rules.contains(where: { $0.id == id }) else {
                throw .bad("rule_id \(id) is not between 1 and 999 or is used twice")
            }
            guard !document.match_digest.utf8.contains(0) else { throw .bad("match_digest has a NUL") }
            // Chester's clients name its fixed hostgroups; they mean this group's writer and reader.
            let destination =
                switch document.destination_hostgroup.value {
                case 5: places.writer
                case 10: places.reader
                case let other: other
                }
            var rule = QueryRule(
                id: id, username: document.username ?? username, matchDigest: document.match_digest,
                destinationHostgroup: destination, comment: document.comment ?? "")
            rule.isActive = document.active?.value != 0
            rule.apply = document.apply?.value != 0
            rules.append(rule)
        }
        return rules
    }

    private static func name(_ text: String, _ field: String) throws(APIError) -> InstanceName {
        do throws(InvalidName) {
            return try InstanceName(text)
        } catch {
            throw .bad("\(field) cannot be used: \(error.rule)")
        }
    }

    /// An IP address or a host name, by the characters that either may have.
    private static func isAddress(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x2D, 0x2E, 0x3A].contains($0)
            }
    }
}

import FleetModel

/// What a group must be so that every node can hold it; each problem names its place in the group's document.
enum GroupValidation {
    /// Everything that is wrong with `record`.
    static func problems(
        of record: GroupRecord, beside others: [GroupRecord], usersAreShared: Bool
    ) -> [FieldProblem] {
        servers(record, others) + users(record, others, usersAreShared) + rules(record, others, usersAreShared)
            + places(record, others)
    }

    private static func servers(_ record: GroupRecord, _ others: [GroupRecord]) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        let servers = record.configuration.servers
        if servers.count > 1_000 { problems.append(.init(pointer: "/servers", detail: "there may be 1,000 servers")) }
        if servers.count(where: { $0.origin == .primary }) != 1 {
            problems.append(.init(pointer: "/servers", detail: "exactly one server must be the primary"))
        }
        var names: Set<String> = []
        var addresses: Set<String> = []
        for (index, server) in servers.enumerated() {
            func wrong(_ field: String, _ detail: String) {
                problems.append(.init(pointer: "/servers/\(index)/\(field)", detail: detail))
            }
            if let error = nameProblem(server.name) { wrong("name", error) }
            if !names.insert(server.name).inserted { wrong("name", "another server has that name") }
            if !isAddress(server.address) { wrong("address", "it is no IP address or host name") }
            if !addresses.insert("\(server.address) \(server.port)").inserted {
                wrong("address", "another server has that address and port")
            }
            if !(1...65_535).contains(server.port) { wrong("port", "it must be 1 to 65535") }
            if let owner = owner(of: server.hostgroup, others) {
                wrong("hostgroup", "hostgroup \(server.hostgroup) is the group \(owner)'s")
            } else if !(0...1_000_000).contains(server.hostgroup) {
                wrong("hostgroup", "it must be 0 to 1000000")
            }
            if !(0...10_000_000).contains(server.weight) { wrong("weight", "it must be 0 to 10000000") }
            if !(0...10_000_000).contains(server.maxConnections) {
                wrong("maxConnections", "it must be 0 to 10000000")
            }
        }
        return problems
    }

    private static func users(
        _ record: GroupRecord, _ others: [GroupRecord], _ usersAreShared: Bool
    ) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        let users = record.configuration.users
        if users.count > 1_000 { problems.append(.init(pointer: "/users", detail: "there may be 1,000 users")) }
        var names: Set<String> = []
        for (index, user) in users.enumerated() {
            func wrong(_ field: String, _ detail: String) {
                problems.append(.init(pointer: "/users/\(index)/\(field)", detail: detail))
            }
            if let problem = textProblem(user.username, 1...64) { wrong("username", problem) }
            if !names.insert(user.username).inserted { wrong("username", "another user has that name") }
            if let problem = textProblem(user.password.reveal(), 1...1_024) { wrong("password", problem) }
            if let owner = owner(of: user.defaultHostgroup, others) {
                wrong("defaultHostgroup", "hostgroup \(user.defaultHostgroup) is the group \(owner)'s")
            } else if !(0...1_000_000).contains(user.defaultHostgroup) {
                wrong("defaultHostgroup", "it must be 0 to 1000000")
            }
            let owner = others.first { $0.configuration.users.contains { $0.username == user.username } }
            if usersAreShared, let owner {
                wrong(
                    "username",
                    "the group \(owner.name) has a user of that name, and ProxySQL tells users apart by name only")
            }
        }
        return problems
    }

    private static func rules(
        _ record: GroupRecord, _ others: [GroupRecord], _ usersAreShared: Bool
    ) -> [FieldProblem] {
        var problems: [FieldProblem] = []
        let ownNames = Set(record.configuration.users.map(\.username))
        let rules = record.configuration.queryRules
        if rules.count > 999 { problems.append(.init(pointer: "/queryRules", detail: "there may be 999 rules")) }
        var ids: Set<Int> = []
        for (index, rule) in rules.enumerated() {
            func wrong(_ field: String, _ detail: String) {
                problems.append(.init(pointer: "/queryRules/\(index)/\(field)", detail: detail))
            }
            if !(1...999).contains(rule.id) { wrong("id", "it must be 1 to 999") }
            if !ids.insert(rule.id).inserted { wrong("id", "another rule has that id") }
            if let problem = textProblem(rule.username, 0...64) { wrong("username", problem) }
            // ProxySQL would send that group's queries to this group's servers.
            if usersAreShared, !ownNames.contains(rule.username),
                let owner = others.first(where: { $0.user(rule.username) != nil })
            {
                wrong("username", "the user is the group \(owner.name)'s, whose queries the rule would redirect")
            }
            if let problem = textProblem(rule.matchDigest, 1...8_192) { wrong("matchDigest", problem) }
            if let problem = textProblem(rule.comment, 0...1_024) { wrong("comment", problem) }
            if let owner = owner(of: rule.destinationHostgroup, others) {
                wrong("destinationHostgroup", "hostgroup \(rule.destinationHostgroup) is the group \(owner)'s")
            } else if !(0...1_000_000).contains(rule.destinationHostgroup) {
                wrong("destinationHostgroup", "it must be 0 to 1000000")
            }
        }
        return problems
    }

    private static func places(_ record: GroupRecord, _ others: [GroupRecord]) -> [FieldProblem] {
        let own = record.configuration
        var problems: [FieldProblem] = []
        if own.writerHostgroup == own.readerHostgroup {
            problems.append(.init(pointer: "/readerHostgroup", detail: "it must differ from writerHostgroup"))
        }
        for (field, hostgroup) in [
            ("writerHostgroup", own.writerHostgroup), ("readerHostgroup", own.readerHostgroup),
        ] {
            if let owner = owner(of: hostgroup, others) {
                problems.append(.init(pointer: "/\(field)", detail: "hostgroup \(hostgroup) is \(owner)'s"))
            } else if !(0...1_000_000).contains(hostgroup) {
                problems.append(.init(pointer: "/\(field)", detail: "it must be 0 to 1000000"))
            }
        }
        if record.policy.minimumReplicas < 0 || record.policy.minimumReplicas > record.policy.maximumReplicas {
            problems.append(
                .init(pointer: "/policy/minimumReplicas", detail: "it must be 0 to maximumReplicas"))
        }
        if !(0...1_000).contains(record.policy.maximumReplicas) {
            problems.append(.init(pointer: "/policy/maximumReplicas", detail: "it must be 0 to 1000"))
        }
        return problems
    }

    /// The other group that `hostgroup` belongs to.
    private static func owner(of hostgroup: Int, _ others: [GroupRecord]) -> InstanceName? {
        others.first { $0.configuration.has(hostgroup: hostgroup) }?.name
    }

    /// What is wrong with the name of a group or server, or nil.
    static func nameProblem(_ text: String) -> String? {
        do throws(InvalidName) {
            _ = try InstanceName(text)
            return nil
        } catch {
            return error.rule
        }
    }

    private static func textProblem(_ text: String, _ bytes: ClosedRange<Int>) -> String? {
        guard bytes.contains(text.utf8.count) else {
            return "it has \(text.utf8.count) bytes and may have \(bytes.lowerBound) to \(bytes.upperBound)"
        }
        return text.utf8.contains(0) ? "it has a NUL character, which ProxySQL cannot store" : nil
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

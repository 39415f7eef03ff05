import FleetModel
import JSONValues

/// What a client's document makes of a group: pure, and complete in its complaints.
struct GroupInput {
    private var record: GroupRecord
    private var problems: [FieldProblem]

    /// The record that `document` asks for, over the one that is there; servers that Drover manages stay as they are.
    /// - Throws: 422 that names every wrong field.
    static func record(
        _ document: JSONValue, name: InstanceName, in scene: GroupEditor.Scene, policy: ScalingPolicy,
        usersAreShared: Bool
    ) throws(APIError) -> GroupRecord {
        let input = GroupInput(document, name, scene, policy)
        guard !input.problems.isEmpty else { return input.record }
        let further = GroupValidation.problems(
            of: input.record, beside: scene.others, usersAreShared: usersAreShared)
        guard let error = APIError(input.problems.adding(further)) else { return input.record }
        throw error
    }

    private init(_ document: JSONValue, _ name: InstanceName, _ scene: GroupEditor.Scene, _ policy: ScalingPolicy) {
        var reader = ObjectReader(document, at: "")
        // What is adopted is written down by whoever sees the nodes.
        _ = reader.flag("adopt")
        reader.ignore(
            "adopted", "warnings", "generation", "replicas", "lastScaling", "consecutiveFailures", "leftReplicas",
            "removal", "unfitReaders")
        if let given = reader.text("name"), given != name.text {
            reader.note("name", "it must be \"\(name)\", as in the path")
        }
        let current = scene.current
        var places = current?.places ?? Self.freePlaces(for: document, in: scene)
        if let writer = reader.integer("writerHostgroup") { places.writer = writer }
        if let reading = reader.integer("readerHostgroup") { places.reader = reading }
        if let base = reader.integer("ruleIDBase"), current == nil {
            places.ruleIDBase = base
            if let problem = Self.problem(ofRuleIDBase: base, scene.others) { reader.note("ruleIDBase", problem) }
        }
        let servers = Self.servers(&reader, places, current)
        let users = Self.users(&reader, places, current)
        let rules = Self.rules(&reader, places, name, users.first?.username ?? "")
        // What an operator said to the scaler outlives a declaration that does not speak of it.
        var standard = policy
        standard.scaleOutPause = current?.policy.scaleOutPause
        standard.scaleInPause = current?.policy.scaleInPause
        standard.pin = current?.policy.pin
        // A group that was there before readers were guarded keeps them unguarded until somebody says otherwise.
        standard.fitness = current == nil ? standard.fitness ?? FitnessPolicy() : current?.policy.fitness
        let policyRead =
            reader.any("policy").map { PolicyJSON.read($0, at: "/policy", standard: standard) }
            ?? (policy: standard, problems: [])
        reader.note(policyRead.problems)
        let primary = reader.text("primaryInstance") ?? servers.first { $0.origin == .primary }?.name ?? name.text
        var primaryInstance = name
        do throws(InvalidName) {
            primaryInstance = try InstanceName(primary)
        } catch {
            reader.note("primaryInstance", error.rule)
        }
        let mode = reader.word("backendTLS", BackendTLSMode.self)
        reader.finish()
        var made = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: places.writer, readerHostgroup: places.reader,
                ruleIDBase: places.ruleIDBase, content: (servers, users, rules)),
            policy: policyRead.policy, primaryInstance: primaryInstance)
        if let former = current?.configuration { Self.leave(former, &made.configuration) }
        record = current ?? made
        record.configuration = made.configuration
        record.configuration.generation = current?.configuration.generation ?? 1
        record.policy = made.policy
        record.primaryInstance = made.primaryInstance
        record.configuration.tls = current?.configuration.tls
        record.configuration.adoption = current?.configuration.adoption
        if let mode, mode != (record.trust?.mode ?? .off) {
            if record.trust == nil { record.trust = GroupTrust(mode: mode) } else { record.trust?.mode = mode }
        }
        problems = reader.problems
    }

    /// Takes along what a document that was read before says of hostgroups that the group gives up with it: another
    /// group may get them.
    private static func leave(_ former: FleetConfiguration, _ configuration: inout FleetConfiguration) {
        let places = [configuration.writerHostgroup, configuration.readerHostgroup]
        var old = configuration
        // One that stays the group's is meant as it is written.
        old.writerHostgroup = places.contains(former.writerHostgroup) ? places[0] : former.writerHostgroup
        old.readerHostgroup = places.contains(former.readerHostgroup) ? places[1] : former.readerHostgroup
        configuration = old.moved(writer: places[0], reader: places[1])
    }

    private static func freePlaces(for document: JSONValue, in scene: GroupEditor.Scene) -> HostgroupAllocation {
        let addresses = (document["servers"]?.elements ?? []).map {
            "\($0["address"]?.string ?? "") \($0["port"]?.integer ?? Int64(BackendServer.usualPort))"
        }
        let usernames = (document["users"]?.elements ?? []).compactMap { $0["username"]?.string }
        return scene.freePlaces(addresses: Set(addresses), usernames: Set(usernames))
    }

    private static func problem(ofRuleIDBase base: Int, _ others: [GroupRecord]) -> String? {
        guard (0...1_000_000).contains(base), base.isMultiple(of: 1_000) else {
            return "it must be a multiple of 1000 from 0 to 1000000"
        }
        let owner = others.first { $0.configuration.ruleIDBase == base }?.name
        return owner.map { "the rule ids from \(base) on are the group \($0)'s" }
    }

    private static func servers(
        _ reader: inout ObjectReader, _ places: HostgroupAllocation, _ current: GroupRecord?
    ) -> [BackendServer] {
        let moved = current?.configuration.moved(writer: places.writer, reader: places.reader)
        let managed = (moved?.servers ?? []).filter { $0.origin == .managed }
        guard let documents = reader.list("servers") else {
            if reader.any("servers") == nil { reader.note("servers", "it is missing") }
            return managed
        }
        var servers: [BackendServer] = []
        for (index, document) in documents.enumerated() {
            var member = ObjectReader(document, at: "/servers/\(index)")
            let name = member.requiredText("name")
            let origin = member.word("origin", ServerOrigin.self) ?? .configured
            var server = BackendServer(
                name: name, address: member.requiredText("address"),
                hostgroup: origin == .primary ? places.writer : places.reader,
                origin: origin == .primary ? .primary : .configured)
            server.hostgroup = member.integer("hostgroup") ?? server.hostgroup
            server.port = member.integer("port") ?? server.port
            server.weight = member.integer("weight") ?? server.weight
            server.maxConnections = member.integer("maxConnections") ?? server.maxConnections
            server.useTLS = member.flag("useTLS") ?? false
            server.status = member.word("status", BackendServer.Status.self) ?? .online
            member.finish()
            if current?.isSidelined(name) == true, server.status == .online,
                current?.configuration.servers.contains(where: { $0.name == name && $0.address == server.address })
                    == true
            {
                // What Drover took out of the traffic it brings back itself.
                server.status = .offlineSoft
            }
            if let ours = managed.first(where: { $0.name == name }) {
                server = ours
            } else if origin == .managed {
                member.note("origin", "only Drover adds managed servers, and no managed one is called \"\(name)\"")
            }
            servers.append(server)
            reader.note(member.problems)
        }
        let named = Set(servers.map(\.name))
        return servers + managed.filter { !named.contains($0.name) }
    }

    private static func users(
        _ reader: inout ObjectReader, _ places: HostgroupAllocation, _ current: GroupRecord?
    ) -> [ProxyUser] {
        let hasUsers = current?.configuration.users.isEmpty == false
        guard let documents = reader.list("users") else {
            // A group may begin without users; one that has some does not lose them by a document that is silent.
            if reader.any("users") == nil, hasUsers { reader.note("users", "it is missing") }
            return []
        }
        var users: [ProxyUser] = []
        for (index, document) in documents.enumerated() {
            var member = ObjectReader(document, at: "/users/\(index)")
            let username = member.requiredText("username")
            var password = member.text("password").map { Secret($0) }
            if password == nil || password?.reveal() == redacted {
                password = current?.user(username)?.password
                if password == nil, !username.isEmpty {
                    member.note("password", "it is missing, and there is no user \"\(username)\" who has one")
                }
            }
            var user = ProxyUser(
                username: username, password: password ?? Secret("x"),
                defaultHostgroup: member.integer("defaultHostgroup") ?? places.writer)
            user.isActive = member.flag("isActive") ?? true
            member.finish()
            reader.note(member.problems)
            users.append(user)
        }
        if users.isEmpty, hasUsers { reader.note("users", "there must be a user") }
        return users
    }

    private static func rules(
        _ reader: inout ObjectReader, _ places: HostgroupAllocation, _ name: InstanceName, _ username: String
    ) -> [QueryRule] {
        guard let documents = reader.list("queryRules") else {
            // A rule without a user's name would be everybody's.
            guard !username.isEmpty else { return [] }
            return QueryRule.defaults(
                group: name, username: username, writerHostgroup: places.writer, readerHostgroup: places.reader)
        }
        var next = 1
        return documents.enumerated().map { index, document in
            var member = ObjectReader(document, at: "/queryRules/\(index)")
            let id = member.integer("id") ?? next
            next = max(next, id < 1_000_000 ? id + 1 : next)
            var rule = QueryRule(
                id: id, username: member.text("username") ?? username, matchDigest: member.requiredText("matchDigest"),
                destinationHostgroup: member.integer("destinationHostgroup") ?? places.writer,
                comment: member.text("comment") ?? "")
            rule.isActive = member.flag("isActive") ?? true
            rule.apply = member.flag("apply") ?? true
            member.finish()
            reader.note(member.problems)
            return rule
        }
    }
}

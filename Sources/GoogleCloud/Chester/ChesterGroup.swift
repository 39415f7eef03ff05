import FleetModel

/// What of a group's configuration Chester stores too (kind `proxysqlconfig`, Chester's `ProxySqlConfig`), in a form
/// in which what we would write and what is stored can be compared.
struct ChesterGroup: Hashable, Sendable {
    struct Server: Hashable, Sendable {
        var address: String
        var port: Int
        var hostgroup: Int
        var maxConnections: Int
        var comment: String
        var useTLS: Bool
    }

    struct User: Hashable, Sendable {
        var username: String
        /// As it is stored: encrypted where there is a key.
        var password: Secret
        var defaultHostgroup: Int
        var isActive: Bool
    }

    var servers: [Server]
    var users: [User]
    var rules: [QueryRule]
    var readHostgroup: Int
    var writeHostgroup: Int

    static let kind = "proxysqlconfig"
    /// The comment by which Chester tells its own replicas from the others.
    static let addedByChester = "Read Replica Added By Chester"

    /// What we would write for `record`, whose passwords are in their stored form.
    init(_ record: GroupRecord) {
        let configuration = record.configuration
        servers = configuration.servers.map {
            Server(
                address: $0.address, port: $0.port, hostgroup: $0.hostgroup, maxConnections: $0.maxConnections,
                comment: $0.origin == .managed ? Self.addedByChester : $0.name, useTLS: $0.useTLS)
        }
        users = configuration.users.map {
            User(
                username: $0.username, password: $0.password, defaultHostgroup: $0.defaultHostgroup,
                isActive: $0.isActive)
        }
        rules = configuration.queryRules
        readHostgroup = configuration.readerHostgroup
        writeHostgroup = configuration.writerHostgroup
    }

    /// What is stored. Chester appends a server again when it repeats a step, and ProxySQL, which replaces rows of the same
    /// key while it reads its configuration file, made one of the two; so the last of several counts.
    init(_ entity: DatastoreEntity) {
        // ProxySQL's columns are INT; what is beyond them was never in force, and nothing here may overflow by it.
        func number(_ value: DatastoreValue?, _ standard: Int) -> Int {
            Int(clamping: (value?.integer ?? Int64(standard)).clamped(to: 0...Int64(Int32.max)))
        }
        servers = (entity["MySqlServers"]?.elements ?? []).map(\.members).map {
            Server(
                address: $0["Address"]?.string ?? "", port: number($0["Port"], 3306),
                hostgroup: number($0["Hostgroup"], 0), maxConnections: number($0["MaxConnections"], 1_000),
                comment: $0["Comment"]?.string ?? "", useTLS: number($0["UseSSL"], 0) != 0)
        }.lastOfEach { [$0.address, "\($0.port)", "\($0.hostgroup)"] }
        users = (entity["MySqlUsers"]?.elements ?? []).map(\.members).map {
            User(
                username: $0["Username"]?.string ?? "", password: Secret($0["Password"]?.string ?? ""),
                defaultHostgroup: number($0["DefaultHostgroup"], 0), isActive: number($0["Active"], 1) != 0)
        }.lastOfEach(\.username)
        rules = (entity["MySqlQueryRules"]?.elements ?? []).map(\.members).map {
            var rule = QueryRule(
                id: number($0["RuleID"], 0), username: $0["Username"]?.string ?? "",
                matchDigest: $0["MatchDigest"]?.string ?? "",
                destinationHostgroup: number($0["DestinationHostgroup"], 0), comment: $0["Comment"]?.string ?? "")
            rule.isActive = number($0["Active"], 1) != 0
            rule.apply = number($0["Apply"], 1) != 0
            return rule
        }.lastOfEach(\.id)
        readHostgroup = number(entity["ReadHostGroup"], 10)
        writeHostgroup = number(entity["WriteHostGroup"], 5)
    }
}

// MARK: Taking over

extension ChesterGroup {
    /// A record of ours for a group that only Chester knew.
    func record(named group: InstanceName, ruleIDBase: Int, policy: ScalingPolicy) -> GroupRecord {
        let writer = servers.first { $0.hostgroup == writeHostgroup }
        let primary = writer.flatMap { try? InstanceName($0.comment, kind: "primary") } ?? group
        var configuration = FleetConfiguration(
            group: group, writerHostgroup: writeHostgroup, readerHostgroup: readHostgroup, ruleIDBase: ruleIDBase,
            content: (servers.map(backend), users.map(Self.user), rules))
        // The rows on its nodes are Chester's, which bear no mark: taking over the group is taking over these.
        configuration.adoption = Adoption(isWhole: true)
        return GroupRecord(configuration: configuration, policy: policy, primaryInstance: primary)
    }

    /// Takes into `record` what somebody else has changed in Chester's entity; what Chester has no place for stays.
    func change(_ record: inout GroupRecord) {
        var known = record.configuration.servers
        record.configuration.servers = servers.map { server in
            let fresh = backend(server)
            guard
                let index = known.firstIndex(where: {
                    $0.address == server.address && $0.hostgroup == server.hostgroup
                })
            else { return fresh }
            var kept = known.remove(at: index)
            kept.port = fresh.port
            kept.maxConnections = fresh.maxConnections
            kept.useTLS = fresh.useTLS
            if kept.origin != .managed {
                kept.name = fresh.name
                kept.origin = fresh.origin
            }
            return kept
        }
        record.configuration.users = users.map(Self.user)
        record.configuration.queryRules = rules
        record.configuration.readerHostgroup = readHostgroup
        record.configuration.writerHostgroup = writeHostgroup
        record.configuration.generation += 1
    }

    private func backend(_ server: Server) -> BackendServer {
        let origin: BackendServer.Origin =
            if server.comment == Self.addedByChester {
                .managed
            } else if server.hostgroup == writeHostgroup {
                .primary
            } else {
                .configured
            }
        // Chester does not store the names of its own replicas; until the provider was asked, the address names them.
        let name =
            origin == .managed || server.comment.isEmpty
            ? "chester-\(server.address.map { $0 == "." ? "-" : $0 }.map { String($0) }.joined())" : server.comment
        var made = BackendServer(name: name, address: server.address, hostgroup: server.hostgroup, origin: origin)
        made.port = server.port
        made.maxConnections = server.maxConnections
        made.useTLS = server.useTLS
        return made
    }

    private static func user(_ stored: User) -> ProxyUser {
        var user = ProxyUser(
            username: stored.username, password: stored.password, defaultHostgroup: stored.defaultHostgroup)
        user.isActive = stored.isActive
        return user
    }
}

extension Array {
    /// Of elements with the same key, the last one, where the first one was.
    fileprivate func lastOfEach<Key: Hashable>(_ key: (Element) -> Key) -> [Element] {
        var result: [Element] = []
        var places: [Key: Int] = [:]
        for element in self {
            if let place = places[key(element)] {
                result[place] = element
            } else {
                places[key(element)] = result.count
                result.append(element)
            }
        }
        return result
    }
}

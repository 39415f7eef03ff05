import FleetModel

extension ChesterGroup {
    /// The entity's properties: ours over what is stored, so that nothing that only Chester knows is lost.
    func properties(
        of group: InstanceName, over stored: DatastoreEntity?, key: KMSKeyVersion?
    ) -> [String: DatastoreValue] {
        var properties = stored?.properties ?? Self.defaults
        let known = stored?["MySqlServers"]?.elements.map(\.members) ?? []
        properties["MySqlServers"] = .array(
            servers.map { server in
                let old = known.first { $0["Address"]?.string == server.address } ?? Self.serverDefaults
                return .entity(old.merging(Self.members(of: server)) { _, new in new })
            })
        properties["MySqlUsers"] = .array(
            users.map {
                .entity([
                    "Username": .string($0.username), "Password": .string($0.password.reveal(), isExcluded: true),
                    "DefaultHostgroup": .integer($0.defaultHostgroup), "Active": .integer($0.isActive ? 1 : 0),
                    "InstanceGroup": .string(group.text),
                ])
            })
        properties["MySqlQueryRules"] = .array(
            rules.map {
                .entity([
                    "RuleID": .integer($0.id), "Username": .string($0.username),
                    "Active": .integer($0.isActive ? 1 : 0), "MatchDigest": .string($0.matchDigest),
                    "DestinationHostgroup": .integer($0.destinationHostgroup), "Apply": .integer($0.apply ? 1 : 0),
                    "Comment": .string($0.comment),
                ])
            })
        properties["ReadHostGroup"] = .integer(readHostgroup)
        properties["WriteHostGroup"] = .integer(writeHostgroup)
        if let key { Self.write(key, into: &properties) }
        return properties
    }

    /// Says which key the passwords are encrypted with.
    static func write(_ key: KMSKeyVersion, into properties: inout [String: DatastoreValue]) {
        properties["KMSProject"] = .string(key.project)
        properties["KMSLocation"] = .string(key.location)
        properties["KMSKeyRing"] = .string(key.keyRing)
        properties["KMSKeyName"] = .string(key.key)
        properties["KMSKeyVersion"] = .string(key.version)
    }

    private static func members(of server: Server) -> [String: DatastoreValue] {
        [
            "Address": .string(server.address), "Port": .integer(server.port), "Hostgroup": .integer(server.hostgroup),
            "MaxConnections": .integer(server.maxConnections), "Comment": .string(server.comment),
            "UseSSL": .integer(server.useTLS ? 1 : 0),
        ]
    }

    /// The key that the stored passwords are encrypted with; nil where they are not.
    static func key(of entity: DatastoreEntity) -> KMSKeyVersion? {
        let parts = ["KMSProject", "KMSLocation", "KMSKeyRing", "KMSKeyName", "KMSKeyVersion"].map {
            entity[$0]?.string ?? ""
        }
        guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        return KMSKeyVersion(
            project: parts[0], location: parts[1], keyRing: parts[2], key: parts[3], version: parts[4])
    }

    private static let serverDefaults: [String: DatastoreValue] = [
        "KeyData": .string(""), "CAData": .string(""), "CertData": .string(""),
    ]

    /// What Chester writes for a new group (`InitDefaults`), but for its well-known passwords, and the server version,
    /// which is a current one.
    private static let defaults: [String: DatastoreValue] = [
        "DataDir": .string("/var/lib/proxysql"),
        "AdminVariables": .entity([
            "AdminCredentials": .string("", isExcluded: true), "MysqlIFaces": .string("0.0.0.0:6032"),
            "RefreshInterval": .integer(2_000),
        ]),
        "MysqlVariables": .entity([
            "Threads": .integer(4), "MaxConnections": .integer(2_048), "DefaultQueryDelay": .integer(0),
            "DefaultQueryTimeout": .integer(36_000_000), "HaveCompress": .bool(true), "PollTimeout": .integer(2_000),
            "Interfaces": .string("0.0.0.0:6033;/tmp/proxysql.sock"), "DefaultSchema": .string("information_schema"),
            "StackSize": .integer(1_048_576), "ServerVersion": .string("8.0.36"),
            "ConnectTimeoutServer": .integer(10_000), "MonitorHistory": .integer(60_000),
            "MonitorConnectInterval": .integer(200_000), "MonitorPingInterval": .integer(200_000),
            "PingInternalServerMsec": .integer(10_000), "PingTimeoutServer": .integer(200),
            "CommandsStats": .bool(true), "SessionsSort": .bool(true), "MonitorUsername": .string(""),
            "MonitorPassword": .string("", isExcluded: true), "SSLP2SCert": .string("", isExcluded: true),
            "SSLP2SKey": .string("", isExcluded: true), "SSLP2SCA": .string("", isExcluded: true),
        ]),
        "UseSSL": .integer(0), "KeyData": .string("", isExcluded: true), "CertData": .string("", isExcluded: true),
        "CAData": .string("", isExcluded: true), "KMSProject": .string(""), "KMSLocation": .string(""),
        "KMSKeyRing": .string(""), "KMSKeyName": .string(""), "KMSKeyVersion": .string(""),
    ]
}

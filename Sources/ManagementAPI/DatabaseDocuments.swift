import FleetModel

// The documents of Chester's API, with its field names. A Go client sends every field it knows: an absent text is
// "", an absent list null and an absent number 0, so these mean "as it is" wherever Chester took them so.

/// A number that Terraform may send as text. All that Chester's API has of them are ProxySQL's INT columns and counts, so
/// whatever is added to one that was read cannot overflow.
struct LooseInt: Codable, Hashable, Sendable {
    var value: Int

    /// What a text that was refused must be.
    static let expectation = "a whole number from -2147483648 to 2147483647"
    private static let range = Int(Int32.min)...Int(Int32.max)

    init(_ value: Int) {
        self.value = value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let number: Int?
        if let plain = try? container.decode(Double.self) {
            // A whole number that no Int holds is refused as what it is, not as a text that is none.
            number = (try? container.decode(Int.self)) ?? Int(exactly: plain)
        } else {
            let text = try container.decode(String.self)
            number = text.isEmpty ? 0 : Int(text)
        }
        guard let number, Self.range.contains(number) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: Self.expectation)
        }
        value = number
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// A server of a database.
struct ServerDocument: Codable, Hashable, Sendable {
    var name: String
    var ip_address: String
}

/// A query rule of a database.
struct QueryRuleDocument: Codable, Hashable, Sendable {
    var rule_id: LooseInt?
    var username: String?
    var active: LooseInt?
    var match_digest: String
    var destination_hostgroup: LooseInt?
    var apply: LooseInt?
    var comment: String?
}

/// `chester_meta_data`.
struct MetadataDocument: Codable, Hashable, Sendable {
    var instance_group: String?
    var max_chester_instances: LooseInt?
}

/// The body of `POST /`.
struct AddDatabase: Decodable, Sendable {
    var instance_name: String
    var username: String
    var password: String
    var master_instance: ServerDocument
    var read_replicas: [ServerDocument]?
    var query_rules: [QueryRuleDocument]?
    var chester_meta_data: MetadataDocument?
    var enable_ssl: LooseInt?
    var key_data: String?
    var cert_data: String?
    var ca_data: String?
    /// Drover's own: takes over rows of somebody else.
    var adopt: Bool?
}

/// The body of `PATCH /`.
struct ModifyDatabase: Decodable, Sendable {
    var instance_name: String
    var new_username: String?
    var new_password: String?
    var add_query_rules: [QueryRuleDocument]?
    var remove_query_rules: [LooseInt]?
    var query_rules: [QueryRuleDocument]?
    var read_replicas: [ServerDocument]?
    var chester_meta_data: MetadataDocument?
    /// Drover's own: takes over rows of somebody else.
    var adopt: Bool?
}

/// The body of `DELETE /`.
struct RemoveDatabase: Decodable, Sendable {
    var instance_name: String
    var delete_replicas: Bool?
}

/// A user as `/users` takes and shows it.
struct UserDocument: Codable, Sendable {
    var username: String
    var password: String?
    var default_hostgroup: LooseInt?
    var active: LooseInt?
    var instance_group: String?
}

/// The body of `PATCH /users`.
struct ModifyUser: Decodable, Sendable {
    var username: String
    var new_username: String?
    var password: String?
    var default_host_group: LooseInt?
}

/// The body of `PATCH /key/{name}` and `PATCH /cert/{name}`.
struct KeyDocument: Decodable, Sendable {
    var key: String?
    var cert: String?
}

/// The answer to `POST /`.
struct AddedDatabase: Codable, Sendable {
    var action = "add_database"
    var query_rules: [QueryRuleDocument]
    var instance_name: String
    var username: String
    var password = "REDACTED"
    var write_host_group: Int
    var read_host_group: Int
    var ssl_enabled: Int
    var chester_meta_data: MetadataDocument
}

/// A database as `GET /databases` shows it.
struct DatabaseDocument: Codable, Sendable {
    var instance_name: String
    var read_hostgroup: Int
    var write_hostgroup: Int
    var username: String
    var password = "REDACTED"
    var query_rules: [QueryRuleDocument]
    var master_instance: ServerDocument
    var read_replicas: [ServerDocument]
    var use_ssl: Int
    var chester_meta_data: MetadataDocument

    init(_ record: GroupRecord, withoutManaged: Bool) {
        let configuration = record.configuration
        instance_name = record.name.text
        read_hostgroup = configuration.readerHostgroup
        write_hostgroup = configuration.writerHostgroup
        username = configuration.users.first?.username ?? ""
        query_rules = configuration.queryRules.map { QueryRuleDocument($0) }
        let primary = configuration.servers.first { $0.origin == .primary }
        master_instance = ServerDocument(name: primary?.name ?? "", ip_address: primary?.address ?? "")
        read_replicas = configuration.servers
            .filter { $0.origin == .configured || ($0.origin == .managed && !withoutManaged) }
            .map { ServerDocument(name: $0.name, ip_address: $0.address) }
        use_ssl = primary?.useTLS == true ? 1 : 0
        chester_meta_data = MetadataDocument(
            instance_group: record.name.text, max_chester_instances: LooseInt(record.policy.maximumReplicas))
    }
}

extension QueryRuleDocument {
    init(_ rule: QueryRule) {
        rule_id = LooseInt(rule.id)
        username = rule.username
        active = LooseInt(rule.isActive ? 1 : 0)
        match_digest = rule.matchDigest
        destination_hostgroup = LooseInt(rule.destinationHostgroup)
        apply = LooseInt(rule.apply ? 1 : 0)
        comment = rule.comment
    }
}

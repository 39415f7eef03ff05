import Crypto
package import FleetModel

/// What makes a digest of a configuration: a random text that only those know who may read the configuration itself.
///
/// An agent shows the digest to anyone who asks for its status. Without the key it would confirm a guessed password.
package struct ContentKey: Hashable, Codable, Sendable {
    private let text: Secret

    /// Makes a key that nobody had before, of 256 bits.
    package init() {
        var generator = SystemRandomNumberGenerator()
        let words = (0..<4).map { _ in UInt64.random(in: 0...UInt64.max, using: &generator) }
        text = Secret(
            Self.hexadecimal(words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }))
    }

    package init(from decoder: any Decoder) throws {
        text = try decoder.singleValueContainer().decode(Secret.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// The digest of what `configuration` says, whatever its generation: 128 bits, hexadecimal.
    package func digest(of configuration: FleetConfiguration) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: ContentEncoding(configuration).bytes, using: SymmetricKey(data: Array(text.reveal().utf8)))
        return Self.hexadecimal(code.prefix(16))
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return bytes.reduce(into: "") { text, byte in
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }
}

/// A configuration as `fleet.json` carries it to the agents, with the key of its content's digest.
package struct PublishedConfiguration: Hashable, Codable, Sendable {
    /// What is to hold.
    package var configuration: FleetConfiguration
    /// What digests of it are made with; nil in documents that somebody else, or an older scaler, wrote.
    package var contentKey: ContentKey?

    private enum CodingKeys: String, CodingKey {
        case contentKey
    }

    /// Puts the two together.
    package init(_ configuration: FleetConfiguration, contentKey: ContentKey?) {
        self.configuration = configuration
        self.contentKey = contentKey
    }

    package init(from decoder: any Decoder) throws {
        configuration = try FleetConfiguration(from: decoder)
        contentKey = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(
            ContentKey.self, forKey: .contentKey)
    }

    /// The configuration's members and the key are one object: older agents read the one and ignore the other.
    package func encode(to encoder: any Encoder) throws {
        try configuration.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(contentKey, forKey: .contentKey)
    }

    /// What a node that was verified to hold it reports.
    package var held: HeldConfiguration {
        HeldConfiguration(
            group: configuration.group, generation: configuration.generation,
            content: contentKey?.digest(of: configuration))
    }
}

/// The bytes of a configuration that its digest is made of: equal for equal contents, whatever wrote the document and in
/// which order, and different for any two contents.
///
/// Every text goes with its length, so that no two lists of texts run together alike. A member that is added to the model
/// later goes into the bytes only where it is set: then versions on both sides of an upgrade agree until it is used, and
/// an agent that does not know it never claims to hold it.
struct ContentEncoding {
    private(set) var bytes: [UInt8] = []

    init(_ configuration: FleetConfiguration) {
        add(["drover-content-1", configuration.group.text])
        add([configuration.writerHostgroup, configuration.readerHostgroup, configuration.ruleIDBase].map { "\($0)" })
        addSet(
            "servers",
            configuration.servers.map { server in
                [
                    server.name, server.address, "\(server.port)", "\(server.hostgroup)", server.status.rawValue,
                    "\(server.weight)", "\(server.maxConnections)", server.useTLS ? "1" : "0",
                ]
            })
        addSet(
            "users",
            configuration.users.map { user in
                [user.username, user.password.reveal(), "\(user.defaultHostgroup)", user.isActive ? "1" : "0"]
            })
        addSet(
            "rules",
            configuration.queryRules.map { rule in
                [
                    "\(rule.id)", rule.username, rule.isActive ? "1" : "0", rule.matchDigest,
                    "\(rule.destinationHostgroup)", rule.apply ? "1" : "0", rule.comment,
                ]
            })
        guard let tls = configuration.tls else { return }
        addSet(
            "tls",
            tls.map { backend in
                [
                    backend.address, "\(backend.port)", backend.authorities, backend.identity?.certificate ?? "",
                    backend.identity?.key.reveal() ?? "",
                ]
            })
    }

    /// Rows of a table, whose order means nothing.
    private mutating func addSet(_ name: String, _ rows: [[String]]) {
        add([name, "\(rows.count)"])
        for row in rows.sorted(by: { $0.lexicographicallyPrecedes($1) }) { add(row) }
    }

    private mutating func add(_ texts: [String]) {
        for text in texts {
            bytes += Array("\(text.utf8.count):".utf8)
            bytes += Array(text.utf8)
        }
    }
}

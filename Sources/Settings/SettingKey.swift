import Foundations

/// One thing that can be set: in the YAML file, in the environment or by a flag, each overriding the one before.
package struct SettingKey: Hashable, Sendable {
    /// What a value must look like.
    package enum Kind: Hashable, Sendable {
        /// Any text.
        case text
        /// A whole number in a range.
        case integer(ClosedRange<Int>)
        /// Seconds, fractions allowed, in a range.
        case seconds(ClosedRange<Double>)
        /// `true` or `false`.
        case flag
        /// `host:port`.
        case address
        /// One of these words.
        case word([String])
        /// Some of these words, separated by commas; the first one stands alone.
        case words([String])
        /// `name=role@host:port`, separated by commas.
        case nodes
    }

    /// The key in the file, for example `scaler.cooldown-seconds`.
    package var name: String
    /// What a value must look like.
    package var kind: Kind
    /// The value when none is given; nil leaves it unset.
    package var standard: String?
    /// Whether it is never shown.
    package var isSecret: Bool
    /// What it does, for the manual.
    package var meaning: String

    init(_ name: String, _ kind: Kind, _ standard: String?, _ meaning: String, isSecret: Bool = false) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.isSecret = isSecret
        self.meaning = meaning
    }

    /// The environment variable, for example `DROVER_SCALER_COOLDOWN_SECONDS`.
    package var environmentVariable: String {
        "DROVER_" + name.uppercased().replacing(".", with: "_").replacing("-", with: "_")
    }

    /// Chester's names for the same thing, read where ours is not set; the first that is set counts.
    package var chesterVariables: [String] {
        (Self.chesterVariables[name].map { [$0] } ?? []) + (Self.googleVariables[name] ?? [])
    }

    /// `value` as far as people may see it.
    package func shown(_ value: String) -> String {
        if isSecret { return ShownText.redacted }
        // Arguments of somebody's program may be anything.
        if name.hasSuffix(".command"), let space = value.firstIndex(of: " ") {
            return "\(value[..<space]) \(ShownText.redacted)"
        }
        return ShownText.address(value)
    }

    /// What is wrong with `value`, or nil.
    package func complaint(about value: String) -> String? {
        switch kind {
        case .text:
            return nil
        case .integer(let range):
            guard let number = Int(value), range.contains(number) else {
                return "it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            }
        case .seconds(let range):
            guard let number = Double(value), range.contains(number) else {
                return "it must be a number of seconds from \(range.lowerBound) to \(range.upperBound)"
            }
        case .flag:
            return ["true", "false"].contains(value) ? nil : "it must be true or false"
        case .address:
            return HostAndPort(value) == nil ? "it must be host:port" : nil
        case .word(let words):
            return words.contains(value) ? nil : "it must be one of \(words.joined(separator: ", "))"
        case .words(let words):
            let given = value.split(separator: ",").map(String.init)
            guard !given.isEmpty, given.allSatisfy(words.contains), given.count == 1 || !given.contains(words[0])
            else { return "it must be \(words[0]), or one or more of \(words.dropFirst().joined(separator: ", "))" }
        case .nodes:
            return NodeAddress.list(value) == nil
                ? "it must be name=role@host:port, separated by commas; role is core or satellite" : nil
        }
        return nil
    }

    /// Every key there is.
    package static let all: [SettingKey] =
        [
            SettingKey(
                "state.directory", .text, "/var/lib/drover", "Folder of the embedded store; one process owns it."),
            SettingKey(
                "events.capacity", .integer(100...10_000_000), "10000", "How many of the newest events are kept."),
            SettingKey(
                "events.poll-seconds", .seconds(0.1...3_600), "2",
                "Between two looks at what other processes did."),
            SettingKey("ingest.address", .address, "127.0.0.1:8081", "Where the alert webhook listens."),
            SettingKey(
                "ingest.metrics-address", .address, nil,
                "Where 'drover ingest' answers GET /healthz and GET /metrics, beside the webhook, which the world can "
                    + "reach; nowhere when unset."),
            SettingKey(
                "ingest.auth-token", .text, nil, "Value that the query parameter auth_token must have.", isSecret: true),
            SettingKey(
                "ingest.max-body-bytes", .integer(1_024...16_777_216), "262144", "Largest notification, in bytes."),
            SettingKey(
                "ingest.head-timeout-seconds", .seconds(0.1...600), "10",
                "How long the head of a connection's first request may take to come."),
            SettingKey(
                "ingest.body-timeout-seconds", .seconds(0.1...600), "20", "How long a notification may take to come."),
            SettingKey(
                "ingest.idle-timeout-seconds", .seconds(1...3_600), "60",
                "After this a connection without a request is closed."),
            SettingKey(
                "ingest.max-connections", .integer(1...100_000), "1000",
                "Connections at once; fewer where the limit of open files is low. One too many takes the place of one "
                    + "that waits for a request."),
        ] + google + api + scaler + fleet + notifications + [
            SettingKey(
                "cloudsql.endpoint", .text, "https://sqladmin.googleapis.com", "Address of the Cloud SQL Admin API."),
            SettingKey("cloudsql.project", .text, nil, "Google Cloud project of the instances."),
            SettingKey(
                "cloudsql.network", .text, nil, "Private network of new replicas; their primary's when unset."),
            SettingKey(
                "cloudsql.timeout-seconds", .seconds(0.1...600), "30", "How long one call of the API may take."),
            SettingKey(
                "log.level", .word(["trace", "debug", "info", "notice", "warning", "error", "critical"]), "info",
                "The least important messages that are written."),
            SettingKey("log.format", .word(["json", "text"]), "json", "How messages are written, to standard error."),
        ]
}

/// A host and a TCP port.
package struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
    /// Name or address.
    package var host: String
    /// 0–65535; 0 takes any.
    package var port: Int

    /// Reads `host:port`; an IPv6 address may stand in brackets.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon > text.startIndex
        else { return nil }
        let host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.dropFirst().dropLast().contains(":") else { return nil }
            self.host = String(host.dropFirst().dropLast())
        } else {
            // A URL, or what has a user, is no host.
            guard !host.contains(where: { "/@ ".contains($0) }) else { return nil }
            self.host = String(host)
        }
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only this machine can reach it. A name that merely begins like an address may be anywhere.
    package var isLoopback: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isFour = parts.count == 4 && parts.first == "127" && parts.allSatisfy { UInt8($0) != nil }
        return host == "localhost" || host == "::1" || isFour
    }
}

/// A ProxySQL node as it is set.
package struct NodeAddress: Hashable, Sendable {
    /// Its name, for people.
    package var name: String
    /// Whether it is a core; else a satellite.
    package var isCore: Bool
    /// Its admin interface.
    package var admin: HostAndPort

    /// Reads `name=role@host:port,…`; nil when anything of it is wrong or a name stands twice.
    package static func list(_ text: String) -> [NodeAddress]? {
        var nodes: [NodeAddress] = []
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "="), let at = part.firstIndex(of: "@"), equals < at,
                let admin = HostAndPort(String(part[part.index(after: at)...]))
            else { return nil }
            let name = part[..<equals].trimmingSpaces
            let role = part[part.index(after: equals)..<at]
            guard !name.isEmpty, role == "core" || role == "satellite", !nodes.contains(where: { $0.name == name })
            else { return nil }
            nodes.append(NodeAddress(name: name, isCore: role == "core", admin: admin))
        }
        return nodes
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " })
    }
}

import MySQLWire

/// One setting of the agent, with the Go agent's spelling (ProxySQL Agent 1.2.3) and Drover's own.
package struct AgentSettingKey: Hashable, Sendable {
    /// What a value must look like.
    package enum Kind: Hashable, Sendable {
        /// Any text.
        case text
        /// Seconds, fractions allowed, in a range.
        case seconds(ClosedRange<Double>)
        /// A whole number in a range.
        case integer(ClosedRange<Int>)
        /// `true` or `false`, and what Go reads as such.
        case flag
        /// `host:port`.
        case address
        /// `host:port`, or `off`.
        case addressOrOff
        /// One of these words, in any case.
        case word([String])
        /// Whole numbers, separated by commas.
        case integers
        /// `name@host:port`, separated by commas.
        case peers
    }

    /// The key in the Go agent's file, for example `core.podselector.app`; nil when it has no such setting.
    package var theirs: String?
    /// The key in Drover's file, for example `agent.core.interval-seconds`.
    package var name: String
    /// What a value must look like.
    package var kind: Kind
    /// The value when none is given; nil leaves it unset.
    package var standard: String?
    /// Whether it is never shown.
    package var isSecret = false
    /// What it does, for the manual.
    package var meaning: String

    init(_ theirs: String?, _ name: String, _ kind: Kind, _ standard: String?, _ meaning: String) {
        self.theirs = theirs
        self.name = name
        self.kind = kind
        self.standard = standard
        self.meaning = meaning
    }

    /// The Go agent's environment variable, for example `AGENT_PROXYSQL_ADDRESS`.
    package var theirVariable: String? {
        theirs.map { "AGENT_" + Self.spelled($0, by: Self.upper) }
    }

    /// Drover's environment variable, for example `DROVER_AGENT_MODE`.
    package var variable: String {
        "DROVER_" + Self.spelled(name, by: Self.upper)
    }

    /// Drover's flag without its dashes, for example `core-interval-seconds`.
    package var flag: String {
        Self.spelled(name.hasPrefix("agent.") ? name.dropFirst(6) : name[...]) { $0 == UInt8(ascii: ".") ? 45 : $0 }
    }

    /// Byte by byte, for it is done for every key at every start.
    private static func spelled(_ text: some StringProtocol, by change: (UInt8) -> UInt8) -> String {
        String(decoding: text.utf8.map(change), as: UTF8.self)
    }

    private static func upper(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
        case UInt8(ascii: "."), UInt8(ascii: "-"): UInt8(ascii: "_")
        default: byte
        }
    }

    /// What is wrong with `value`, or nil.
    package func complaint(about value: String) -> String? {
        switch kind {
        case .text:
            return nil
        case .seconds(let range):
            guard let number = Double(value), range.contains(number) else {
                return "it must be a number of seconds from \(Self.short(range.lowerBound)) to "
                    + Self.short(range.upperBound)
            }
        case .integer(let range):
            guard let number = Int(value), range.contains(number) else {
                return "it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            }
        case .flag:
            return Self.truth(value) == nil ? "it must be true or false" : nil
        case .addressOrOff where value.lowercased() == "off":
            return nil
        case .address, .addressOrOff:
            guard let address = AgentAddress(value), address.port > 0, !value.contains(where: \.isWhitespace) else {
                return "it must be host:port, the port included"
            }
        case .word(let words):
            return words.contains(value.lowercased()) ? nil : "it must be one of \(words.joined(separator: ", "))"
        case .integers:
            let numbers = value.split(separator: ",").map { Int($0.filter { $0 != " " }) }
            return numbers.contains(nil) ? "it must be whole numbers, separated by commas" : nil
        case .peers:
            return AgentPeer.list(value) == nil ? "it must be name@host:port, separated by commas" : nil
        }
        return nil
    }

    /// What Go's `strconv.ParseBool` makes of a text.
    static func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }

    static func short(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(number)"
    }

    private func secret() -> AgentSettingKey {
        var key = self
        key.isSecret = true
        return key
    }

    /// Every key there is, in the order of the manual.
    package static let all: [AgentSettingKey] = process + node + core + health + drain + connections

    private static let process: [AgentSettingKey] = [
        .init(
            "run_mode", "agent.mode", .word(["core", "satellite", "dump"]), nil,
            "What the node is in its cluster; dump exports the digests once."),
        .init(
            "start_delay", "agent.start-delay-seconds", .seconds(0...3_600), "0",
            "Wait before the first connection."),
        .init(
            nil, "agent.name", .text, nil,
            "Name of this node. When unset: POD_NAME, HOSTNAME, the pod with this node's address, or the host's name."),
        .init(nil, "agent.plugins.file", .text, nil, "YAML file with the programs and webhooks that hear of events."),
        .init(
            "log.level", "log.level",
            .word(["trace", "debug", "info", "notice", "warn", "warning", "error", "critical"]), "INFO",
            "The least important messages that are written."),
        .init("log.format", "log.format", .word(["json", "text"]), "JSON", "How messages are written."),
        .init("log.source", "log.source", .flag, "false", "Adds the place in the source to each message."),
        .init("log.probes", "log.probes", .flag, "false", "Writes a message for each probe."),
    ]

    private static let node: [AgentSettingKey] = [
        .init(
            "proxysql.address", "agent.proxysql.address", .address, "127.0.0.1:6032",
            "Admin interface of this node."),
        .init("proxysql.username", "agent.proxysql.username", .text, "radmin", "Admin user."),
        .init("proxysql.password", "agent.proxysql.password", .text, nil, "Its password.").secret(),
        .init(
            nil, "agent.proxysql.tls", .word(ClientTLSSettings.Mode.allCases.map(\.rawValue)), "disabled",
            "TLS to this node's admin interface: as MySQL's --ssl-mode."),
        .init(
            nil, "agent.proxysql.tls-ca", .text, nil,
            "File with the CA certificates of that interface; read again when it changes."),
        .init(
            nil, "agent.proxysql.allow-public-key-retrieval", .flag, "false",
            "Whether the password may be encrypted to a key that the interface offers without TLS."),
        .init(
            nil, "agent.satellite.core-tls", .word(ClientTLSSettings.Mode.allCases.map(\.rawValue)), "disabled",
            "TLS to the admin interfaces of cores, which a satellite reads: as MySQL's --ssl-mode."),
        .init(
            nil, "agent.satellite.core-tls-ca", .text, nil,
            "File with the CA certificates of the cores; read again when it changes."),
        .init(
            "api.port", "agent.api.port", .integer(0...65_535), "8080",
            "HTTP port of probes and control API; 0 takes any."),
        .init(nil, "agent.api.host", .text, "0.0.0.0", "Address on which it listens."),
        .init(nil, "agent.api.token", .text, nil, "Bearer token of calls that change something.").secret(),
        .init(
            nil, "agent.api.token-file", .text, nil,
            "File with that token, read anew for each call. Without a token such calls are off."),
    ]

    private static let core: [AgentSettingKey] = [
        .init(
            "core.interval", "agent.core.interval-seconds", .seconds(0...86_400), "10",
            "Between two reconciliations of the members of the cluster; 0 reacts to events only."),
        .init(
            "core.podselector.namespace", "agent.core.pod-selector.namespace", .text, "proxysql",
            "Where the pods are."),
        .init("core.podselector.app", "agent.core.pod-selector.app", .text, "proxysql", "Their label app."),
        .init(
            "core.podselector.component", "agent.core.pod-selector.component", .text, "core",
            "The cores' label component."),
        .init(
            nil, "agent.core.bootstrap-host", .text, "proxysql-core",
            "Host name of the row with which nodes begin; it goes when real cores are known."),
        .init(
            nil, "agent.core.generation", .integer(0...Int.max), nil,
            "Order of the mounted configuration; greater is newer. Kubernetes tells it when unset."),
        .init(
            nil, "agent.core.configuration-file", .text, "/etc/proxysql.cnf",
            "The mounted configuration; a line '# drover-generation: N' in it sets the generation."),
        .init(
            nil, "agent.core.restore", .flag, "true",
            "Whether a newer mounted configuration replaces the cluster's at start."),
        .init(
            nil, "agent.peers", .peers, nil,
            "The cores as a fixed list, name@host:port,… of their admin interfaces, where there is no Kubernetes; "
                + "/PORT after one names its agent's HTTP port where it is not ours."),
        .init(
            nil, "agent.kubernetes", .word(["auto", "off"]), "auto",
            "auto uses the cluster that the pod or KUBECONFIG names, unless agent.peers is set."),
        .init(
            nil, "agent.lease", .text, "drover-core",
            "Name of the Lease, in the pods' namespace, by which one core acts; needs rights on leases."),
        .init(
            nil, "agent.follow.file", .text, nil, "Follows this fleet.json: its difference is applied when it changes."),
        .init(
            nil, "agent.follow.secret", .text, nil,
            "Follows the key fleet.json of this Secret, and the tls-*.pem that it names."),
        .init(
            nil, "agent.tls.directory", .text, "/var/lib/proxysql/drover-tls",
            "Where the files that verify backends are written: the same path on every node, readable by ProxySQL."),
        .init(
            "satellite.interval", "agent.satellite.interval-seconds", .seconds(0.01...86_400), "10",
            "Between two looks of a satellite at its cores."),
        .init(
            nil, "agent.tls.certificate-directory", .text, nil,
            "Folder, for example a mounted Secret, with proxysql-cert.pem, proxysql-key.pem and proxysql-ca.pem: clients "
                + "are shown that certificate as soon as it changes."),
        .init(
            nil, "agent.tls.data-directory", .text, "/var/lib/proxysql",
            "ProxySQL's data directory, where such a certificate is written."),
        .init(
            nil, "agent.tls.shown-at", .address, "127.0.0.1:6033",
            "Where clients connect to this node: what is shown there is compared."),
        .init(
            nil, "agent.tls.interval-seconds", .seconds(0.01...86_400), "30",
            "Between two looks at that certificate."),
    ]

    private static let health: [AgentSettingKey] = [
        .init(
            nil, "agent.health.interval-seconds", .seconds(0.01...60), "2",
            "Between two looks at the node; probes are answered from the last one."),
        .init(
            nil, "agent.health.timeout-seconds", .seconds(0.05...300), "5",
            "How long one look may wait for an answer."),
        .init(
            nil, "agent.health.tries", .integer(1...100), "3",
            "So many looks without an answer make the node not live."),
        .init(
            nil, "agent.health.mysql-address", .addressOrOff, nil,
            "Where the agent probes whether clients are greeted; mysql-interfaces of the node when unset; off probes "
                + "the admin interface alone."),
        .init(
            nil, "agent.health.required-hostgroups", .integers, nil,
            "Hostgroups without an ONLINE backend make the node unready; none by default, as in the Go agent."),
        .init(
            nil, "agent.health.require-configuration", .word(["auto", "true", "false"]), "auto",
            "Whether a node has started only once it has a configuration; auto: satellites do."),
    ]

    private static let drain: [AgentSettingKey] = [
        .init(
            "shutdown.draining_file", "agent.shutdown.draining-file", .text, "/var/lib/proxysql/draining",
            "While it exists the node is draining."),
        .init(
            nil, "agent.shutdown.propagation-seconds", .seconds(0...600), "5",
            "From unready to PAUSE: the time until nobody sends new clients here."),
        .init(
            "shutdown.drain_timeout", "agent.shutdown.drain-timeout-seconds", .seconds(0...86_400), "30",
            "How long clients may take to leave."),
        .init(
            "shutdown.shutdown_timeout", "agent.shutdown.timeout-seconds", .seconds(0.1...86_400), "60",
            "After this the whole shutdown is abandoned; more than the drain timeout."),
        .init(
            nil, "agent.shutdown.on-signal", .word(["drain", "leave"]), "drain",
            "What SIGTERM and SIGINT do: drain ends ProxySQL too; leave ends the agent alone, for containers whose "
                + "preStop hook drains."),
        .init(
            nil, "agent.shutdown.poll-seconds", .seconds(0.01...60), "1",
            "Between two looks at how many clients are left."),
    ]

    private static let connections: [AgentSettingKey] = [
        .init(
            nil, "agent.statement-timeout-seconds", .seconds(0.05...600), "30",
            "How long a statement that changes something may take; PAUSE has the shutdown timeout.")
    ]

    /// The help of `drover agent`: every key with both spellings.
    package static var help: String {
        all.map { key in
            let names = ["--\(key.flag)"] + (key.theirs.map { ["--\($0)"] } ?? [])
            return "  \(names.joined(separator: ", "))\n      \(key.meaning) (default: \(key.standard ?? "none"))"
        }.joined(separator: "\n")
    }
}

import Configuration
package import FleetModel
import Foundations

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Everything that is wrong with the settings, at once.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence each: key, value, source and what to do.
    package var complaints: [String]

    /// Gathers complaints.
    package init(complaints: [String]) {
        self.complaints = complaints
    }

    package var description: String { complaints.joined(separator: "\n") }
}

/// The settings in force, each with where it came from.
package struct EffectiveSettings: Sendable {
    /// A value and its source.
    package struct Value: Hashable, Sendable {
        /// The text.
        package var text: String
        /// `flag`, `environment`, `file` or `default`.
        package var source: String
    }

    var values: [String: Value]
    /// Whether the file has settings of the agent, and nobody set anything else but how to log.
    package private(set) var isOnlyForAgents = false
    /// Where the alert webhook listens; nil where the role has none.
    package private(set) var webhookAddress: HostAndPort?

    /// Reads and checks everything: the YAML file at `file`, then the environment, then `flags` by key.
    /// A role that serves no API may answer for its health on any address; `webhook` says where its webhook is.
    /// What is wanted `elsewhere` may have its credentials from an environment that is not here.
    /// - Throws: `SettingsError` that names every unknown key and every impossible value with its source.
    package init(
        flags: [String: String], environment: [String: String], file: String?, servesAPI: Bool = true,
        webhook: Webhook = .none, elsewhere: Bool = false
    ) async throws {
        let environment = OutsideText.variables(environment)
        var providers: [(source: String, provider: any ConfigProvider)] = [
            (
                "flag",
                InMemoryProvider(
                    name: "flags",
                    values: Dictionary(
                        uniqueKeysWithValues: flags.map { key, value in
                            (AbsoluteConfigKey(ConfigKey(key)), ConfigValue(.string(value), isSecret: false))
                        }))
            ),
            ("environment", EnvironmentVariablesProvider(environmentVariables: Self.ours(environment))),
        ]
        var complaints = Self.unknownVariables(environment)
        if let file {
            do {
                // Read once: it may be a pipe.
                guard let leaves = try YAMLKeys.leaves(try InputFile.existingText(file)) else {
                    throw UnusableFile(reason: "it is not a set of keys with values")
                }
                complaints += Self.unknownKeys(leaves, file)
                isOnlyForAgents = leaves.contains { $0.key.hasPrefix("agent.") }
                providers.append(("file", InMemoryProvider(name: "file", values: Self.configured(leaves))))
            } catch {
                let reason = (error as? UnusableFile).map { "\($0)" } ?? YAMLProblem.sentence(error)
                throw SettingsError(complaints: ["the configuration file \(file) cannot be read: \(reason)"])
            }
        }
        values = [:]
        webhookAddress = nil
        for key in SettingKey.all {
            let found = providers.lazy.compactMap { source, provider in
                ConfigReader(provider: provider).string(forKey: ConfigKey(key.name), isSecret: key.isSecret)
                    .map { Value(text: $0, source: source) }
            }.first
            guard let value = found ?? key.standard.map({ Value(text: $0, source: "default") }) else { continue }
            if let complaint = key.complaint(about: value.text) {
                let shown = key.shown(value.text)
                complaints.append("\(key.name) is \"\(shown)\" (from the \(value.source)): \(complaint)")
            }
            values[key.name] = value
        }
        isOnlyForAgents =
            isOnlyForAgents
            && values.allSatisfy { $0.value.source == "default" || $0.key.hasPrefix("log.") }
        complaints += Self.ingestComplaints(values)
        webhookAddress = Self.webhookAddress(webhook, values, environment)
        if webhook == .atPort, webhookAddress == nil, let port = environment["PORT"], !port.isEmpty {
            complaints.append("PORT is \"\(ShownText.name(port))\": it must be a port")
        }
        if !elsewhere, let open = Self.openWebhookComplaint(webhook, at: webhookAddress, values, environment) {
            complaints.append(open)
        }
        let isOpen = (authentication ?? "none") == "none"
        if servesAPI, isOpen, let address = values["api.address"].flatMap({ HostAndPort($0.text) }), !address.isLoopback
        {
            complaints.append(
                "api.address is \"\(address)\": without authentication the API listens on loopback addresses only; "
                    + "set api.authentication")
        }
        guard complaints.isEmpty else { throw SettingsError(complaints: complaints) }
    }

    /// Every key with its value, secrets redacted, in the order of the manual.
    package var shown: [(key: SettingKey, value: Value?)] {
        SettingKey.all.map { key in
            var value = values[key.name]
            if let text = value?.text { value?.text = key.shown(text) }
            return (key, value)
        }
    }

    /// How callers of the API prove who they are; what Chester's environment implies where it is not set, and nil where
    /// nothing says it.
    package var authentication: String? {
        values["api.authentication"]?.text
            ?? (values["api.iap-project-number"] != nil && values["api.iap-backend-service-id"] != nil ? "iap" : nil)
    }

    /// Whether somebody set the key.
    package func isSet(_ name: String) -> Bool { values[name].map { $0.source != "default" } ?? false }

    /// The text of a key; empty when it is unset.
    package func text(_ name: String) -> String { values[name]?.text ?? "" }

    /// The text of a key that may be unset.
    package func optionalText(_ name: String) -> String? { values[name]?.text }

    /// A secret that may be unset.
    package func secret(_ name: String) -> Secret? { values[name].map { Secret($0.text) } }

    /// The seconds of a key that was checked when it was read.
    package func seconds(_ name: String) -> Duration { .seconds(Double(text(name)) ?? 0) }

    /// The number of a key that was checked when it was read.
    package func integer(_ name: String) -> Int { Int(text(name)) ?? 0 }

    /// The flag of a key that was checked when it was read.
    package func flag(_ name: String) -> Bool { text(name) == "true" }

    /// The address of a key that was checked when it was read.
    package func address(_ name: String) -> HostAndPort? { HostAndPort(text(name)) }

    /// The nodes of a key that was checked when it was read.
    package func nodes(_ name: String) -> [NodeAddress] { NodeAddress.list(text(name)) ?? [] }

    // MARK: Parts

    /// Our variables without their prefix, and Chester's under our names where ours are absent.
    private static func ours(_ environment: [String: String]) -> [String: String] {
        var variables: [String: String] = [:]
        for (name, value) in environment where name.hasPrefix("DROVER_") {
            variables[String(name.dropFirst("DROVER_".count))] = value
        }
        for key in SettingKey.all {
            // To Chester an empty variable is none: templates of manifests leave such.
            let given = key.chesterVariables.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
            guard let value = given else { continue }
            let name = String(key.environmentVariable.dropFirst("DROVER_".count))
            if variables[name] == nil { variables[name] = key.kind == .flag ? Self.flag(value) : value }
        }
        if variables["CLOUDSQL_NETWORK"] == nil {
            variables["CLOUDSQL_NETWORK"] = chesterNetwork(
                environment["NETWORK_PROJECT_ID"], environment["NETWORK_NAME"])
        }
        return variables
    }

    /// What Chester makes of its two variables for the private network; nil when one of them is unset or empty.
    package static func chesterNetwork(_ project: String?, _ name: String?) -> String? {
        guard let project, let name, !project.isEmpty, !name.isEmpty else { return nil }
        return "projects/\(project)/global/networks/\(name)"
    }

    /// Chester reads what Go's `strconv.ParseBool` does: 1, t, T, TRUE, true, True, and the same for false.
    private static func flag(_ text: String) -> String {
        switch text.lowercased() {
        case "1", "t": "true"
        case "0", "f": "false"
        case let other: other
        }
    }

    private static let otherVariables: Set<String> = [
        "DROVER_CONFIG_FILE", "DROVER_INTEGRATION", "DROVER_CTL_API", "DROVER_CTL_TOKEN",
        "DROVER_CTL_AGENT",
    ]

    private static func unknownVariables(_ environment: [String: String]) -> [String] {
        let known = Set(SettingKey.all.map(\.environmentVariable)).union(otherVariables)
        return environment.keys.sorted().filter {
            $0.hasPrefix("DROVER_") && !$0.hasPrefix("DROVER_TEST_") && !$0.hasPrefix("DROVER_AGENT_")
                && !known.contains($0)
        }.map { "the environment variable \($0) is unknown; 'drover config show' lists the known ones" }
    }

    private static func unknownKeys(_ leaves: [YAMLLeaf], _ file: String) -> [String] {
        let known = Set(SettingKey.all.map(\.name))
        return leaves.map(\.key).filter { !known.contains($0) && !$0.hasPrefix("agent.") && !agentsToo.contains($0) }
            .map {
                "the key \(ShownText.key($0, among: known)) in \(file) is unknown; 'drover config show' lists the known ones"
            }
    }

    /// Keys of the agent without its prefix, for one file may be everybody's.
    private static let agentsToo: Set<String> = ["log.source", "log.probes"]

    private static func configured(_ leaves: [YAMLLeaf]) -> [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for leaf in leaves {
            guard let value = leaf.value else { continue }
            let isSecret = SettingKey.all.first { $0.name == leaf.key }?.isSecret ?? false
            values[AbsoluteConfigKey(ConfigKey(leaf.key))] = ConfigValue(.string(value), isSecret: isSecret)
        }
        return values
    }
}

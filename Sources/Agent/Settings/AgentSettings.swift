package import FleetModel
import Foundations
package import MySQLWire
import Settings

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The settings of an agent: defaults < the Go agent's file < Drover's file < environment < flags.
package struct AgentSettings: Sendable {
    /// A value and its source.
    package struct Value: Hashable, Sendable {
        /// The text.
        package var text: String
        /// `flag`, the name of a variable, the path of a file, or `default`.
        package var source: String
        /// Whether it was given in the Go agent's spelling, and so is judged as the Go agent did.
        package var isTheirs = false
    }

    /// Everything that is wrong, at once.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// One sentence each.
        package var complaints: [String]
        package var description: String { complaints.joined(separator: "\n") }
    }

    private var values: [String: Value] = [:]
    /// What was ignored, one sentence each: to be logged.
    package private(set) var warnings: [String] = []
    /// How much is made sure of this node's admin interface before it hears the password.
    package private(set) var nodeTLS = ClientTLSSettings.disabled
    /// The same of the cores' admin interfaces.
    package private(set) var coreTLS = ClientTLSSettings.disabled

    /// Where the Go agent looks for its file when `AGENT_CONFIG_FILE` names none.
    package static let theirFiles = ["/etc/proxysql-agent", ".", "/app"].flatMap { folder in
        ["json", "yaml", "yml"].map { "\(folder)/config.\($0)" }
    }
    /// Where Drover's file is when `DROVER_CONFIG_FILE` names none.
    package static let ourFile = "/etc/drover/drover.yaml"

    /// Reads and checks everything.
    ///
    /// - Parameters:
    ///   - arguments: what stood on the command line.
    ///   - environment: every variable; an empty one of the Go agent's counts as unset, as it did there.
    ///   - needsMode: whether it is a complaint when `agent.mode` is unset.
    ///   - read: gives the text of a file, nil when there is none.
    /// - Throws: `Problem` that names every impossible value with its source and every unknown key of Drover's file.
    package init(
        arguments: AgentArguments, environment: [String: String], needsMode: Bool = true,
        read: (String) throws -> String? = { try InputFile.text($0) }
    ) throws(Problem) {
        var complaints: [String] = []
        let environment = OutsideText.variables(environment)
        for key in AgentSettingKey.all {
            if let standard = key.standard { values[key.name] = Value(text: standard, source: "default") }
        }
        takeTheirFile(environment, read, &complaints)
        takeOurFile(arguments, environment, read, &complaints)
        for key in AgentSettingKey.all {
            if let theirs = key.theirVariable, let text = environment[theirs], !text.isEmpty {
                values[key.name] = Value(text: text, source: theirs, isTheirs: true)
            }
            if let text = environment[key.variable] { values[key.name] = Value(text: text, source: key.variable) }
        }
        complaints += Self.unknownVariables(environment)
        for (name, text) in arguments.values {
            values[name] = Value(
                text: text, source: "flag", isTheirs: arguments.inTheirSpelling.contains(name))
        }
        takeAsTheGoAgent()
        complaints += check(needsMode: needsMode)
        nodeTLS = tls("agent.proxysql.tls", "agent.proxysql.allow-public-key-retrieval", &complaints)
        coreTLS = tls("agent.satellite.core-tls", nil, &complaints)
        guard complaints.isEmpty else { throw Problem(complaints: complaints) }
    }

    /// Every key with its value, secrets redacted, in the order of the manual.
    package var shown: [(key: AgentSettingKey, value: Value?)] {
        AgentSettingKey.all.map { key in
            var value = values[key.name]
            if let text = value?.text { value?.text = key.isSecret ? ShownText.redacted : ShownText.address(text) }
            return (key, value)
        }
    }

    /// The text of a key; empty when it is unset.
    package func text(_ name: String) -> String { values[name]?.text ?? "" }
    /// The text of a key that may be unset or empty.
    package func optionalText(_ name: String) -> String? { values[name].flatMap { $0.text.isEmpty ? nil : $0.text } }
    /// A secret that may be unset.
    package func secret(_ name: String) -> Secret? { optionalText(name).map { Secret($0) } }
    /// The seconds of a key that was checked when it was read.
    package func seconds(_ name: String) -> Duration { .seconds(Double(text(name)) ?? 0) }
    /// The number of a key that was checked when it was read.
    package func integer(_ name: String) -> Int { Int(text(name)) ?? 0 }
    /// The flag of a key that was checked when it was read.
    package func flag(_ name: String) -> Bool { AgentSettingKey.truth(text(name)) ?? false }
    /// The numbers of a key that was checked when it was read.
    package func integers(_ name: String) -> [Int] {
        text(name).split(separator: ",").compactMap { Int($0.filter { $0 != " " }) }
    }
    /// The word of a key that was checked when it was read, in lower case.
    package func word(_ name: String) -> String { text(name).lowercased() }
    /// The cores of a key that was checked when it was read.
    package func peers(_ name: String) -> [AgentPeer] { AgentPeer.list(text(name)) ?? [] }
    /// The address of a key that was checked when it was read.
    package func address(_ name: String) -> AgentAddress { AgentAddress(text(name)) ?? AgentAddress(host: "", port: 0) }

    // MARK: Parts

    private static let theirKeys = AgentSettingKey.all.compactMap(\.theirs)

    private mutating func takeTheirFile(
        _ environment: [String: String], _ read: (String) throws -> String?, _ complaints: inout [String]
    ) {
        let named = environment["AGENT_CONFIG_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        for path in named.map({ [$0] }) ?? Self.theirFiles {
            guard let leaves = Self.leaves(path, read, &complaints) else { continue }
            for (key, text) in leaves.sorted(by: { $0.key < $1.key }) {
                guard let known = AgentSettingKey.all.first(where: { $0.theirs == key.lowercased() }) else {
                    // A section without a single key, which Helm and people leave behind, is no key.
                    let isSection = AgentSettingKey.all.contains {
                        $0.theirs?.hasPrefix(key.lowercased() + ".") == true
                    }
                    if !isSection || !text.isEmpty {
                        let shown = ShownText.key(key, among: Self.theirKeys)
                        warnings.append("the key \(shown) in \(path) is unknown and ignored; see 'drover agent --help'")
                    }
                    continue
                }
                // A key without a value keeps its default, as in the Go agent; so does an empty variable.
                guard !text.isEmpty else { continue }
                values[known.name] = Value(text: text, source: path, isTheirs: true)
            }
            return
        }
    }

    /// What the Go agent starts with, we start with, and say what is made of it: its manifests are full of words that
    /// it never understood and of time limits that it never compared (ProxySQL Agent 1.2.3, `setupLogger`,
    /// `validateConfig`). The same in Drover's spelling is a mistake of today, and is refused.
    private mutating func takeAsTheGoAgent() {
        for key in AgentSettingKey.all {
            guard let value = values[key.name], value.isTheirs, case .word = key.kind,
                key.theirs?.hasPrefix("log.") == true,
                key.complaint(about: value.text) != nil
            else { continue }
            // It writes JSON for that word alone, and everything else for people; its level for what it does not know
            // is INFO.
            let understood = key.theirs == "log.format" ? "text" : key.standard ?? ""
            if key.theirs != "log.format" || value.text.lowercased() != "plain" {
                warnings.append(
                    "\(key.theirs ?? key.name) is \"\(value.text)\" (from \(value.source)), which nobody knows: "
                        + "\(understood) is used, as by the Go agent")
            }
            values[key.name]?.text = understood
        }
        let (drain, whole) = ("agent.shutdown.drain-timeout-seconds", "agent.shutdown.timeout-seconds")
        guard let drainSeconds = values[drain].flatMap({ Double($0.text) }),
            let wholeSeconds = values[whole].flatMap({ Double($0.text) }), wholeSeconds <= drainSeconds,
            values[drain]?.isTheirs == true, values[whole]?.isTheirs == true || values[whole]?.source == "default"
        else { return }
        // The Go agent's image sets 60 and 75.
        let raised = AgentSettingKey.short(min(drainSeconds + 15, 86_400))
        if values[whole]?.source == "default" {
            warnings.append(
                "shutdown.drain_timeout is \(text(drain)) and shutdown.shutdown_timeout is not set: \(raised) is used for it"
            )
            values[whole] = Value(text: raised, source: "shutdown.drain_timeout", isTheirs: true)
        } else {
            let cut = AgentSettingKey.short(max(0, wholeSeconds - 1))
            warnings.append(
                "shutdown.shutdown_timeout is \(text(whole)) and does not exceed shutdown.drain_timeout, \(text(drain)): "
                    + "clients get \(cut) s to leave; raise shutdown.shutdown_timeout")
            values[drain]?.text = cut
        }
    }

    private mutating func takeOurFile(
        _ arguments: AgentArguments, _ environment: [String: String], _ read: (String) throws -> String?,
        _ complaints: inout [String]
    ) {
        let named = arguments.file ?? environment["DROVER_CONFIG_FILE"]
        let path = named ?? Self.ourFile
        guard let leaves = Self.leaves(path, read, &complaints) else {
            if named != nil, complaints.isEmpty { complaints.append("the configuration file \(path) does not exist") }
            return
        }
        for (key, text) in leaves.sorted(by: { $0.key < $1.key }) {
            if let known = AgentSettingKey.all.first(where: { $0.name == key }) {
                values[known.name] = Value(text: text, source: path)
            } else if !SettingKey.all.contains(where: { $0.name == key }) {
                let shown = ShownText.key(key, among: AgentSettingKey.all.map(\.name) + SettingKey.all.map(\.name))
                complaints.append("the key \(shown) in \(path) is unknown; 'drover agent --help' lists the known ones")
            }
        }
    }

    private func check(needsMode: Bool) -> [String] {
        var complaints: [String] = []
        for key in AgentSettingKey.all {
            guard let value = values[key.name] else { continue }
            if value.text.isEmpty, key.standard == nil { continue }
            if let complaint = key.complaint(about: value.text) {
                let shown = key.isSecret ? ShownText.redacted : ShownText.address(value.text)
                complaints.append(
                    "\(key.theirs ?? key.name) is \"\(shown)\" (from \(value.source)): \(complaint)")
            }
        }
        if needsMode, optionalText("agent.mode") == nil {
            complaints.append("run_mode is not set: --run_mode=core, satellite or dump (AGENT_RUN_MODE)")
        }
        if complaints.isEmpty,
            seconds("agent.shutdown.timeout-seconds") <= seconds("agent.shutdown.drain-timeout-seconds")
        {
            complaints.append(
                "shutdown.shutdown_timeout is \(text("agent.shutdown.timeout-seconds")): "
                    + "it must exceed shutdown.drain_timeout, \(text("agent.shutdown.drain-timeout-seconds"))")
        }
        return complaints
    }

    private func tls(_ key: String, _ retrieval: String?, _ complaints: inout [String]) -> ClientTLSSettings {
        do throws(MySQLWireError) {
            return try ClientTLSSettings(
                mode: .init(rawValue: word(key)) ?? .disabled, caFile: optionalText("\(key)-ca"),
                allowsPublicKeyRetrieval: retrieval.map(flag) ?? false)
        } catch {
            complaints.append("\(key) is \"\(word(key))\": \(error.message)")
            return .disabled
        }
    }

    private static func unknownVariables(_ environment: [String: String]) -> [String] {
        let known = Set(AgentSettingKey.all.map(\.variable))
        return environment.keys.sorted().filter { $0.hasPrefix("DROVER_AGENT_") && !known.contains($0) }.map {
            "the environment variable \($0) is unknown; 'drover agent --help' lists the known ones"
        }
    }

    /// The file's values by dotted key; nil when there is none or it cannot be read.
    private static func leaves(
        _ path: String, _ read: (String) throws -> String?, _ complaints: inout [String]
    ) -> [String: String]? {
        let text: String
        do {
            guard let found = try read(path) else { return nil }
            text = found
        } catch {
            complaints.append("the configuration file \(path) cannot be read: \(error)")
            return nil
        }
        do {
            guard let leaves = try YAMLKeys.leaves(text) else {
                complaints.append("the configuration file \(path) is not a set of keys with values")
                return nil
            }
            return Dictionary(uniqueKeysWithValues: leaves.map { ($0.key, $0.value ?? "") })
        } catch {
            complaints.append("the configuration file \(path) cannot be read: \(YAMLProblem.sentence(error))")
            return nil
        }
    }
}

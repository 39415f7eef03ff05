import Foundations

/// The command line of `drover agent`: Go's flags, with one dash or two, and Drover's, each `--name=value` or
/// `--name value`.
package struct AgentArguments: Hashable, Sendable {
    /// Why a command line cannot be read.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// What is wrong and what to do.
        package var description: String
    }

    /// Values by `AgentSettingKey.name`.
    package var values: [String: String] = [:]
    /// The keys of `values` that were given in the Go agent's spelling, `--log.level` and not `--log-level`.
    package var inTheirSpelling: Set<String> = []
    /// `--show-config` was given.
    package var showsConfiguration = false
    /// `--help` was given.
    package var wantsHelp = false
    /// `--version` was given.
    package var wantsVersion = false
    /// `--health-check` was given: the agent's binary as a probe, which the Go agent's plans had.
    package var isHealthCheck = false
    /// `--config FILE`: Drover's file.
    package var file: String?

    /// Reads the words after `drover agent`.
    package init(_ words: [String]) throws(Problem) {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word.count > 1 else {
                // It may be the password of a flag that somebody misspelt.
                throw Problem(
                    description:
                        "argument \(words.count - rest.count) belongs to no flag; every setting is --name=value")
            }
            let body = word.drop { $0 == "-" }
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts.first.map(String.init) ?? ""
            let attached = parts.count > 1 ? String(parts[1]) : nil
            switch name {
            case "show-config": showsConfiguration = try Self.truth(attached, name)
            case "health-check": isHealthCheck = try Self.truth(attached, name)
            case "help", "h": wantsHelp = true
            case "version": wantsVersion = true
            case "config": file = try Self.value(attached, name, &rest)
            default:
                guard let key = AgentSettingKey.all.first(where: { $0.theirs == name || $0.flag == name }) else {
                    throw Problem(
                        description:
                            "unknown flag \(ShownText.flag("--\(name)")); 'drover agent --help' lists the known ones")
                }
                if key.theirs == name { inTheirSpelling.insert(key.name) } else { inTheirSpelling.remove(key.name) }
                if key.kind == .flag {
                    values[key.name] = try Self.truth(attached, name) ? "true" : "false"
                } else {
                    values[key.name] = try Self.value(attached, name, &rest)
                }
            }
        }
    }

    private static func value(
        _ attached: String?, _ name: String, _ rest: inout ArraySlice<String>
    ) throws(Problem) -> String {
        guard let value = attached ?? rest.popFirst() else {
            throw Problem(description: "--\(name) needs a value")
        }
        return value
    }

    private static func truth(_ attached: String?, _ name: String) throws(Problem) -> Bool {
        guard let attached else { return true }
        guard let truth = AgentSettingKey.truth(attached) else {
            throw Problem(description: "--\(name) is \"\(ShownText.flag(attached))\": it must be true or false")
        }
        return truth
    }
}

import Agent
import Settings

/// The settings of the roles and of the agent.
enum SettingPages {
    static var settings: String {
        """
        # Settings

        Of `drover serve`, `api`, `ingest`, `scaler`, `notify` and `setup`; [the agent](agent-settings.md) has its own.
        A later source overrides an earlier one: the default; the YAML file that `--config` or `DROVER_CONFIG_FILE` names,
        else `/etc/drover/drover.yaml` if there is one; the environment; `--set key=value`. In the file, dots are levels:

        ```yaml
        scaler:
          cooldown-seconds: 300
        ```

        Unknown keys and impossible values end the process with exit code 78, with a sentence for each.
        `drover config show` prints what is in force and where it comes from; secrets are redacted.


        """ + parts.map(section).joined(separator: "\n")
    }

    static var agent: String {
        """
        # Settings of `drover agent`

        `drover agent` takes the settings of ProxySQL Agent 1.2.3 as they are: keys, defaults, environment variables, flags
        and the places of the file. Drover's own spellings stand beside them. Later sources override earlier ones:

        1. the defaults;
        2. the Go agent's YAML file: the one that `AGENT_CONFIG_FILE` names, else `/etc/proxysql-agent/config.yaml`, else
           `./config.yaml`. A missing file is fine, one that cannot be read is an error, an unknown key is a warning that
           names it. Case of keys does not matter;
        3. Drover's YAML file: the one that `--config` or `DROVER_CONFIG_FILE` names, else `/etc/drover/drover.yaml`. An
           unknown key is an error;
        4. the environment: `AGENT_…` (an empty variable counts as unset), then `DROVER_…`;
        5. flags: `--run_mode=core`, `--run_mode core`, `--mode core`.

        `drover agent --show-config` prints every setting with its value and source, secrets redacted. Wrong settings end
        the process with exit code 78, a wrong command line with 64. Flags without a key: `--show-config`;
        `--config FILE`; `--health-check`, which is `drover probe ready --direct`.


        """ + parts(AgentSettingKey.all).map(section).joined(separator: "\n")
    }

    // MARK: Parts

    private static var parts: [(String, [SettingKey])] {
        var order: [String] = []
        var keys: [String: [SettingKey]] = [:]
        for key in SettingKey.all {
            let part = String(key.name.prefix { $0 != "." })
            if keys[part] == nil { order.append(part) }
            keys[part, default: []].append(key)
        }
        return order.map { ($0, keys[$0] ?? []) }
    }

    private static func section(_ part: (name: String, keys: [SettingKey])) -> String {
        "## `\(part.name)`\n\n"
            + Markdown.table(
                ["key", "environment", "type", "default", "read by", "meaning"],
                part.keys.map { key in
                    [
                        Markdown.code(key.name),
                        Markdown.codes([key.environmentVariable])
                            + (key.chesterVariables.isEmpty
                                ? "" : "; Chester's " + Markdown.codes(key.chesterVariables)),
                        key.kind.words + (key.isSecret ? "; secret" : ""), Markdown.code(key.standard),
                        readers(key), key.meaning,
                    ]
                })
    }

    private static func readers(_ key: SettingKey) -> String {
        key.readers == SettingKey.Reader.allCases ? "all" : key.readers.map(\.rawValue).joined(separator: ", ")
    }

    private static func parts(_ keys: [AgentSettingKey]) -> [(String, [AgentSettingKey])] {
        func part(_ key: AgentSettingKey) -> String {
            let words = key.name.split(separator: ".").map(String.init)
            return words.count > 2 ? "\(words[0]).\(words[1])" : words[0]
        }
        var order: [String] = []
        for key in keys where !order.contains(part(key)) { order.append(part(key)) }
        return order.map { name in (name, keys.filter { part($0) == name }) }
    }

    private static func section(_ part: (name: String, keys: [AgentSettingKey])) -> String {
        "## `\(part.name)`\n\n"
            + Markdown.table(
                ["key", "the Go agent's key", "flag", "environment", "type", "default", "meaning"],
                part.keys.map { key in
                    [
                        Markdown.code(key.name), Markdown.code(key.theirs), Markdown.code("--\(key.flag)"),
                        Markdown.codes([key.theirVariable, key.variable].compactMap(\.self)),
                        key.kind.words + (key.isSecret ? "; secret" : ""), Markdown.code(key.standard), key.meaning,
                    ]
                })
    }
}

extension SettingKey.Kind {
    /// Type and range, for the manual.
    fileprivate var words: String {
        switch self {
        case .text: "text"
        case .integer(let range): range.words
        case .seconds(let range): range.words + " seconds"
        case .flag: "`true` or `false`"
        case .address: "`host:port`"
        case .word(let words): Markdown.codes(words)
        case .words(let words): "\(Markdown.code(words.first)), or some of \(Markdown.codes(words.dropFirst()))"
        case .nodes: "`name=role@host:port`, …"
        }
    }
}

extension AgentSettingKey.Kind {
    /// Type and range, for the manual.
    fileprivate var words: String {
        switch self {
        case .text: "text"
        case .integer(let range): range.words
        case .seconds(let range): range.words + " seconds"
        case .flag: "`true` or `false`"
        case .address: "`host:port`"
        case .word(let words): Markdown.codes(words)
        case .integers: "whole numbers, separated by commas"
        case .addressOrOff: "`host:port` or `off`"
        case .peers: "`name@host:port`, …"
        }
    }
}

extension ClosedRange<Int> {
    fileprivate var words: String { upperBound == .max ? "from \(lowerBound)" : "\(lowerBound) to \(upperBound)" }
}

extension ClosedRange<Double> {
    fileprivate var words: String {
        func short(_ number: Double) -> String { number == number.rounded() ? "\(Int(number))" : "\(number)" }
        return "\(short(lowerBound)) to \(short(upperBound))"
    }
}

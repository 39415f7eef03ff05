import Agent

/// Checks what is configured for ProxySQL Agent with the reader that `drover agent` itself has.
struct AgentMigration {
    private let files: GivenFiles
    private static let guide = "docs/guides/agent.md"
    private static let table = "docs/reference/agent-settings.md"

    init(_ files: GivenFiles) {
        self.files = files
    }

    /// Everything that is given to one agent.
    fileprivate struct Program {
        var name: String
        var workload: Workload?
        var container: GivenContainer?
        var file: (text: String, place: Given.Place)?
        var environment: [Given] = []
        var words: [Given] = []
    }

    func checked() throws(MigrationError) -> [Checked] {
        let programs = programs()
        guard !programs.isEmpty else {
            throw MigrationError(
                description:
                    "no ProxySQL Agent was found: neither its settings (keys as run_mode and proxysql.address), "
                    + "nor a container with AGENT_ variables, its image or its flags")
        }
        return programs.map(check)
    }

    // MARK: Finding the agents

    private func programs() -> [Program] {
        let bare = files.settings.first.map { (text: $0.text, place: Given.Place(file: $0.name, line: 1)) }
        var programs: [Program] = []
        for workload in files.workloads {
            for container in workload.containers where isAgent(container) {
                programs.append(
                    Program(
                        name: "\(workload.kind)/\(workload.name)/\(container.name)", workload: workload,
                        container: container, file: mounted(in: workload) ?? bare,
                        environment: container.environment, words: Self.flags(of: container)))
            }
        }
        guard programs.isEmpty else { return programs }
        if let bare {
            return [Program(name: bare.place.file, file: bare, environment: files.environments.flatMap(\.variables))]
        }
        return files.environments.filter { $0.variables.contains { $0.name.hasPrefix("AGENT_") } }.map {
            Program(name: $0.name, environment: $0.variables)
        }
    }

    private func isAgent(_ container: GivenContainer) -> Bool {
        let words = (container.command ?? []) + (container.arguments ?? [])
        return container.image?.value?.contains("proxysql-agent") == true
            || container.environment.contains { $0.name.hasPrefix("AGENT_") }
            || words.contains { $0.name.hasPrefix("--run_mode") }
    }

    /// The flags, each in one word: Go's take their value from the next word too. None where a shell has them.
    private static func flags(of container: GivenContainer) -> [Given] {
        guard shell(of: container) == nil else { return [] }
        let words = (container.command ?? []) + (container.arguments ?? [])
        var rest = words.drop { !$0.name.hasPrefix("-") }
        var flags: [Given] = []
        while var word = rest.popFirst() {
            let name = String(word.name.drop { $0 == "-" })
            let key = AgentSettingKey.all.first { $0.theirs == name || $0.flag == name }
            let isSwitch = key?.kind == .flag || ["show-config", "health-check", "help", "h"].contains(name)
            if !isSwitch, !name.contains("="), let next = rest.first, !next.name.hasPrefix("-") {
                word.name += "=\(next.name)"
                rest = rest.dropFirst()
            }
            flags.append(word)
        }
        return flags
    }

    /// The word by which a shell is started in the agent's place.
    private static func shell(of container: GivenContainer) -> Given? {
        guard let first = (container.command ?? container.arguments)?.first else { return nil }
        let program = first.name.split(separator: "/").last.map(String.init) ?? ""
        return ["sh", "bash", "ash", "dash"].contains(program) ? first : nil
    }

    /// The agent's file among the ConfigMaps that the pod mounts.
    private func mounted(in workload: Workload) -> (text: String, place: Given.Place)? {
        for name in workload.mountedMaps {
            for (key, value) in (files.maps[name] ?? [:]).sorted(by: { $0.key < $1.key })
            where key.hasSuffix(".yaml") || key.hasSuffix(".yml") {
                // A file that nobody can read, the Go agent cannot either.
                guard let leaves = SettingsText.leaves(value.text, at: value.place) else { return value }
                let known = Set(AgentSettingKey.all.compactMap(\.theirs))
                if leaves.contains(where: { known.contains($0.name.lowercased()) }) { return value }
            }
        }
        return nil
    }

    // MARK: Checking one

    private func check(_ program: Program) -> Checked {
        var checked = Checked(program: program.name)
        var given: [String: Given] = [:]
        if let file = program.file {
            for leaf in SettingsText.leaves(file.text, at: file.place) ?? [] {
                note(leaf, AgentSettingKey.all.first { $0.theirs == leaf.name.lowercased() }, &checked, &given)
            }
        }
        for variable in program.environment where variable.name.hasPrefix("AGENT_") || variable.name == "envFrom" {
            if variable.name == "AGENT_CONFIG_FILE" {
                checked.add(.same, variable)
            } else if variable.name == "envFrom" {
                checked.add(
                    .changed, variable, "what \(variable.reference ?? "it") holds was not checked")
            } else {
                note(
                    variable, AgentSettingKey.all.first { $0.theirVariable == variable.name }, &checked, &given,
                    isVariable: true)
            }
        }
        if let shell = program.container.flatMap({ Self.shell(of: $0) }) {
            checked.add(
                .changed, shell, "what the shell runs is not checked: name drover agent and its flags themselves")
        }
        for word in program.words {
            let name = String(word.name.drop { $0 == "-" }.prefix { $0 != "=" })
            if ["show-config", "health-check", "config", "help"].contains(name) {
                checked.add(.same, Given(name: "--\(name)", place: word.place))
                continue
            }
            var flag = word
            flag.name = "--\(name)"
            flag.value = word.name.contains("=") ? String(word.name.drop { $0 != "=" }.dropFirst()) : nil
            note(flag, AgentSettingKey.all.first { $0.theirs == name || $0.flag == name }, &checked, &given)
        }
        validate(program, given, &checked)
        if program.container != nil {
            AgentManifest(files, program.name).check(
                program.workload, program.container, settings(program, given), given, &checked)
        }
        return checked
    }

    private func note(
        _ given: Given, _ key: AgentSettingKey?, _ checked: inout Checked, _ all: inout [String: Given],
        isVariable: Bool = false
    ) {
        guard let key else {
            let known = AgentSettingKey.all.compactMap { isVariable ? $0.theirVariable : $0.theirs }
            let near = Nearest.name(to: given.name, among: known).map { "; did you mean \($0)?" } ?? ""
            checked.add(
                .unsupported, given, "unknown, and ignored by the Go agent too: remove it\(near)", page: Self.table)
            return
        }
        all[key.name] = given
        let change = AgentChanges.change(key, given.value)
        checked.add(change == nil ? .same : .changed, given, drover: key.name, change?.message, page: change?.page)
    }

    private func read(
        _ program: Program, _ given: [String: Given]
    ) throws -> AgentSettings {
        // What stands elsewhere is not checked; the mode alone must be there.
        var environment: [String: String] = [:]
        for variable in program.environment { environment[variable.name] = variable.value }
        let name = program.file?.place.file ?? ""
        environment["AGENT_CONFIG_FILE"] = name
        let needsMode = given["agent.mode"]?.reference == nil
        return try AgentSettings(
            arguments: AgentArguments(program.words.map(\.name).filter { !$0.hasPrefix("--config") }),
            environment: environment, needsMode: needsMode && program.container != nil,
            read: { $0 == name ? program.file?.text : nil })
    }

    private func settings(_ program: Program, _ given: [String: Given]) -> AgentSettings? {
        try? read(program, given)
    }

    private func validate(_ program: Program, _ given: [String: Given], _ checked: inout Checked) {
        do {
            checked.equivalent = equivalent(try read(program, given), given)
        } catch let problem as AgentSettings.Problem {
            for complaint in problem.complaints {
                let key = AgentSettingKey.all.first { key in
                    complaint.hasPrefix("\(key.theirs ?? key.name) ")
                }
                let place = key.flatMap { given[$0.name]?.place } ?? program.place
                checked.findings.removeAll { $0.line == place.line && $0.drover == key?.name }
                checked.add(.error, key?.theirs ?? "settings", at: place, complaint, page: Self.table)
            }
        } catch {
            checked.add(.error, "flags", at: program.place, "\(error)", page: Self.table)
        }
    }

    /// What was given, in Drover's file.
    private func equivalent(_ settings: AgentSettings, _ given: [String: Given]) -> String {
        var values: [(key: String, value: String)] = []
        var comments: [String] = []
        for key in AgentSettingKey.all.sorted(by: { $0.name < $1.name }) {
            guard let one = given[key.name] else { continue }
            if key.isSecret {
                comments.append("\(key.name) is a secret: give it as the variable \(key.variable).")
            } else if one.value == nil {
                comments.append("\(key.name) is in \(one.reference ?? "another place"): give it as \(key.variable).")
            } else {
                values.append((key.name, settings.text(key.name)))
            }
        }
        return SettingsText.yaml(values, comments: comments)
    }
}

extension AgentMigration.Program {
    fileprivate var place: Given.Place {
        container?.place ?? file?.place ?? environment.first?.place ?? Given.Place(file: name, line: 0)
    }
}

/// What a setting means here and did not mean in the Go agent.
enum AgentChanges {
    private static let guide = "docs/guides/agent.md"

    static func change(_ key: AgentSettingKey, _ value: String?) -> (message: String, page: String)? {
        switch key.theirs {
        case "run_mode" where value?.lowercased() == "dump":
            (
                "a failed dump exits with 1 and leaves no file, texts are quoted once, client_address is there",
                "docs/guides/dump.md"
            )
        case "run_mode" where value?.lowercased() == "core":
            (
                "the newest mounted proxysql.cnf wins and replaces; the Go agent merged, so rows that exist only in memory "
                    + "go at the first start", "\(guide)#cores"
            )
        case "core.interval" where value.flatMap { Double($0) } == 0:
            ("0 reacts to events only", "\(guide)#cores")
        case "satellite.interval":
            (
                "a core counts as missing after three rounds of ProxySQL's own checks, not by one late check",
                "\(guide)#satellites"
            )
        case "shutdown.draining_file":
            ("it goes with the drain that wrote it; its folder must be writable for the agent", "\(guide)#draining")
        case "shutdown.drain_timeout":
            (
                "the drain ends as soon as no client is left; 5 s (agent.shutdown.propagation-seconds) are added before it",
                "\(guide)#draining"
            )
        case "log.source", "log.probes", "log.format": nil
        default: nil
        }
    }
}

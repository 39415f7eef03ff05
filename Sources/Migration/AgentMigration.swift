import Agent
import FleetModel
import Foundations

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
        /// The flags with their values; nil where a script starts the agent, which nobody here reads.
        var flags: [Given]? = []
        /// The variables that words of the container name.
        var named: Set<String> = []
        /// A file that decides, and is not here.
        var unread: String?
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
                var program = Program(
                    name: "\(workload.kind)/\(workload.name)/\(container.name)", workload: workload,
                    container: container, environment: container.environment)
                (program.flags, program.named) = Self.flags(of: container)
                switch AgentFile.found(by: container, in: workload, files) {
                case .text(let text, let place): program.file = (text, place)
                case .elsewhere(let what): program.unread = what
                case nil: program.file = bare
                }
                programs.append(program)
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
        return container.image?.value?.reveal().contains("proxysql-agent") == true
            || container.environment.contains { $0.name.hasPrefix("AGENT_") }
            || words.contains { $0.text.reveal().hasPrefix("--run_mode") }
    }

    /// The flags by name, each with its value: Go's take it from the next word too. Nil where a shell has them.
    private static func flags(of container: GivenContainer) -> ([Given]?, Set<String>) {
        guard shell(of: container) == nil else { return (nil, []) }
        var used: Set<String> = []
        let words = ((container.command ?? []) + (container.arguments ?? [])).map { word in
            let expansion = Expansion.expand(word.text, container.environment)
            used.formUnion(expansion.used)
            return (text: word.text.reveal(), expansion: expansion, place: word.place)
        }
        var rest = words.drop { !$0.text.hasPrefix("-") }
        var flags: [Given] = []
        while let word = rest.popFirst() {
            let body = word.text.drop { $0 == "-" }
            let name = String(body.prefix { $0 != "=" })
            var flag = Given(name: "--\(ShownText.name(name))", place: word.place)
            guard word.text.hasPrefix("-") else {
                flag.name = "argument"
                flags.append(flag)
                continue
            }
            let key = AgentSettingKey.all.first { $0.theirs == name || $0.flag == name }
            let isSwitch = key?.kind == .flag || ["show-config", "health-check", "help", "h"].contains(name)
            if body.contains("=") {
                flag.value = word.expansion.text.map { text in
                    Secret(String(text.reveal().drop { $0 != "=" }.dropFirst()))
                }
                flag.reference = word.expansion.reference
            } else if !isSwitch, let next = rest.first, !next.text.hasPrefix("-") {
                flag.value = next.expansion.text
                flag.reference = next.expansion.reference
                rest = rest.dropFirst()
            }
            flags.append(flag)
        }
        return (flags, used)
    }

    /// The word by which a shell is started in the agent's place.
    static func shell(of container: GivenContainer) -> (program: String, place: Given.Place)? {
        guard let first = (container.command ?? container.arguments)?.first else { return nil }
        let program = first.text.reveal().split(separator: "/").last.map { String($0) } ?? ""
        return ["sh", "bash", "ash", "dash", "busybox", "env", "tini", "dumb-init"].contains(program)
            ? (program, first.place) : nil
    }

    // MARK: Checking one

    private func check(_ program: Program) -> Checked {
        var checked = Checked(program: program.name)
        var given: [String: Given] = [:]
        if let file = program.file {
            for leaf in SettingsText.leaves(file.text, at: file.place) ?? [] {
                note(leaf, AgentSettingKey.all.first { $0.theirs == leaf.name.lowercased() }, &checked, &given)
            }
        } else if let unread = program.unread {
            checked.add(.changed, "configuration file", at: program.place, "\(unread) was not read")
        } else if let image = program.container?.image, AgentFile.isOriginal(image) {
            imageDefaults(image, program, &checked)
        }
        for variable in program.environment where variable.name.hasPrefix("AGENT_") || variable.name == "envFrom" {
            let key = AgentSettingKey.all.first { $0.theirVariable == variable.name }
            if variable.name == "AGENT_CONFIG_FILE" || (key == nil && program.named.contains(variable.name)) {
                checked.add(.same, variable)
            } else if variable.name == "envFrom" {
                checked.add(
                    .changed, variable, "what \(variable.reference ?? "it") holds was not checked")
            } else {
                note(variable, key, &checked, &given, isVariable: true)
            }
        }
        for flag in program.flags ?? [] {
            let name = String(flag.name.dropFirst(2))
            guard !["show-config", "health-check", "config", "help"].contains(name) else {
                checked.add(.same, flag)
                continue
            }
            note(flag, AgentSettingKey.all.first { $0.theirs == name || $0.flag == name }, &checked, &given)
        }
        if let shell = program.container.flatMap({ Self.shell(of: $0) }) {
            checked.add(
                .changed, Given(name: shell.program, place: shell.place),
                "what it runs was not read, so nothing is said of its flags and exports: start \"drover agent\" in it with "
                    + "the same flags, or give them to drover agent directly and check again")
        } else {
            validate(program, given, &checked)
        }
        if program.container != nil {
            AgentManifest(files, program.name).check(
                program.workload, program.container, program.isRead ? settings(program, given) : nil, given, &checked)
        }
        return checked
    }

    /// What the Go agent's image has in its own file, and Drover's image has not.
    private func imageDefaults(_ image: Given, _ program: Program, _ checked: inout Checked) {
        let set = Set(program.environment.map(\.name) + (program.flags ?? []).map(\.name))
        for (theirs, value) in AgentFile.ofImage {
            guard let key = AgentSettingKey.all.first(where: { $0.theirs == theirs }),
                !set.contains(key.theirVariable ?? ""), !set.contains("--\(theirs)"), !set.contains("envFrom")
            else { continue }
            let isNeeded = key.standard != value
            // A script may set it too, and nobody here reads that.
            let unless = program.flags == nil ? "unless the script sets it, set " : "set "
            checked.add(
                !isNeeded ? .same : program.flags == nil ? .changed : .error,
                Given(name: theirs, place: image.place), drover: key.name,
                isNeeded
                    ? "it comes from /app/config.yaml of the Go agent's image, and Drover's image has no such file: "
                        + "\(unless)\(key.theirVariable ?? key.variable)\(key.isSecret ? "" : "=\(value)")"
                    : nil, page: Self.table)
        }
    }

    private func note(
        _ given: Given, _ key: AgentSettingKey?, _ checked: inout Checked, _ all: inout [String: Given],
        isVariable: Bool = false
    ) {
        guard let key else {
            let known = AgentSettingKey.all.compactMap { isVariable ? $0.theirVariable : $0.theirs }
            let wrong = given.name.hasPrefix("--") ? String(given.name.dropFirst(2)) : given.name
            let near = Nearest.name(to: wrong, among: known).map { "; did you mean \($0)?" } ?? ""
            var shown = given
            if !given.name.hasPrefix("--") { shown.name = ShownText.key(given.name, among: known) }
            checked.add(
                .unsupported, shown, "unknown, and ignored by the Go agent too: remove it\(near)", page: Self.table)
            return
        }
        all[key.name] = given
        let change = AgentChanges.change(key, key.isSecret ? nil : given.value?.reveal())
        checked.add(change == nil ? .same : .changed, given, drover: key.name, change?.message, page: change?.page)
    }

    private func read(
        _ program: Program, _ given: [String: Given]
    ) throws -> AgentSettings {
        // What stands elsewhere is not checked; the mode alone must be there.
        var environment: [String: String] = [:]
        for variable in program.environment { environment[variable.name] = variable.value?.reveal() }
        let name = program.file?.place.file ?? ""
        environment["AGENT_CONFIG_FILE"] = name
        let isElsewhere =
            given["agent.mode"].map { $0.value == nil }
            ?? program.environment.contains {
                $0.name == "envFrom"
            }
        let words = (program.flags ?? []).compactMap { flag -> String? in
            guard flag.name != "--config", flag.reference == nil else { return nil }
            return flag.value.map { "\(flag.name)=\($0.reveal())" } ?? flag.name
        }
        return try AgentSettings(
            arguments: AgentArguments(words), environment: environment,
            needsMode: !isElsewhere && program.container != nil && program.isRead,
            read: { $0 == name ? program.file?.text : nil })
    }

    private func settings(_ program: Program, _ given: [String: Given]) -> AgentSettings? {
        try? read(program, given)
    }

    private func validate(_ program: Program, _ given: [String: Given], _ checked: inout Checked) {
        do {
            let settings = try read(program, given)
            for warning in settings.warnings where !warning.contains(" is unknown and ignored") {
                let key = AgentSettingKey.all.first { warning.hasPrefix("\($0.theirs ?? $0.name) ") }
                let place = key.flatMap { given[$0.name]?.place } ?? program.place
                checked.findings.removeAll { $0.line == place.line && $0.drover == key?.name }
                checked.add(
                    .changed, Given(name: key?.theirs ?? "settings", place: place), drover: key?.name, warning,
                    page: Self.table)
            }
            if program.isRead { checked.equivalent = equivalent(settings, given) }
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
                values.append((key.name, key.written(settings.text(key.name))))
            }
        }
        return SettingsText.yaml(values, comments: comments)
    }
}

extension AgentMigration.Program {
    /// Whether everything that decides was there to be read.
    fileprivate var isRead: Bool { flags != nil && unread == nil }

    fileprivate var place: Given.Place {
        container?.place ?? file?.place ?? environment.first?.place ?? Given.Place(file: name, line: 0)
    }
}

extension AgentSettingKey {
    /// `value` as all of Drover's commands take it from one file: its words are in lower case there.
    fileprivate func written(_ value: String) -> String {
        guard case .word = kind else { return value }
        return value.lowercased() == "warn" ? "warning" : value.lowercased()
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

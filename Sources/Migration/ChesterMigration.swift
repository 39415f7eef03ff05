import FleetModel
import Settings

/// Checks what is configured for Chester's daemon, webhook and API with the reader of `drover` itself.
struct ChesterMigration {
    /// Chester's parts, by the variables that only they have.
    enum Part: String, CaseIterable {
        case daemon, webhook, api

        var role: String {
            switch self {
            case .daemon: "scaler"
            case .webhook: "ingest"
            case .api: "api"
            }
        }

        var telling: Set<String> {
            switch self {
            case .daemon: ["PUBSUB_SUBSCRIPTION", "NETWORK_NAME", "NETWORK_PROJECT_ID", "SQLADMIN_CREDS", "IN_CLUSTER"]
            case .webhook: ["TOPIC", "SECRET_ID", "AUTH_ENABLED"]
            case .api:
                [
                    "ALLOWED_USERS", "BACKEND_SERVICE_ID", "PROJECT_NUMBER", "BASIC_AUTH_ENABLED", "FORCE_ENCRYPT",
                    "KMS_KEY_NAME",
                ]
            }
        }
    }

    fileprivate struct Program {
        var name: String
        var part: Part
        var variables: [Given]
        var workload: Workload?
        var container: GivenContainer?
    }

    private let files: GivenFiles
    private static let google = "docs/guides/google-cloud.md"
    private static let page = "docs/migrate/from-chester.md"
    private static let credentials = ["PUBSUB_CREDS", "DATASTORE_CREDS", "SQLADMIN_CREDS", "KMS_CREDS"]
    private static let others = [
        "GOOGLE_APPLICATION_CREDENTIALS", "PUBSUB_EMULATOR_HOST", "DATASTORE_EMULATOR_HOST", "KUBECONFIG",
    ]

    init(_ files: GivenFiles) {
        self.files = files
    }

    func checked() async throws(MigrationError) -> [Checked] {
        let programs = programs()
        guard !programs.isEmpty else {
            throw MigrationError(
                description: "no part of Chester was found: no variables as PUBSUB_SUBSCRIPTION, SECRET_ID or "
                    + "ALLOWED_USERS in an environment file or a container")
        }
        var all: [Checked] = []
        for program in programs { all.append(await check(program)) }
        return all
    }

    private func programs() -> [Program] {
        var programs: [Program] = []
        for workload in files.workloads {
            for container in workload.containers {
                guard let part = Self.part(container.environment) else { continue }
                programs.append(
                    Program(
                        name: "\(workload.kind)/\(workload.name)/\(container.name)", part: part,
                        variables: container.environment, workload: workload, container: container))
            }
        }
        guard programs.isEmpty else { return programs }
        let maps = files.maps.sorted { $0.key < $1.key }.map { name, texts in
            (
                "ConfigMap/\(name)",
                texts.sorted { $0.key < $1.key }.map {
                    Given(name: $0.key, value: Secret($0.value.text), place: $0.value.place)
                }
            )
        }
        return (files.environments.map { ($0.name, $0.variables) } + maps).compactMap { name, variables in
            Self.part(variables).map { Program(name: name, part: $0, variables: variables) }
        }
    }

    private static func part(_ variables: [Given]) -> Part? {
        let names = Set(variables.map(\.name))
        let scores = Part.allCases.map { (count: $0.telling.intersection(names).count, part: $0) }
        return scores.max { $0.count < $1.count }.flatMap { $0.count > 0 ? $0.part : nil }
    }

    // MARK: Checking one

    private func check(_ program: Program) async -> Checked {
        var checked = Checked(program: program.name)
        for variable in program.variables { note(variable, program.part, &checked) }
        await validate(program, &checked)
        behaviour(program, &checked)
        if let container = program.container {
            if let image = container.image {
                checked.replace(
                    image.place, "image: \(image.value?.reveal() ?? "")", "image: YOUR-REGISTRY/drover:VERSION")
            }
            let words = (container.command ?? []) + (container.arguments ?? [])
            let before = words.isEmpty ? "" : "command and args: \(words.count) words"
            checked.replace(words.first?.place ?? container.place, before, "args: [\"\(program.part.role)\"]")
        }
        return checked
    }

    private func note(_ variable: Given, _ part: Part, _ checked: inout Checked) {
        let name = variable.name
        if let key = SettingKey.all.first(where: { $0.chesterVariables.contains(name) }) {
            return checked.add(.same, variable, drover: key.name)
        }
        switch name {
        case "NETWORK_PROJECT_ID", "NETWORK_NAME":
            checked.add(.same, variable, drover: "cloudsql.network")
        case _ where Self.credentials.contains(name) || Self.others.contains(name):
            checked.add(.same, variable)
        case "IN_CLUSTER":
            checked.add(
                .changed, variable, drover: "fleet.kubeconfig",
                "not needed: a pod's service account is used, else KUBECONFIG", page: "docs/guides/kubernetes.md")
        case "PORT" where part == .webhook:
            checked.add(.same, variable, drover: "ingest.address")
        case "PORT":
            checked.add(
                .unsupported, variable, drover: "api.address", "not read here: set DROVER_API_ADDRESS=0.0.0.0:PORT",
                page: Self.google)
        case "envFrom":
            checked.add(.changed, variable, "what \(variable.reference ?? "it") holds was not checked")
        case _ where name.hasPrefix("DROVER_"):
            checked.add(.same, variable)
        default:
            let known =
                SettingKey.all.flatMap(\.chesterVariables) + Self.credentials + ["NETWORK_PROJECT_ID", "NETWORK_NAME"]
            let near = Nearest.name(to: name, among: known)
            checked.add(
                near == nil ? .changed : .unsupported, variable,
                "unknown, and not read by Drover" + (near.map { "; did you mean \($0)?" } ?? ""), page: Self.google)
        }
    }

    private func validate(_ program: Program, _ checked: inout Checked) async {
        var environment: [String: String] = [:]
        for variable in program.variables where variable.name != "envFrom" {
            environment[variable.name] = variable.value?.reveal()
        }
        do throws(SettingsError) {
            let settings: EffectiveSettings
            do {
                settings = try await EffectiveSettings(
                    flags: [:], environment: environment, file: nil, servesAPI: program.part == .api,
                    webhook: program.part == .webhook ? .atPort : .none)
            } catch {
                throw error as? SettingsError ?? SettingsError(complaints: ["the settings cannot be read"])
            }
            together(program, settings, &checked)
            checked.equivalent = equivalent(program, settings)
        } catch {
            for complaint in error.complaints {
                let key = SettingKey.all.first { complaint.hasPrefix("\($0.name) ") }
                let given = program.variables.first { key?.chesterVariables.contains($0.name) ?? false }
                if let given { checked.findings.removeAll { $0.line == given.place.line && $0.theirs == given.name } }
                checked.add(
                    .error, given ?? Given(name: key?.name ?? "settings", place: program.place), drover: key?.name,
                    complaint, page: Self.google)
            }
        }
    }

    /// What goes together must be there together.
    private func together(_ program: Program, _ settings: EffectiveSettings, _ checked: inout Checked) {
        // An empty one is as good as none.
        let names = Set(program.variables.filter { $0.value?.isEmpty != true }.map(\.name))
        let hasMore = names.contains("envFrom")
        func need(_ wanted: [String], because reason: String) {
            for name in wanted where !names.contains(name) && !hasMore {
                checked.findings.removeAll { $0.program == program.name && $0.theirs == name }
                checked.add(.error, name, at: program.place, "it is not set: \(reason)", page: Self.google)
            }
        }
        need(["PROJECT_ID"], because: "everything on Google Cloud needs the project")
        switch program.part {
        case .daemon:
            need(["PUBSUB_TOPIC", "PUBSUB_SUBSCRIPTION"], because: "the scaler takes Chester's messages from there")
        case .webhook:
            if !names.contains("TOPIC") {
                need(["PUBSUB_TOPIC"], because: "the webhook sends Chester's messages there")
            }
            if settings.flag("ingest.auth-enabled") { need(["SECRET_ID"], because: "AUTH_ENABLED is true") }
        case .api:
            need(["PUBSUB_TOPIC"], because: "the API tells the scaler of changes there")
            if settings.authentication != "iap" {
                checked.add(
                    .error, "PROJECT_NUMBER", at: program.place,
                    "PROJECT_NUMBER and BACKEND_SERVICE_ID are not both set: without IAP set DROVER_API_AUTHENTICATION",
                    page: "docs/reference/api.md")
            }
        }
        if settings.flag("kms.force-encrypt"), program.part == .api {
            need(
                ["KMS_KEY_LOCATION", "KMS_KEY_RING", "KMS_KEY_NAME", "KMS_KEY_VERSION"],
                because: "passwords in Datastore are encrypted unless FORCE_ENCRYPT is false")
        }
    }

    private func behaviour(_ program: Program, _ checked: inout Checked) {
        let place = program.place
        let names = Set(program.variables.map(\.name))
        switch program.part {
        case .daemon:
            if !names.contains("DROVER_FLEET_STRATEGY") {
                checked.add(
                    .changed, "ConfigMap and restart", at: place,
                    "set DROVER_FLEET_STRATEGY=rollout to keep Chester's ConfigMap and Deployment; the default, admin, "
                        + "changes rows on the nodes of DROVER_FLEET_NODES without restarts", page: Self.page)
            }
            checked.add(
                .changed, "chester=true", at: place,
                "replicas count, and are removed, per group; the youngest goes first, after a drain",
                page: "docs/guides/replicas.md")
            rights(program, &checked)
        case .webhook:
            checked.add(
                .changed, "address", at: place,
                "a process of its own instead of a function; it listens on PORT, else on DROVER_INGEST_ADDRESS (127.0.0.1:8081)",
                page: Self.page)
        case .api:
            checked.add(
                .changed, "address", at: place,
                "it listens on DROVER_API_ADDRESS (127.0.0.1:8082); errors never show a password, and a failed check ends the call",
                page: "docs/reference/api.md")
        }
        if !names.contains("DROVER_STATE_DIRECTORY") {
            checked.add(
                .changed, "state", at: place,
                "each process needs a folder that it can write: DROVER_STATE_DIRECTORY (/var/lib/drover)",
                page: Self.page)
        }
    }

    /// Rights for the strategy `rollout`, where there are any roles.
    private func rights(_ program: Program, _ checked: inout Checked) {
        guard let workload = program.workload, !files.roles.isEmpty else { return }
        let place = files.roles(of: workload.serviceAccount).first?.place ?? program.place
        let needed = ["configmaps", "secrets", "deployments"].map { (resource: $0, verbs: ["list", "patch"]) }
        for (resource, verbs) in Checked.missing(needed, of: workload.serviceAccount, in: files) {
            checked.add(
                .changed, "Role \(resource)", at: place,
                "strategy rollout changes in place instead of deleting and creating: allow "
                    + verbs.joined(separator: ", "), page: "docs/guides/kubernetes.md")
        }
    }

    /// What was given, in Drover's file.
    private func equivalent(_ program: Program, _ settings: EffectiveSettings) -> String {
        var values: [(key: String, value: String)] = []
        var comments: [String] = []
        for key in SettingKey.all.sorted(by: { $0.name < $1.name }) {
            guard let given = program.variables.first(where: { key.chesterVariables.contains($0.name) }) else {
                continue
            }
            if key.isSecret || given.value == nil {
                comments.append("\(key.name): give it as the variable \(given.name) or \(key.environmentVariable).")
            } else {
                values.append((key.name, settings.text(key.name)))
            }
        }
        let network = ["NETWORK_PROJECT_ID", "NETWORK_NAME"].map { name in
            program.variables.first { $0.name == name }?.value?.reveal()
        }
        if let network = EffectiveSettings.chesterNetwork(network[0], network[1]) {
            values.append(("cloudsql.network", network))
        }
        if program.part == .daemon { values.append(("fleet.strategy", "rollout")) }
        for name in Self.credentials where program.variables.contains(where: { $0.name == name }) {
            comments.append("\(name) stays a variable.")
        }
        return SettingsText.yaml(values.sorted { $0.key < $1.key }, comments: comments)
    }
}

extension ChesterMigration.Program {
    fileprivate var place: Given.Place {
        container?.place ?? variables.first.map { Given.Place(file: $0.place.file, line: 0) }
            ?? Given.Place(file: name, line: 0)
    }
}

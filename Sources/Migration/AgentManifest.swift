import Agent
import FleetModel
import Foundations

/// Checks the manifest around an agent: image, command, probes, drain and rights.
struct AgentManifest {
    private let files: GivenFiles
    private let program: String
    private static let guide = "docs/guides/agent.md"
    private static let probes = ["/healthz/started", "/healthz/ready", "/healthz/live"]

    init(_ files: GivenFiles, _ program: String) {
        self.files = files
        self.program = program
    }

    func check(
        _ workload: Workload?, _ container: GivenContainer?, _ settings: AgentSettings?, _ given: [String: Given],
        _ checked: inout Checked
    ) {
        guard let workload, let container else { return }
        command(container, &checked)
        let mode = settings?.word("agent.mode") ?? given["agent.mode"]?.value?.reveal().lowercased()
        guard mode != "dump" else { return }
        probes(container, workload, settings, &checked)
        drain(workload, settings, &checked)
        if !workload.hasFileGroup {
            checked.add(
                .changed, "securityContext", at: workload.place,
                "the image runs as user 10001: give the pod an fsGroup, or a runAsUser, that can write the draining file's "
                    + "folder", page: "docs/guides/kubernetes.md")
        }
        if mode == "core" { rights(workload, &checked) }
    }

    private func command(_ container: GivenContainer, _ checked: inout Checked) {
        if let image = container.image {
            checked.replace(
                image.place, "image: \(image.value?.reveal() ?? "")", "image: YOUR-REGISTRY/drover:VERSION")
        }
        let words = container.arguments ?? []
        if let shell = AgentMigration.shell(of: container) {
            checked.replace(
                shell.place, "the agent's program in what \(shell.program) runs", "drover agent, with the same flags")
        } else if let command = container.command, let first = command.first {
            // The Go agent's program; flags after it stay.
            checked.replace(first.place, Self.list("command", command), "command: [\"drover\"]")
            checked.replace(
                words.first?.place ?? first.place, words.isEmpty ? "" : Self.list("args", words),
                Self.list("args", command.dropFirst() + words, after: "agent"))
        } else {
            checked.replace(
                words.first?.place ?? container.place, words.isEmpty ? "" : Self.list("args", words),
                Self.list("args", words, after: "agent"))
        }
    }

    /// A flow list. A word is shown where its flag is known to be harmless, and where it only names a variable.
    private static func list(_ name: String, _ words: [GivenWord], after first: String? = nil) -> String {
        var shown: [String] = first.map { [$0] } ?? []
        var isHarmless = false
        for (index, word) in words.enumerated() {
            let text = word.text.reveal()
            guard text.hasPrefix("-") else {
                // The program itself is a path.
                let isProgram = name == "command" && index == 0
                shown.append(isHarmless || isProgram || isName(text) ? text : "[redacted]")
                isHarmless = false
                continue
            }
            let flag = text.prefix { $0 != "=" }
            let name = String(flag.drop { $0 == "-" })
            let key = AgentSettingKey.all.first { $0.theirs == name || $0.flag == name }
            let isKnown = key.map { !$0.isSecret } ?? false
            isHarmless = isKnown && !text.contains("=") && key?.kind != .flag
            let value = text.dropFirst(flag.count + 1)
            if ShownText.name(String(flag)) != flag {
                shown.append("[redacted]")
            } else {
                let isShown = !text.contains("=") || isKnown || isName(String(value))
                shown.append(isShown ? text : "\(flag)=[redacted]")
            }
        }
        return "\(name): [\(shown.map { "\"\($0)\"" }.joined(separator: ", "))]"
    }

    /// `$(NAME)` says where a value is, and not what it is.
    private static func isName(_ text: String) -> Bool {
        text.hasPrefix("$(") && text.hasSuffix(")")
            && ShownText.name(String(text.dropFirst(2).dropLast())) != "[redacted]"
    }

    private func probes(
        _ container: GivenContainer, _ workload: Workload, _ settings: AgentSettings?, _ checked: inout Checked
    ) {
        let port = settings.map { $0.text("agent.api.port") } ?? "8080"
        for one in workload.containers {
            for probe in one.probes {
                let path = probe.value?.reveal() ?? ""
                if Self.probes.contains(path) {
                    let named = Int(probe.reference ?? "") != nil
                    checked.add(
                        !named || probe.reference == port ? .same : .error,
                        Given(name: "\(probe.name) \(path)", place: probe.place),
                        !named || probe.reference == port
                            ? nil : "it asks port \(probe.reference ?? ""), and api.port is \(port)",
                        page: "\(Self.guide)#probes")
                } else if path == "exec", one.name == container.name {
                    checked.add(
                        .unsupported, probe,
                        "Drover's image has no other programs: ask \(Self.probes.joined(separator: ", ")) by httpGet, or run "
                            + "drover probe started, ready or live", page: "\(Self.guide)#probes")
                } else if path.hasPrefix("/"), one.name == container.name {
                    checked.add(
                        .unsupported, Given(name: "\(probe.name) \(path)", place: probe.place),
                        "there is no such path; there are \(Self.probes.joined(separator: ", "))",
                        page: "\(Self.guide)#probes")
                }
            }
        }
    }

    private func drain(_ workload: Workload, _ settings: AgentSettings?, _ checked: inout Checked) {
        for container in workload.containers {
            guard let stop = container.preStop else { continue }
            if stop.value?.reveal() == "/shutdown" {
                checked.add(.same, Given(name: "preStop /shutdown", place: stop.place))
            } else if stop.value?.reveal() == "exec" {
                checked.add(
                    .changed, stop,
                    "a program runs in \(container.name) before the drain: /shutdown by httpGet does all of it",
                    page: "\(Self.guide)#draining")
            }
        }
        guard let settings else { return }
        let timeout = settings.seconds("agent.shutdown.timeout-seconds")
        let drain = settings.seconds("agent.shutdown.drain-timeout-seconds")
        let propagation = settings.seconds("agent.shutdown.propagation-seconds")
        let shown = settings.text("agent.shutdown.timeout-seconds")
        if drain + propagation >= timeout {
            checked.add(
                .changed, "shutdown.shutdown_timeout", at: workload.place,
                "\(shown) s leave no time after \(settings.text("agent.shutdown.propagation-seconds")) s of propagation and "
                    + "the drain: raise it, or set agent.shutdown.propagation-seconds", page: "\(Self.guide)#draining")
        }
        let grace = (workload.gracePeriod?.value).flatMap { Double($0.reveal()) } ?? 30
        let given =
            workload.gracePeriod ?? Given(name: "terminationGracePeriodSeconds", place: workload.place)
        if Duration.seconds(grace) <= timeout {
            let is30 = workload.gracePeriod == nil ? "is not set, so 30" : "is \(Int(grace))"
            checked.add(
                .changed, given,
                "it \(is30), and must exceed shutdown.shutdown_timeout, \(shown), or Kubernetes ends the pod in its drain",
                page: "\(Self.guide)#draining")
        } else {
            checked.add(.same, given)
        }
    }

    private func rights(_ workload: Workload, _ checked: inout Checked) {
        let place = files.roles(of: workload.serviceAccount).first?.place ?? workload.place
        guard !files.roles.isEmpty else {
            return checked.add(
                .changed, "Role", at: workload.place,
                "no Role was given, so that rights were not checked; pods: get, list, watch are enough",
                page: "\(Self.guide)#cores")
        }
        let needed = [(resource: "pods", verbs: ["get", "list", "watch"])]
        for (resource, verbs) in Checked.missing(needed, of: workload.serviceAccount, in: files) {
            checked.add(
                .error, "Role \(resource)", at: place, "\(verbs.joined(separator: ", ")) must be allowed",
                page: "\(Self.guide)#cores")
        }
        let better = [
            (resource: "leases", verbs: ["get", "create", "update", "patch"]),
            (resource: "replicasets", verbs: ["get"]),
        ]
        for (resource, verbs) in Checked.missing(better, of: workload.serviceAccount, in: files) {
            let why =
                resource == "leases"
                ? "by a Lease one core acts; without it two may for a moment"
                : "without it the age of pods tells which configuration is newer"
            checked.add(
                .changed, "Role \(resource)", at: place, "\(why); allow \(verbs.joined(separator: ", "))",
                page: "\(Self.guide)#cores")
        }
    }
}

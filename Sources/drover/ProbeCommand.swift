import Agent
import ArgumentParser
import Foundations
import Logging
import Pacing

/// `drover probe`: a probe as a command, for `exec` probes and for people.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Asks whether a node is started, ready or live; the exit code is the verdict.",
        discussion: """
            Asks the agent on this machine (api.port), or with --direct ProxySQL itself (proxysql.address). Settings \
            come from the same files, environment variables and flags as those of 'drover agent', --name=value.

            Exit codes: 0 yes, 1 no, 64 wrong usage, 78 wrong settings.
            """)

    @Argument(
        parsing: .captureForPassthrough,
        help: "started (or startup), ready or live; --direct; --timeout SECONDS; settings, each --name=value.")
    var words: [String] = []

    func run() async throws {
        let names: [String: HealthPolicy.Probe] = [
            "started": .started, "startup": .started, "ready": .ready, "readiness": .ready, "live": .live,
            "liveness": .live,
        ]
        var rest = words
        let isDirect = rest.contains("--direct")
        rest.removeAll { $0 == "--direct" }
        let timeout = try Self.timeout(&rest)
        // A value may stand apart from its flag, so the probe is the word that names one.
        let place = rest.firstIndex { names[$0] != nil } ?? rest.firstIndex { !$0.hasPrefix("-") }
        let name = place.map { rest.remove(at: $0) }
        let arguments = try AgentCommand.arguments(rest)
        if arguments.wantsHelp { throw CleanExit.helpRequest(self) }
        if arguments.wantsVersion { return Console.say(BuildInformation.text) }
        guard let name, let kind = names[name] else {
            Console.complain(
                "\(name.map { "\(ShownText.flag($0)) is no probe" } ?? "no probe is named"); started, ready and live are"
            )
            throw ProgramExit.usage.code
        }
        try await Self.ask(kind, timeout: timeout, isDirect: isDirect, arguments)
    }

    /// Takes `--timeout S` or `--timeout=S` out of the words; kubelet's own limit is one second when there is none.
    private static func timeout(_ words: inout [String]) throws -> Double {
        guard let index = words.firstIndex(where: { $0 == "--timeout" || $0.hasPrefix("--timeout=") }) else {
            return 0.9
        }
        let word = words.remove(at: index)
        var text = String(word.dropFirst("--timeout=".count))
        if word == "--timeout", index < words.count { text = words.remove(at: index) }
        guard let seconds = Double(text), seconds > 0, seconds < 3_600 else {
            Console.complain("--timeout needs a number of seconds above 0")
            throw ProgramExit.usage.code
        }
        return seconds
    }

    /// Asks, says the answer and ends with the verdict.
    static func ask(
        _ probe: HealthPolicy.Probe, timeout: Double, isDirect: Bool, _ arguments: AgentArguments
    ) async throws {
        let settings = try AgentCommand.settings(arguments, needsMode: false)
        let asking = AgentProbe(probe, timeout: .seconds(timeout))
        let logger = Logger(label: "drover", factory: { _ in SwiftLogNoOpLogHandler() })
        let result =
            isDirect
            ? await asking.askProxySQL(settings, wallClock: SystemWallClock(), logger: logger)
            : await asking.askAgent(settings)
        Console.say(result.message)
        if !result.passes { throw ProgramExit.failure.code }
    }
}

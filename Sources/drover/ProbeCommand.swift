import Agent
import ArgumentParser
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

    @Argument(help: "started (or startup), ready or live.")
    var probe: String

    @Flag(help: "Ask ProxySQL itself, for containers without an agent.")
    var direct = false

    @Option(help: "Seconds that the probe may take.")
    var timeout = 0.9

    @Argument(parsing: .captureForPassthrough, help: "Settings, each --name=value.")
    var words: [String] = []

    func run() async throws {
        let names: [String: HealthPolicy.Probe] = [
            "started": .started, "startup": .started, "ready": .ready, "readiness": .ready, "live": .live,
            "liveness": .live,
        ]
        guard let kind = names[probe], timeout > 0 else {
            Console.complain("'\(probe)' is no probe; started, ready and live are")
            throw ExitCode(64)
        }
        try await Self.ask(kind, timeout: timeout, isDirect: direct, try AgentCommand.arguments(words))
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
        if !result.passes { throw ExitCode.failure }
    }
}

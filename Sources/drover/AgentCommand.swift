import Agent
import ArgumentParser
import Foundation
import HTTPServing
import Logging
import Metrics
import NIOCore
import Observability
import Plugins

/// `drover agent`: the sidecar of a ProxySQL node, in the place of the Go agent.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Runs beside a ProxySQL node: membership, health, drain. A drop-in for ProxySQL Agent.",
        discussion: """
            Settings, each --name=value; the Go agent's spelling second. --show-config prints what is in force, \
            --config FILE names Drover's file.

            \(AgentSettingKey.help)
            """)

    @Argument(parsing: .captureForPassthrough, help: "Settings, each --name=value.")
    var words: [String] = []

    func run() async throws { try await Self.run(words) }

    /// What `main` does with `drover agent` and the `words` after it.
    static func main(words: [String]) async {
        do {
            try await run(words)
        } catch {
            Drover.exit(withError: error)
        }
    }

    private static func run(_ words: [String]) async throws {
        let arguments = try Self.arguments(words)
        if arguments.wantsHelp { throw CleanExit.helpRequest(Self.self) }
        if arguments.wantsVersion { return Console.say(BuildInformation.text) }
        if arguments.isHealthCheck {
            return try await ProbeCommand.ask(.ready, timeout: 0.9, isDirect: true, arguments)
        }
        let settings = try Self.settings(arguments)
        if arguments.showsConfiguration { return Self.show(settings) }
        // A few connections; more threads would only be started and kept.
        NIOSingletons.groupLoopCountSuggestion = 1
        let logger = settings.bootstrapLogging()
        Descriptors.raise()
        for warning in settings.warnings { logger.warning("\(warning)") }
        if settings.word("agent.mode") == "dump" { return try await DumpCommand.once(settings, logger) }
        let metrics = PrometheusMetrics(RoleMetrics.agent.catalogues)
        MetricsSystem.bootstrap(metrics)
        let environment = ProcessInfo.processInfo.environment
        let agent = AgentProcess(
            settings: settings,
            around: .init(metrics: metrics, environment: environment, takesSignals: true, logger: logger))
        let plugins = try AgentPlugins.host(settings, environment, agent.events, logger)
        try await withThrowingDiscardingTaskGroup { tasks in
            // Ends when the agent's events do, which is when the agent has ended.
            tasks.addTask { await plugins.run() }
            do {
                try await agent.run()
            } catch {
                let address = "\(settings.text("agent.api.host")):\(settings.text("agent.api.port"))"
                Console.complain("the agent ended, is the address of its API, \(address), free? \(error)")
                throw ProgramExit.failure.code
            }
        }
    }

    static func arguments(_ words: [String]) throws -> AgentArguments {
        do throws(AgentArguments.Problem) {
            return try AgentArguments(words)
        } catch {
            Console.complain("\(error)")
            throw ProgramExit.usage.code
        }
    }

    static func settings(_ arguments: AgentArguments, needsMode: Bool = true) throws -> AgentSettings {
        do throws(AgentSettings.Problem) {
            return try AgentSettings(
                arguments: arguments, environment: ProcessInfo.processInfo.environment, needsMode: needsMode)
        } catch {
            for complaint in error.complaints { Console.complain(complaint) }
            throw ProgramExit.settings.code
        }
    }

    private static func show(_ settings: AgentSettings) {
        for warning in settings.warnings { Console.complain(warning) }
        for (key, value) in settings.shown {
            let name = key.theirs.map { "\(key.name) (\($0))" } ?? key.name
            Console.say("\(name) = \(value?.text ?? "")  # \(value?.source ?? "unset")")
        }
    }
}

extension AgentSettings {
    /// The logger that the settings ask for; every later logger is made the same way.
    func bootstrapLogging() -> Logger {
        let format = LineLogHandler.Format(rawValue: word("log.format")) ?? .json
        let level = Logger.Level(rawValue: word("log.level") == "warn" ? "warning" : word("log.level")) ?? .info
        return Telemetry.bootstrap(format: format, level: level, tellsSource: flag("log.source"))
    }
}

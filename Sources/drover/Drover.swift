import ArgumentParser
import Foundations

/// The command `drover`; each role is a subcommand in a file of its own.
@main
struct Drover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drover",
        abstract: "Keeps a fleet of ProxySQL nodes correct, and the replicas behind it right-sized.",
        discussion: """
            Begin with 'drover demo': it starts everything on loopback, simulated at wire level, and checks that an \
            alert becomes a serving replica.

            Exit codes: 0 done, 1 something failed and the last line says what, 64 wrong usage, 78 wrong settings.
            """,
        version: BuildInformation.text,
        subcommands: [
            ServeCommand.self, APICommand.self, IngestCommand.self, ScalerCommand.self, SetupCommand.self,
            CtlCommand.self,
            AgentCommand.self, ProbeCommand.self,
            DumpCommand.self, NotifyCommand.self, SandboxCommand.self, DemoCommand.self, ConfigCommand.self,
            SimulateCommand.self, MigrateCommand.self, ReferenceCommand.self,
        ])

    static func main() async {
        // Reading the whole tree of commands takes a quarter of the time in which an agent can be up.
        if CommandLine.arguments.dropFirst().first == "agent" {
            return await AgentCommand.main(words: Array(CommandLine.arguments.dropFirst(2)))
        }
        do {
            var command = try parseAsRoot()
            if var waiting = command as? any AsyncParsableCommand { try await waiting.run() } else { try command.run() }
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            let words = Array(CommandLine.arguments.dropFirst())
            Console.complain(usage: ShownText.usage(fullMessage(for: error), words: words))
            exit(withError: ProgramExit.usage.code)
        }
    }
}

import Agent
import ArgumentParser
import Foundation
import Settings

/// `drover config`: what is set, from where, and whether it is right.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Shows or checks the settings.",
        subcommands: [Show.self, Validate.self])

    /// Whose settings they are: what is wrong for one role may be right for another.
    enum Role: String, ExpressibleByArgument, CaseIterable {
        case serve, scaler, ingest, api

        /// Whether it has the API, which asks who may call it.
        var servesAPI: Bool { self == .serve || self == .api }

        /// Where it takes alerts.
        var webhook: EffectiveSettings.Webhook {
            switch self {
            case .serve: .atAddress
            case .ingest: .atPort
            case .scaler, .api: .none
            }
        }
    }

    /// `drover config show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints every setting with its value and source; secrets are redacted.")

        /// How the settings are printed.
        enum Output: String, ExpressibleByArgument, CaseIterable {
            case table, json
        }

        @OptionGroup var settings: SettingsOptions

        @Option(help: "Whose settings they are.")
        var role = Role.serve

        @Option(help: "table or json.")
        var output = Output.table

        func run() async throws {
            let effective = try await settings.effective(
                servesAPI: role.servesAPI, webhook: role.webhook, elsewhere: true)
            switch output {
            case .table:
                for (key, value) in effective.shown {
                    Console.say("\(key.name) = \(value?.text ?? "")  # \(value?.source ?? "unset"): \(key.meaning)")
                }
            case .json:
                let rows = effective.shown.map { key, value in
                    [
                        "key": key.name, "value": value?.text ?? "", "source": value?.source ?? "unset",
                        "environment": key.environmentVariable,
                    ]
                }
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                Console.say(String(decoding: try encoder.encode(rows), as: UTF8.self))
            }
        }
    }

    /// `drover config validate`.
    struct Validate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks the settings: exit code 0 if they are right, 78 if not.",
            discussion: """
                It looks at what the role looks at before it starts: files, folder of the store, credentials and who \
                may call the API too. It keeps nothing and asks nobody. A file with nothing but the agent's settings is \
                judged as the agent's.
                """)

        @OptionGroup var settings: SettingsOptions

        @Option(help: "Whose settings they are; serve when absent.")
        var role: Role?

        @Flag(help: "For another machine: leaves out files, folders, credentials and what is not set.")
        var elsewhere = false

        func run() async throws {
            let named = role
            let role = named ?? .serve
            let effective = try await settings.effective(
                servesAPI: role.servesAPI, webhook: role.webhook, elsewhere: elsewhere)
            if named == nil, effective.isOnlyForAgents {
                var arguments = try AgentCommand.arguments([])
                arguments.file = settings.path
                _ = try AgentCommand.settings(arguments, needsMode: false)
            } else if !elsewhere {
                let checks = StartChecks(settings: effective, role: role)
                let complaints = await checks.complaints()
                for text in checks.remarks + complaints { Console.complain(text) }
                guard complaints.isEmpty else { throw ProgramExit.settings.code }
            }
            Console.say("the settings are valid")
        }
    }
}

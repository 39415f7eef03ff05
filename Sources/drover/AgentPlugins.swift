import Agent
import ArgumentParser
import FleetModel
import Foundation
import Foundations
import GoogleCloud
import Hooks
import Logging
import Plugins

/// The plugins of `drover agent`, from the file that `agent.plugins.file` names.
enum AgentPlugins {
    /// Reads the file and subscribes its plugins; without a file there are none.
    /// - Throws: `ExitCode` 78 after every complaint was printed.
    static func host(
        _ settings: AgentSettings, _ environment: [String: String], _ events: AgentEvents, _ logger: Logger
    ) throws -> PluginHost {
        guard let path = settings.optionalText("agent.plugins.file") else {
            return PluginHost([], events: events, logger: logger)
        }
        let text: String
        do throws(UnusableFile) {
            text = try InputFile.existingText(path)
        } catch {
            Console.complain("the file of plugins \(path) cannot be read (agent.plugins.file): \(error)")
            throw ProgramExit.settings.code
        }
        do throws(PluginProblem) {
            let entries = try PluginFile.plugins(in: text).map { plugin in
                PluginHost.Entry(plugin: plugin, hook: hook(plugin, environment))
            }
            return PluginHost(entries, events: events, logger: logger)
        } catch {
            for complaint in error.complaints { Console.complain("\(path): \(complaint)") }
            throw ProgramExit.settings.code
        }
    }

    private static func hook(_ plugin: Plugin, _ environment: [String: String]) -> any Hook {
        switch plugin.target {
        case .program(let command, let names):
            Program(
                command, environment: Program.environment(environment, passing: names), deadline: plugin.deadline,
                clock: ContinuousClock())
        case .webhook(let url, let tokenFile):
            Webhook(
                Secret(url), token: tokenFile.map { .file($0) } ?? .none, client: HTTPClients.client(for: url),
                deadline: plugin.deadline, clock: ContinuousClock())
        }
    }
}

import ArgumentParser
import Logging
import Pacing
import Sandbox

/// `drover demo`: a story in a sandbox, every fact of it checked.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Plays a story in a sandbox and checks each fact from the other side.",
        discussion: "Exit code 0 only if every fact was so.")

    /// The stories that there are.
    enum Story: String, ExpressibleByArgument, CaseIterable {
        case replicas
    }

    @Argument(help: "The story: replicas (an alert becomes a serving replica, and later one goes again).")
    var story = Story.replicas

    @OptionGroup var parameters: SandboxParameters

    func run() async throws {
        let narrator = Narrator(style: parameters.json ? .json : .text, wallClock: SystemWallClock()) {
            Console.say($0)
        }
        let options = try parameters.options()
        var problem: String?
        do {
            let done = try await parameters.run { endpoints in
                try await ReplicasStory(
                    endpoints: endpoints, options: options, narrator: narrator, clock: ContinuousClock(),
                    wallClock: SystemWallClock(), logger: Logger(label: "demo")
                ).play()
                return true
            }
            if done == nil { problem = "interrupted" }
        } catch {
            problem = "\(error)"
        }
        guard narrator.finish(problem) else { throw ExitCode.failure }
    }
}

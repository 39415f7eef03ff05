import ArgumentParser
import Foundation
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
        case agents
    }

    @Argument(
        help: """
            The story: replicas (an alert becomes a serving replica, and later one goes again) or agents (a ProxySQL \
            cluster on Kubernetes heals itself).
            """)
    var story = Story.replicas

    @Option(help: ArgumentHelp("For agents: a real API server, else it is simulated.", valueName: "file"))
    var kubeconfig: String?

    @Option(
        help: ArgumentHelp(
            "What the agents use in its place, with the rights of their service account only.", valueName: "file"))
    var agentKubeconfig: String?

    @OptionGroup var parameters: SandboxParameters

    func validate() throws {
        guard let kubeconfig else {
            if agentKubeconfig != nil { throw ValidationError("--agent-kubeconfig goes with --kubeconfig") }
            return
        }
        guard story == .agents else { throw ValidationError("--kubeconfig is for the story agents") }
        guard FileManager.default.isReadableFile(atPath: kubeconfig) else {
            throw ValidationError("--kubeconfig: \(kubeconfig) cannot be read")
        }
    }

    func run() async throws {
        let narrator = Narrator(style: parameters.json ? .json : .text, wallClock: SystemWallClock()) {
            Console.say($0)
        }
        var problem: String?
        do {
            if try await play(narrator) == nil { problem = "interrupted" }
        } catch {
            problem = "\(error)"
        }
        guard narrator.finish(problem) else { throw ProgramExit.failure.code }
    }

    private func play(_ narrator: Narrator) async throws -> Bool? {
        var options = try parameters.options()
        switch story {
        case .replicas:
            return try await parameters.run(options) { [options] endpoints in
                try await ReplicasStory(
                    endpoints: endpoints, options: options, narrator: narrator, clock: ContinuousClock(),
                    wallClock: SystemWallClock(), logger: Logger(label: "demo")
                ).play()
                return true
            }
        case .agents:
            options.kubeconfig = kubeconfig
            options.agentKubeconfig = agentKubeconfig
            // Two of each are the least that the story can be told with.
            options.cores = max(2, options.cores)
            options.satellites = max(2, options.satellites)
            return try await parameters.runPods(options) { cluster in
                try await AgentsStory(cluster: cluster, narrator: narrator, logger: Logger(label: "demo")).play()
                return true
            }
        }
    }
}

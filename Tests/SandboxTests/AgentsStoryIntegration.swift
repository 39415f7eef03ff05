import Foundation
import Logging
import Pacing
import Sandbox
import Testing

/// The story of a cluster that heals itself, with real agents, sockets and time.
@Suite(
    "A ProxySQL cluster on Kubernetes heals itself",
    .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1"), .serialized,
    .timeLimit(.minutes(10)))
struct AgentsStoryIntegration {
    private static func setting(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    private func play(_ change: (inout SandboxOptions) -> Void) async throws {
        let binary = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("drover").path
        let built = FileManager.default.isExecutableFile(atPath: binary) ? binary : ".build/debug/drover"
        var options = SandboxOptions(executable: URL(fileURLWithPath: built).path)
        (options.cores, options.satellites) = (2, 2)
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let quiet = logger
        let narrator = Narrator(style: .text, wallClock: SystemWallClock()) { print($0) }
        try await PodCluster.run(options, clock: ContinuousClock(), wallClock: SystemWallClock(), logger: quiet) {
            try await AgentsStory(cluster: $0, narrator: narrator, logger: quiet).play()
        }
        #expect(narrator.verdict.checks > 40)
        #expect(narrator.verdict.failed == 0)
    }

    @Test("on the stand-in, with simulated nodes")
    func simulated() async throws {
        try await play { _ in }
    }

    @Test("with real ProxySQL nodes", .enabled(if: setting("PROXYSQL_BIN") != nil))
    func realNodes() async throws {
        try await play { $0.proxysql = Self.setting("PROXYSQL_BIN") }
    }

    @Test("on a real API server", .enabled(if: setting("DROVER_TEST_KUBECONFIG") != nil))
    func realServer() async throws {
        try await play { $0.kubeconfig = Self.setting("DROVER_TEST_KUBECONFIG") }
    }
}

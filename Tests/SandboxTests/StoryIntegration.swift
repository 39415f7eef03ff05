import Foundation
import Logging
import Pacing
import Sandbox
import Testing

/// The whole story with real processes, sockets and time.
@Suite(
    "The story holds", .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1"), .serialized,
    .timeLimit(.minutes(5)))
struct StoryIntegration {
    /// Plays the story and kills `drover serve` again and again meanwhile, when asked to.
    private func play(_ change: (inout SandboxOptions) -> Void, killing: Bool) async throws {
        let binary = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("drover").path
        let built = FileManager.default.isExecutableFile(atPath: binary) ? binary : ".build/debug/drover"
        var options = SandboxOptions(executable: URL(fileURLWithPath: built).path)
        options.operationSeconds = 1
        options.cooldownSeconds = 2
        change(&options)
        let fixed = options
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let quiet = logger
        let narrator = Narrator(style: .text, wallClock: SystemWallClock()) { print($0) }
        let sandbox = Sandbox(options: fixed, clock: ContinuousClock(), wallClock: SystemWallClock(), logger: quiet)
        try await sandbox.run { endpoints in
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    try await ReplicasStory(
                        endpoints: endpoints, options: fixed, narrator: narrator, clock: ContinuousClock(),
                        wallClock: SystemWallClock(), logger: quiet
                    ).play()
                    return true
                }
                if killing {
                    tasks.addTask {
                        while true {
                            try await Task.sleep(for: .milliseconds(Int.random(in: 700...2_000)))
                            try Self.post(endpoints.control + "/v1/serve/kill")
                        }
                    }
                }
                _ = try await tasks.next()
                tasks.cancelAll()
            }
        }
        #expect(narrator.verdict.checks > 30)
        #expect(narrator.verdict.failed == 0)
    }

    private static func post(_ url: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["curl", "-s", "-X", "POST", url]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }

    @Test("with several nodes")
    func severalNodes() async throws {
        try await play({ options in (options.cores, options.satellites) = (2, 2) }, killing: false)
    }

    @Test("with drover serve killed again and again")
    func killed() async throws {
        try await play({ _ in }, killing: true)
    }

    @Test(
        "with real ProxySQL nodes",
        .enabled(if: ProcessInfo.processInfo.environment["PROXYSQL_BIN"] != nil, "PROXYSQL_BIN is not set"))
    func realNodes() async throws {
        try await play({ $0.proxysql = ProcessInfo.processInfo.environment["PROXYSQL_BIN"] }, killing: false)
    }
}

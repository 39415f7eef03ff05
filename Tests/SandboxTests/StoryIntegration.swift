import Foundation
import Logging
import Pacing
import Sandbox
import TestSupport
import Testing

/// The whole story with real processes, sockets and time.
@Suite(
    "The story holds", .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1"), .serialized,
    .timeLimit(.minutes(5)))
struct StoryIntegration {
    /// Plays the story and kills `drover serve` again and again meanwhile, when asked to.
    private func play(
        _ change: (inout SandboxOptions) -> Void, killing: Bool = false,
        pace: ClosedRange<Int> = 700...2_000, faults: [String] = []
    ) async throws {
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
            for fault in faults { try Self.post(endpoints.control + "/v1/cloudsql/faults", fault) }
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
                            try await Task.sleep(for: .milliseconds(Int.random(in: pace)))
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

    private static func post(_ url: String, _ body: String = "") throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["curl", "-sf", "-X", "POST", "-d", body, url]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }

    @Test("with several nodes")
    func severalNodes() async throws {
        try await play({ options in (options.cores, options.satellites) = (2, 2) })
    }

    @Test(
        "while the Cloud SQL API misbehaves",
        arguments: [
            [#"{"kind":"status","method":"POST","status":409,"reason":"operationInProgress","times":3}"#],
            [#"{"kind":"status","method":"POST","status":429,"reason":"rateLimitExceeded","times":2}"#],
            [#"{"kind":"status","path":"/operations","status":503,"reason":"backendError","times":8}"#],
            [#"{"kind":"drop-after-effect","method":"POST"}"#, #"{"kind":"drop-after-effect","method":"DELETE"}"#],
            [
                #"{"kind":"drop","path":"/operations","times":6}"#,
                #"{"kind":"delay","path":"/operations","seconds":1,"times":4}"#,
            ],
            [#"{"kind":"hang","method":"POST"}"#], [#"{"kind":"ghost-operation","seconds":4}"#],
        ])
    func faults(faults: [String]) async throws {
        try await play({ _ in }, faults: faults)
    }

    @Test(
        "with real nodes and real replicas under constant traffic, and no query fails",
        .enabled(
            if: ProcessInfo.processInfo.environment["PROXYSQL_BIN"] != nil && PrivateMariaDB.isInstalled))
    func realReplicas() async throws {
        try await play {
            $0.mariadb = true
            $0.proxysql = ProcessInfo.processInfo.environment["PROXYSQL_BIN"]
        }
    }

    @Test("on Google's own emulators, with drover serve killed now and then", .enabled(if: GoogleEmulator.isAvailable))
    func emulators() async throws {
        // Whoever is started again leads once it has seen the lease of the one that was killed unchanged for its 15 seconds.
        try await play({ $0.emulators = true }, killing: true, pace: 19_000...25_000)
    }

    @Test("with drover serve killed again and again")
    func killed() async throws {
        try await play({ _ in }, killing: true)
    }

    @Test(
        "with real ProxySQL nodes",
        .enabled(if: ProcessInfo.processInfo.environment["PROXYSQL_BIN"] != nil, "PROXYSQL_BIN is not set"))
    func realNodes() async throws {
        try await play({ $0.proxysql = ProcessInfo.processInfo.environment["PROXYSQL_BIN"] })
    }
}

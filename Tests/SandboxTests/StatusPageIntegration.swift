import Foundation
import Logging
import Pacing
import Sandbox
import Testing

private let hasBrowser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].contains {
    FileManager.default.isExecutableFile(atPath: $0)
}

/// The status page in a real browser, against a real `drover serve`.
@Suite(
    "The status page in Chromium",
    .enabled(if: ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1"),
    .enabled(if: hasBrowser, "Chromium is not installed"), .timeLimit(.minutes(5)))
struct StatusPageIntegration {
    @Test("it loads, follows changes, fits a phone, takes the keyboard, and leaves the console empty")
    func page() async throws {
        let binary = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("drover").path
        let built = FileManager.default.isExecutableFile(atPath: binary) ? binary : ".build/debug/drover"
        var options = SandboxOptions(executable: URL(fileURLWithPath: built).path)
        options.operationSeconds = 1
        options.cooldownSeconds = 2
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let sandbox = Sandbox(
            options: options, clock: ContinuousClock(), wallClock: SystemWallClock(), logger: logger)
        let body = """
            {"servers":[{"name":"shop","address":"127.0.3.200","origin":"primary"},
             {"name":"shop-replica-1","address":"127.0.3.201"}],"users":[{"username":"app","password":"secret"}],
             "policy":{"minimumReplicas":1,"maximumReplicas":5}}
            """
        let status = try await sandbox.run { endpoints in
            let made = try Self.run(
                "curl", "-sf", "-X", "PUT", "-o", "/dev/null", "-H", "Content-Type: application/json", "-d", body,
                endpoints.api + "/v1/groups/shop")
            guard made == 0 else { return made }
            return try Self.run("python3", "scripts/check_ui.py", endpoints.api, ".cache/ui")
        }
        #expect(status == 0)
    }

    private static func run(_ arguments: String...) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

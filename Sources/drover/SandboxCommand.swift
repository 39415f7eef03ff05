import ArgumentParser
import Foundation
import Logging
import Observability
import Pacing
import Sandbox
import UnixSignals

/// What `drover sandbox` and `drover demo` have in common.
struct SandboxParameters: ParsableArguments {
    @Option(help: "Core nodes.")
    var cores = 1

    @Option(help: "Satellite nodes.")
    var satellites = 1

    @Option(help: ArgumentHelp("A real ProxySQL binary for the nodes, else they are simulated.", valueName: "path"))
    var proxysql: String?

    @Flag(
        help: ArgumentHelp(
            "Real MariaDB servers in the place of Cloud SQL's instances, replicating from a real primary.",
            discussion: "With --proxysql too, the demo reads and writes through every node all the time."))
    var mariadb = false

    @Flag(help: "Google's Pub/Sub and Datastore emulators in the place of the embedded store.")
    var emulators = false

    @Option(help: "How long a Cloud SQL operation takes.")
    var operationSeconds = 2.0

    @Option(help: "How long the scaler pauses after a change.")
    var cooldownSeconds = 3.0

    @Option(help: ArgumentHelp("Folder for everything durable, kept at the end.", valueName: "dir"))
    var stateDir: String?

    @Option(help: ArgumentHelp("File that gets the addresses as JSON.", valueName: "file"))
    var endpoints: String?

    @Flag(help: "One JSON object a line instead of text.")
    var json = false

    func validate() throws {
        if let complaint = try options().complaint { throw ValidationError(complaint) }
        if let proxysql, !FileManager.default.isExecutableFile(atPath: proxysql) {
            throw ValidationError("--proxysql: \(proxysql) is not an executable file")
        }
    }

    func options() throws -> SandboxOptions {
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var options = SandboxOptions(executable: executable)
        options.cores = cores
        options.satellites = satellites
        options.proxysql = proxysql
        options.mariadb = mariadb
        options.emulators = emulators
        options.operationSeconds = operationSeconds
        options.cooldownSeconds = cooldownSeconds
        options.stateDirectory = stateDir
        return options
    }

    /// Starts a sandbox and runs `body` in it until it ends or a signal comes.
    func run<Value: Sendable>(
        _ options: SandboxOptions, _ body: @escaping @Sendable (SandboxEndpoints) async throws -> Value
    ) async throws -> Value? {
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: .text, level: .warning) }
        let sandbox = Sandbox(
            options: options, clock: ContinuousClock(), wallClock: SystemWallClock(),
            logger: Logger(label: "sandbox"))
        let file = endpoints
        defer { if let file { try? FileManager.default.removeItem(atPath: file) } }
        return try await Self.untilSignal {
            try await sandbox.run { endpoints in
                if let file { try Self.write(endpoints, to: file) }
                return try await body(endpoints)
            }
        }
    }

    /// Starts pods and an API server for them, and runs `body` until it ends or a signal comes.
    func runPods<Value: Sendable>(
        _ options: SandboxOptions, _ body: @escaping @Sendable (PodCluster) async throws -> Value
    ) async throws -> Value? {
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: .text, level: .warning) }
        return try await Self.untilSignal {
            try await PodCluster.run(
                options, clock: ContinuousClock(), wallClock: SystemWallClock(), logger: Logger(label: "sandbox"), body)
        }
    }

    private static func untilSignal<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { tasks in
            tasks.addTask { try await body() }
            tasks.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return nil }
                return nil
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? nil
        }
    }

    private static func write(_ endpoints: SandboxEndpoints, to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(endpoints).write(to: URL(fileURLWithPath: file), options: .atomic)
    }
}

/// `drover sandbox`: everything on loopback.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "Starts ProxySQL nodes, a Cloud SQL stand-in and drover serve on loopback.",
        discussion: """
            Runs until SIGINT and leaves nothing behind. The addresses are printed and, with --endpoints, written to a \
            file once everything answers. The control API injects faults; see docs/reference/sandbox.md.
            """)

    @OptionGroup var parameters: SandboxParameters

    @Flag(help: "Every node is a pod with an agent, on a Kubernetes API stand-in.")
    var kubernetes = false

    @Option(
        help: ArgumentHelp(
            "With --kubernetes: the agents follow that group's Secret, and drover serve publishes through it "
                + "(fleet.strategy kubernetes).", valueName: "group"))
    var follow: String?

    func validate() throws {
        if follow != nil, !kubernetes { throw ValidationError("--follow needs --kubernetes") }
    }

    func run() async throws {
        let json = parameters.json
        do {
            var options = try parameters.options()
            options.kubernetes = kubernetes
            options.followed = follow
            _ = try await parameters.run(options) { endpoints in
                let encoder = JSONEncoder()
                encoder.outputFormatting = json ? [.withoutEscapingSlashes] : [.prettyPrinted, .withoutEscapingSlashes]
                Console.say(String(decoding: try encoder.encode(endpoints), as: UTF8.self))
                if !json { Console.say("everything answers; stop it with Ctrl-C") }
                while true { try await ContinuousClock().sleep(for: .seconds(3_600)) }
            }
        } catch {
            Console.complain("\(error)")
            throw ProgramExit.failure.code
        }
    }
}

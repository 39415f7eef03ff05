import Logging
import Subprocess
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program that runs as long as its task, and again when it ended by itself.
final class ChildProcess: Sendable {
    private struct State {
        var identifier: pid_t?
        var staysDown = false
    }

    private let executable: String
    private let arguments: [String]
    private let environment: [String: String]
    private let logFile: String
    private let restarts: Bool
    private let clock: any Clock<Duration>
    private let state = Mutex(State())

    /// `restarts` starts it again when it ended by itself; its output goes to the end of `logFile`.
    init(
        executable: String, arguments: [String], environment: [String: String], logFile: String, restarts: Bool,
        clock: any Clock<Duration>
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.logFile = logFile
        self.restarts = restarts
        self.clock = clock
    }

    /// Its process id while it runs.
    var identifier: pid_t? { state.withLock { $0.identifier } }

    /// Sends a signal to it.
    func signal(_ number: Int32) {
        guard let identifier else { return }
        _ = Glibc.kill(identifier, number)
    }

    /// Keeps it from being started again until `allow()`.
    func forbid() { state.withLock { $0.staysDown = true } }

    /// Lets it be started again.
    func allow() { state.withLock { $0.staysDown = false } }

    /// Runs it until cancellation; then it is asked to end, and made to after two seconds.
    /// - Throws: when it cannot be started, or when it ended and is not to be started again.
    func run() async throws {
        while !Task.isCancelled {
            if state.withLock({ $0.staysDown }) {
                try await clock.sleep(for: .milliseconds(50))
                continue
            }
            try await runOnce()
            guard !Task.isCancelled else { return }
            guard restarts || state.withLock({ $0.staysDown }) else {
                throw SandboxError("\(executable) ended by itself; its last words are in \(logFile)")
            }
            try await clock.sleep(for: .milliseconds(200))
        }
    }

    private func runOnce() async throws {
        let log = try FileDescriptor.open(
            FilePath(logFile), .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        var platform = PlatformOptions()
        platform.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        defer { state.withLock { $0.identifier = nil } }
        _ = try await Subprocess.run(
            .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0), $1) })),
            platformOptions: platform, input: .none,
            output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .fileDescriptor(log, closeAfterSpawningProcess: true)
        ) { execution in
            self.state.withLock { $0.identifier = pid_t(execution.processIdentifier.value) }
        }
    }
}

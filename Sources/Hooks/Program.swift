import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// A program that gets the document on its standard input and says by its exit code whether it took it.
///
/// It runs in a session of its own with an environment that has only what it is given, so that no secret of ours comes
/// to it by accident. When its deadline passes, it and what it started get SIGTERM, and SIGKILL two seconds later.
package struct Program: Hook {
    private let command: [String]
    private let environment: [String: String]
    private let deadline: Duration
    private let clock: any Clock<Duration>

    /// Writing to a program that has ended is an error of the write, not the end of this process. SwiftNIO sees to the
    /// same at its first socket, which may come later than the first program. Programs start with the default again.
    private static let brokenPipesAreErrors: Bool = {
        signal(SIGPIPE, SIG_IGN)
        return true
    }()

    /// Makes a hook of `command`, whose first word is the program: a path, or a name that is looked for in PATH.
    package init(
        _ command: [String], environment: [String: String], deadline: Duration, clock: any Clock<Duration>
    ) {
        self.command = command
        self.environment = environment
        self.deadline = deadline
        self.clock = clock
    }

    /// The variables of `environment` that programs get: where things are, and those named in `passing`.
    package static func environment(
        _ environment: [String: String], passing names: [String] = []
    ) -> [String: String] {
        let usual: Set<String> = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "HOSTNAME", "USER"]
        return environment.filter { usual.contains($0.key) || names.contains($0.key) }
    }

    package var name: String { command.first ?? "" }

    package func call(_ document: [UInt8]) async throws(HookFailure) -> HookAnswer {
        let answer: HookAnswer?
        do {
            answer = try await within(deadline, clock) { try await run(document) }
        } catch is CancellationError {
            throw HookFailure(.cancelled, "\(name) was ended, because nobody waits for it any more")
        } catch {
            guard !Task.isCancelled else { throw HookFailure(.cancelled, "\(name) was not waited for") }
            throw HookFailure(.unreachable, "\(name) could not be run: \(error)")
        }
        guard let answer else {
            throw HookFailure(.deadlineExceeded, "\(name) did not end within \(deadline) and was ended")
        }
        guard answer.status == 0 else {
            let words = answer.firstLine.isEmpty ? "" : ": \(answer.firstLine)"
            throw HookFailure(.failed, "\(name) ended with \(Self.describe(answer.status))\(words)", answer: answer)
        }
        return answer
    }

    private func run(_ document: [UInt8]) async throws -> HookAnswer {
        _ = Self.brokenPipesAreErrors
        var platform = PlatformOptions()
        platform.createSession = true
        platform.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(100)),
        ]
        let result = try await Subprocess.run(
            name.contains("/") ? .path(FilePath(name)) : .name(name),
            arguments: Arguments(Array(command.dropFirst())),
            environment: .custom(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0), $1) })),
            platformOptions: platform, input: .inputWriter, output: .sequence, error: .combinedWithOutput
        ) { execution in
            // Side by side: a program may fill its output before it reads.
            async let written: Void = Self.write(document, to: execution.standardInputWriter)
            var text = BoundedText()
            for try await piece in execution.standardOutput {
                piece.withUnsafeBytes { text.append($0) }
            }
            await written
            return text.text
        }
        return HookAnswer(status: Self.status(result.terminationStatus), text: result.closureResult)
    }

    /// A program that does not read is no error: its exit code says what it thinks.
    private static func write(_ document: [UInt8], to writer: StandardInputWriter) async {
        _ = try? await writer.write(document)
        try? await writer.finish()
    }

    /// The exit code; what a shell makes of a signal, 128 and its number.
    private static func status(_ status: TerminationStatus) -> Int {
        switch status {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }

    private static func describe(_ status: Int) -> String {
        status > 128 ? "signal \(status - 128)" : "exit code \(status)"
    }
}

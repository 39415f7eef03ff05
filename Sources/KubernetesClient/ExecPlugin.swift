import FleetModel
package import JSONValues
import Subprocess
import SystemPackage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A program that prints a credential (Kubernetes documentation, "client-go credential plugins").
package struct ExecPlugin: Hashable, Sendable {
    /// The version of `ExecCredential` that it speaks.
    package var apiVersion: String
    /// The program: a path, or a name to be looked for on PATH.
    package var command: String
    /// Its arguments.
    package var arguments: [String]
    /// What it gets beside our own environment.
    package var environment: [String: String]
    /// What to tell people who do not have it.
    package var installHint: String?
    /// What the kubeconfig says of the cluster, for a plugin that wants to know.
    package var cluster: JSONValue?

    /// Names a program.
    package init(
        apiVersion: String = "client.authentication.k8s.io/v1", command: String, arguments: [String] = [],
        environment: [String: String] = [:], installHint: String? = nil
    ) {
        self.apiVersion = apiVersion
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.installHint = installHint
    }

    /// What it printed: a token, and when that one expires if ever.
    struct Credential: Sendable {
        var token: Secret
        var expires: Timestamp?
    }

    private struct Answer: Decodable {
        struct Status: Decodable {
            var token: Secret?
            var expirationTimestamp: MicroTime?
            var clientCertificateData: String?
        }

        var kind: String?
        var status: Status?
    }

    private static let maximumOutput = 1 << 20

    /// Runs it, for at most `deadline`.
    /// - Throws: `configuration` with its last words, never with what it printed.
    func run(deadline: Duration, clock: any Clock<Duration>) async throws(KubernetesError) -> Credential {
        let attempt = "get a credential from \(command)"
        let printed: [UInt8]
        do {
            printed = try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
                tasks.addTask { try await self.output(attempt) }
                tasks.addTask {
                    try await clock.sleep(for: deadline)
                    throw KubernetesError(.timeout, attempt, "it did not end within \(deadline)")
                }
                defer { tasks.cancelAll() }
                guard let first = try await tasks.next() else { throw CancellationError() }
                return first
            }
        } catch let error as KubernetesError {
            throw error
        } catch is CancellationError {
            throw KubernetesError(.cancelled, attempt, "cancelled")
        } catch {
            let hint = installHint.map { " \($0)" } ?? ""
            throw KubernetesError(.configuration, attempt, "it cannot be run: \(error)\(hint)")
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(printed)),
            answer.kind == "ExecCredential"
        else { throw KubernetesError(.configuration, attempt, "it did not print an ExecCredential") }
        guard let token = answer.status?.token, !token.isEmpty else {
            let what =
                answer.status?.clientCertificateData == nil ? "no token" : "a certificate, which is not supported"
            throw KubernetesError(.configuration, attempt, "it printed \(what)")
        }
        return Credential(token: token, expires: answer.status?.expirationTimestamp?.timestamp)
    }

    private func output(_ attempt: String) async throws -> [UInt8] {
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        var told: JSONValue = [
            "kind": "ExecCredential", "apiVersion": .string(apiVersion), "spec": ["interactive": false],
        ]
        if let cluster { told[at: "spec", "cluster"] = cluster }
        variables["KUBERNETES_EXEC_INFO"] = String(decoding: told.bytes(), as: UTF8.self)
        var platform = PlatformOptions()
        // A session of its own, so that what it started ends with it.
        platform.createSession = true
        platform.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(1)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(100)),
        ]
        let executable: Executable = command.contains("/") ? .path(FilePath(command)) : .name(command)
        let result = try await Subprocess.run(
            executable, arguments: Arguments(arguments), environment: .inherit.updating(variables),
            platformOptions: platform, input: .none, output: .bytes(limit: Self.maximumOutput),
            error: .string(limit: 64 << 10))
        guard result.terminationStatus.isSuccess else {
            let words = KubernetesConfiguration.trimmed(String(result.standardError.suffix(300)))
            throw KubernetesError(.configuration, attempt, "it ended with \(result.terminationStatus): \(words)")
        }
        return result.standardOutput
    }
}

import Agent
import ControlClient
import FleetModel
import Foundation
import Foundations
import KubernetesClient
import Logging
import Migration
import Pacing
import Plugins
import ProxySQLAdmin
import Settings
import Simulation
import TestSupport
import Testing

@testable import ManagementAPI

/// One reader of text that people write, with a text of its own and what it makes of it.
private struct Reader: Sendable, CustomTestStringConvertible {
    var name: String
    /// In LF, with a line end at its end.
    var text: String
    /// What was read, as a text to compare; throws what a person would see.
    var read: @Sendable (_ path: String) async throws -> String

    var testDescription: String { name }

    static let all: [Reader] = [
        Reader(name: "settings", text: "# ours\nscaler:\n  cooldown-seconds: 7\nstore:\n  kind: sqlite\n") { path in
            try await EffectiveSettings(flags: [:], environment: [:], file: path).text("scaler.cooldown-seconds")
        },
        Reader(name: "the agent's settings", text: "run_mode: core\ncore:\n  interval: 7\n") { path in
            let settings = try AgentSettings(
                arguments: AgentArguments([]), environment: ["AGENT_CONFIG_FILE": path])
            return settings.text("agent.mode") + settings.text("agent.core.interval-seconds")
        },
        Reader(name: "tokens", text: "# who\nboss admin fedcba9876543210fedcba9876543210\n") { path in
            let file = try TokenFile(
                path: path, wallClock: SystemWallClock(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            return "\(String(describing: file.caller("fedcba9876543210fedcba9876543210")))"
        },
        Reader(name: "databases.yaml", text: "databases:\n- name: shop\n  users: []\n") { path in
            try DatabaseFile(try InputFile.existingText(path), environment: [:]).groups
                .map { "\($0.name) \(YAMLText.write($0.document))" }.joined()
        },
        Reader(
            name: "the base cnf",
            text: "datadir=\"/var/lib/proxysql\"\n# kept\nadmin_variables=\n{\n  mysql_ifaces=\"0.0.0.0:6032\"\n}\n"
        ) { path in
            try CnfRenderer(all: []).rendered(over: try InputFile.existingText(path))
        },
        Reader(name: "the order of a mounted cnf", text: "datadir=\"/x\"\n# drover-generation: 41\nthreads=2\n") {
            path in
            "\(String(describing: MountedConfiguration(path: path, stated: nil, usesAge: false).order))"
        },
        Reader(name: "whose the tables of a mounted cnf are", text: "datadir=\"/x\"\n# drover-generation: 41\n") {
            path in
            MountedConfiguration(path: path, stated: nil, usesAge: false).isRendered ? "Drover's" : "a person's"
        },
        Reader(
            name: "plugins",
            text: "plugins:\n- name: audit\n  command: [/usr/local/bin/audit, --all]\n  events: [drained]\n"
        ) { path in
            "\(try PluginFile.plugins(in: try InputFile.existingText(path)))"
        },
        Reader(name: "a scaling policy", text: "minimumReplicas: 1\nmaximumReplicas: 4\nstep: {out: 2, in: 1}\n") {
            path in
            "\(try PolicyFile.read(try InputFile.existingText(path), offsets: SystemTimeZones()))"
        },
        Reader(name: "a password", text: "hunter2\n") { path in
            OutsideText.firstLine(try InputFile.existingText(path))
        },
        Reader(name: "a followed fleet.json", text: "[\n]\n") { path in
            "\(String(describing: FollowedFile(path: path).text()?.reveal().filter { !$0.isWhitespace }))"
        },
        Reader(name: "a bearer token", text: "secret-token\n") { path in
            "\(BearerToken(token: nil, file: path).judge("Bearer secret-token"))"
        },
        Reader(name: "a trace", text: "# load\ntimestamp,load\n2026-01-05T00:00:00Z,1\n2026-01-05T00:01:00Z,2\n") {
            path in
            "\(try LoadTrace(csv: try InputFile.existingText(path)).samples)"
        },
        Reader(name: "variables", text: "# env\nAGENT_RUN_MODE=core\nAGENT_CORE_INTERVAL=7\n") { path in
            let source = MigrationSource(name: "agent.env", text: try InputFile.existingText(path))
            return "\(try await Migration(from: .proxysqlAgent, sources: [source]).report)"
        },
        Reader(
            name: "a kubeconfig",
            text: """
                current-context: one
                clusters:
                - name: near
                  cluster: {server: "https://127.0.0.1:6443"}
                contexts:
                - name: one
                  context: {cluster: near, namespace: fleet}

                """
        ) { path in
            let read = try KubernetesConfiguration.standard(kubeconfig: path, environment: [:])
            return "\(read.server) \(read.namespace)"
        },
    ]
}

@Suite("Text from outside, in each reader")
struct ReadersTests {
    private static func withFile<Value>(
        _ bytes: some Sequence<UInt8>, _ body: (String) async throws -> Value
    ) async throws -> Value {
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-text-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(filePath: path))
        return try await body(path)
    }

    @Test("line ends, byte order marks and a missing last line end change nothing", arguments: Reader.all)
    fileprivate func shapes(reader: Reader) async throws {
        let plain = try await Self.withFile(reader.text.utf8, reader.read)
        #expect(!plain.isEmpty && plain != "nil")
        let shapes = [
            reader.text.replacing("\n", with: "\r\n"), "\u{FEFF}" + reader.text,
            "\u{FEFF}" + reader.text.replacing("\n", with: "\r\n"), String(reader.text.dropLast()),
            reader.text + "\n \t\n",
        ]
        for shape in shapes {
            let read = try await Self.withFile(shape.utf8, reader.read)
            #expect(
                read.replacing("\n", with: "").replacing(" ", with: "").replacing("\t", with: "")
                    == plain.replacing("\n", with: "").replacing(" ", with: "").replacing("\t", with: ""))
        }
    }

    @Test(
        "an empty file, a NUL byte, latin1, UTF-16 and 10 MiB end in an answer, and in no crash", arguments: Reader.all)
    fileprivate func hostile(reader: Reader) async throws {
        let long = Array(reader.text.utf8) + Array(String(repeating: "# filler\n", count: 1_165_085).utf8)
        for bytes in [[], [0x61, 0x00, 0x62], [0x23, 0xE9, 0x0A], [0xFF, 0xFE, 0x61, 0x00], long] {
            let said = try await Self.withFile(bytes) { path in
                do { return try await reader.read(path) } catch { return "\(error)" }
            }
            #expect(!said.contains("\u{0}"))
        }
    }
}

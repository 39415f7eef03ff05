import Foundation
import Testing

@testable import Migration

@Suite("The Go agent's manifests as people have them")
struct AgentManifestShapesTests {
    private static let planted = "hunter2-not-a-real-one"

    private func check(_ texts: [(name: String, text: String)]) async throws -> Migration {
        try await Migration(
            from: .proxysqlAgent, sources: texts.map { MigrationSource(name: $0.name, text: $0.text) })
    }

    private func pod(_ container: String, volumes: String = "") -> String {
        let lines = container.split(separator: "\n").map { "      \($0)" }.joined(separator: "\n")
        return """
            apiVersion: v1
            kind: Pod
            metadata: {name: satellite}
            spec:
              containers:
                - name: agent
                  image: ghcr.io/persona-id/proxysql-agent:v1.2.3
            \(lines)
            \(volumes)
            """
    }

    private func shown(_ migration: Migration) throws -> String {
        String(decoding: try JSONEncoder().encode(migration.report), as: UTF8.self)
            + migration.equivalents.map(\.text).joined()
    }

    @Test(
        "a password is shown in no place where somebody may have put it",
        arguments: [
            #"args: ["--run_mode", "satellite", "--proxysql.password", "PLANTED"]"#,
            #"args: ["--run_mode=satellite", "--proxysql.password=PLANTED"]"#,
            #"args: ["--run_mode=satellite", "--proxysql.pasword=PLANTED"]"#,
            #"args: ["--run_mode=satellite", "--proxysql.pasword", "PLANTED"]"#,
            #"args: ["--run_mode=satellite", "PLANTED"]"#,
            #"args: ["--run_mode=satellite", "--PLANTED!"]"#,
            #"command: ["/bin/sh", "-c", "exec /app/proxysql-agent --run_mode=core --proxysql.password=PLANTED"]"#,
            #"command: ["sh", "-c"]\nargs: ["export AGENT_PROXYSQL_PASSWORD=PLANTED; exec /app/proxysql-agent"]"#,
            #"env: [{name: AGENT_RUN_MODE, value: core}, {name: AGENT_PROXYSQL_PASSWORD, value: PLANTED}]"#,
            #"env: [{name: AGENT_RUN_MODE, value: core}, {name: AGENT_PROXYSQL_PASSWRD, value: PLANTED}]"#,
            #"env: [{name: PW, value: PLANTED}]\nargs: ["--run_mode=core", "--proxysql.password=$(PW)"]"#,
        ])
    func secrets(container: String) async throws {
        let text = container.replacing("\\n", with: "\n").replacing("PLANTED", with: Self.planted)
        #expect(!(try shown(try await check([("pod.yaml", pod(text))])).contains(Self.planted)))
    }

    @Test(
        "a file of variables gives the same report whatever ends its lines",
        arguments: ["\r\n", "\r"])
    func lineEnds(end: String) async throws {
        let lines = ["AGENT_RUN_MODE=core", "AGENT_PROXYSQL_PASSWORD=\(Self.planted)", "AGENT_CORE_INTERVAL=10", ""]
        let plain = try await check([("agent.env", lines.joined(separator: "\n"))])
        let other = try await check([("agent.env", "\u{FEFF}" + lines.joined(separator: end))])
        #expect(plain.report == other.report)
        #expect(plain.report.findings.count == 3)
        #expect(!(try shown(other)).contains(Self.planted))
        let error = await #expect(throws: MigrationError.self) {
            _ = try await check([
                ("agent.env", "AGENT_RUN_MODE=core\(end)AGENT_PROXYSQL_PASSWORD \(Self.planted)\(end)")
            ])
        }
        #expect(error?.description == "agent.env, line 2, is neither NAME=value nor a comment")
    }

    @Test("what the Go agent's image brings in its own file is missing afterwards, and said")
    func imageDefaults() async throws {
        let report = try await check([("pod.yaml", pod(#"args: ["--run_mode=satellite"]"#))]).report
        for theirs in ["proxysql.password", "shutdown.drain_timeout", "shutdown.shutdown_timeout"] {
            let finding = report.findings.first { $0.theirs == theirs }
            #expect(finding?.level == .error)
            #expect(finding?.message?.contains("/app/config.yaml") == true)
        }
        let set = #"args: ["--run_mode=satellite", "--proxysql.password=x"]"#
        let other = try await check([("pod.yaml", pod(set))]).report
        #expect(!other.findings.contains { $0.theirs == "proxysql.password" })
    }

    @Test(
        "the file is found where the Go agent looks for it, and nowhere else",
        arguments: [
            ("/app/config.yaml", "subPath: config.yaml", true), ("/app", "", true),
            ("/etc/proxysql-agent", "", true), ("/etc/proxysql-agent/config.yml", "subPath: config.yaml", true),
            ("/etc/other", "", false),
        ])
    func places(path: String, subPath: String, isFound: Bool) async throws {
        let map = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings}
            data:
              config.yaml: |
                proxysql: {username: fleet}
            """
        let container = """
            args: ["--run_mode=satellite"]
            volumeMounts:
            - {name: s, mountPath: \(path)\(subPath.isEmpty ? "" : ", \(subPath)")}
            """
        let volumes = "  volumes:\n  - {name: s, configMap: {name: settings}}"
        let report = try await check([("pod.yaml", pod(container, volumes: volumes) + "\n---\n" + map)]).report
        let finding = report.findings.first { $0.theirs == "proxysql.username" && $0.level == .same && $0.line > 15 }
        #expect((finding != nil) == isFound)
        #expect(report.findings.contains { $0.theirs == "proxysql.password" } == !isFound)
    }

    @Test("names in words get the container's values, and what is in a Secret is left to it")
    func names() async throws {
        let container = """
            args: ["--run_mode=core", "--api.port=$(AGENT_PORT)", "--proxysql.password=$(PW)", "--core.podselector.app=$$(X)"]
            env:
            - {name: AGENT_PORT, value: "8080"}
            - {name: PW, valueFrom: {secretKeyRef: {name: s, key: k}}}
            """
        let migration = try await check([("pod.yaml", pod(container))])
        #expect(!migration.report.findings.contains { $0.theirs == "api.port" || $0.theirs == "flags" })
        #expect(migration.report.findings.first { $0.theirs == "AGENT_PORT" }?.level == .same)
        let text = try #require(migration.equivalents.first?.text)
        #expect(text.contains("port: 8080"))
        #expect(text.contains("app: \"$(X)\""))
        #expect(!text.contains("password:"))
    }

    @Test("of what a script runs nothing is said, neither for nor against it")
    func scripts() async throws {
        let container = """
            command: ["/bin/sh", "-c"]
            args: ["exec /app/proxysql-agent --run_mode=core --start_delay=5"]
            """
        let migration = try await check([("pod.yaml", pod(container))])
        #expect(!migration.report.findings.contains { $0.theirs == "run_mode" || $0.theirs == "settings" })
        #expect(migration.report.findings.first { $0.theirs == "sh" }?.message?.contains("not read") == true)
        #expect(migration.equivalents.isEmpty)
    }

    @Test("what the image brings is missing beside a script too, which may set it: that is said, and is no error")
    func imageDefaultsBesideScripts() async throws {
        let container = """
            command: ["/bin/sh", "-c", "exec /app/proxysql-agent --run_mode=core"]
            env: [{name: AGENT_SHUTDOWN_DRAIN_TIMEOUT, value: "60"}]
            """
        let report = try await check([("pod.yaml", pod(container))]).report
        for theirs in ["proxysql.password", "shutdown.shutdown_timeout"] {
            let finding = report.findings.first { $0.theirs == theirs }
            #expect(finding?.level == .changed)
            #expect(finding?.message?.contains("unless the script sets it") == true)
        }
        #expect(!report.findings.contains { $0.theirs == "shutdown.drain_timeout" })
        #expect(!report.findings.contains { $0.level == .error })
    }

    @Test("a file that is written is taken by every command")
    func written() async throws {
        let file = "run_mode: core\nlog: {level: WARN, format: JSON}\ncore: {interval: 10}\n"
        let text = try #require(try await check([("config.yaml", file)]).equivalents.first?.text)
        #expect(text.contains("level: warning"))
        #expect(text.contains("format: json"))
    }
}

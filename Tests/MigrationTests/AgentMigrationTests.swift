import Agent
import Foundation
import Testing

@testable import Migration

private func check(_ texts: String..., workload: String? = nil) async throws -> Migration {
    try await Migration(
        from: .proxysqlAgent,
        sources: texts.enumerated().map { MigrationSource(name: "file\($0).yaml", text: $1) }, workload: workload)
}

extension MigrationReport {
    fileprivate func finding(_ theirs: String) -> Finding? { findings.first { $0.theirs == theirs } }
}

private let manifest = """
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings}
    data:
      config.yaml: |
        # A comment.
        log:
          level: debug
        proxysql:
          usrname: radmin
        shutdown:
          drain_timeout: 50
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata: {name: core}
    rules:
      - {apiGroups: [""], resources: [pods], verbs: [get, list]}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: core}
    spec:
      template:
        spec:
          containers:
            - name: agent
              image: x/proxysql-agent:1.2.3
              command: [/app/proxysql-agent]
              args: ["--proxysql.password=hunter2"]
              env:
                - {name: AGENT_RUN_MODE, value: core}
                - name: AGENT_PROXYSQL_USERNAME
                  valueFrom: {secretKeyRef: {name: s, key: u}}
              livenessProbe:
                httpGet: {path: /health, port: 8080}
              volumeMounts:
                - {name: settings, mountPath: /etc/proxysql-agent}
          volumes:
            - name: settings
              configMap: {name: settings}
    """

@Suite("Moving from ProxySQL Agent")
struct AgentMigrationTests {
    @Test("each key of the Go agent is found in its file, with Drover's name and its line")
    func keys() async throws {
        for key in AgentSettingKey.all {
            guard let theirs = key.theirs else { continue }
            var text = ""
            let parts = theirs.split(separator: ".")
            for (depth, part) in parts.enumerated() {
                text += String(repeating: "  ", count: depth) + "\(part):" + (depth == parts.count - 1 ? "" : "\n")
            }
            let report = try await check(text + " \(key.standard ?? "core")\n").report
            let finding = try #require(report.finding(theirs))
            #expect(finding.drover == key.name)
            #expect(finding.line == parts.count)
        }
    }

    @Test("what the program itself refuses is an error on the line where it stands")
    func errors() async throws {
        let report = try await check("core:\n  interval: 10s\nshutdown:\n  drain_timeout: 30\n").report
        let finding = try #require(report.findings.first { $0.level == .error })
        #expect(finding.theirs == "core.interval")
        #expect(finding.line == 2)
        #expect(report.findings.count { $0.theirs == "core.interval" } == 1)
        #expect(report.exitCode == 2)
    }

    @Test("a manifest is checked with its ConfigMap, rights, drain and probes, each on its line")
    func manifestAround() async throws {
        let migration = try await check(manifest)
        let report = migration.report
        #expect(report.finding("log.level")?.line == 8)
        let unknown = try #require(report.finding("proxysql.usrname"))
        #expect(unknown.level == .unsupported)
        #expect(unknown.line == 10)
        #expect(unknown.message?.contains("proxysql.username") == true)
        #expect(report.finding("Role pods")?.level == .error)
        #expect(report.finding("Role leases")?.level == .changed)
        #expect(report.finding("terminationGracePeriodSeconds")?.level == .changed)
        #expect(report.finding("livenessProbe /health")?.level == .unsupported)
        #expect(report.replacements.map(\.after).contains("image: YOUR-REGISTRY/drover:VERSION"))
        #expect(report.replacements.map(\.after).contains { $0.hasPrefix("args: [\"agent\"") })
        let equivalent = try #require(migration.equivalents.first?.text)
        let settings = try AgentSettings(
            arguments: AgentArguments(["--config", "new"]), environment: [:], read: { $0 == "new" ? equivalent : nil })
        #expect(settings.word("agent.mode") == "core")
        #expect(settings.text("agent.shutdown.drain-timeout-seconds") == "50")
    }

    @Test("no secret is shown, wherever it stands")
    func secrets() async throws {
        let file = "run_mode: core\nproxysql:\n  password: hunter2\n  pasword: hunter2\n"
        for migration in [try await check(manifest), try await check(file)] {
            let shown = String(decoding: try JSONEncoder().encode(migration.report), as: UTF8.self)
            #expect(!shown.contains("hunter2"))
            #expect(!migration.equivalents.contains { $0.text.contains("hunter2") })
        }
        let error = await #expect(throws: MigrationError.self) {
            _ = try await check("run_mode: core\nproxysql: {password: hunter2\n")
        }
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.description.contains("file0.yaml") == true)
    }

    @Test("a ConfigMap counts that stands after its workload")
    func laterMap() async throws {
        let parts = manifest.components(separatedBy: "---\n")
        let report = try await check(parts[2] + "\n---\n" + parts[1] + "---\n" + parts[0]).report
        #expect(report.finding("log.level") != nil)
        #expect(report.finding("proxysql.usrname")?.level == .unsupported)
    }

    @Test("a flag may have its value in the next word, and a shell's words are not taken for flags")
    func separateWords() async throws {
        let apart = manifest.replacing(
            "--proxysql.password=hunter2\"", with: "--core.interval\", \"7\", \"-log.level\", \"WARN\"")
        let report = try await check(apart).report
        #expect(report.finding("--core.interval")?.level == .same)
        #expect(report.finding("--log.level")?.level == .same)
        #expect(!report.findings.contains { $0.theirs == "flags" })
        let shell = manifest.replacing("[/app/proxysql-agent]", with: "[/bin/sh, -c, exec /app/proxysql-agent --x]")
        #expect(try await check(shell).report.finding("sh")?.level == .changed)
    }

    @Test("a mounted file that nobody can read is an error, and not passed over")
    func brokenMap() async throws {
        let report = try await check(manifest.replacing("level: debug", with: "level: [debug")).report
        #expect(report.findings.contains { $0.level == .error })
    }

    @Test("a file of variables that does not go on as one is refused with its line")
    func brokenEnvironment() async throws {
        let error = await #expect(throws: MigrationError.self) { try await check("AGENT_RUN_MODE=core\n\nnonsense\n") }
        #expect(error?.description.contains("line 3") == true)
    }

    @Test("what holds no agent is refused")
    func nothing() async throws {
        await #expect(throws: MigrationError.self) { _ = try await check("apiVersion: v1\nkind: Service\n") }
    }
}

@Suite("Moving from Chester")
struct ChesterMigrationTests {
    private func check(_ text: String, name: String = "daemon.env") async throws -> Migration {
        try await Migration(from: .chester, sources: [MigrationSource(name: name, text: text)])
    }

    private let daemon = """
        # The daemon.
        PROJECT_ID=p
        NETWORK_PROJECT_ID=host
        NETWORK_NAME=net
        PUBSUB_TOPIC=chester
        export PUBSUB_SUBSCRIPTION="chester-daemon"
        THIRD_SEGMENT=hunter2
        """

    @Test("the daemon's variables carry over, and nothing of them is an error")
    func variables() async throws {
        let migration = try await check(daemon)
        #expect(migration.report.exitCode == 1)
        let lines = Dictionary(migration.report.findings.map { ($0.theirs, $0.line) }) { first, _ in first }
        #expect(lines["PUBSUB_SUBSCRIPTION"] == 6)
        let text = try #require(migration.equivalents.first?.text)
        #expect(text.contains("network: projects/host/global/networks/net"))
        #expect(!text.contains("hunter2"))
    }

    @Test("a misspelt variable is named with the nearest, and one that is missing as missing")
    func wrong() async throws {
        let report = try await check("PUBSUB_TOPICS=chester\nPUBSUB_SUBSCRIPTION=s\nPROJECT_ID=p\n").report
        let near = try #require(report.findings.first { $0.theirs == "PUBSUB_TOPICS" })
        #expect(near.message?.contains("PUBSUB_TOPIC?") == true)
        #expect(report.findings.contains { $0.theirs == "PUBSUB_TOPIC" && $0.level == .error })
        #expect(report.exitCode == 2)
    }

    @Test("an empty variable is as good as none, and a workload that is not there is an error")
    func emptyVariable() async throws {
        let text = "PROJECT_ID=\nPUBSUB_TOPIC=a\nPUBSUB_SUBSCRIPTION=b\n"
        let source = MigrationSource(name: "daemon.env", text: text)
        let report = try await Migration(from: .chester, sources: [source]).report
        #expect(report.findings.filter { $0.theirs == "PROJECT_ID" }.map(\.level) == [.error])
        await #expect(throws: MigrationError.self) {
            try await Migration(from: .chester, sources: [source], workload: "nope")
        }
    }

    @Test("the API needs the key of passwords, the daemon does not")
    func keys() async throws {
        let api = "PROJECT_ID=p\nPUBSUB_TOPIC=t\nALLOWED_USERS=a@b.c\nPROJECT_NUMBER=1\nBACKEND_SERVICE_ID=2\n"
        let report = try await check(api).report
        #expect(report.findings.contains { $0.theirs == "KMS_KEY_RING" && $0.level == .error })
        let open = try await check(api + "FORCE_ENCRYPT=False\n").report
        #expect(!open.findings.contains { $0.level == .error })
    }

    @Test("a value that Drover refuses is an error on its line")
    func values() async throws {
        let text = "PROJECT_ID=p\nTOPIC=t\nAUTH_ENABLED=yes\n"
        let finding = try #require(try await check(text).report.findings.first { $0.level == .error })
        #expect(finding.theirs == "AUTH_ENABLED")
        #expect(finding.line == 3)
    }

    @Test("a manifest of Cloud Run is read")
    func cloudRun() async throws {
        let report = try await check(
            """
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: chester-api}
            spec:
              template:
                spec:
                  containers:
                    - image: x/chester-api
                      env:
                        - {name: ALLOWED_USERS, value: a@b.c}
                        - {name: PROJECT_ID, value: p}
            """, name: "run.yaml"
        ).report
        #expect(report.findings.contains { $0.theirs == "ALLOWED_USERS" && $0.line == 10 })
        #expect(report.replacements.map(\.after).contains("args: [\"api\"]"))
    }
}

import Agent
import FleetModel
import Foundation
import Testing

private func load(
    _ words: [String] = [], environment: [String: String] = [:], files: [String: String] = [:]
) throws -> AgentSettings {
    try AgentSettings(arguments: AgentArguments(words), environment: environment, read: { files[$0] })
}

@Suite("The agent's settings")
struct AgentSettingsTests {
    @Test("the Go agent's defaults hold when only the mode is set")
    func defaults() throws {
        let settings = try load(environment: ["AGENT_RUN_MODE": "core"])
        let expected = [
            "agent.mode": "core", "agent.start-delay-seconds": "0", "log.level": "INFO",
            "agent.proxysql.address": "127.0.0.1:6032", "agent.proxysql.username": "radmin",
            "agent.core.interval-seconds": "10", "agent.core.pod-selector.namespace": "proxysql",
            "agent.core.pod-selector.app": "proxysql", "agent.core.pod-selector.component": "core",
            "agent.satellite.interval-seconds": "10", "agent.api.port": "8080",
            "agent.shutdown.draining-file": "/var/lib/proxysql/draining",
            "agent.shutdown.drain-timeout-seconds": "30", "agent.shutdown.timeout-seconds": "60",
        ]
        for (name, text) in expected { #expect(settings.text(name) == text, "\(name)") }
        #expect(settings.secret("agent.proxysql.password") == nil)
    }

    @Test(
        "file < environment < flag, in the Go agent's spelling",
        arguments: AgentSettingKey.all.filter { $0.theirs != nil })
    func precedence(key: AgentSettingKey) throws {
        let samples: [String] =
            switch key.kind {
            case .flag: ["true", "false", "true"]
            case .address: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
            case .word(let words): [words[0], words[1], words[0]]
            case .seconds where key.theirs == "shutdown.shutdown_timeout": ["61", "62", "63"]
            default: ["11", "12", "13"]
            }
        let theirs = try #require(key.theirs)
        let variable = try #require(key.theirVariable)
        var yaml = ""
        for (depth, part) in theirs.split(separator: ".").enumerated() {
            yaml += String(repeating: "  ", count: depth) + "\(part):" + (theirs.hasSuffix(part) ? "" : "\n")
        }
        yaml += " \(samples[0])\n"
        let mode = key.theirs == "run_mode" ? [:] : ["AGENT_RUN_MODE": "core"]
        let file = ["/etc/proxysql-agent/config.yaml": yaml]
        #expect(try load(environment: mode, files: file).text(key.name) == samples[0])
        let environment = mode.merging([variable: samples[1]]) { $1 }
        #expect(try load(environment: environment, files: file).text(key.name) == samples[1])
        for words in [["--\(theirs)=\(samples[2])"], ["--\(key.flag)=\(samples[2])"]] {
            #expect(try load(words, environment: environment, files: file).text(key.name) == samples[2])
        }
        let ours = environment.merging([key.variable: samples[2]]) { $1 }
        #expect(try load(environment: ours, files: file).text(key.name) == samples[2])
    }

    @Test("an unknown key of their file is a warning that names it, of ours an error")
    func unknown() throws {
        let settings = try load(
            ["--run_mode=core"],
            files: ["/etc/proxysql-agent/config.yaml": "interfaces: [mysql]\nRUN_MODE: satellite\n"])
        #expect(settings.warnings.count == 1 && settings.warnings[0].contains("interfaces"))
        let problem = #expect(throws: AgentSettings.Problem.self) {
            _ = try load(
                ["--mode", "core"], files: ["/etc/drover/drover.yaml": "agent:\n  nonsense: 1\nfleet:\n  username: x\n"]
            )
        }
        #expect(problem?.complaints.count == 1)
        #expect(problem?.description.contains("agent.nonsense") == true)
    }

    @Test("a key of their file without a value keeps its default, an empty section says nothing")
    func emptyKeys() throws {
        let yaml = "run_mode: core\nproxysql:\n  address:\nstart_delay: ~\nlog:\ncore: {interval: }\n"
        let settings = try load(
            environment: ["AGENT_CONFIG_FILE": "/a.yaml"], files: ["/a.yaml": yaml])
        #expect(settings.text("agent.proxysql.address") == "127.0.0.1:6032")
        #expect(settings.text("agent.core.interval-seconds") == "10")
        #expect(settings.warnings == [])
        let odd = try load(
            environment: ["AGENT_CONFIG_FILE": "/a.yaml"], files: ["/a.yaml": "run_mode: core\nproxysql: 5\n"])
        #expect(odd.warnings.count == 1 && odd.warnings[0].contains("proxysql"))
        #expect(try load(["--run_mode=core"], files: ["./config.yaml": "---\n"]).warnings == [])
    }

    @Test("merged YAML mappings count, and give way to what stands beside them")
    func mergedKeys() throws {
        let yaml = """
            base: &base {app: one, component: two}
            other: &other {app: three, namespace: four}
            core:
              podselector: {<<: [*base, *other], component: own}
            run_mode: core
            """
        let settings = try load(files: ["./config.yaml": yaml])
        #expect(settings.text("agent.core.pod-selector.app") == "one")
        #expect(settings.text("agent.core.pod-selector.component") == "own")
        #expect(settings.text("agent.core.pod-selector.namespace") == "four")
    }

    @Test("the file of AGENT_CONFIG_FILE is the only one of theirs; a missing one is fine, a broken one is fatal")
    func location() throws {
        let files = ["/a.yaml": "run_mode: core\n", "./config.yaml": "run_mode: satellite\n"]
        #expect(try load(environment: ["AGENT_CONFIG_FILE": "/a.yaml"], files: files).text("agent.mode") == "core")
        #expect(try load(files: files).text("agent.mode") == "satellite")
        #expect(
            try load(["--run_mode=core"], environment: ["AGENT_CONFIG_FILE": "/none"], files: files)
                .text("agent.mode") == "core")
        #expect(throws: AgentSettings.Problem.self) {
            _ = try load(["--run_mode=core"], files: ["./config.yaml": "a: [\n"])
        }
    }

    @Test("what the Go agent refused is refused, and named")
    func refused() throws {
        let wrong = [
            ["--run_mode=other"], [], ["--run_mode=core", "--start_delay=-1"],
            ["--run_mode=core", "--core.interval=-1"],
            ["--run_mode=core", "--proxysql.address=127.0.0.1"],
            ["--run_mode=core", "--proxysql.address= 127.0.0.1:6032"],
            // In Drover's spelling; in theirs the Go agent took it.
            ["--run_mode=core", "--shutdown-drain-timeout-seconds=60"], ["--run_mode=core", "--log-level=verbose"],
        ]
        for words in wrong {
            #expect(throws: AgentSettings.Problem.self, "\(words)") { _ = try load(words) }
        }
        #expect(throws: AgentArguments.Problem.self) { _ = try AgentArguments(["--nonsense=1"]) }
        #expect(throws: AgentArguments.Problem.self) { _ = try AgentArguments(["word"]) }
        #expect(try AgentArguments(["--version"]).wantsVersion)
    }

    @Test(
        "what the Go agent starts with, it starts with, and says what it makes of it",
        arguments: [
            (["--shutdown.drain_timeout=60"], "agent.shutdown.timeout-seconds", "75"),
            (["--shutdown.drain_timeout=600"], "agent.shutdown.timeout-seconds", "615"),
            (
                ["--shutdown.drain_timeout=60", "--shutdown.shutdown_timeout=30"],
                "agent.shutdown.drain-timeout-seconds", "29"
            ),
            (["--log.format=colour"], "log.format", "text"), (["--log.level=FATAL"], "log.level", "INFO"),
            (["--log.level=TRACE5"], "log.level", "INFO"),
        ])
    func tolerated(words: [String], key: String, value: String) throws {
        let settings = try load(["--run_mode=core"] + words)
        #expect(settings.text(key) == value)
        #expect(settings.warnings.count == 1)
    }

    @Test("the word of the Go agent's own help is no mistake, and an empty level is none")
    func plain() throws {
        let settings = try load(["--run_mode=core", "--log.format=plain"], environment: ["AGENT_LOG_LEVEL": ""])
        #expect(settings.text("log.format") == "text")
        #expect(settings.text("log.level") == "INFO")
        #expect(settings.warnings.isEmpty)
    }

    @Test("secrets are redacted wherever settings are shown or complained about")
    func redaction() throws {
        let settings = try load(["--run_mode=core", "--proxysql.password=hunter2", "--api-token=hunter3"])
        #expect(settings.shown.allSatisfy { $0.value?.text.contains("hunter") != true })
        #expect(settings.secret("agent.proxysql.password")?.reveal() == "hunter2")
    }
}

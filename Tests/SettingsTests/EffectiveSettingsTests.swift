import FleetModel
import Foundation
import Settings
import Testing

private func load(
    flags: [String: String] = [:], environment: [String: String] = [:], yaml: String? = nil
) async throws -> EffectiveSettings {
    guard let yaml else {
        return try await EffectiveSettings(flags: flags, environment: environment, file: nil)
    }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-\(UUID().uuidString).yaml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try yaml.write(toFile: path, atomically: true, encoding: .utf8)
    return try await EffectiveSettings(flags: flags, environment: environment, file: path)
}

@Suite("Settings")
struct EffectiveSettingsTests {
    @Test("a flag beats the environment, which beats the file, which beats the default")
    func precedence() async throws {
        let yaml = "scaler:\n  cooldown-seconds: 10\n  poll-seconds: 11\n  resync-seconds: 12\n"
        let environment = ["DROVER_SCALER_COOLDOWN_SECONDS": "20", "DROVER_SCALER_POLL_SECONDS": "21"]
        let settings = try await load(
            flags: ["scaler.cooldown-seconds": "30"], environment: environment, yaml: yaml)
        #expect(settings.seconds("scaler.cooldown-seconds") == .seconds(30))
        #expect(settings.seconds("scaler.poll-seconds") == .seconds(21))
        #expect(settings.seconds("scaler.resync-seconds") == .seconds(12))
        #expect(settings.seconds("scaler.drain-deadline-seconds") == .seconds(600))
        let sources = settings.shown.filter { $0.key.name.hasPrefix("scaler.") }.compactMap { $0.value?.source }
        #expect(sources.prefix(4) == ["flag", "default", "environment", "file"])
    }

    @Test(
        "the variables of drover ctl may be there",
        arguments: ["DROVER_CTL_API", "DROVER_CTL_AGENT", "DROVER_CTL_TOKEN"])
    func othersVariables(name: String) async throws {
        _ = try await EffectiveSettings(flags: [:], environment: [name: "x"], file: nil)
    }

    @Test("unknown keys and impossible values are all named at once, with their source")
    func complaints() async throws {
        let error = await #expect(throws: SettingsError.self) {
            _ = try await load(
                environment: ["DROVER_SCALER_COOLDOWN": "1", "DROVER_LOG_LEVEL": "loud"],
                yaml: "scaler:\n  poll-seconds: -1\n  typo: 2\n")
        }
        let text = try #require(error).description
        for part in ["DROVER_SCALER_COOLDOWN", "log.level is \"loud\"", "environment", "scaler.typo", "\"-1\"", "file"]
        {
            #expect(text.contains(part), "\(part) is not in: \(text)")
        }
    }

    @Test("secrets are redacted wherever settings are shown")
    func redaction() async throws {
        let settings = try await load(environment: ["DROVER_FLEET_PASSWORD": "hunter2"])
        #expect(settings.shown.allSatisfy { $0.value?.text.contains("hunter2") != true })
        #expect(settings.secret("fleet.password")?.reveal() == "hunter2")
    }

    @Test("Chester's variable names are read where ours are not set")
    func chester() async throws {
        #expect(try await load(environment: ["PROJECT_ID": "a"]).text("cloudsql.project") == "a")
        #expect(try await load(environment: ["TOPIC": "t"]).text("pubsub.topic") == "t")
        let topics = ["TOPIC": "t", "PUBSUB_TOPIC": "p", "FORCE_ENCRYPT": "False"]
        #expect(try await load(environment: topics).text("pubsub.topic") == "p")
        #expect(try await load(environment: topics).flag("kms.force-encrypt") == false)
        #expect(try await load(environment: topics).isSet("kms.force-encrypt"))
        let both = ["PROJECT_ID": "a", "DROVER_CLOUDSQL_PROJECT": "b"]
        #expect(try await load(environment: both).text("cloudsql.project") == "b")
    }

    @Test("Chester's two variables for the network are one setting, which is shown; half of them is none")
    func chesterNetwork() async throws {
        let both = ["NETWORK_PROJECT_ID": "host", "NETWORK_NAME": "net"]
        let settings = try await load(environment: both)
        let shown = settings.shown.first { $0.key.name == "cloudsql.network" }?.value
        #expect(shown?.text == "projects/host/global/networks/net" && shown?.source == "environment")
        let ours = both.merging(["DROVER_CLOUDSQL_NETWORK": "ours"]) { first, _ in first }
        #expect(try await load(environment: ours).text("cloudsql.network") == "ours")
        let half = ["NETWORK_PROJECT_ID": "host", "NETWORK_NAME": ""]
        #expect(try await load(environment: half).optionalText("cloudsql.network") == nil)
    }

    @Test("an empty variable of Chester's is none, and its flags are Go's")
    func chesterWords() async throws {
        let empty = ["SECRET_ID": "", "AUTH_ENABLED": "", "PUBSUB_TOPIC": "", "TOPIC": "t"]
        let settings = try await load(environment: empty)
        #expect(!settings.isSet("ingest.secret-id"))
        #expect(!settings.isSet("ingest.auth-enabled"))
        #expect(settings.text("pubsub.topic") == "t")
        for (text, value) in [("1", true), ("T", true), ("TRUE", true), ("0", false), ("f", false)] {
            #expect(try await load(environment: ["FORCE_ENCRYPT": text]).flag("kms.force-encrypt") == value)
        }
        await #expect(throws: SettingsError.self) { _ = try await load(environment: ["FORCE_ENCRYPT": "yes"]) }
    }

    @Test(
        "what would leave the webhook open is refused: half of a proof, and an empty one",
        arguments: [
            ["DROVER_INGEST_AUTH_TOKEN": ""], ["DROVER_INGEST_SECRET_ID": ""],
            ["DROVER_INGEST_BASIC_USERNAME": "u"], ["DROVER_INGEST_BASIC_PASSWORD": "p"],
            ["DROVER_INGEST_BASIC_USERNAME": "u", "DROVER_INGEST_BASIC_PASSWORD": ""],
            ["DROVER_INGEST_PUSH_AUDIENCE": "a"], ["DROVER_INGEST_PUSH_EMAIL": "e"],
        ])
    func proofs(environment: [String: String]) async {
        await #expect(throws: SettingsError.self) { _ = try await load(environment: environment) }
    }

    @Test("a webhook that anybody can reach and use is one that somebody asked for")
    func openWebhook() async throws {
        func starts(
            _ flags: [String: String], _ environment: [String: String] = [:],
            _ webhook: EffectiveSettings.Webhook = .atAddress
        ) async -> Bool {
            let all = flags.merging(["api.authentication": "none"]) { first, _ in first }
            return (try? await EffectiveSettings(flags: all, environment: environment, file: nil, webhook: webhook))
                != nil
        }
        let everywhere = ["ingest.address": "0.0.0.0:8081"]
        #expect(await starts([:]))
        #expect(await !starts(everywhere))
        #expect(await starts(everywhere, [:], .none), "a role without a webhook")
        #expect(await !starts(everywhere.merging(["ingest.auth-enabled": "false"]) { $1 }))
        #expect(await !starts(everywhere.merging(["ingest.auth-enabled": "false", "ingest.secret-id": "s"]) { $1 }))
        for (key, value) in [
            ("ingest.allow-open", "true"), ("ingest.auth-token", "t"), ("ingest.secret-id", "s"),
            ("ingest.auth-enabled", "true"),
        ] { #expect(await starts(everywhere.merging([key: value]) { $1 }), "\(key)") }
        #expect(await !starts([:], ["PORT": "8080"], .atPort))
        #expect(await !starts([:], ["PORT": "eighty"], .atPort))
        #expect(await starts([:], ["PORT": "8080"]), "only ingest listens where PORT says")
        #expect(await starts([:], ["PORT": "8080", "DROVER_INGEST_AUTH_TOKEN": "t"], .atPort))
        // Chester's own function starts with these.
        let function = ["PORT": "8080", "PROJECT_ID": "p", "TOPIC": "t"]
        #expect(await starts([:], function, .atPort))
        #expect(await starts([:], function.merging(["AUTH_ENABLED": "false"]) { $1 }, .atPort))
        #expect(await starts(everywhere, ["AUTH_ENABLED": "false"], .atPort))
        #expect(await !starts(everywhere, function, .atPort), "Chester knows no ingest.address")
        #expect(await !starts(everywhere, ["AUTH_ENABLED": "false", "DROVER_INGEST_AUTH_ENABLED": "false"], .atPort))
    }

    @Test("without authentication the API is for this machine only")
    func loopbackOnly() async {
        await #expect(throws: SettingsError.self) { _ = try await load(flags: ["api.address": "0.0.0.0:8082"]) }
        for elsewhere in ["127.0.0.1.example.com:1", "127.example.com:1", "127.0.0:1", "10.0.0.1:1", "[::]:1"] {
            #expect(HostAndPort(elsewhere)?.isLoopback == false, "\(elsewhere)")
        }
        for here in ["127.0.0.1:1", "127.9.8.7:1", "localhost:1", "[::1]:1", "::1:1"] {
            #expect(HostAndPort(here)?.isLoopback == true, "\(here)")
        }
    }

    @Test("an IPv6 address is taken in brackets and shown so", arguments: ["[::1]:80", "::1:80"])
    func brackets(text: String) {
        let address = HostAndPort(text)
        #expect(address?.host == "::1" && address?.port == 80 && address?.description == "[::1]:80")
        #expect(HostAndPort("[a]:80") == nil && HostAndPort("[::1:80") == nil)
    }

    @Test("a broken file is an error that names it")
    func brokenFile() async {
        await #expect(throws: SettingsError.self) { _ = try await load(yaml: "a: [1") }
    }

    @Test(
        "nodes are read, and what is no node is refused",
        arguments: ["a", "a=core@h", "a=x@h:1", "a=core@h:1,a=core@h:2"])
    func nodes(text: String) {
        #expect(NodeAddress.list(text) == nil)
        #expect(NodeAddress.list("a=core@h:1, b=satellite@127.0.0.1:6032")?.map(\.name) == ["a", "b"])
    }
}

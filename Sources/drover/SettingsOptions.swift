import ArgumentParser
import Foundation
import Foundations
import Logging
import Observability
import Settings

/// The options that every role has in common: where its settings come from.
struct SettingsOptions: ParsableArguments {
    @Option(help: "YAML file with settings (else DROVER_CONFIG_FILE, else /etc/drover/drover.yaml if it exists).")
    var config: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A setting, overriding file and environment; may be repeated.", valueName: "key=value"))
    var overrides: [String] = []

    /// The file that is read; nil for none.
    var path: String? {
        let usual = "/etc/drover/drover.yaml"
        return config ?? ProcessInfo.processInfo.environment["DROVER_CONFIG_FILE"]
            ?? (FileManager.default.fileExists(atPath: usual) ? usual : nil)
    }

    /// Reads and checks the settings.
    /// - Throws: `ExitCode` 78 after every complaint was printed.
    func effective(
        servesAPI: Bool = true, webhook: EffectiveSettings.Webhook = .none, elsewhere: Bool = false
    ) async throws -> EffectiveSettings {
        var flags: [String: String] = [:]
        for text in overrides {
            guard let equals = text.firstIndex(of: "=") else {
                throw ValidationError("--set takes key=value")
            }
            let key = String(text[..<equals])
            guard SettingKey.all.contains(where: { $0.name == key }) else {
                let shown = ShownText.key(key, among: SettingKey.all.map(\.name))
                throw ValidationError("--set: the key \(shown) is unknown; 'drover config show' lists the known ones")
            }
            flags[key] = String(text[text.index(after: equals)...])
        }
        let environment = ProcessInfo.processInfo.environment
        do {
            return try await EffectiveSettings(
                flags: flags, environment: environment, file: path, servesAPI: servesAPI, webhook: webhook,
                elsewhere: elsewhere)
        } catch let error as SettingsError {
            for complaint in error.complaints { Console.complain(complaint) }
            throw ProgramExit.settings.code
        }
    }
}

/// Words for the person at the terminal.
enum Console {
    /// Writes a line to standard error.
    static func complain(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("drover: \(text)\n".utf8))
    }

    /// Writes what is wrong with a command line to standard error.
    static func complain(usage: String) {
        try? FileHandle.standardError.write(contentsOf: Data("\(usage)\n".utf8))
    }

    /// Writes a line to standard output at once, even into a pipe.
    static func say(_ text: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data("\(text)\n".utf8))
    }
}

extension EffectiveSettings {
    /// The logger that the settings ask for; every later logger is made the same way.
    func bootstrapLogging() -> Logger {
        let format = LineLogHandler.Format(rawValue: text("log.format")) ?? .json
        let level = Logger.Level(rawValue: text("log.level")) ?? .info
        return Telemetry.bootstrap(format: format, level: level)
    }
}

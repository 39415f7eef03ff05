import ArgumentParser
import FleetModel
import Foundation
import GoogleCloud
import Logging
import Pacing
import Persistence
import ProxySQLAdmin
import Scaler
import Settings
import Synchronization

/// What `drover scaler` takes for its dry run.
struct DryRunOptions: ParsableArguments {
    /// How a report is printed.
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    /// Where groups are kept.
    enum Store: String, ExpressibleByArgument, CaseIterable {
        case sqlite, datastore
    }

    @Option(help: "Short for --set store.kind=…")
    var store: Store?

    @Flag(help: "Prints what the scaler would do next, and changes nothing.")
    var dryRun = false

    @Option(name: .shortAndLong, help: "text, or json: one document a look.")
    var output = Output.text

    @Option(help: ArgumentHelp("Looks again after this time, for example 30s, until it is ended.", valueName: "time"))
    var watch: String?

    @Flag(help: "Exit code 2 when something would be done.")
    var exitCode = false

    func validate() throws {
        guard dryRun || (watch == nil && !exitCode) else {
            throw ValidationError("--watch and --exit-code go with --dry-run")
        }
        guard watch == nil || interval != nil else {
            throw ValidationError("--watch takes a time of at least 1s, for example 30s or 5m")
        }
    }

    /// The pause between two looks; nil looks once.
    var interval: Duration? {
        watch.flatMap { Duration(interval: $0) }.flatMap { $0 >= .seconds(1) ? $0 : nil }
    }

    func applied(to settings: SettingsOptions) -> SettingsOptions {
        var settings = settings
        if let store { settings.overrides.append("store.kind=\(store.rawValue)") }
        return settings
    }
}

/// `drover scaler --dry-run`.
struct ScalerDryRun {
    let options: DryRunOptions

    func run(_ settings: EffectiveSettings) async throws {
        let logger = settings.bootstrapLogging()
        let takenOver = Noted()
        let unopened = Noted()
        let rehearsal = try await Complaint.heard {
            try self.rehearsal(settings, logger, takenOver: takenOver, unopened: unopened)
        }
        while true {
            takenOver.clear()
            unopened.clear()
            let report = try await Complaint.heard {
                try await rehearsal.report { takenOver.texts.contains($0.text) }
            }
            switch options.output {
            case .text: Console.say(DryRunText.lines(report, notes: unopened.texts).joined(separator: "\n"))
            case .json:
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                Console.say(String(decoding: try encoder.encode(report), as: UTF8.self))
            }
            guard let interval = options.interval else {
                if report.hasFailed { throw ProgramExit.failure.code }
                if options.exitCode, report.wouldAct { throw ProgramExit.differs.code }
                return
            }
            try await ContinuousClock().sleep(for: interval)
        }
    }

    private func rehearsal(
        _ settings: EffectiveSettings, _ logger: Logger, takenOver: Noted, unopened: Noted
    ) throws -> Rehearsal {
        let recorder = ChangeRecorder()
        let groups: any GroupStore
        let incidents: any IncidentStore
        if settings.keepsInDatastore {
            let client = try settings.datastore(logger, recorder: recorder)
            let vault = KMSVault(request: try settings.request(.kms, "kms.endpoint", recorder: recorder, logger))
            groups = DatastoreGroupStore(
                client: client, passwords: (LenientVault(below: vault, unopened: unopened), nil),
                policy: try settings.defaultPolicy(), surroundings: (SystemWallClock(), Self.silent),
                foresees: { takenOver.note($0.text) }
            ) { _, _ throws(StoreError) in throw .unavailable(reason: "a dry run sends nothing") }
            incidents = DatastoreIncidentStore(client: client, logger: logger) { _, _ throws(StoreError) in
                throw .unavailable(reason: "a dry run sends nothing")
            }
        } else {
            let store = try SQLiteStore(readingFrom: settings.text("state.directory"))
            groups = store
            incidents = store
        }
        let fleet = try settings.fleet(logger)
        let load = try settings.loadSources(logger)
        var around = Rehearsal.Surroundings(
            groups: groups, incidents: incidents,
            provider: (try settings.cloudSQL(logger, recorder: recorder), recorder), fleet: fleet,
            deciding: Decider.Surroundings(
                load: load.all, zones: SystemTimeZones(), loadPoll: settings.seconds("scaler.load-poll-seconds")),
            wallClock: SystemWallClock())
        around.probe = try settings.replicationProbe(load.monitoring, logger)
        return Rehearsal(around: around, settings: ScalerSettings(settings), logger: Self.silent)
    }

    /// What the scaler's steps would log did not happen.
    private static let silent = Logger(label: "dry-run") { _ in SwiftLogNoOpLogHandler() }
}

/// Opens passwords where it may, and leaves them sealed where not: a dry run must not need the right to decrypt.
private struct LenientVault: PasswordVault {
    let below: any PasswordVault
    let unopened: Noted

    func seal(_ password: Secret, with key: KMSKeyVersion) async throws(StoreError) -> String {
        throw .unavailable(reason: "a dry run encrypts nothing")
    }

    func open(_ text: String, with key: KMSKeyVersion) async throws(StoreError) -> Secret {
        do throws(StoreError) {
            return try await below.open(text, with: key)
        } catch {
            unopened.note("passwords stay encrypted, so that mysql_users cannot be compared: \(error)")
            return Secret(text)
        }
    }
}

/// Texts that were noted during a look.
private final class Noted: Sendable {
    private let state = Mutex<Set<String>>([])

    var texts: [String] { state.withLock { $0.sorted() } }

    func note(_ text: String) { state.withLock { _ = $0.insert(text) } }

    func clear() { state.withLock { $0 = [] } }
}

import FleetModel
import Foundation
import GoogleCloud
import Hooks
import Logging
import Notifications
import Pacing
import Persistence
import ProxySQLAdmin
import Settings
import Watching

/// The notifiers of `drover serve`, one for each channel that is set.
struct NotificationServices: Sendable {
    /// Wakes them; to be among the sinks of events.
    let bell: NotificationBell
    /// To be run.
    let notifiers: [Notifier]

    /// Makes the notifiers that `settings` ask for.
    /// - Throws: `Complaint`.
    init(_ settings: EffectiveSettings, events: SQLiteEventLog, logger: Logger) throws {
        let channels = try Self.channels(settings)
        let wakeups = channels.map { _ in Wakeup() }
        bell = NotificationBell(wakeups)
        let around = Notifier.Surroundings(
            log: events, cursors: events, clock: ContinuousClock(), wallClock: SystemWallClock(), logger: logger)
        notifiers = zip(channels, wakeups).map { Notifier($0, around: around, wakeup: $1) }
    }

    /// The channels that `settings` name.
    /// - Throws: `Complaint`.
    static func channels(_ settings: EffectiveSettings) throws -> [NotificationChannel] {
        let environment = ProcessInfo.processInfo.environment
        return try [slack(settings), webhook(settings), exec(settings, environment)].compactMap(\.self)
    }

    /// What tells of troubles that last.
    func watch(
        _ settings: EffectiveSettings, _ backend: Backend, _ board: PublicationBoard, _ logger: Logger,
        tell: @escaping @Sendable ([FleetEvent]) async -> Void
    ) -> ConcernWatch {
        var limits = FleetConcern.Limits()
        limits.sizeUnmet = settings.seconds("watch.size-unmet-seconds")
        limits.operationStuck = settings.seconds("watch.stuck-seconds")
        limits.publicationFailing = settings.seconds("watch.publication-seconds")
        limits.decisionMissing = settings.seconds("watch.decision-seconds")
        limits.readerUnfit = settings.seconds("watch.unfit-seconds")
        limits.incidentOld = settings.seconds("watch.incident-seconds")
        return ConcernWatch(
            .init(
                groups: backend.groups, incidents: backend.incidents, decisions: backend.decisions, publications: board,
                events: backend.events),
            limits: limits, interval: settings.seconds("watch.interval-seconds"),
            time: (ContinuousClock(), SystemWallClock()), logger: logger, tell: tell)
    }

    private static func slack(_ settings: EffectiveSettings) throws -> NotificationChannel? {
        let parts = ["first", "second", "third"].map {
            settings.secret("notifications.slack.\($0)-segment")?.reveal() ?? ""
        }
        var url = settings.secret("notifications.slack.url")
        if url == nil, parts != ["", "", ""] {
            guard !parts.contains("") else {
                throw Complaint("notifications.slack: all three segments of the webhook's path must be set")
            }
            url = Secret("https://hooks.slack.com/services/\(parts.joined(separator: "/"))")
        }
        guard let url else { return nil }
        return try channel("slack", settings, .slack, hook("notifications.slack.url", url, nil, settings))
    }

    private static func webhook(_ settings: EffectiveSettings) throws -> NotificationChannel? {
        guard let url = settings.secret("notifications.webhook.url") else { return nil }
        let token = settings.secret("notifications.webhook.token")
        return try channel("webhook", settings, .json, hook("notifications.webhook.url", url, token, settings))
    }

    private static func exec(
        _ settings: EffectiveSettings, _ environment: [String: String]
    ) -> NotificationChannel? {
        let command = settings.text("notifications.exec.command").split(separator: " ").map(String.init)
        guard !command.isEmpty else { return nil }
        let program = Program(
            command, environment: Program.environment(environment),
            deadline: settings.seconds("notifications.timeout-seconds"), clock: ContinuousClock())
        return channel("exec", settings, .json, program)
    }

    private static func hook(
        _ key: String, _ url: Secret, _ token: Secret?, _ settings: EffectiveSettings
    ) throws -> Webhook {
        if let problem = Webhook.complaint(about: url.reveal()) { throw Complaint("\(key): \(problem)") }
        return Webhook(
            url, token: token.map { .fixed($0) } ?? .none, client: HTTPClients.client(for: url.reveal()),
            deadline: settings.seconds("notifications.timeout-seconds"), clock: ContinuousClock())
    }

    private static func channel(
        _ name: String, _ settings: EffectiveSettings, _ format: NotificationFormat, _ hook: any Hook
    ) -> NotificationChannel {
        let severity = FleetEvent.Severity(rawValue: settings.text("notifications.\(name).minimum-severity"))
        return NotificationChannel(
            name: name,
            filter: NotificationFilter(settings.text("notifications.\(name).events"), minimum: severity ?? .info),
            format: format, hook: hook,
            perMinute: settings.integer("notifications.per-minute"),
            giveUpAfter: settings.seconds("notifications.give-up-seconds"))
    }
}

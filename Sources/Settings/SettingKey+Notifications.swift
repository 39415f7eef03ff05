import FleetModel

extension SettingKey {
    private static let severities = ["info", "warning", "error"]

    /// Who is told what happened, and what is told that lasts too long.
    static let notifications: [SettingKey] =
        [
            SettingKey(
                "notifications.slack.url", .text, nil, "Slack-compatible incoming webhook that is told.",
                isSecret: true),
            SettingKey(
                "notifications.slack.first-segment", .text, nil,
                "With the other two, the path of a webhook at hooks.slack.com, where there is no URL.", isSecret: true),
            SettingKey("notifications.slack.second-segment", .text, nil, "Its second part.", isSecret: true),
            SettingKey("notifications.slack.third-segment", .text, nil, "Its third part.", isSecret: true),
        ] + filter("slack")
        + [
            SettingKey(
                "notifications.webhook.url", .text, nil, "Webhook that gets each event as JSON.", isSecret: true),
            SettingKey(
                "notifications.webhook.token", .text, nil, "Bearer token that it wants.", isSecret: true),
        ] + filter("webhook")
        + [
            SettingKey(
                "notifications.exec.command", .text, nil,
                "Program, and arguments separated by spaces, that gets each event as JSON on standard input.")
        ] + filter("exec")
        + [
            SettingKey(
                "notifications.per-minute", .integer(1...6_000), "30",
                "Messages a minute and channel; what is more waits, and Slack gets it in one message."),
            SettingKey(
                "notifications.timeout-seconds", .seconds(0.1...600), "10", "How long one try may take."),
            SettingKey(
                "notifications.give-up-seconds", .seconds(0...2_592_000), "86400",
                "After this a message that nobody takes is dropped."),
            SettingKey(
                "watch.size-unmet-seconds", .seconds(1...2_592_000), "1800",
                "How long a group may have fewer replicas than it wants before that is told."),
            SettingKey(
                "watch.stuck-seconds", .seconds(1...2_592_000), "5400",
                "How long a replica may stay in a state that it should leave."),
            SettingKey(
                "watch.publication-seconds", .seconds(1...2_592_000), "600",
                "How long nodes may not hold the configuration."),
            SettingKey(
                "watch.decision-seconds", .seconds(1...2_592_000), "600",
                "How long nothing may be decided about a group whose alert fires."),
            SettingKey(
                "watch.unfit-seconds", .seconds(1...2_592_000), "600",
                "How long a reader may be unfit to serve before that is told as a lasting trouble."),
            SettingKey(
                "watch.incident-seconds", .seconds(1...31_536_000), "86400",
                "How long an incident may be open before its closing may be lost."),
            SettingKey("watch.interval-seconds", .seconds(0.1...3_600), "15", "Between two looks for these six."),
        ]

    private static func filter(_ channel: String) -> [SettingKey] {
        [
            SettingKey(
                "notifications.\(channel).events",
                .words(["usual", "all"] + FleetEvent.Kind.allCases.map(\.rawValue)), "usual",
                "Kinds of events, separated by commas; usual leaves out the small steps, all nothing."),
            SettingKey(
                "notifications.\(channel).minimum-severity", .word(severities), "info", "The least urgent that is told."
            ),
        ]
    }
}

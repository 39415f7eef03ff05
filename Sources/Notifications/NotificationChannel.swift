package import Hooks

/// Where notifications go, which, and how hard it is tried.
package struct NotificationChannel: Sendable {
    /// Its name, which is also that of its cursor: `slack`, `webhook` or `exec`.
    package var name: String
    /// What it hears of.
    package var filter: NotificationFilter
    /// How its messages look.
    package var format: NotificationFormat
    /// Who gets them.
    package var hook: any Hook
    /// Messages a minute.
    package var perMinute: Int
    /// After this a message that nobody takes is dropped.
    package var giveUpAfter: Duration

    /// Makes a channel.
    package init(
        name: String, filter: NotificationFilter, format: NotificationFormat, hook: any Hook, perMinute: Int,
        giveUpAfter: Duration
    ) {
        self.name = name
        self.filter = filter
        self.format = format
        self.hook = hook
        self.perMinute = perMinute
        self.giveUpAfter = giveUpAfter
    }

    /// The longest pause between two tries.
    static let longestPause = Duration.seconds(60)

    /// The pause after the try number `attempt`, from 1; `spread` is 0.5–1.5.
    static func pause(after failure: HookFailure, attempt: Int, spread: Double) -> Duration {
        let grown = min(.seconds(1) * (1 << min(attempt - 1, 10)), longestPause) * spread
        return max(grown, failure.retryAfter ?? .zero)
    }
}

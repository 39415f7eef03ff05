/// Stretches of time that begin when a cron expression matches and last a fixed time.
package struct RecurringWindow: Hashable, Sendable {
    /// When it begins, in the time zone.
    package var cron: CronExpression
    /// How long it lasts, a minute to 31 days.
    package var duration: Duration
    /// An IANA name such as `Europe/Berlin`, `UTC`, or a fixed offset such as `+02:00`.
    package var timeZone: String

    /// Makes a window.
    package init(cron: CronExpression, duration: Duration, timeZone: String = "UTC") {
        self.cron = cron
        self.duration = duration
        self.timeZone = timeZone
    }

    /// When the window that is open at `now` ends; nil when none is. Windows that overlap count as the latest one.
    ///
    /// Where clocks go forward, a beginning in the hour that is left out happens within an hour of it; where they go
    /// back, one in the repeated hour happens twice. A zone that `offsets` does not know is taken as UTC.
    package func end(at now: Timestamp, offsets: any UTCOffset) -> Timestamp? {
        func east(_ moment: Timestamp) -> Int64 {
            Int64(offsets.secondsEast(of: timeZone, at: moment) ?? 0)
        }
        let length = max(0, duration.wholeMilliseconds / 1_000)
        let offset = east(now)
        // Room for the largest change of the clocks between the beginning and now.
        let earliest = CivilTime.floorDivide(now.secondsSinceEpoch + offset - length - 7_200, 60)
        let latest = CivilTime.floorDivide(now.secondsSinceEpoch + offset, 60)
        guard let match = cron.latestMatch(atOrBefore: latest, notBefore: earliest) else { return nil }
        let guess = Timestamp(secondsSinceEpoch: match * 60 - offset)
        let beginning = min(Timestamp(secondsSinceEpoch: match * 60 - east(guess)), now)
        let end = beginning.advanced(by: .seconds(length))
        return now < end ? end : nil
    }
}

/// A floor under the group's size that returns by the calendar.
package struct ScalingSchedule: Hashable, Sendable {
    /// Its name inside the policy; decisions name it.
    package var name: String
    /// When it holds.
    package var window: RecurringWindow
    /// Managed replicas that are kept while it holds, 1 or more; more than the maximum counts as the maximum.
    package var minimumReplicas: Int

    /// Makes a schedule.
    package init(name: String, window: RecurringWindow, minimumReplicas: Int) {
        self.name = name
        self.window = window
        self.minimumReplicas = minimumReplicas
    }
}

/// A time in which the group's size is not changed.
package struct FreezeWindow: Hashable, Sendable {
    /// When it is.
    package enum Time: Hashable, Sendable {
        /// Again and again.
        case recurring(RecurringWindow)
        /// Once, from the first moment to before the second.
        case once(from: Timestamp, until: Timestamp)
    }

    /// Its name inside the policy; decisions name it.
    package var name: String
    /// When it is.
    package var time: Time

    /// Makes a freeze.
    package init(name: String, time: Time) {
        self.name = name
        self.time = time
    }

    /// When the freeze that holds at `now` ends; nil when none does.
    package func end(at now: Timestamp, offsets: any UTCOffset) -> Timestamp? {
        switch time {
        case .recurring(let window): window.end(at: now, offsets: offsets)
        case .once(let from, let until): from <= now && now < until ? until : nil
        }
    }
}

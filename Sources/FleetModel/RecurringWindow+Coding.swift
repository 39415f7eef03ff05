// Windows are written flat: `cron`, `durationSeconds` and `timeZone` beside the name of what they are for.

extension PolicyReader {
    mutating func window() -> RecurringWindow? {
        let text = required("cron", "five fields such as \"0 7 * * 1-5\"", "* * * * *")
        if !contains("durationSeconds") { note("durationSeconds", "is missing; it must be a number of seconds") }
        let duration = seconds("durationSeconds") ?? .seconds(60)
        let timeZone = self.text("timeZone") ?? "UTC"
        do throws(CronExpression.Invalid) {
            return RecurringWindow(cron: try CronExpression(text), duration: duration, timeZone: timeZone)
        } catch {
            note("cron", error.description)
            return nil
        }
    }
}

extension PolicyWriter {
    mutating func window(_ window: RecurringWindow) throws {
        try write("cron", window.cron.description)
        try seconds("durationSeconds", window.duration)
        if window.timeZone != "UTC" { try write("timeZone", window.timeZone) }
    }
}

extension ScalingSchedule: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        let name = reader.required("name", "a text", "")
        let minimum = reader.required("minimumReplicas", "a whole number", 1)
        let window = reader.window()
        try reader.finish()
        guard let window else { throw PolicyProblems(problems: [PolicyProblem("cron", "cannot be read")]) }
        self.init(name: name, window: window, minimumReplicas: minimum)
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("name", name)
        try writer.write("minimumReplicas", minimumReplicas)
        try writer.window(window)
    }
}

extension FreezeWindow: Codable {
    package init(from decoder: any Decoder) throws {
        var reader = try PolicyReader(decoder)
        let name = reader.required("name", "a text", "")
        let time: Time?
        if reader.contains("cron") {
            time = reader.window().map { .recurring($0) }
        } else if reader.contains("from"), reader.contains("until") {
            let (from, until) = (reader.moment("from"), reader.moment("until"))
            time = from.flatMap { from in until.map { .once(from: from, until: $0) } }
        } else {
            reader.note("cron", "is missing; give cron and durationSeconds, or from and until")
            time = nil
        }
        try reader.finish()
        guard let time else { throw PolicyProblems(problems: [PolicyProblem("cron", "cannot be read")]) }
        self.init(name: name, time: time)
    }

    package func encode(to encoder: any Encoder) throws {
        var writer = PolicyWriter(encoder)
        try writer.write("name", name)
        switch time {
        case .recurring(let window):
            try writer.window(window)
        case .once(let from, let until):
            try writer.moment("from", from)
            try writer.moment("until", until)
        }
    }
}

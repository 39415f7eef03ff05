import Agent
import FleetModel

/// Events of groups, and of agents.
enum EventPage {
    static var text: String {
        """
        # Events

        ## Of groups

        In `GET /v1/events`, `drover ctl events` and [notifications](../guides/notifications.md). Each has `id`, `time`
        (RFC 3339), `group`, `kind`, `severity` (\(Markdown.codes(FleetEvent.Severity.allCases.map(\.rawValue)))), `sentence` and `fields`,
        whose members are texts and stand there where they are known.


        """
            + Markdown.table(
                ["kind", "meaning", "fields"],
                FleetEvent.Kind.allCases.map { kind in
                    let fields = FleetEvent.Field.allCases.filter(kind.fields.contains).map(\.rawValue)
                    return [
                        Markdown.code(kind.rawValue), kind.meaning, fields.isEmpty ? "none" : Markdown.codes(fields),
                    ]
                })
            + "\n"
            + Markdown.table(
                ["field", "what it holds"],
                FleetEvent.Field.allCases.map { [Markdown.code($0.rawValue), $0.meaning] })
                + """

                ## Of an agent's node

                For [plugins](../guides/plugins.md): programs and webhooks. Each has `event`, `node`, `role` (`core` or
                `satellite`), `time`, `plugin`, `question` and `details`, whose members are texts.


                """
            + Markdown.table(
                ["event", "meaning", "details"],
                AgentEvent.Kind.allCases.map { kind in
                    let details = AgentEvent.Detail.allCases.filter(kind.details.contains).map(\.rawValue)
                    return [
                        Markdown.code(kind.rawValue), kind.meaning, details.isEmpty ? "none" : Markdown.codes(details),
                    ]
                })
            + "\n"
            + Markdown.table(
                ["detail", "what it holds"],
                AgentEvent.Detail.allCases.map { [Markdown.code($0.rawValue), $0.meaning] })
    }
}

import ArgumentParser
import ControlClient

/// `drover ctl decisions`: what was decided about a size.
struct CtlDecisions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decisions", abstract: "Lists the decisions about a database's size, newest first.")

    @Argument(help: "Its name.") var database: String
    @Option(help: "How many.") var limit = 20
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            try await work.showAll(
                groupPath(database, "/decisions"), cursor: "before", limit: limit,
                columns: [
                    .init("FIRST", "firstAt"), .init("LAST", "lastAt"), .init("TIMES", "count"),
                    .init("REASON", "reason"), .init("DECISION", "sentence"),
                ])
        }
    }
}

/// `drover ctl nodes`: what each ProxySQL node holds.
struct CtlNodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes", abstract: "Shows what each ProxySQL node holds of a database.")

    @Argument(help: "Its name.") var database: String
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            try await work.showNodes(of: database)
        }
    }
}

/// `drover ctl history`: what a database was.
struct CtlHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Lists a database's generations, or shows one.")

    @Argument(help: "Its name.") var database: String
    @Option(help: "Shows the database as it was then.") var generation: Int?
    @Option(help: "How many.") var limit = 20
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            if let generation {
                let shown = work.presenting(.table, as: .yaml)
                return try await shown.show(groupPath(database, "/history/\(generation)"), columns: [])
            }
            try await work.showAll(
                groupPath(database, "/history"), cursor: "before", limit: limit, columns: CtlAudit.columns)
        }
    }
}

/// `drover ctl audit`: who changed what.
struct CtlAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Lists who changed which database, newest first.")

    static let columns = [
        Presentation.Column("AT", "at"), .init("DATABASE", "group"), .init("GENERATION", "generation"),
        .init("ACTOR", "actor"), .init("FROM", "source"), .init("ACTION", "action"),
    ]

    @Option(help: "Only changes by that caller.") var actor: String?
    @Option(help: "How many.") var limit = 20
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            try await work.showAll(
                "/v1/audit", query: [("actor", actor)], cursor: "before", limit: limit, columns: Self.columns)
        }
    }
}

/// `drover ctl events`: what happens.
struct CtlEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Shows what happened or happens.",
        discussion: """
            Each event has an id; --after goes on where another look ended. With --follow a lost connection is made \
            again, and nothing is missed that the log keeps.

            EXAMPLES
              drover ctl events --database shop --limit 20
              drover ctl events --follow --kind replica-serving,replica-failed -o json
            """)

    @Flag(help: "Goes on until it is interrupted.") var follow = false
    @Option(help: "Only events behind that id; 0 begins with the oldest.") var after: Int64?
    @Option(help: "Only events of that database.") var database: String?
    @Option(help: "Only these kinds, separated by commas.") var kind: String?
    @Option(help: "How many, without --follow.") var limit = 50
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            guard !follow else { return try await work.follow(after: after, group: database, kind: kind) }
            try await work.show(
                "/v1/events",
                query: [
                    ("after", after.map { "\($0)" }), ("group", database), ("kind", kind), ("limit", "\(limit)"),
                ], columns: Operator.eventColumns)
        }
    }
}

import ArgumentParser
import ControlClient
import JSONValues
import ManagementAPI
import NIOHTTP1

/// `drover ctl rollback`: gives a database an earlier content.
struct CtlRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Gives a database the content of an earlier generation.")

    @Argument(help: "Its name.") var database: String
    @Argument(help: "As 'ctl history' shows it.") var generation: Int
    @OptionGroup var deletion: DeletionOption
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            try await work.change(
                database, .POST, groupPath(database, "/rollback"), body: ["generation": .integer(Int64(generation))],
                consent: consent.consent, deletesReplicas: deletion.deleteReplicas)
        }
    }
}

/// How long a hold lasts, and why.
struct HoldOptions: ParsableArguments {
    @Option(name: .customLong("for"), help: "How long, for example 90s, 30m, 2h or 1d.")
    var duration = "1h"

    @Option(help: "Why, for those who find it.")
    var reason: String?

    /// The members of a request.
    func members() throws -> [String: JSONValue] {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = duration.last.flatMap({ units[$0] }), let number = Int64(duration.dropLast()), number > 0,
            number < 1_000_000
        else { throw ValidationError("--for takes a number and s, m, h or d, not \(duration)") }
        var members: [String: JSONValue] = ["forSeconds": .integer(number * unit)]
        if let reason { members["reason"] = .string(reason) }
        return members
    }
}

/// Which changes of size are meant.
enum HoldDirection: String, CaseIterable, ExpressibleByArgument {
    case out, `in`, both
}

/// `drover ctl pause`: holds changes of size.
struct CtlPause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Holds adding replicas, removing them, or both, for a while.",
        discussion: """
            It ends by itself; 'drover ctl resume' ends it before that.

            EXAMPLE
              drover ctl pause shop --direction in --for 2h --reason sale
            """)

    @Argument(help: "Its name.") var database: String
    @Option(help: "What is held.") var direction = HoldDirection.both
    @OptionGroup var hold: HoldOptions
    @OptionGroup var options: CtlOptions

    func run() async throws {
        var members = try hold.members()
        members["direction"] = .string(direction.rawValue)
        let body = JSONValue.object(members)
        try await options.run { work in
            try await work.order(
                .POST, groupPath(database, "/pause"), body: body,
                done: "\(database): scaling (\(direction.rawValue)) is paused for \(hold.duration)")
        }
    }
}

/// `drover ctl resume`: ends pauses and the pin of a database, or the drain of a node.
struct CtlResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "With a database, ends its pauses and its pin; without one, ends the drain of a node.",
        discussion: """
            drover ctl resume shop          scaling of the database shop goes on, through the management API at --api
            drover ctl resume               the node at --agent takes clients again, as after 'drover ctl drain'
            """)

    @Argument(help: "The database; without it the node at --agent is meant.") var database: String?
    @Option(help: "Which pause of a database ends; both, the default, ends the pin too.")
    var direction: HoldDirection?
    @Option(
        help: "Address of a node's agent, without a database (else DROVER_CTL_AGENT, else http://127.0.0.1:8080).")
    var agent: String?
    @OptionGroup var options: CtlOptions

    func run() async throws {
        switch try target() {
        case .node(let agent):
            try await options.reaching(AgentOptions.address(agent)).run { try await AgentResume.call($0) }
        case .database(let database): try await resume(database)
        }
    }

    private func target() throws -> ResumeTarget {
        var onlyForDatabases: [String] = []
        if options.api != nil { onlyForDatabases.append("--api") }
        if direction != nil { onlyForDatabases.append("--direction") }
        do throws(ControlError) {
            return try ResumeTarget.read(database: database, agent: agent, onlyForDatabases: onlyForDatabases)
        } catch {
            throw ValidationError(error.description)
        }
    }

    private func resume(_ database: String) async throws {
        let direction = direction ?? .both
        try await options.run { work in
            try await work.order(
                .POST, groupPath(database, "/resume"), body: ["direction": .string(direction.rawValue)],
                done: "\(database): scaling (\(direction.rawValue)) goes on")
        }
    }
}

/// `drover ctl pin`: keeps a size.
struct CtlPin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keeps a database at a number of managed replicas, for a while.")

    @Argument(help: "Its name.") var database: String
    @Argument(help: "Managed replicas.") var size: Int
    @OptionGroup var hold: HoldOptions
    @OptionGroup var deletion: DeletionOption
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var options: CtlOptions

    func run() async throws {
        var members = try hold.members()
        members["size"] = .integer(Int64(size))
        let body = JSONValue.object(members)
        try await options.run { work in
            try await work.pin(
                database, body, done: "\(database): the size stays \(size) for \(hold.duration)",
                consent: consent.consent, deletesReplicas: deletion.deleteReplicas)
        }
    }
}

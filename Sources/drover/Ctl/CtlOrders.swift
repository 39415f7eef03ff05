import JSONValues
import ArgumentParser
import ControlClient
import ManagementAPI
import NIOHTTP1

/// `drover ctl rollback`: gives a database an earlier content.
struct CtlRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Gives a database the content of an earlier generation.")

    @Argument var database: String
    @Argument var generation: Int
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            try await work.change(
                database, .POST, groupPath(database, "/rollback"), body: ["generation": .integer(Int64(generation))],
                consent: consent.consent)
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
        commandName: "pause", abstract: "Holds adding replicas, removing them, or both, for a while.")

    @Argument var database: String
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

/// `drover ctl resume`: ends pauses and the pin.
struct CtlResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Ends pauses and the pin.")

    @Argument var database: String
    @Option(help: "Which pause ends; both ends the pin too.") var direction = HoldDirection.both
    @OptionGroup var options: CtlOptions

    func run() async throws {
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

    @Argument var database: String
    @Argument var size: Int
    @OptionGroup var hold: HoldOptions
    @OptionGroup var options: CtlOptions

    func run() async throws {
        var members = try hold.members()
        members["size"] = .integer(Int64(size))
        let body = JSONValue.object(members)
        try await options.run { work in
            try await work.order(
                .POST, groupPath(database, "/pin"), body: body,
                done: "\(database): the size stays \(size) for \(hold.duration)")
        }
    }
}

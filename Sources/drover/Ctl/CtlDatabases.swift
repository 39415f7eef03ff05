import ArgumentParser
import ControlClient
import Foundation
import Foundations
import JSONValues
import ManagementAPI
import NIOHTTP1

/// `drover ctl databases`: the groups.
struct CtlDatabases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "databases",
        abstract: "Lists, shows and changes databases.",
        subcommands: [List.self, Get.self, Add.self, Modify.self, Adopt.self, Remove.self, Purge.self],
        defaultSubcommand: List.self)

    private static let columns = [
        Presentation.Column("NAME", "name"), .init("PRIMARY", "primaryInstance"), .init("GENERATION", "generation"),
        .init("WRITER", "writerHostgroup"), .init("READER", "readerHostgroup"), .init("SERVERS", "servers.#"),
        .init("MANAGED", "replicas.#"), .init("MAXIMUM", "policy.maximumReplicas"),
    ]

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists databases.")

        @Option(help: "Only databases whose name begins so.")
        var name: String?

        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                try await work.showAll(
                    "/v1/groups", query: [("name", name)], cursor: "after", limit: .max, columns: columns)
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a database.")

        @Argument(help: "Its name.") var database: String
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { try await $0.show(groupPath(database), columns: columns) }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a database.",
            discussion: """
                The user's password is read from the variable that --password-env names. A database that is there \
                already is left as it is, and the exit code is 1: 'modify' changes parts of one, 'drover ctl apply' \
                makes it what a file says.

                EXAMPLE
                  APP=secret drover ctl databases add shop --primary-address 10.0.0.5 --replica shop-r1=10.0.0.6 \\
                    --username app --password-env APP
                """)

        @Argument(help: "Its name.") var database: String
        @Option(help: "Address of the primary.") var primaryAddress: String
        @Option(help: "Name of the primary instance; the database's when absent.") var primary: String?
        @Option(help: ArgumentHelp("A replica; may be repeated.", valueName: "name=address"))
        var replica: [String] = []
        @Option(help: "User of the applications.") var username: String
        @Option(help: "Environment variable with the user's password.") var passwordEnv: String
        @Option(help: "Replicas that Drover may add.") var maximumReplicas: Int?
        @OptionGroup var adoption: AdoptOption
        @OptionGroup var verification: VerifyOption
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var options: CtlOptions

        func run() async throws {
            guard let password = ProcessInfo.processInfo.environment[passwordEnv] else {
                throw ValidationError("the environment variable \(ShownText.variable(passwordEnv)) is not set")
            }
            var servers: [JSONValue] = [
                ["name": .string(primary ?? database), "address": .string(primaryAddress), "origin": "primary"]
            ]
            for text in replica {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { throw ValidationError("--replica takes name=address, not \(text)") }
                servers.append(["name": .string(parts[0]), "address": .string(parts[1])])
            }
            var document: [String: JSONValue] = [
                "servers": .array(servers),
                "users": [["username": .string(username), "password": .string(password)]],
            ]
            if let maximumReplicas { document["policy"] = ["maximumReplicas": .integer(Int64(maximumReplicas))] }
            let body = JSONValue.object(document)
            try await options.run { work in
                try await work.change(
                    database, .PUT, groupPath(database), body: body, query: adoption.query + verification.query,
                    makes: true, consent: consent.consent)
            }
        }
    }

    struct Modify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes a database by a merge patch.",
            discussion: "For example: drover ctl databases modify shop --set policy.maximumReplicas=8")

        @Argument(help: "Its name.") var database: String
        @Option(
            name: .customLong("set"),
            help: ArgumentHelp("A member of the document; may be repeated.", valueName: "path=value"))
        var assignments: [String] = []
        @Option(name: .shortAndLong, help: ArgumentHelp("YAML or JSON file with the patch.", valueName: "file"))
        var file: String?
        @OptionGroup var adoption: AdoptOption
        @OptionGroup var verification: VerifyOption
        @OptionGroup var deletion: DeletionOption
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                var patch = JSONValue.object([:])
                if let file { patch = try YAMLText.read(try readText(file)) }
                for text in assignments {
                    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    guard parts.count == 2 else {
                        throw ControlError(.unusableInput, "--set takes path=value")
                    }
                    var value = try YAMLText.read(String(parts[1]))
                    for name in parts[0].split(separator: ".").reversed() { value = .object([String(name): value]) }
                    patch = patch.combined(with: value)
                }
                try await work.change(
                    database, .PATCH, groupPath(database), body: patch, query: adoption.query + verification.query,
                    consent: consent.consent, deletesReplicas: deletion.deleteReplicas)
            }
        }
    }

    struct Adopt: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes over the rows of somebody else that are in a database's places.",
            discussion: """
                Shows the rows on each node that keep the database's own away (code foreign-rows) and asks. What was adopted \
                stays with the database, so that a node that comes back with such a row is corrected; a row that \
                somebody writes later in another place of the database is refused again.
                """)

        @Argument(help: "Its name.") var database: String
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                try await work.change(
                    database, .PATCH, groupPath(database), body: ["adopt": true], consent: consent.consent)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Withdraws a database from every node and forgets it.")

        @Argument(help: "Its name.") var database: String
        @Flag(help: "Drains and deletes the replicas that Drover added.") var deleteReplicas = false
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                try await work.change(
                    database, .DELETE, groupPath(database), body: nil,
                    query: [("deleteReplicas", deleteReplicas ? "true" : nil)], consent: consent.consent,
                    deletesReplicas: deleteReplicas)
            }
        }
    }
}

extension CtlDatabases {
    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes the rows of a database that is not registered from every node.",
            discussion: """
                For rows with Drover's mark that nobody keeps any more, which the event orphaned-rows tells of: a node \
                came back from an old disk, or the store was lost. For one hour they go wherever they turn up, also when \
                clients use them. Nothing is asked: look at the rows first.

                EXAMPLE
                  drover ctl databases purge cafe --yes --reason "removed in May, node-2 came back from a snapshot"
                """)

        @Argument(help: "Its name.") var database: String
        @Flag(help: "That the rows may go, and with them the users that clients log in with.") var yes = false
        @Option(help: "Why, for the audit log.") var reason: String?
        @OptionGroup var options: CtlOptions

        func validate() throws {
            guard yes else {
                throw ValidationError(
                    "clients of \(database) can log in no more when its rows go; add --yes if that is what you want")
            }
        }

        func run() async throws {
            try await options.run { work in
                try await work.order(
                    .POST, groupPath(database, "/purge"), body: reason.map { ["reason": .string($0)] } ?? [:],
                    done: "\(database): every node that answers within an hour loses its rows")
            }
        }
    }
}

/// `drover ctl apply`: makes databases what a file says of them.
struct CtlApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Makes databases what a file says of them; others are left alone.",
        discussion: """
            Shows, for each database, the rows that every ProxySQL node would get and lose, and asks once for all of \
            them; when one is refused, nothing is written. Where nobody can be asked, --yes is needed, else nothing is \
            changed and the exit code is 2. 'drover ctl export' writes such a file.

            EXAMPLES
              drover ctl apply -f databases.yaml --dry-run
              drover ctl apply -f databases.yaml
              drover ctl export | sed 's/maximumReplicas: 3/maximumReplicas: 5/' | drover ctl apply -f - --yes
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("YAML file; - is standard input.", valueName: "file"))
    var file: String
    @OptionGroup var adoption: AdoptOption
    @OptionGroup var verification: VerifyOption
    @OptionGroup var deletion: DeletionOption
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var options: CtlOptions

    func run() async throws {
        try await options.run { work in
            let databases = try DatabaseFile(
                try readText(file), environment: ProcessInfo.processInfo.environment)
            try await work.apply(
                databases, query: adoption.query + verification.query, consent: consent.consent,
                deletesReplicas: deletion.deleteReplicas)
        }
    }
}

/// The text of a file, or of standard input for `-`.
func readText(_ path: String) throws(ControlError) -> String {
    do throws(UnusableFile) {
        return try InputFile.existingText(path == "-" ? "/dev/stdin" : path)
    } catch {
        throw ControlError(.unusableInput, "\(path) cannot be read: \(error)")
    }
}

import ArgumentParser
import ControlClient
import JSONValues
import NIOHTTP1

/// `drover ctl incidents`: what alerts asked for.
struct CtlIncidents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incidents", abstract: "Lists and closes incidents.",
        subcommands: [List.self, Close.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists incidents.")

        @Option(help: "Only incidents of that database.") var database: String?
        @Option(help: "Only open or closed ones.") var state: String?
        @Option(help: "How many.") var limit = 50
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                try await work.show(
                    "/v1/incidents", query: [("group", database), ("state", state), ("limit", "\(limit)")],
                    columns: [
                        .init("STARTED", "startedAt"), .init("ID", "id"), .init("DATABASE", "group"),
                        .init("ASKS", "action"), .init("STATE", "state"), .init("PROCESS", "lastProcess"),
                        .init("REPLICA", "lastReplicaName"),
                    ])
            }
        }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Closes an incident whose closing never came.",
            discussion: """
                The group finishes what is under way and then asks for no more on behalf of this incident. Later \
                notifications of the same incident change nothing; the next firing of the alert is a new incident.

                EXAMPLE
                  drover ctl incidents close 0-m5k2 --reason "the alert policy was deleted"
                """)

        @Argument(help: "Its id, as 'ctl incidents' shows it.") var incident: String
        @Option(help: "Why, for the audit log.") var reason: String?
        @OptionGroup var options: CtlOptions

        func run() async throws {
            let body: JSONValue = reason.map { ["reason": .string($0)] } ?? [:]
            try await options.run { work in
                try await work.order(
                    .POST, "/v1/incidents/\(APIClient.escaped(incident))/close", body: body,
                    done: "\(incident) is closed")
            }
        }
    }
}

/// `drover ctl replicas`: what Drover added.
struct CtlReplicas: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicas",
        abstract: "Lists the replicas that Drover manages, lets go of one, or tries one again.",
        subcommands: [List.self, Forget.self, Retry.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the replicas that Drover manages.")

        @Argument(help: "The database's name.") var database: String
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                try await work.show(
                    groupPath(database, "/replicas"),
                    columns: [
                        .init("NAME", "name"), .init("STATE", "state"), .init("SINCE", "stateSince"),
                        .init("FITNESS", "fitness"), .init("UNFIT", "unfit.code"), .init("WEIGHT", "weight"),
                        .init("LAG", "lagSeconds"), .init("MEASURED", "lagMeasuredAt"),
                        .init("ADDRESS", "address"), .init("INCIDENT", "incidentId"), .init("FAILURE", "failure"),
                        .init("WAITS FOR", "waitsFor"),
                    ])
            }
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets go of a replica without deleting its instance.",
            discussion: """
                The rows of the replica leave every node as in a scale-in, then its record ends. The instance is not \
                deleted: it goes on costing until somebody deletes it in Cloud SQL. Drover does not take it up again, \
                unless 'drover ctl replicas retry' says so.

                EXAMPLE
                  drover ctl replicas forget shop-replica-k3x9 --reason "promoted for the migration"
                """)

        @OptionGroup var choice: ReplicaChoice
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                let (database, replica) = try await choice.resolve(work)
                try await work.change(
                    database, .POST, groupPath(database, "/replicas/\(APIClient.escaped(replica))/forget"),
                    body: choice.body, consent: consent.consent)
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tries the present step of a replica again now.",
            discussion: """
                The deadline of the step begins anew and the wait between two tries is over. For an instance that was \
                left to its owner: Drover manages it again, if Cloud SQL still shows it with this group's labels.

                EXAMPLE
                  drover ctl replicas retry shop-replica-k3x9
                """)

        @OptionGroup var choice: ReplicaChoice
        @OptionGroup var options: CtlOptions

        func run() async throws {
            try await options.run { work in
                let (database, replica) = try await choice.resolve(work)
                try await work.order(
                    .POST, groupPath(database, "/replicas/\(APIClient.escaped(replica))/retry"), body: choice.body,
                    done: "\(database): \(replica) is tried again")
            }
        }
    }
}

/// Which replica is meant: its name alone says that, the name of its database before it spares a search.
struct ReplicaChoice: ParsableArguments {
    @Argument(help: "The replica's name, or the database's name and the replica's.") var names: [String]
    @Option(help: "Why, for the audit log.") var reason: String?

    func validate() throws {
        guard (1...2).contains(names.count) else { throw ValidationError("name one replica") }
    }

    var body: JSONValue { reason.map { ["reason": .string($0)] } ?? [:] }

    func resolve(_ work: Operator) async throws(ControlError) -> (database: String, replica: String) {
        if names.count == 2 { return (names[0], names[1]) }
        return (try await work.group(ofReplica: names[0]), names[0])
    }
}

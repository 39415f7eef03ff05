import ArgumentParser
import ControlClient
import Foundation
import NIOHTTP1

/// `drover ctl agent`: one node, through its agent.
struct CtlAgent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Operates one node through its agent.",
        discussion:
            """
            status, backends, cluster, resync, drain, resume and watch are to be had as 'drover ctl status' and so on \
            too.
            """,
        subcommands: [
            AgentStatus.self, AgentBackends.self, AgentCluster.self, AgentResync.self, AgentDrain.self,
            AgentResume.self, AgentReload.self, AgentWatch.self, AgentBackend.self,
        ])

    /// Those whose names are free at the level above; `resume` is shared with databases there.
    static let shortcuts: [any ParsableCommand.Type] = [
        AgentStatus.self, AgentBackends.self, AgentCluster.self, AgentResync.self, AgentDrain.self, AgentWatch.self,
    ]
}

/// Which agent, and how answers are shown.
struct AgentOptions: ParsableArguments {
    @Option(help: "Address of the agent (else DROVER_CTL_AGENT, else http://127.0.0.1:8080).")
    var agent: String?

    @Option(
        help: ArgumentHelp(
            "File with the agent's bearer token (else the variable DROVER_CTL_TOKEN).", valueName: "file"))
    var tokenFile: String?

    @Option(help: "How long one call may take, in seconds.")
    var timeout = 10.0

    @Option(name: .shortAndLong, help: "How answers are shown.")
    var output = Presentation.table

    /// Runs `body` with an operator for the agent.
    func run(_ body: @Sendable (Operator) async throws -> Void) async throws {
        var words = ["--api", Self.address(agent), "--timeout", "\(timeout)", "--output", output.rawValue]
        if let tokenFile { words += ["--token-file", tokenFile] }
        try await CtlOptions.parse(words).run(body)
    }

    /// The address of the agent that is meant when `given` is; the scheme may be left out.
    static func address(_ given: String?) -> String {
        let text = given ?? ProcessInfo.processInfo.environment["DROVER_CTL_AGENT"] ?? "http://127.0.0.1:8080"
        return text.contains("://") ? text : "http://\(text)"
    }
}

/// `drover ctl status`: the node as it was last seen.
struct AgentStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows a node: role, leader, configuration, drift, clients, drain.")
    static let columns: [Presentation.Column] = [
        .init("NODE", "node"), .init("ROLE", "role"), .init("LEADER", "leader"), .init("STATE", "boot"),
        .init("REASON", "reason"),
        .init("RUNNING", "running.order.value"), .init("GENERATION", "generation"), .init("READY", "ready"),
        .init("LIVE", "live"), .init("DRAIN", "drain"), .init("ONLINE", "backends.online"),
        .init("BACKENDS", "backends.total"), .init("CLIENTS", "clients"), .init("DRIFT", "drift.#"),
        .init("CONCERNS", "concerns.#"), .init("MESSAGE", "message"), .init("NOTE", "note"),
    ]

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { try await $0.show("/v1/status", columns: Self.columns) }
    }
}

/// `drover ctl backends`: the node's backends.
struct AgentBackends: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backends", abstract: "Lists a node's backends as its connection pool has them.")

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { work in
            try await work.show(
                "/v1/backends",
                columns: [
                    .init("HOSTGROUP", "hostgroup"), .init("HOST", "host"), .init("PORT", "port"),
                    .init("STATUS", "status"), .init("USED", "used"), .init("FREE", "free"),
                    .init("QUERIES", "queries"), .init("ERRORS", "errors"), .init("LATENCY_US", "latency_us"),
                ])
        }
    }
}

/// `drover ctl cluster`: what the node knows of its peers.
struct AgentCluster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster", abstract: "Lists what a node knows of its peers' modules, and whether they agree.")

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { work in
            try await work.show(
                "/v1/cluster",
                columns: [
                    .init("HOST", "host"), .init("PORT", "port"), .init("MODULE", "module"),
                    .init("VERSION", "version"), .init("EPOCH", "epoch"), .init("CHECKSUM", "checksum"),
                    .init("DIFFERENCES", "diff_check"), .init("AGREES", "agrees"),
                ])
        }
    }
}

/// `drover ctl resync`: back to the cluster.
struct AgentResync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resync",
        abstract: "Makes a satellite learn the cores anew; on a core corrects the table of cores.")

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { try await $0.order(.POST, "/v1/resync", body: nil, done: "resynced") }
    }
}

/// `drover ctl drain`: lets clients go.
struct AgentDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Lets a node's clients go; 'drover ctl resume' takes them again.")

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { try await $0.order(.POST, "/v1/drain", body: nil, done: "draining") }
    }
}

/// `drover ctl agent resume`, and `drover ctl resume` without a database: takes clients again.
struct AgentResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Ends a drain: the node takes clients again.")

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { try await Self.call($0) }
    }

    static func call(_ work: Operator) async throws {
        try await work.order(.POST, "/v1/resume", body: nil, done: "taking clients again")
    }
}

/// `drover ctl agent reload`: what SIGUSR2 does.
struct AgentReload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Reads the followed configuration again, as SIGUSR2 does.")

    @OptionGroup var options: AgentOptions

    func run() async throws {
        try await options.run { try await $0.order(.POST, "/v1/reload", body: nil, done: "reloaded") }
    }
}

/// `drover ctl agent backend`: puts a backend aside or takes it back.
struct AgentBackend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backend", abstract: "Puts a backend aside (offline-soft) or takes it back (online).")

    @Argument(help: "Its hostgroup.") var hostgroup: Int
    @Argument(help: "Its address, host:port.") var address: String
    @Argument(help: "online or offline-soft.") var status: String
    @OptionGroup var options: AgentOptions

    func run() async throws {
        guard ["online", "offline-soft"].contains(status) else {
            throw ValidationError("the status is online or offline-soft")
        }
        let path = "/v1/backends/\(hostgroup)/\(address)/\(status)"
        try await options.run {
            try await $0.order(.POST, path, body: nil, done: "\(address) is \(status) in hostgroup \(hostgroup)")
        }
    }
}

/// `drover ctl watch`: the status again and again.
struct AgentWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Shows a node's status again and again, until it is interrupted.")

    @Option(help: "Seconds between two looks.") var every = 2.0
    @Option(help: "How often; without end by default.") var count: Int?
    @OptionGroup var options: AgentOptions

    func run() async throws {
        guard every >= 0.1 else { throw ValidationError("--every is at least 0.1 s") }
        var left = count ?? .max
        let clock: any Clock<Duration> = ContinuousClock()
        while left > 0 {
            try await options.run { try await $0.show("/v1/status", columns: AgentStatus.columns) }
            left -= 1
            if left > 0 { try await clock.sleep(for: .seconds(every)) }
        }
    }
}

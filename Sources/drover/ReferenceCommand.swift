import Agent
import ArgumentParser
import Endpoints
import FleetModel
import Foundation
import Ingest
import Logging
import ManagementAPI
import Manual
import Pacing
import Persistence
import Sandbox

/// `drover reference`: writes the reference part of the manual.
struct ReferenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Writes the reference part of the manual.", shouldDisplay: false)

    @Option(help: ArgumentHelp("Folder that gets the pages.", valueName: "dir"))
    var output: String

    func run() async throws {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        for page in try Self.pages() {
            try Data(page.text.utf8).write(to: URL(fileURLWithPath: "\(output)/\(page.file)"))
        }
    }

    /// All pages.
    static func pages() throws -> [Manual.Page] {
        try Manual.pages(
            Manual.Sources(
                commands: commands(),
                exits: ProgramExit.allCases.map { Manual.Exit(code: $0.rawValue, meaning: $0.meaning) },
                surfaces: try surfaces(),
                measures: RoleMetrics.allCases.map { .init(role: $0.rawValue, catalogues: $0.catalogues) }))
    }

    private static func commands() -> String {
        do {
            _ = try Drover.parseAsRoot(["--experimental-dump-help"])
            return ""
        } catch {
            return Drover.fullMessage(for: error)
        }
    }

    private static func surfaces() throws -> [Manual.Surface] {
        [
            Manual.Surface(
                "The management API: `/v1`",
                "At `api.address` of `drover serve` and `drover api`. The roles are `read`, `operate` and `admin`, each "
                    + "with the ones before it; [how callers get them](../guides/api-access.md), [what the calls "
                    + "do](api.md). Errors are problem details (RFC 9457).", try managementCalls()),
            Manual.Surface(
                "The management API: Chester's routes",
                "At the same address. Errors are `{\"error\":…}`.", CompatibleEndpoint.allCases.map(\.endpoint)),
            Manual.Surface(
                "The management API: beside them", "At the same address.", ManagementEndpoint.allCases.map(\.endpoint)),
            Manual.Surface(
                "The alert webhook", "At `ingest.address` of `drover serve` and `drover ingest`.",
                IngestEndpoint.allCases.map(\.endpoint)),
            Manual.Surface(
                "The scaler",
                "At `api.address` of `drover scaler`, and at `ingest.metrics-address` of `drover ingest`.",
                ProcessEndpoint.allCases.map(\.endpoint)),
            Manual.Surface(
                "The agent",
                "At `agent.api.port` of `drover agent`. Calls with a bearer token are off (403) while none is set.",
                AgentEndpoint.allCases.map(\.endpoint)),
            Manual.Surface(
                "The sandbox's control API",
                "At the address `control` of the endpoints file; [what faults there are](sandbox.md).",
                ControlEndpoint.allCases.map(\.endpoint) + KubernetesControlEndpoint.allCases.map(\.endpoint)),
        ]
    }

    /// The calls belong to routes, and the routes to stores: these are made, asked, and thrown away.
    private static func managementCalls() throws -> [Endpoint] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let directory = try StateDirectory(path: folder)
        let (store, events) = (try SQLiteStore(directory: directory), try SQLiteEventLog(directory: directory))
        let logger = Logger(label: "drover", factory: { _ in SwiftLogNoOpLogHandler() })
        let eventful = EventfulStore(
            groups: store, incidents: store, log: events, sinks: [], surroundings: (SystemWallClock(), logger))
        return APIRoutes(
            sources: .init(changes: EventfulChanges(store, toldBy: eventful), incidents: eventful, events: events),
            settings: .init(defaultPolicy: ScalingPolicy(maximumReplicas: 1)), authenticator: OpenToAll(),
            time: (SystemWallClock(), ContinuousClock()), logger: logger
        ).endpoints
    }
}

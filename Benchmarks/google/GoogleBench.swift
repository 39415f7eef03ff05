import FleetModel
import Foundation
import GoogleCloud
import Logging
import Pacing

/// Incidents made durable in Datastore and announced through Pub/Sub, and their messages pulled, handled and
/// acknowledged, as `drover ingest` and `drover scaler` do it: google-bench incidents|messages COUNT AT-ONCE
@main
struct GoogleBench {
    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard words.count == 3, let count = words.dropFirst().first.flatMap({ Int($0) }),
            let atOnce = words.last.flatMap({ Int($0) })
        else { throw Problem("usage: google-bench incidents|messages COUNT AT-ONCE") }
        let bench = GoogleBench(count: count, atOnce: atOnce)
        let seconds = words.first == "incidents" ? try await bench.record() : try await bench.handle()
        print("{\"seconds\": \(seconds), \"count\": \(count)}")
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    let count: Int
    let atOnce: Int
    private let environment = ProcessInfo.processInfo.environment
    private let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }

    private var project: String { environment["PROJECT_ID"] ?? "" }

    private func queue(receives: Bool) -> PubSubWorkQueue {
        PubSubWorkQueue(
            client: PubSubClient(request: request("PUBSUB_EMULATOR_HOST"), project: project),
            settings: .init(
                topic: environment["PUBSUB_TOPIC"] ?? "",
                subscription: receives ? environment["PUBSUB_SUBSCRIPTION"] : nil),
            clocks: (SystemWallClock(), ContinuousClock()), logger: logger)
    }

    private func request(_ variable: String) -> GoogleRequest {
        GoogleRequest(endpoint: "http://\(environment[variable] ?? "")", timeout: .seconds(60))
    }

    private func incidents() -> DatastoreIncidentStore {
        let publisher = queue(receives: false)
        return DatastoreIncidentStore(
            client: DatastoreClient(request: request("DATASTORE_EMULATOR_HOST"), project: project), logger: logger
        ) { incident, now throws(StoreError) in try await publisher.announce(incident, at: now) }
    }

    private func record() async throws -> Double {
        let store = incidents()
        let group = try InstanceName("shop")
        return try await timed {
            try await eachAtOnce(Array(0..<count)) { number in
                let alert = Alert(
                    incidentID: "0-ours-\(number)", policyName: "connections", state: .open,
                    startedAt: Timestamp(secondsSinceEpoch: 1_700_000_000), closedAt: nil, primaryInstance: group,
                    group: group, replicaBaseName: "shop-ro-", action: .add,
                    documentation: #"{"sql_master_instance":"shop","action":"add"}"#)
                guard try await store.record(alert, at: SystemWallClock().now()) == .created else {
                    throw Problem("\(alert.incidentID) was there")
                }
            }
        }
    }

    private func handle() async throws -> Double {
        let store = incidents()
        let queue = queue(receives: true)
        return try await withThrowingTaskGroup(of: Double?.self) { tasks in
            tasks.addTask {
                try await queue.run()
                return nil
            }
            tasks.addTask {
                try await timed {
                    var left = count
                    while left > 0 {
                        let now = SystemWallClock().now()
                        let deliveries = try await queue.receive(limit: 100, visibility: .seconds(60), at: now)
                        if deliveries.isEmpty { try await ContinuousClock().sleep(for: .milliseconds(5)) }
                        try await eachAtOnce(deliveries) { try await handle($0, store) }
                        try await queue.acknowledge(deliveries.map(\.id))
                        left -= deliveries.count
                    }
                }
            }
            defer { tasks.cancelAll() }
            while let ended = try await tasks.next() {
                if let ended { return ended }
            }
            throw Problem("nothing was handled")
        }
    }

    /// The state is durable before the message is acknowledged.
    private func handle(_ delivery: WorkDelivery, _ store: DatastoreIncidentStore) async throws {
        guard let id = delivery.message.incidentID, var incident = try await store.incident(id: id) else {
            throw Problem("a message without its incident")
        }
        incident.document.lastProcess = .acknowledged
        incident.document.updatedAt = SystemWallClock().now()
        incident.document.updatedBy = "scaler"
        try await store.save(incident.document, ifVersion: incident.version)
    }

    private func timed(_ body: () async throws -> Void) async throws -> Double {
        let duration = try await ContinuousClock().measure(body)
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }

    private func eachAtOnce<Element: Sendable>(
        _ all: [Element], _ body: @escaping @Sendable (Element) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (index, element) in all.enumerated() {
                if index >= atOnce { try await tasks.next() }
                tasks.addTask { try await body(element) }
            }
            try await tasks.waitForAll()
        }
    }
}

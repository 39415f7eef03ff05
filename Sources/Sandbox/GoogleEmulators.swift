import FleetModel
import GoogleCloud
import Logging
import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Google's own emulators of Pub/Sub and Datastore, which come with the Google Cloud CLI, in the place of the embedded
/// store.
struct GoogleEmulators: Sendable {
    private static let java = "/usr/bin/java"
    private static let topic = "incidents"
    private static let subscription = "scaler"

    /// The folder of the emulators: beside the real `gcloud`, wherever that is in the path; nil without it.
    static var platform: String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").lazy.map { folder in
            URL(filePath: "\(folder)/gcloud").resolvingSymlinksInPath().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "platform").path()
        }.first {
            FileManager.default.fileExists(atPath: "\($0)/pubsub-emulator")
                && FileManager.default.fileExists(atPath: "\($0)/cloud-datastore-emulator")
        }
    }

    /// Whether they and a JVM are installed.
    static var areInstalled: Bool { platform != nil && FileManager.default.isExecutableFile(atPath: java) }

    private let pubSub: (host: String, port: Int)
    private let datastore: (host: String, port: Int)
    private let processes: [ChildProcess]
    private let project: String

    init(
        project: String, folder: String, clock: any Clock<Duration>
    ) async throws {
        guard let platform = Self.platform else { throw SandboxError("Google's emulators are not installed") }
        let library = "\(platform)/pubsub-emulator/lib"
        let jar = try FileManager.default.contentsOfDirectory(atPath: library).first {
            $0.hasPrefix("cloud-pubsub-emulator") && $0.hasSuffix(".jar")
        }
        self.project = project
        pubSub = ("127.0.0.1", try await Self.freePort())
        datastore = ("127.0.0.1", try await Self.freePort())
        processes = [
            (["-jar", "\(library)/\(jar ?? "")"], pubSub, "pubsub"),
            (
                [
                    "-cp", "\(platform)/cloud-datastore-emulator/CloudDatastore.jar",
                    "com.google.cloud.datastore.emulator.CloudDatastore", "start", "--testing",
                    "--firestore_in_datastore_mode",
                ], datastore, "datastore"
            ),
        ].map { program, address, name in
            ChildProcess(
                executable: Self.java,
                arguments: ["-Xmx256m"] + program + ["--host=\(address.host)", "--port=\(address.port)"],
                environment: ["PATH": "/usr/bin:/bin"], logFile: "\(folder)/\(name)-emulator.log", restarts: false,
                clock: clock)
        }
    }

    /// Pub/Sub's emulator reaches itself at 127.0.0.1 only, so the addresses of the sandbox's own are not for it.
    private static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        defer { channel.close(promise: nil) }
        return channel.localAddress?.port ?? 0
    }

    /// What `drover serve` must be told.
    var settings: [String: String] {
        [
            "store.kind": "datastore", "queue.kind": "pubsub", "pubsub.topic": Self.topic,
            "pubsub.subscription": Self.subscription, "kms.force-encrypt": "false",
        ]
    }

    /// Where the emulators are, as Google's clients want to be told.
    var environment: [String: String] {
        [
            "PUBSUB_EMULATOR_HOST": "\(pubSub.host):\(pubSub.port)",
            "DATASTORE_EMULATOR_HOST": "\(datastore.host):\(datastore.port)",
        ]
    }

    /// Keeps both running until cancellation.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for process in processes { tasks.addTask { try await process.run() } }
            try await tasks.waitForAll()
        }
    }

    /// Creates topic and subscription, as soon as there is who creates them; fails while there is not.
    func prepare() async throws {
        let client = PubSubClient(
            request: GoogleRequest(endpoint: "http://\(pubSub.host):\(pubSub.port)", timeout: .seconds(10)),
            project: project)
        try await client.create(topic: Self.topic)
        try await client.create(subscription: Self.subscription, of: Self.topic)
        let store = DatastoreClient(
            request: GoogleRequest(endpoint: "http://\(datastore.host):\(datastore.port)", timeout: .seconds(10)),
            project: project)
        try await store.probe()
    }
}

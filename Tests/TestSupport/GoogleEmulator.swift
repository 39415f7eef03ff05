import Foundation
import NIOCore
import NIOPosix

/// One of Google's own emulators, on a port of its own, for as long as a test needs it.
package final class GoogleEmulator: Sendable {
    /// Which one.
    package enum Kind: String, CaseIterable, Sendable {
        /// Pub/Sub.
        case pubSub
        /// Datastore in its optimistic mode.
        case datastoreOptimistic
        /// Datastore in its pessimistic mode.
        case datastorePessimistic
    }

    /// Its address, for example `http://127.0.0.1:8085`.
    package let url: String
    private let process: Process

    /// Whether tests against outside systems are wanted, and the emulators and a JVM are installed.
    package static let isAvailable: Bool =
        ProcessInfo.processInfo.environment["DROVER_INTEGRATION"] == "1" && platform != nil
        && FileManager.default.isExecutableFile(atPath: java)

    private static let java = "/usr/bin/java"

    /// The Google Cloud CLI's folder of emulators: beside the real `gcloud`, wherever that is in the path.
    private static let platform: String? = {
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") {
            let binary = URL(filePath: "\(folder)/gcloud").resolvingSymlinksInPath()
            let platform = binary.deletingLastPathComponent().deletingLastPathComponent().appending(path: "platform")
            if FileManager.default.fileExists(atPath: platform.appending(path: "pubsub-emulator").path()) {
                return platform.path()
            }
        }
        return nil
    }()

    /// Starts an emulator and waits until it answers.
    package init(_ kind: Kind) async throws {
        let platform = Self.platform ?? ""
        let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = probe.localAddress?.port ?? 0
        try await probe.close()
        url = "http://127.0.0.1:\(port)"
        let program =
            switch kind {
            case .pubSub:
                ["-jar", try Self.jar("\(platform)/pubsub-emulator/lib")]
            case .datastoreOptimistic:
                [
                    "-cp", "\(platform)/cloud-datastore-emulator/CloudDatastore.jar",
                    "com.google.cloud.datastore.emulator.CloudDatastore", "start", "--testing",
                    "--firestore_in_datastore_mode",
                ]
            case .datastorePessimistic:
                [
                    "-cp", "\(platform)/cloud-firestore-emulator/cloud-firestore-emulator.jar",
                    "com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start",
                    "--database-mode=datastore-mode",
                ]
            }
        process = Process()
        process.executableURL = URL(filePath: Self.java)
        process.arguments = ["-Xmx256m"] + program + ["--host=127.0.0.1", "--port=\(port)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<300 {
            if await Self.answers(port) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        stop()
        throw CocoaError(.fileReadUnknown, userInfo: [NSLocalizedDescriptionKey: "\(kind) does not start"])
    }

    /// Ends it; what it held is gone.
    package func stop() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func jar(_ folder: String) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let name = names.first { $0.hasPrefix("cloud-pubsub-emulator") && $0.hasSuffix(".jar") }
        return "\(folder)/\(name ?? "")"
    }

    private static func answers(_ port: Int) async -> Bool {
        let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
        try? await channel?.close()
        return channel != nil
    }
}

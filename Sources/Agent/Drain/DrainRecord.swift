import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the agent is about to do to its node, written before it does it: an agent that starts beside a node that an
/// earlier one paused finishes that, or takes it back.
package struct DrainRecord: Codable, Hashable, Sendable {
    /// What is to become of the node.
    package enum Goal: String, Codable, Hashable, Sendable {
        /// Paused until somebody resumes it, whoever restarts meanwhile.
        case hold
        /// Shut down. An agent that finds this died in the middle: the node goes on serving.
        case shutDown = "shut-down"
        /// Serving again.
        case serve
    }

    /// What is to become of the node.
    package var goal: Goal
    /// `mysql-wait_timeout` in milliseconds as it was before the agent set it to 0; nil while that was not done.
    package var waitTimeout: String?

    /// Makes a record.
    package init(goal: Goal, waitTimeout: String? = nil) {
        self.goal = goal
        self.waitTimeout = waitTimeout
    }

    private enum CodingKeys: String, CodingKey {
        case goal
        case waitTimeout = "wait_timeout"
    }
}

/// The file of a node's `DrainRecord`, beside its draining file. It is on the disk when `write` returns.
package struct DrainRecordFile: Sendable {
    private let file: DurableFile?

    /// A file of the node's own in the folder of `drainingFile`; none when that is empty.
    ///
    /// - Parameter node: the node's admin address, which is the same after each restart, whatever its pod is called.
    package init(besides drainingFile: String, node: String) {
        let name = String(node.map { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." ? $0 : "_" })
        file = drainingFile.lastIndex(of: "/").map {
            DurableFile(folder: String(drainingFile[..<$0]), name: "drover-drain-\(name).json", after: { _ in })
        }
    }

    /// What was written last; nil when there is nothing, or nothing readable.
    package func read() -> DrainRecord? {
        guard let path, let data = FileManager.default.contents(atPath: path) else { return nil }
        return try? JSONDecoder().decode(DrainRecord.self, from: data)
    }

    /// Writes it.
    /// - Throws: when the folder is missing or may not be written to.
    package func write(_ record: DrainRecord) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try file?.write(Secret(String(decoding: encoder.encode(record), as: UTF8.self)))
    }

    /// Removes it. One that comes back after a power failure says `serve`, which does no harm.
    package func remove() {
        if let path { unlink(path) }
    }

    private var path: String? { file.map { "\($0.folder)/\($0.name)" } }
}

import FleetModel
import Foundations

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The order of the file that a core mounts, as far as the file, the settings or its age tell it.
package struct MountedConfiguration: Sendable {
    private let path: String
    private let stated: Int64?
    private let usesAge: Bool
    /// The file's age at the start: a file that is edited in place is applied when its generation says so, not at once.
    private let age: ConfigurationOrder?

    /// Makes it; `stated` is the generation of the settings, `usesAge` falls back on the time of the file, which means
    /// something where files are not made anew with each pod.
    package init(path: String, stated: Int64?, usesAge: Bool) {
        self.path = path
        self.stated = stated
        self.usesAge = usesAge
        guard usesAge else {
            age = nil
            return
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let changed = attributes?[.modificationDate] as? Date
        age = changed.map { ConfigurationOrder(.age, Int64(clamping: $0.timeIntervalSince1970 * 1_000)) }
    }

    /// Whether the file says that Drover wrote its tables, as the strategy `rollout` does: then the rows of groups in it
    /// are its own.
    package var isRendered: Bool {
        guard let text = try? InputFile.text(path) else { return false }
        return OutsideText.lines(text).contains { $0.hasPrefix("# drover-generation") }
    }

    /// The order; nil when neither file nor settings tell it. The file is read anew each time.
    package var order: ConfigurationOrder? {
        if let stated { return ConfigurationOrder(.explicit, stated) }
        if let text = try? InputFile.text(path),
            let inFile = ConfigurationOrder.stated(in: text)
        {
            return inFile
        }
        return age
    }
}

/// What an agent knows that would be lost with it.
package struct AgentMemory: Hashable, Sendable {
    /// What the cluster runs.
    package var running: RunningClaim?
    /// When the first pod of each template was created, in milliseconds since 1970.
    package var seen: [String: Int64] = [:]

    /// Makes it; without arguments, of an agent that knows nothing.
    package init(running: RunningClaim? = nil, seen: [String: Int64] = [:]) {
        self.running = running
        self.seen = seen
    }
}

/// The members of a `RunningClaim` stand beside the others: so earlier versions read the file, and theirs is read.
extension AgentMemory: Codable {
    /// The latest templates; earlier ones have no pods any more.
    private static let keptTemplates = 100

    private enum CodingKeys: String, CodingKey {
        case seen
    }

    package init(from decoder: any Decoder) throws {
        running = try? RunningClaim(from: decoder)
        seen =
            try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent([String: Int64].self, forKey: .seen) ?? [:]
    }

    package func encode(to encoder: any Encoder) throws {
        try running?.encode(to: encoder)
        let kept = seen.sorted { ($0.value, $0.key) > ($1.value, $1.key) }.prefix(Self.keptTemplates)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) }), forKey: .seen)
    }
}

/// The memory of a core's agent, beside the draining file, so that an agent that restarts alone remembers.
package struct ClaimFile: Sendable {
    private let path: String?

    /// A file of the node's own in the folder of `drainingFile`; none when that is empty.
    package init(besides drainingFile: String, node: String) {
        let name = String(node.map { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." ? $0 : "_" })
        path = drainingFile.lastIndex(of: "/").map { drainingFile[..<$0] + "/drover-claim-\(name).json" }
    }

    /// What was written last; empty when there is nothing, or nothing readable.
    package func read() -> AgentMemory {
        guard let path, let data = FileManager.default.contents(atPath: path) else { return AgentMemory() }
        return (try? JSONDecoder().decode(AgentMemory.self, from: data)) ?? AgentMemory()
    }

    /// Writes it; where the folder is missing or read-only the peers have to remember.
    package func write(_ memory: AgentMemory) {
        guard let path, let data = try? JSONEncoder().encode(memory) else { return }
        try? data.write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}

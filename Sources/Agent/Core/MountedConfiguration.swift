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
        age = changed.map { ConfigurationOrder(.age, Int64($0.timeIntervalSince1970 * 1_000)) }
    }

    /// The order; nil when neither file nor settings tell it. The file is read anew each time.
    package var order: ConfigurationOrder? {
        if let stated { return ConfigurationOrder(.explicit, stated) }
        if let text = try? String(contentsOfFile: path, encoding: .utf8),
            let inFile = ConfigurationOrder.stated(in: text)
        {
            return inFile
        }
        return age
    }
}

/// The claim of what the cluster runs, beside the draining file, so that an agent that restarts alone remembers.
package struct ClaimFile: Sendable {
    private let path: String?

    /// A file of the node's own in the folder of `drainingFile`; none when that is empty.
    package init(besides drainingFile: String, node: String) {
        let name = String(node.map { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." ? $0 : "_" })
        path = drainingFile.lastIndex(of: "/").map { drainingFile[..<$0] + "/drover-claim-\(name).json" }
    }

    /// What was written last; nil when there is nothing, or nothing readable.
    package func read() -> RunningClaim? {
        guard let path, let data = FileManager.default.contents(atPath: path) else { return nil }
        return try? JSONDecoder().decode(RunningClaim.self, from: data)
    }

    /// Writes it; where the folder is missing or read-only the peers have to remember.
    package func write(_ claim: RunningClaim) {
        guard let path, let data = try? JSONEncoder().encode(claim) else { return }
        try? data.write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}

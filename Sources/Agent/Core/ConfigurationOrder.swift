import Foundations
/// Which of two configurations is the newer one.
///
/// What a person says goes before what Kubernetes counts, and that before what the age of pods or files lets one guess;
/// so a cluster that begins to state generations goes forward.
package struct ConfigurationOrder: Codable, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Who says so.
    package enum Source: String, Codable, Hashable, Sendable {
        /// When the first pod of a template was created, or the file was changed.
        case age
        /// The revision of the pod's ReplicaSet or ControllerRevision.
        case revision
        /// A generation in the file, the Secret or the settings.
        case explicit

        fileprivate var rank: Int {
            switch self {
            case .age: 0
            case .revision: 1
            case .explicit: 2
            }
        }
    }

    /// Who says so.
    package var source: Source
    /// Greater is newer: a generation, a revision, or milliseconds since 1970.
    package var value: Int64
    /// What the age is of, for example a `pod-template-hash`; nothing of equal name is newer or older.
    package var name: String?

    /// Makes an order.
    package init(_ source: Source, _ value: Int64, name: String? = nil) {
        self.source = source
        self.value = value
        self.name = name
    }

    package static func < (left: ConfigurationOrder, right: ConfigurationOrder) -> Bool {
        if left.source != right.source { return left.source.rank < right.source.rank }
        if left.source == .age, let name = left.name, name == right.name { return false }
        if left.value != right.value { return left.value < right.value }
        return left.source == .age && (left.name ?? "") < (right.name ?? "")
    }

    package static func == (left: ConfigurationOrder, right: ConfigurationOrder) -> Bool {
        !(left < right) && !(right < left)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(source)
        // Equal names are equal whatever their value, and so must their hashes be.
        if source != .age || name == nil { hasher.combine(value) }
        if source == .age { hasher.combine(name) }
    }

    package var description: String {
        switch source {
        case .explicit: "generation \(value)"
        case .revision: "revision \(value)"
        case .age: name.map { "template \($0)" } ?? "the file of \(value)"
        }
    }

    /// The generation that a line `# drover-generation: N` of a mounted configuration states.
    package static func stated(in text: String) -> ConfigurationOrder? {
        for line in OutsideText.lines(text) {
            let words = line.drop { $0 == " " || $0 == "\t" }
            guard words.hasPrefix("#") else { continue }
            let parts = words.dropFirst().split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].filter({ $0 != " " }) == "drover-generation",
                let value = Int64(parts[1].filter { $0 != " " && $0 != "\t" })
            else { continue }
            return ConfigurationOrder(.explicit, value)
        }
        return nil
    }
}

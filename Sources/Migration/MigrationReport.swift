/// What a check of an existing configuration found.
package struct MigrationReport: Hashable, Codable, Sendable {
    /// How much a finding matters.
    package enum Level: String, Hashable, Codable, Sendable, CaseIterable, Comparable {
        /// It carries over as it is.
        case same
        /// It works, and something of it is different or should be done.
        case changed
        /// It does not carry over.
        case unsupported
        /// It is wrong, here and there.
        case error

        package static func < (one: Level, other: Level) -> Bool { one.rank < other.rank }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// One thing that was found.
    package struct Finding: Hashable, Codable, Sendable {
        /// How much it matters.
        package var level: Level
        /// The workload and container, where there are several; empty for a bare file.
        package var program: String
        /// The file.
        package var file: String
        /// The line in it, from 1; 0 where it is about what is not there.
        package var line: Int
        /// What stands there: a key, a variable, a flag, or a field of a manifest.
        package var theirs: String
        /// Drover's key, where there is one.
        package var drover: String?
        /// What is different, and what to do; nil where nothing is.
        package var message: String?
        /// The page of the documentation that says more.
        package var page: String?
    }

    /// Lines of a manifest that are replaced.
    package struct Replacement: Hashable, Codable, Sendable {
        /// The workload and container.
        package var program: String
        /// The file.
        package var file: String
        /// The first of the lines, from 1.
        package var line: Int
        /// What stands there; empty where something is added.
        package var before: String
        /// What is to stand there.
        package var after: String
    }

    /// In the order of files and lines.
    package var findings: [Finding] = []
    /// What to change in the manifests.
    package var replacements: [Replacement] = []

    /// 0 when everything carries over, 1 when there are changes to know of, 2 when something does not carry over or is
    /// wrong.
    package var exitCode: Int32 {
        switch findings.map(\.level).max() {
        case nil, .same?: 0
        case .changed?: 1
        case .unsupported?, .error?: 2
        }
    }

    /// Brings the findings into the order of files and lines.
    mutating func sort() {
        findings.sort { ($0.file, $0.program, $0.line, $0.theirs) < ($1.file, $1.program, $1.line, $1.theirs) }
    }
}

/// Why nothing could be checked.
package struct MigrationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was attempted on what, and what to do.
    package var description: String

    /// Makes an error.
    package init(description: String) {
        self.description = description
    }
}

/// A file that is checked.
package struct MigrationSource: Hashable, Sendable {
    /// Its name, for findings.
    package var name: String
    /// Its text.
    package var text: String

    /// Makes a source.
    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// The known name that is nearest to a wrong one.
enum Nearest {
    /// The nearest of `known`; nil when none is near.
    static func name(to wrong: String, among known: [String]) -> String? {
        let near = known.map { (distance: distance(wrong.lowercased(), $0.lowercased()), name: $0) }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let near, near.distance <= max(2, wrong.count / 3) else { return nil }
        return near.name
    }

    /// How many characters must be changed, added or removed.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var corner = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, corner + (a == b ? 0 : 1))
                corner = above
            }
        }
        return row[other.count]
    }
}

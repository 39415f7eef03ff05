import JSONValues

/// The filter of a list, such as `settings.userLabels.chester:true AND (state:RUNNABLE OR state:FAILED)`.
///
/// A space means AND, and OR binds tighter than either, as in the filters of all Google APIs (AIP-160); parentheses are
/// taken where they change nothing, which is around alternatives.
struct InstanceFilter: Sendable {
    private struct Term {
        var path: [String]
        var value: String
    }

    /// All of these must hold, and of each at least one term.
    private var alternatives: [[Term]] = []

    /// Reads `text`.
    /// - Throws: 400 `invalid`, as Google answers what it cannot read.
    init(_ text: String) throws(GoogleError) {
        var joins = false
        var expectsTerm = false
        for word in text.split(whereSeparator: { $0 == " " || $0 == "(" || $0 == ")" }) {
            switch word {
            case "AND", "OR":
                guard !expectsTerm, !alternatives.isEmpty else { throw Self.unreadable(text) }
                joins = word == "OR"
                expectsTerm = true
            default:
                let parts = word.split(maxSplits: 1) { $0 == ":" || $0 == "=" }
                guard parts.count == 2 else { throw Self.unreadable(text) }
                let value = parts[1].filter { $0 != "\"" }
                let term = Term(path: parts[0].split(separator: ".").map { String($0) }, value: value)
                if joins {
                    alternatives[alternatives.count - 1].append(term)
                } else {
                    alternatives.append([term])
                }
                joins = false
                expectsTerm = false
            }
        }
        guard !expectsTerm else { throw Self.unreadable(text) }
    }

    /// Whether `instance` passes.
    func matches(_ instance: JSONValue) -> Bool {
        alternatives.allSatisfy { terms in
            terms.contains { term in
                switch term.path.reduce(instance, { $0[at: $1] }) {
                case .string(let value): value == term.value
                case .bool(let value): (value ? "true" : "false") == term.value
                default: false
                }
            }
        }
    }

    private static func unreadable(_ text: String) -> GoogleError {
        GoogleError(400, "invalid", "Invalid filter: \(text)")
    }
}

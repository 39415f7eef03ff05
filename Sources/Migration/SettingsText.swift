import FleetModel
import Foundations

/// A YAML text of settings as dotted keys, with lines.
enum SettingsText {
    /// The values by key; lines begin at that of `place`.
    static func leaves(_ text: String, at place: Given.Place) -> [Given]? {
        guard let leaves = try? YAMLKeys.leaves(text) else { return nil }
        return leaves.map { leaf in
            Given(
                name: leaf.key, value: Secret(leaf.value ?? ""),
                place: Given.Place(file: place.file, line: place.line + leaf.line - 1))
        }
    }

    /// The same the other way: dotted keys as nested YAML, in the order that they are given.
    static func yaml(_ values: [(key: String, value: String)], comments: [String]) -> String {
        var lines = comments.map { "# \($0)" }
        var open: [String] = []
        for (key, value) in values {
            let parts = key.split(separator: ".").map { String($0) }
            let shared = zip(open, parts.dropLast()).prefix { $0 == $1 }.count
            open = Array(open.prefix(shared))
            for part in parts.dropLast().dropFirst(shared) {
                lines.append(String(repeating: "  ", count: open.count) + "\(part):")
                open.append(part)
            }
            lines.append(String(repeating: "  ", count: open.count) + "\(parts.last ?? key): \(quoted(value))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.allSatisfy { $0.isLetter || $0.isNumber || "._-/".contains($0) }
            && Double(value) == nil
        guard !isPlain, Int(value) == nil else { return value }
        return "\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}

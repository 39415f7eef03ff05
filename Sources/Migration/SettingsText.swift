import FleetModel
import Yams

/// A YAML text of settings as dotted keys, with lines.
enum SettingsText {
    /// The values by key; lines begin at that of `place`.
    static func leaves(_ text: String, at place: Given.Place) -> [Given]? {
        guard let root = try? Yams.compose(yaml: text), root.mapping != nil else { return nil }
        var leaves: [Given] = []
        collect(root, "", place, &leaves)
        return leaves
    }

    private static func collect(_ node: Node, _ prefix: String, _ place: Given.Place, _ leaves: inout [Given]) {
        if let mapping = node.mapping {
            for (key, value) in mapping {
                let name = key.string ?? "?"
                collect(value, prefix.isEmpty ? name : "\(prefix).\(name)", place, &leaves)
            }
            return
        }
        let value = node.sequence.map { $0.map { $0.scalar?.string ?? "" }.joined(separator: ",") }
        leaves.append(
            Given(
                name: prefix, value: (value ?? node.scalar?.string).map { Secret($0) },
                place: Given.Place(file: place.file, line: place.line + (node.mark?.line ?? 1) - 1)))
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

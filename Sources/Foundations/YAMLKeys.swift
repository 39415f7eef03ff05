import Yams

/// A value in a YAML text of settings.
package struct YAMLLeaf: Hashable, Sendable {
    /// For example `proxysql.username`.
    package var key: String
    /// A list's elements are separated by commas; nil where nothing stands.
    package var value: String?
    /// The line of the value, from 1.
    package var line: Int
}

/// The one reader of YAML as dotted keys: Drover's settings, the agent's, and those that are moved here.
package enum YAMLKeys {
    /// More are no settings, and a few lines of aliases mean millions.
    private static let maximum = (leaves: 10_000, depth: 32)

    /// The values, each key once and the last one counting; nil when the text is not a set of keys with values. What is
    /// merged in (`<<`) gives way to what stands beside it, and among several the first counts.
    /// - Throws: the YAML library's error, for `YAMLProblem`; `UnusableFile` where there is no end of values.
    package static func leaves(_ text: String) throws -> [YAMLLeaf]? {
        guard let root = try Yams.compose(yaml: text), root.null == nil else { return [] }
        guard root.mapping != nil else { return nil }
        var reader = Reader()
        try reader.collect(root, "", 0)
        return reader.order.compactMap { reader.leaves[$0] }
    }

    private struct Reader {
        var leaves: [String: YAMLLeaf] = [:]
        var order: [String] = []
        var seen = 0

        mutating func collect(_ node: Node, _ prefix: String, _ depth: Int) throws {
            seen += 1
            guard seen <= maximum.leaves, depth <= maximum.depth else {
                throw UnusableFile(
                    reason: "it has more than \(maximum.leaves) values, or more than \(maximum.depth) levels")
            }
            guard let mapping = node.mapping else {
                let list = node.sequence.map { $0.map { $0.scalar?.string ?? "" }.joined(separator: ",") }
                if leaves[prefix] == nil { order.append(prefix) }
                leaves[prefix] = YAMLLeaf(
                    key: prefix, value: node.null == nil ? list ?? node.scalar?.string : nil,
                    line: node.mark?.line ?? 1)
                return
            }
            for (key, value) in mapping where key.string == "<<" {
                for merged in value.sequence.map({ Array($0) })?.reversed() ?? [value] {
                    try collect(merged, prefix, depth + 1)
                }
            }
            for (key, value) in mapping where key.string != "<<" {
                let name = key.string ?? "?"
                try collect(value, prefix.isEmpty ? name : "\(prefix).\(name)", depth + 1)
            }
        }
    }
}

/// Why a name from outside cannot be used.
package struct InvalidName: Error, Equatable, Sendable, CustomStringConvertible {
    /// What the name was meant to name, for example `group`.
    package var kind: String
    /// The rule that was broken, as a sentence for the person who sent the name.
    package var rule: String

    package var description: String { "not a usable \(kind) name: \(rule)" }
}

/// The name of a group, a primary or a replica, checked at the edge so that nothing behind it has to.
///
/// The rule is Cloud SQL's for instances: lower-case letters, digits and hyphens, a letter first, at most 84 characters
/// here so that a suffix fits in the 98 that project and name may share
/// (Cloud SQL Admin API, `instances.insert`, field `name`).
package struct InstanceName: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The checked text.
    package let text: String

    /// Checks `text`.
    /// - Throws: `InvalidName` naming the broken rule.
    package init(_ text: String, kind: String = "instance") throws(InvalidName) {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first) else {
            throw InvalidName(kind: kind, rule: "it must begin with a lower-case letter")
        }
        guard text.utf8.count <= 84 else {
            throw InvalidName(kind: kind, rule: "it has \(text.utf8.count) characters and may have 84")
        }
        guard
            text.utf8.allSatisfy({
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
            })
        else {
            throw InvalidName(kind: kind, rule: "only lower-case letters, digits and hyphens are allowed")
        }
        self.text = text
    }

    package var description: String { text }

    /// Orders names by their text.
    package static func < (left: InstanceName, right: InstanceName) -> Bool {
        left.text < right.text
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        try self.init(text)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

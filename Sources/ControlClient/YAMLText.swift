import Foundations
package import JSONValues
import Yams

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// JSON values as YAML and back.
package enum YAMLText {
    /// Reads one document; a scalar without quotes is what YAML 1.2's core schema says, and a quoted one is a text.
    /// - Throws: `ControlError.unusableInput` with the place.
    package static func read(_ text: String) throws(ControlError) -> JSONValue {
        do {
            guard let node = try Yams.compose(yaml: text) else { return .null }
            var budget = maximumValues
            return try value(node, depth: 0, &budget)
        } catch let error as ControlError {
            throw error
        } catch {
            throw ControlError(.unusableInput, YAMLProblem.sentence(error))
        }
    }

    /// Aliases stand for what they name each time, so that a few lines can mean more values than a machine holds.
    private static let maximumValues = 500_000
    /// The same by depth: no document of the API has a quarter of it.
    private static let maximumDepth = 64

    private static func value(_ node: Node, depth: Int, _ budget: inout Int) throws(ControlError) -> JSONValue {
        budget -= 1
        guard budget >= 0, depth <= maximumDepth else {
            throw ControlError(
                .unusableInput,
                "it has more than \(maximumValues) values, or is nested deeper than \(maximumDepth) levels, with "
                    + "every alias counted as what it stands for")
        }
        switch node {
        case .scalar(let scalar) where node.tag == Tag(.binary):
            guard let data = Data(base64Encoded: scalar.string), let text = String(validating: data, as: UTF8.self)
            else { throw ControlError(.unusableInput, "what is !!binary\(place(node)) is no UTF-8 in base64") }
            return .string(text)
        case .scalar(let scalar): return plain(scalar)
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for element in sequence { elements.append(try value(element, depth: depth + 1, &budget)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, member) in mapping {
                guard let name = key.string else {
                    throw ControlError(.unusableInput, "a key\(place(key)) is not a text")
                }
                members[name] = try value(member, depth: depth + 1, &budget)
            }
            return .object(members)
        default:
            throw ControlError(.unusableInput, "an alias\(place(node)) cannot be used here")
        }
    }

    private static func place(_ node: Node) -> String {
        node.mark.map { " in line \($0.line)" } ?? ""
    }

    private static func plain(_ scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case let text:
            guard let first = text.utf8.first, (0x30...0x39).contains(first) || [0x2B, 0x2D, 0x2E].contains(first)
            else { return .string(text) }
            if let number = Int64(text) { return .integer(number) }
            let isNumber = text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0)
            }
            if isNumber, let number = Double(text) { return .number(number) }
            return .string(text)
        }
    }

    /// `value` as a YAML document.
    package static func write(_ value: JSONValue) -> String {
        var text = ""
        append(value, indent: 0, isInline: false, to: &text)
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    private static let firstNames = ["name", "id", "username", "group", "node", "kind"]

    private static func append(_ value: JSONValue, indent: Int, isInline: Bool, to text: inout String) {
        let spaces = String(repeating: " ", count: indent)
        switch value {
        case .array(let elements) where !elements.isEmpty:
            if isInline { text += "\n" }
            for element in elements {
                text += "\(spaces)- "
                if case .object(let members) = element, !members.isEmpty {
                    var inner = ""
                    append(element, indent: indent + 2, isInline: false, to: &inner)
                    text += inner.dropFirst(indent + 2)
                } else {
                    append(element, indent: indent + 2, isInline: true, to: &text)
                }
            }
        case .object(let members) where !members.isEmpty:
            if isInline { text += "\n" }
            for (name, member) in members.sorted(by: isBefore) {
                text += "\(spaces)\(scalar(.string(name))):"
                switch member {
                case .array(let elements) where !elements.isEmpty: break
                case .object(let members) where !members.isEmpty: break
                default: text += " "
                }
                append(member, indent: indent + 2, isInline: true, to: &text)
            }
        default: text += scalar(value) + "\n"
        }
    }

    private static func isBefore(
        _ left: (key: String, value: JSONValue), _ right: (key: String, value: JSONValue)
    ) -> Bool {
        func rank(_ name: String) -> Int { firstNames.firstIndex(of: name) ?? firstNames.count }
        return (rank(left.key), left.key) < (rank(right.key), right.key)
    }

    private static let reserved: Set<String> = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n",
    ]

    /// A scalar in one line; a text that could be anything else is quoted as JSON does, which YAML reads alike.
    static func scalar(_ value: JSONValue) -> String {
        // Readers take a byte order mark at a text's beginning for one, escaped or not.
        if case .string(let text) = value, text.unicodeScalars.first == "\u{feff}" {
            return "!!binary \"\(Data(text.utf8).base64EncodedString())\""
        }
        if case .string(let text) = value, let first = text.utf8.first, (0x41...0x7A).contains(first), first != 0x5B,
            text.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x2D, 0x2E, 0x2F, 0x5F].contains($0)
            }), !reserved.contains(text.lowercased())
        {
            return text
        }
        // JSON lets characters stand that YAML does not (YAML 1.2.2, section 5.1).
        return String(decoding: value.bytes(), as: UTF8.self).unicodeScalars.reduce(into: "") { text, scalar in
            if (0x7F...0x9F).contains(scalar.value) || [0xFEFF, 0xFFFE, 0xFFFF].contains(scalar.value) {
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension YAMLText {
    /// The value of a JSON text.
    static func json(_ text: String) throws -> JSONValue {
        try JSONValue(Data(text.utf8))
    }
}

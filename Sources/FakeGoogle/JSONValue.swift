/// Any JSON, for answers whose shape is Google's and not ours.
package enum JSONValue: Hashable, Sendable, Codable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral
{
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(Double(value)) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The member of an object; `.null` where there is none.
    package subscript(key: String) -> JSONValue {
        get {
            if case .object(let members) = self { members[key] ?? .null } else { .null }
        }
        set {
            guard case .object(var members) = self else { return }
            members[key] = newValue == .null ? nil : newValue
            self = .object(members)
        }
    }

    /// The text, if it is one.
    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The members, if it is an object.
    package var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }

    /// The elements, if it is an array.
    package var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// This value with `change` merged into it: members replace members, null removes (RFC 7396, JSON Merge Patch).
    func merged(with change: JSONValue) -> JSONValue {
        guard case .object(let changes) = change else { return change == .null ? self : change }
        var result: JSONValue = .object(members)
        for (name, value) in changes {
            result[name] = value == .null ? .null : result[name].merged(with: value)
        }
        return result
    }
}

extension JSONValue {
    /// The member of an object; nil when it is none or has none of that name. Setting one makes an object of whatever was
    /// there, and setting nil removes it.
    package subscript(name: String) -> JSONValue? {
        get {
            if case .object(let members) = self { members[name] } else { nil }
        }
        set {
            var members = members
            members[name] = newValue
            self = .object(members)
        }
    }

    /// What lies at a path of names, `.null` where there is nothing. Setting makes objects on the way; setting `.null`
    /// removes, and makes none.
    package subscript(at first: String, rest: String...) -> JSONValue {
        get { rest.reduce(self[first] ?? .null) { $0[$1] ?? .null } }
        set { set(newValue, at: first, rest[...]) }
    }

    private mutating func set(_ value: JSONValue, at name: String, _ rest: ArraySlice<String>) {
        if value == .null, self[name] == nil { return }
        guard let next = rest.first else {
            self[name] = value == .null ? nil : value
            return
        }
        var member = self[name] ?? .null
        member.set(value, at: next, rest.dropFirst())
        self[name] = member
    }

    /// The elements of an array; empty when it is none.
    package var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// The members of an object; empty when it is none.
    package var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }

    /// The elements, if it is an array.
    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members, if it is an object.
    package var object: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The text, if it is one.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The whole number, if it is one.
    package var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// The number, with or without a fraction, if it is one.
    package var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// The truth value, if it is one.
    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
}

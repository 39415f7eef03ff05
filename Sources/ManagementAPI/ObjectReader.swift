import JSONValues

/// Reads the members of one JSON object and goes on after a wrong one, so that one answer names all that is wrong.
struct ObjectReader {
    /// Longer lists, and more unknown members, are not looked at: an answer must not cost more than its question.
    private static let maximumElements = 1_000

    private let members: [String: JSONValue]
    private let pointer: String
    private var known: Set<String> = []
    private(set) var problems: [FieldProblem] = []

    /// Reads `value`, which stands at `pointer`.
    init(_ value: JSONValue, at pointer: String) {
        members = value.members
        self.pointer = pointer
        if case .object = value {} else { note("", "it must be an object") }
    }

    /// Notes what is wrong with a member; "" for the object itself.
    mutating func note(_ name: String, _ detail: String) {
        problems.append(FieldProblem(pointer: name.isEmpty ? pointer : "\(pointer)/\(name)", detail: detail))
    }

    /// Takes over problems that were found deeper.
    mutating func note(_ found: [FieldProblem]) {
        problems += found
    }

    /// Members that a client may send back and that are not read.
    mutating func ignore(_ names: String...) {
        known.formUnion(names)
    }

    /// The member as it is; nil when it is absent or null.
    mutating func any(_ name: String) -> JSONValue? {
        known.insert(name)
        guard let value = members[name], value != .null else { return nil }
        return value
    }

    /// A text that may be absent.
    mutating func text(_ name: String) -> String? {
        guard let value = any(name) else { return nil }
        if case .string(let text) = value { return text }
        note(name, "it must be a text")
        return nil
    }

    /// A text that must be there; "" when it is not.
    mutating func requiredText(_ name: String) -> String {
        if let text = text(name) { return text }
        noteMissing(name)
        return ""
    }

    /// A whole number that may be absent.
    mutating func integer(_ name: String) -> Int? {
        guard let value = any(name) else { return nil }
        if case .integer(let number) = value { return Int(exactly: number) }
        note(name, "it must be a whole number")
        return nil
    }

    /// A number of seconds that may be absent.
    mutating func seconds(_ name: String) -> Double? {
        guard let value = any(name) else { return nil }
        if case .integer(let number) = value { return Double(number) }
        if case .number(let number) = value { return number }
        note(name, "it must be a number of seconds")
        return nil
    }

    /// A truth value that may be absent.
    mutating func flag(_ name: String) -> Bool? {
        guard let value = any(name) else { return nil }
        if case .bool(let flag) = value { return flag }
        note(name, "it must be true or false")
        return nil
    }

    /// A list that may be absent; what is behind its thousandth element is complained of and not read.
    mutating func list(_ name: String) -> [JSONValue]? {
        guard let value = any(name) else { return nil }
        if case .array(let elements) = value {
            if elements.count > Self.maximumElements {
                note(name, "it has \(elements.count) elements and may have \(Self.maximumElements)")
            }
            return Array(elements.prefix(Self.maximumElements))
        }
        note(name, "it must be a list")
        return nil
    }

    /// A word out of several that may be absent.
    mutating func word<Word: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Word.Type
    ) -> Word? where Word.RawValue == String {
        guard let text = text(name) else { return nil }
        if let word = Word(rawValue: text) { return word }
        note(name, "it must be one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    /// Complains of the members that nobody asked for.
    mutating func finish() {
        let unknown = members.keys.filter { !known.contains($0) }.sorted()
        guard !unknown.isEmpty else { return }
        let words = known.sorted().joined(separator: ", ")
        for name in unknown.prefix(Self.maximumElements) {
            note(Self.escaped(name), "it is unknown here; known are \(words)")
        }
    }

    private mutating func noteMissing(_ name: String) {
        // A wrong type was complained of already.
        guard members[name] == nil || members[name] == .null else { return }
        note(name, "it is missing")
    }

    /// A name inside a JSON pointer (RFC 6901, section 3).
    private static func escaped(_ name: String) -> String {
        name.replacing("~", with: "~0").replacing("/", with: "~1")
    }
}

extension [FieldProblem] {
    /// These and those of `others` that are not about the same places: what could not be read left a gap, and
    /// complaints about the gap would mislead.
    func adding(_ others: [FieldProblem]) -> [FieldProblem] {
        let broken = Set(map(\.pointer))
        return self
            + others.filter { other in
                var place = other.pointer[...]
                while !broken.contains(String(place)) {
                    guard let slash = place.lastIndex(of: "/") else { return true }
                    place = place[..<slash]
                }
                return false
            }
    }
}

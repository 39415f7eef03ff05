import JSONValues

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One entry of a list that processes of several versions write: what a newer one wrote and this one cannot read is not
/// shown, and stays where it is.
struct SharedEntry<Value: Codable & Sendable>: Sendable {
    /// As it is stored.
    let stored: JSONValue
    /// Nil where a newer version wrote something that this one does not know, for example a new kind of event.
    let value: Value?

    /// Makes the entry of `value`.
    init(_ value: Value) throws {
        stored = try JSONValue(encoding: value)
        self.value = value
    }

    private init(stored: JSONValue) {
        self.stored = stored
        value = try? stored.decoded(Value.self)
    }

    /// A whole number of it, whoever wrote it.
    func number(_ member: String) -> Int64? { stored[member]?.integer }

    /// Reads a list; nil is an empty one.
    /// - Throws: when `text` is not JSON, or no list.
    static func list(_ text: String?) throws -> [Self] {
        guard let text else { return [] }
        let value = try JSONValue(Data(text.utf8))
        guard let elements = value.array else { throw NoList() }
        return elements.map { Self(stored: $0) }
    }

    /// The list as it is stored.
    static func data(_ entries: [Self]) -> Data { JSONValue.array(entries.map(\.stored)).bytes() }
}

/// What should be a list of entries is something else.
private struct NoList: Error, CustomStringConvertible {
    let description = "it is no list"
}

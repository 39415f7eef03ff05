import JSONValues
import ManagementAPI

/// The parts of JSON Schema that the API's description uses.
struct SchemaCheck {
    let document: JSONValue

    /// What of `value` is not as `schema` says.
    func complaints(_ value: JSONValue, _ schema: JSONValue, at place: String = "") -> [String] {
        if let reference = schema["$ref"]?.string {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            guard let found = document["components"]?["schemas"]?[name] else { return ["\(reference) is not there"] }
            return complaints(value, found, at: place)
        }
        if let alternatives = schema["anyOf"]?.elements {
            let found = alternatives.map { complaints(value, $0, at: place) }
            return found.contains([]) ? [] : found.joined().map { "any of: \($0)" }
        }
        if let constant = schema["const"] { return constant == value ? [] : ["\(place) is not \(constant)"] }
        if let words = schema["enum"]?.elements { return words.contains(value) ? [] : ["\(place) is \(value)"] }
        var found: [String] = []
        if let type = schema["type"] {
            let types = type.string.map { [$0] } ?? type.elements.compactMap(\.string)
            if !types.contains(where: { Self.matches(value, $0) }) { found.append("\(place) is no \(types): \(value)") }
        }
        for (index, element) in value.elements.enumerated() {
            if let items = schema["items"] { found += complaints(element, items, at: "\(place)/\(index)") }
        }
        guard case .object(let members) = value, schema["properties"] != nil || schema["additionalProperties"] != nil
        else { return found }
        for name in schema["required"]?.elements.compactMap(\.string) ?? [] where members[name] == nil {
            found.append("\(place)/\(name) is missing")
        }
        for (name, member) in members {
            if let known = schema["properties"]?[name] {
                found += complaints(member, known, at: "\(place)/\(name)")
            } else if schema["additionalProperties"] == false {
                found.append("\(place)/\(name) is not described")
            } else if let others = schema["additionalProperties"], case .object = others {
                found += complaints(member, others, at: "\(place)/\(name)")
            }
        }
        return found
    }

    private static func matches(_ value: JSONValue, _ type: String) -> Bool {
        switch (value, type) {
        case (.null, "null"), (.bool, "boolean"), (.integer, "integer"), (.integer, "number"), (.number, "number"),
            (.string, "string"), (.array, "array"), (.object, "object"):
            true
        default: false
        }
    }
}

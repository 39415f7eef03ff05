import JSONValues
import FakeGoogle
import Foundation

/// Google's discovery documents, and what of a request is not as they say.
struct Discovery {
    /// A request as it came over the wire.
    struct Call: Hashable, Sendable {
        var method: String
        /// Path without query, decoded.
        var path: String
        var query: [String: [String]]
        var body: JSONValue?
    }

    private struct Method {
        var id: String
        var verb: String
        var segments: [String]
        var document: JSONValue
        var schemas: JSONValue
        var common: JSONValue
    }

    private var methods: [Method] = []

    /// Reads the documents `names`, for example `sqladmin.v1`, in `folder`.
    init(_ names: [String], in folder: String) throws {
        for name in names {
            let data = try Data(contentsOf: URL(filePath: "\(folder)/\(name).json"))
            let document = try JSONDecoder().decode(JSONValue.self, from: data)
            collect(document, document)
        }
    }

    private mutating func collect(_ part: JSONValue, _ document: JSONValue) {
        for method in part[at: "methods"].members.values {
            let path = method[at: "flatPath"].string ?? method[at: "path"].string ?? ""
            methods.append(
                Method(
                    id: method[at: "id"].string ?? path, verb: method[at: "httpMethod"].string ?? "",
                    segments: path.split(separator: "/").map { String($0) }, document: method,
                    schemas: document[at: "schemas"], common: document[at: "parameters"]))
        }
        for inner in part[at: "resources"].members.values { collect(inner, document) }
    }

    /// The id of the method that is called, for example `sql.instances.insert`.
    func method(of call: Call) -> String? { find(call)?.id }

    private func find(_ call: Call) -> Method? {
        let segments = call.path.split(separator: "/").map { String($0) }
        let found = methods.filter { method in
            method.verb == call.method && method.segments.count == segments.count
                && zip(method.segments, segments).allSatisfy { Self.matches($1, $0) }
        }
        // The one with the fewest places that take anything.
        return found.min { Self.wildcards($0) < Self.wildcards($1) }
    }

    private static func wildcards(_ method: Method) -> Int { method.segments.count { $0.contains("{") } }

    /// Whether `text` is as `pattern`, `{name}`, `{name}:verb` or a word, says.
    private static func matches(_ text: String, _ pattern: String) -> Bool {
        guard pattern.hasPrefix("{"), let end = pattern.firstIndex(of: "}") else { return text == pattern }
        let suffix = String(pattern[pattern.index(after: end)...])
        guard text.hasSuffix(suffix), text.count > suffix.count else { return false }
        return !text.dropLast(suffix.count).contains(":")
    }

    /// What is wrong with `call`.
    func problems(of call: Call) -> [String] {
        guard let method = find(call) else { return ["\(call.method) \(call.path) is none of Google's methods"] }
        var problems: [String] = []
        for (name, values) in call.query {
            let parameter = method.document[at: "parameters"][at: name]
            let known = parameter[at: "location"].string == "query" ? parameter : method.common[at: name]
            guard known != .null else {
                problems.append("\(method.id) has no parameter \(name)")
                continue
            }
            if values.count > 1, known[at: "repeated"] != true {
                problems.append("\(method.id): \(name) is there twice")
            }
            for value in values { problems += Self.check(text: value, known, "\(method.id)?\(name)") }
        }
        for (name, parameter) in method.document[at: "parameters"].members
        where parameter[at: "required"] == true && parameter[at: "location"].string == "query"
            && call.query[name] == nil
        {
            problems.append("\(method.id) needs the parameter \(name)")
        }
        guard let body = call.body else { return problems }
        let schema = method.document[at: "request"]
        guard schema != .null else { return problems + ["\(method.id) takes no body"] }
        check(body, schema, method, method.id, &problems)
        return problems
    }

    private static func check(text: String, _ schema: JSONValue, _ place: String) -> [String] {
        let words = schema[at: "enum"].elements.compactMap(\.string)
        if !words.isEmpty, !words.contains(text) { return ["\(place) is \(text), which is none of Google's words"] }
        switch schema[at: "type"].string {
        case "integer" where Int(text) == nil, "boolean" where Bool(text) == nil:
            return ["\(place) is \"\(text)\", which is no \(schema[at: "type"].string ?? "")"]
        default: return []
        }
    }

    private func check(
        _ value: JSONValue, _ given: JSONValue, _ method: Method, _ place: String, _ problems: inout [String]
    ) {
        let schema = given[at: "$ref"].string.map { method.schemas[at: $0] } ?? given
        switch (schema[at: "type"].string, value) {
        case ("object", .object(let members)):
            for (name, member) in members {
                let property = schema[at: "properties"][at: name]
                let inner = property == .null ? schema[at: "additionalProperties"] : property
                guard inner != .null else {
                    problems.append("\(place).\(name) is not in Google's schema")
                    continue
                }
                if inner[at: "readOnly"] == true { problems.append("\(place).\(name) is Google's to say") }
                if inner[at: "deprecated"] == true { problems.append("\(place).\(name) is deprecated") }
                check(member, inner, method, "\(place).\(name)", &problems)
            }
        case ("array", .array(let elements)):
            for (index, element) in elements.enumerated() {
                check(element, schema[at: "items"], method, "\(place)[\(index)]", &problems)
            }
        case ("string", .string(let text)):
            problems += Self.check(text: text, schema, place)
            let isNumber = ["int64", "uint64"].contains(schema[at: "format"].string)
            if isNumber, Int64(text) == nil { problems.append("\(place) is \"\(text)\", which is no number") }
        case ("boolean", .bool), ("number", .number), ("number", .integer), ("integer", .integer), ("any", _): break
        default: problems.append("\(place) is \(value), which is no \(schema[at: "type"].string ?? "value")")
        }
    }
}

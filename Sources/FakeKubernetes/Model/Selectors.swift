import JSONValues
import KubernetesClient

/// A `labelSelector` (Kubernetes documentation, "Labels and Selectors").
struct LabelSelector: Hashable, Sendable {
    private enum Requirement: Hashable, Sendable {
        case isIn(String, Set<String>)
        case isNotIn(String, Set<String>)
        case exists(String)
        case isAbsent(String)
    }

    private var requirements: [Requirement] = []

    /// - Throws: 400 for what is no selector.
    init(_ text: String) throws(Refusal) {
        for part in Self.split(text) {
            requirements.append(try Self.requirement(part))
        }
    }

    /// At commas that are not inside parentheses.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        var part = ""
        var depth = 0
        for character in text {
            switch character {
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            if character == ",", depth == 0 {
                parts.append(part)
                part = ""
            } else {
                part.append(character)
            }
        }
        return (parts + [part]).map { $0.trimmed }.filter { !$0.isEmpty }
    }

    private static func requirement(_ part: String) throws(Refusal) -> Requirement {
        for (word, isIn) in [(" notin ", false), (" notin(", false), (" in ", true), (" in(", true)] {
            guard let range = part.firstRange(of: word), let open = part.firstIndex(of: "("), part.hasSuffix(")")
            else { continue }
            let values = Set(part[part.index(after: open)...].dropLast().split(separator: ",").map { $0.trimmed })
            let key = part[..<range.lowerBound].trimmed
            return isIn ? .isIn(key, values) : .isNotIn(key, values)
        }
        if let range = part.firstRange(of: "!=") {
            return .isNotIn(part[..<range.lowerBound].trimmed, [part[range.upperBound...].trimmed])
        }
        if let range = part.firstRange(of: "==") ?? part.firstRange(of: "=") {
            return .isIn(part[..<range.lowerBound].trimmed, [part[range.upperBound...].trimmed])
        }
        if part.hasPrefix("!") { return .isAbsent(part.dropFirst().trimmed) }
        guard !part.contains(" "), !part.contains("(") else {
            throw .badRequest("unable to parse requirement: \(part)")
        }
        return .exists(part)
    }

    func matches(_ labels: [String: JSONValue]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .isIn(let key, let values): labels[key]?.string.map { values.contains($0) } ?? false
            // As in the real server, what has no such label is not in the set either.
            case .isNotIn(let key, let values): !(labels[key]?.string.map { values.contains($0) } ?? false)
            case .exists(let key): labels[key] != nil
            case .isAbsent(let key): labels[key] == nil
            }
        }
    }
}

/// A `fieldSelector` (Kubernetes documentation, "Field Selectors").
struct FieldSelector: Hashable, Sendable {
    private struct Requirement: Hashable, Sendable {
        var path: [String]
        var value: String
        var isEqual: Bool
    }

    private static let common: Set<String> = ["metadata.name", "metadata.namespace"]
    private static let special: [String: Set<String>] = [
        "pods": [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
            "status.podIP", "status.nominatedNodeName",
        ],
        "secrets": ["type"],
        "namespaces": ["status.phase"],
        "events": [
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
            "source", "type",
        ],
    ]

    private var requirements: [Requirement] = []

    /// - Throws: 400 for what is no selector, or names a field that the kind cannot be selected by.
    init(_ text: String, of type: ResourceType) throws(Refusal) {
        for part in text.split(separator: ",") {
            let isEqual = !part.contains("!=")
            guard let range = part.firstRange(of: isEqual ? (part.contains("==") ? "==" : "=") : "!=") else {
                throw .badRequest("invalid selector: '\(part)'; can't understand '\(part)'")
            }
            let field = part[..<range.lowerBound].trimmed
            guard Self.common.contains(field) || Self.special[type.plural]?.contains(field) == true else {
                throw .badRequest("field label not supported: \(field)")
            }
            requirements.append(
                Requirement(
                    path: field.split(separator: ".").map { String($0) }, value: part[range.upperBound...].trimmed,
                    isEqual: isEqual))
        }
    }

    func matches(_ object: JSONValue) -> Bool {
        requirements.allSatisfy { requirement in
            let value = requirement.path.reduce(JSONValue?.some(object)) { $0?[$1] }?.string ?? ""
            return (value == requirement.value) == requirement.isEqual
        }
    }
}

/// What a list or a watch asks for.
struct ObjectSelection: Hashable, Sendable {
    var type: ResourceType
    /// `nil`: every namespace.
    var namespace: String?
    var labels: LabelSelector
    var fields: FieldSelector
    /// Neither kind of selector was given.
    var isEverything: Bool

    init(_ type: ResourceType, namespace: String?, labels: String, fields: String) throws(Refusal) {
        self.type = type
        self.namespace = namespace
        self.labels = try LabelSelector(labels)
        self.fields = try FieldSelector(fields, of: type)
        isEverything = labels.isEmpty && fields.isEmpty
    }

    func matches(_ object: StoredObject?) -> Bool {
        guard let object, namespace == nil || object.key.namespace == namespace else { return false }
        return isEverything
            || labels.matches(object.json["metadata"]?["labels"]?.object ?? [:]) && fields.matches(object.json)
    }
}

extension StringProtocol {
    var trimmed: String {
        var text = self[...]
        while let first = text.first, first == " " { text.removeFirst() }
        while let last = text.last, last == " " { text.removeLast() }
        return String(text)
    }
}

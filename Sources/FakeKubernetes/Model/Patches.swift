import JSONValues
import KubernetesClient

/// The patches that are not applied documents.
enum Patches {
    /// A strategic merge patch: a merge patch in which some lists are merged by a key of their elements.
    static func strategic(_ patch: JSONValue, onto target: JSONValue, at field: String = "") -> JSONValue {
        if case .object(let changes) = patch {
            var members = target.object ?? [:]
            for (name, change) in changes {
                if change == .null {
                    members[name] = nil
                } else {
                    members[name] = strategic(change, onto: members[name] ?? .null, at: name)
                }
            }
            return .object(members)
        }
        guard let key = mergeKeys[field], case .array(let changes) = patch, case .array(var elements) = target else {
            return patch
        }
        for change in changes {
            if let index = elements.firstIndex(where: { $0[key] == change[key] }) {
                if change["$patch"]?.string == "delete" {
                    elements.remove(at: index)
                } else {
                    elements[index] = strategic(change, onto: elements[index])
                }
            } else {
                elements.append(change)
            }
        }
        return .array(elements)
    }

    private static let mergeKeys = [
        "conditions": "type", "containers": "name", "env": "name", "volumes": "name", "ownerReferences": "uid",
    ]

    /// A JSON patch (RFC 6902) of `add`, `replace`, `remove` and `test`.
    static func json(_ patch: JSONValue, onto target: JSONValue) throws(Refusal) -> JSONValue {
        var target = target
        for operation in patch.array ?? [] {
            let path = (operation["path"]?.string ?? "").split(separator: "/").map {
                String($0).replacing("~1", with: "/").replacing("~0", with: "~")
            }
            let value = operation["value"] ?? .null
            switch operation["op"]?.string {
            case "test":
                guard find(path[...], in: target) == value else {
                    throw Refusal(422, "Invalid", "the server rejected our request due to an error in our request")
                }
            case "add", "replace", "remove":
                let isRemoval = operation["op"] == "remove"
                let isAddition = operation["op"] == "add"
                guard isAddition || find(path[...], in: target) != nil,
                    change(path[...], in: &target, to: isRemoval ? nil : value, inserting: isAddition)
                else { throw Refusal(422, "Invalid", "the server rejected our request due to an error in our request") }
            case let other:
                throw .badRequest("Unexpected kind: \(other ?? "")")
            }
        }
        return target
    }

    private static func find(_ path: ArraySlice<String>, in target: JSONValue) -> JSONValue? {
        guard let first = path.first else { return target }
        if case .array(let elements) = target {
            guard let index = Int(first), elements.indices.contains(index) else { return nil }
            return find(path.dropFirst(), in: elements[index])
        }
        return target[first].flatMap { find(path.dropFirst(), in: $0) }
    }

    private static func change(
        _ path: ArraySlice<String>, in target: inout JSONValue, to value: JSONValue?, inserting: Bool
    ) -> Bool {
        guard let first = path.first else {
            target = value ?? .null
            return true
        }
        let isLast = path.count == 1
        if case .array(var elements) = target {
            let index = first == "-" ? elements.count : Int(first) ?? -1
            if isLast, inserting, let value, (0...elements.count).contains(index) {
                elements.insert(value, at: index)
            } else if elements.indices.contains(index) {
                if isLast, value == nil {
                    elements.remove(at: index)
                } else if !change(path.dropFirst(), in: &elements[index], to: value, inserting: inserting) {
                    return false
                }
            } else {
                return false
            }
            target = .array(elements)
            return true
        }
        guard var members = target.object else { return false }
        if isLast {
            members[first] = value
        } else {
            guard var member = members[first] else { return false }
            guard change(path.dropFirst(), in: &member, to: value, inserting: inserting) else { return false }
            members[first] = member
        }
        target = .object(members)
        return true
    }
}

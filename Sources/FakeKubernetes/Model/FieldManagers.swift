import JSONValues
import KubernetesClient

/// A path into an object; lists are owned whole.
typealias FieldPath = [String]

/// Who set which fields of an object (Kubernetes documentation, "Server-Side Apply").
struct FieldManager: Hashable, Sendable {
    enum Operation: String, Hashable, Sendable {
        case apply = "Apply"
        case update = "Update"
    }

    var name: String
    var operation: Operation
    var time: String
    var fields: Set<FieldPath>

    /// As conflicts name it.
    func title(_ apiVersion: String) -> String {
        operation == .apply ? "\"\(name)\"" : "\"\(name)\" using \(apiVersion)"
    }
}

/// What nobody owns.
private let systemFields: Set<FieldPath> = [
    ["apiVersion"], ["kind"], ["metadata", "name"], ["metadata", "namespace"], ["metadata", "uid"],
    ["metadata", "resourceVersion"], ["metadata", "generation"], ["metadata", "creationTimestamp"],
    ["metadata", "deletionTimestamp"], ["metadata", "deletionGracePeriodSeconds"], ["metadata", "managedFields"],
]

extension JSONValue {
    /// Every field that somebody can own, with its value.
    var ownedFields: [FieldPath: JSONValue] {
        var fields: [FieldPath: JSONValue] = [:]
        collect([], into: &fields)
        return fields
    }

    private func collect(_ path: FieldPath, into fields: inout [FieldPath: JSONValue]) {
        guard !systemFields.contains(path) else { return }
        guard case .object(let members) = self, !members.isEmpty || path.isEmpty else {
            if self != .null { fields[path] = self }
            return
        }
        for (key, value) in members { value.collect(path + [key], into: &fields) }
    }

    func value(at path: FieldPath) -> JSONValue? {
        path.reduce(JSONValue?.some(self)) { $0?[$1] }
    }

    mutating func set(_ path: ArraySlice<String>, _ value: JSONValue) {
        guard let first = path.first else {
            self = value
            return
        }
        var member = self[first] ?? [:]
        member.set(path.dropFirst(), value)
        self[first] = member
    }

    /// Removes a field, and objects that become empty by it.
    mutating func remove(_ path: ArraySlice<String>) {
        guard let first = path.first, var member = self[first] else { return }
        if path.count == 1 {
            self[first] = nil
            return
        }
        member.remove(path.dropFirst())
        self[first] = member.object?.isEmpty == true ? nil : member
    }
}

/// The managers of one object.
struct FieldManagers: Hashable, Sendable {
    private(set) var all: [FieldManager] = []

    /// After an update by `name` made `before` into `after`: it owns what it changed.
    mutating func updated(by name: String, from before: JSONValue?, to after: JSONValue, at time: String) {
        let old = before?.ownedFields ?? [:]
        let new = after.ownedFields
        let changed = Set(new.filter { old[$0.key] != $0.value }.keys)
        let removed = Set(old.keys).subtracting(new.keys)
        for index in all.indices {
            all[index].fields.subtract(removed)
            if all[index].name != name || all[index].operation != .update { all[index].fields.subtract(changed) }
        }
        if !changed.isEmpty { own(name, .update, adding: changed, at: time) }
        all.removeAll { $0.fields.isEmpty }
    }

    /// Merges what `name` applies into `live`.
    /// - Throws: 409 naming the fields that others own and that would change, unless `force`.
    mutating func apply(
        _ document: JSONValue, by name: String, to live: JSONValue?, force: Bool, apiVersion: String, at time: String
    ) throws(Refusal) -> JSONValue {
        let wanted = document.ownedFields
        var object = live ?? [:]
        var conflicts: [(manager: String, field: String)] = []
        for manager in all where manager.name != name || manager.operation != .apply {
            for path in manager.fields.intersection(wanted.keys) where object.value(at: path) != wanted[path] {
                conflicts.append((manager.title(apiVersion), path.map { ".\($0)" }.joined()))
            }
        }
        guard force || conflicts.isEmpty else {
            throw .fieldConflicts(conflicts.sorted { ($0.manager, $0.field) < ($1.manager, $1.field) })
        }
        let own = all.first { $0.name == name && $0.operation == .apply }?.fields ?? []
        for index in all.indices where all[index].name != name || all[index].operation != .apply {
            let lost = all[index].fields.filter { wanted[$0] != nil && object.value(at: $0) != wanted[$0] }
            all[index].fields.subtract(lost)
        }
        all.removeAll { $0.name == name && $0.operation == .apply }
        for path in own.subtracting(wanted.keys) where !all.contains(where: { $0.fields.contains(path) }) {
            object.remove(path[...])
        }
        for (path, value) in wanted { object.set(path[...], value) }
        self.own(name, .apply, adding: Set(wanted.keys), at: time)
        all.removeAll { $0.fields.isEmpty }
        return object
    }

    private mutating func own(
        _ name: String, _ operation: FieldManager.Operation, adding fields: Set<FieldPath>, at time: String
    ) {
        if let index = all.firstIndex(where: { $0.name == name && $0.operation == operation }) {
            all[index].fields.formUnion(fields)
            all[index].time = time
        } else {
            all.append(FieldManager(name: name, operation: operation, time: time, fields: fields))
        }
    }

    /// `metadata.managedFields`.
    func document(apiVersion: String) -> JSONValue {
        .array(
            all.map { manager in
                var tree: JSONValue = [:]
                for path in manager.fields { tree.set(path.map { "f:\($0)" }[...], [:]) }
                return [
                    "manager": .string(manager.name), "operation": .string(manager.operation.rawValue),
                    "apiVersion": .string(apiVersion), "time": .string(manager.time), "fieldsType": "FieldsV1",
                    "fieldsV1": tree,
                ]
            })
    }
}

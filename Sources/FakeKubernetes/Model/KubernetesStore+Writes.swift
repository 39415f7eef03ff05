import JSONValues
import KubernetesClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One call that writes.
struct WriteCall: Sendable {
    var type: ResourceType
    var key: ObjectKey
    /// Only `status` is written.
    var isStatus = false
    /// The name under which fields are owned.
    var manager: String
    /// RFC 3339, whole seconds.
    var time: String
}

extension KubernetesStore {
    /// Makes an object from a document.
    mutating func create(_ call: WriteCall, _ document: JSONValue, uid: String) throws(Refusal) -> StoredObject {
        let (type, key) = (call.type, call.key)
        try checkKind(call, document)
        try checkNamespace(call)
        guard object(type, key) == nil else { throw .alreadyExists(type, key.name) }
        var managers = FieldManagers()
        var document = document
        if type.hasStatus { document["status"] = nil }
        let json = Self.defaulted(type, document)
        managers.updated(by: call.manager, from: nil, to: json, at: call.time)
        return try insert(call, json, managers, uid: uid)
    }

    private mutating func insert(
        _ call: WriteCall, _ document: JSONValue, _ managers: FieldManagers, uid: String
    ) throws(Refusal) -> StoredObject {
        let (type, key) = (call.type, call.key)
        try Self.checkName(type, key.name)
        try Self.checkContent(type, key.name, document, before: nil)
        var json = Self.defaulted(type, document)
        var metadata = json["metadata"] ?? [:]
        for name in ["deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"] { metadata[name] = nil }
        metadata["name"] = .string(key.name)
        if type.isNamespaced { metadata["namespace"] = .string(key.namespace) }
        metadata["uid"] = .string(uid)
        metadata["creationTimestamp"] = .string(call.time)
        if type.hasGeneration { metadata["generation"] = 1 }
        json["metadata"] = metadata
        return put(type, key, json, managers)
    }

    /// Replaces an object, whole or its status.
    mutating func replace(_ call: WriteCall, _ document: JSONValue) throws(Refusal) -> StoredObject {
        try checkKind(call, document)
        guard let before = object(call.type, call.key) else { throw .notFound(call.type, call.key.name) }
        if call.type.needsVersion, (document["metadata"]?["resourceVersion"]?.string ?? "").isEmpty {
            throw .invalid(
                call.type, call.key.name, "metadata.resourceVersion",
                "Invalid value: 0x0: must be specified for an update")
        }
        return try write(call, before, document)
    }

    /// Changes an object by a patch.
    mutating func patch(
        _ call: WriteCall, _ change: (JSONValue) throws(Refusal) -> JSONValue
    ) throws(Refusal) -> StoredObject {
        guard let before = object(call.type, call.key) else { throw .notFound(call.type, call.key.name) }
        // Only a version in the patch itself is compared.
        var json = before.json
        var metadata = json["metadata"] ?? [:]
        metadata["resourceVersion"] = nil
        json["metadata"] = metadata
        return try write(call, before, try change(json))
    }

    /// Server-side apply; the boolean says whether the object is new.
    mutating func apply(
        _ call: WriteCall, _ document: JSONValue, force: Bool, uid: String
    ) throws(Refusal) -> (StoredObject, Bool) {
        try checkKind(call, document)
        let before = object(call.type, call.key)
        var managers = before?.managers ?? FieldManagers()
        var meant = document
        if call.type.hasStatus, !call.isStatus { meant["status"] = nil }
        let merged = try managers.apply(
            meant, by: call.manager, to: before?.json, force: force, apiVersion: call.type.apiVersion, at: call.time)
        guard let before else {
            guard !call.isStatus else { throw .notFound(call.type, call.key.name) }
            try checkNamespace(call)
            return (try insert(call, merged, managers, uid: uid), true)
        }
        try Self.checkVersion(call, before, document)
        return (try write(call, before, merged, managers: managers), false)
    }

    // MARK: Steps

    private mutating func write(
        _ call: WriteCall, _ before: StoredObject, _ document: JSONValue, managers applied: FieldManagers? = nil
    ) throws(Refusal) -> StoredObject {
        let type = call.type
        if applied == nil { try Self.checkVersion(call, before, document) }
        var json = document
        if type.hasStatus {
            if call.isStatus {
                json = before.json
                json["status"] = document["status"]
            } else {
                json["status"] = before.json["status"]
            }
        }
        json = Self.defaulted(type, json)
        let old = before.json["metadata"] ?? [:]
        var metadata = json["metadata"] ?? [:]
        let fixed = [
            "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
            "generation", "resourceVersion",
        ]
        for name in fixed { metadata[name] = old[name] }
        metadata["managedFields"] = nil
        if type.hasGeneration, json["spec"] != before.json["spec"] {
            metadata["generation"] = .integer((old["generation"]?.integer ?? 0) + 1)
        }
        json["metadata"] = metadata
        json["kind"] = nil
        json["apiVersion"] = nil
        try Self.checkContent(type, call.key.name, json, before: before.json)
        var managers = applied ?? before.managers
        if applied == nil { managers.updated(by: call.manager, from: before.json, to: json, at: call.time) }
        // What changes nothing is no new version.
        let isSame = json == before.json && (applied == nil || managers.isSame(as: before.managers))
        guard !isSame else { return before }
        let after = put(type, call.key, json, managers)
        if after.isTerminating, after.finalizers.isEmpty, !before.finalizers.isEmpty { remove(after) }
        return after
    }

    private static func checkVersion(
        _ call: WriteCall, _ before: StoredObject, _ document: JSONValue
    ) throws(Refusal) {
        let metadata = document["metadata"]
        if let uid = metadata?["uid"]?.string, !uid.isEmpty, uid != before.uid {
            throw .conflict(
                call.type, call.key.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(before.uid)")
        }
        guard let version = metadata?["resourceVersion"]?.string, !version.isEmpty else { return }
        guard version == String(before.version) else { throw .conflict(call.type, call.key.name) }
    }

    private func checkKind(_ call: WriteCall, _ document: JSONValue) throws(Refusal) {
        guard document.object != nil else { throw .badRequest("the body is not a JSON object") }
        let kind = document["kind"]?.string ?? call.type.kind
        let version = document["apiVersion"]?.string ?? call.type.apiVersion
        guard kind == call.type.kind, version == call.type.apiVersion else {
            throw .badRequest(
                """
                \(kind) in version "\(version)" cannot be handled as a \(call.type.kind): no kind "\(kind)" is \
                registered for version "\(version)"
                """)
        }
        let name = document["metadata"]?["name"]?.string ?? call.key.name
        guard name == call.key.name else {
            throw .badRequest("the name of the object (\(name)) does not match the name on the URL (\(call.key.name))")
        }
        let namespace = document["metadata"]?["namespace"]?.string ?? call.key.namespace
        guard namespace == call.key.namespace || !call.type.isNamespaced else {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
    }

    private func checkNamespace(_ call: WriteCall) throws(Refusal) {
        guard call.type.isNamespaced else { return }
        guard let namespace = object(.namespaces, ObjectKey(namespace: "", name: call.key.namespace)) else {
            throw .notFound(.namespaces, call.key.namespace)
        }
        guard !namespace.isTerminating else {
            throw Refusal(
                403, "Forbidden",
                """
                \(call.type.plural) "\(call.key.name)" is forbidden: unable to create new content in namespace \
                \(call.key.namespace) because it is being terminated
                """)
        }
    }

    private static func checkName(_ type: ResourceType, _ name: String) throws(Refusal) {
        guard !name.isEmpty else { throw .invalid(type, "", "metadata.name", "Required value: name is required") }
        let isInner = { (byte: UInt8) in (97...122).contains(byte) || (48...57).contains(byte) }
        let isSubdomain =
            name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                label.utf8.first.map(isInner) ?? false && label.utf8.last.map(isInner) ?? false
                    && label.utf8.allSatisfy { isInner($0) || $0 == 45 }
            }
        guard isSubdomain else {
            throw .invalid(
                type, name, "metadata.name",
                """
                Invalid value: "\(name)": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
                characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', \
                regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
                """)
        }
    }

    private static func checkContent(
        _ type: ResourceType, _ name: String, _ json: JSONValue, before: JSONValue?
    ) throws(Refusal) {
        if type.kind == "Pod", json["spec"]?["containers"]?.array?.isEmpty ?? true {
            throw .invalid(type, name, "spec.containers", "Required value")
        }
        if type.kind == "Secret" || type.kind == "ConfigMap" {
            for (key, value) in json["data"]?.object ?? [:] {
                guard let text = value.string, type.kind == "ConfigMap" || Data(base64Encoded: text) != nil else {
                    throw .badRequest("\(type.kind) in version \"v1\" cannot be handled: data.\(key) is not a text")
                }
            }
            if before?["immutable"] == true, json["data"] != before?["data"] || json["immutable"] != true {
                throw .invalid(type, name, "data", "Forbidden: field is immutable when `immutable` is set")
            }
        }
        if type.kind == "Lease", let seconds = json["spec"]?["leaseDurationSeconds"]?.integer, seconds <= 0 {
            throw .invalid(
                type, name, "spec.leaseDurationSeconds", "Invalid value: \(seconds): must be greater than 0")
        }
    }

    /// What the real server fills in, as far as somebody here looks at it.
    private static func defaulted(_ type: ResourceType, _ document: JSONValue) -> JSONValue {
        var json = document
        switch type.kind {
        case "Pod":
            if json["status"]?["phase"] == nil {
                json["status"] = (json["status"] ?? [:]).merging(["phase": "Pending"])
            }
            if json["spec"]?["terminationGracePeriodSeconds"] == nil {
                json["spec"] = (json["spec"] ?? [:]).merging(["terminationGracePeriodSeconds": 30])
            }
        case "Namespace":
            json["status"] = json["status"] ?? ["phase": "Active"]
        case "Secret":
            if let texts = json["stringData"]?.object {
                let data = texts.mapValues { JSONValue.string(Data(($0.string ?? "").utf8).base64EncodedString()) }
                json["data"] = (json["data"] ?? [:]).merging(.object(data))
                json["stringData"] = nil
            }
            json["type"] = json["type"] ?? "Opaque"
        case "Deployment", "ReplicaSet", "StatefulSet":
            if json["spec"]?["replicas"] == nil {
                json["spec"] = (json["spec"] ?? [:]).merging(["replicas": 1])
            }
            json["status"] = json["status"] ?? [:]
        default: break
        }
        return json
    }
}

extension FieldManagers {
    /// Whether the same managers own the same fields, whenever they said so.
    func isSame(as other: FieldManagers) -> Bool {
        func bare(_ managers: FieldManagers) -> Set<FieldManager> {
            Set(
                managers.all.map {
                    var manager = $0
                    manager.time = ""
                    return manager
                })
        }
        return bare(self) == bare(other)
    }
}

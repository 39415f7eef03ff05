import JSONValues
import KubernetesClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One object as of one version.
struct StoredObject: Sendable {
    let type: ResourceType
    let key: ObjectKey
    /// Without `kind`, `apiVersion` and `managedFields`.
    let json: JSONValue
    let managers: FieldManagers
    /// The version that it is of.
    let version: Int
    /// The JSON text of a list's item; lists carry no kinds.
    let text: String

    init(type: ResourceType, key: ObjectKey, json: JSONValue, managers: FieldManagers, version: Int) {
        var json = json
        json["kind"] = nil
        json["apiVersion"] = nil
        var metadata = json["metadata"] ?? [:]
        metadata["resourceVersion"] = .string(String(version))
        metadata["managedFields"] = nil
        json["metadata"] = metadata
        self.type = type
        self.key = key
        self.json = json
        self.managers = managers
        self.version = version
        if !managers.all.isEmpty {
            metadata["managedFields"] = managers.document(apiVersion: type.apiVersion)
            json["metadata"] = metadata
        }
        text = json.text
    }

    /// The JSON text of the object by itself.
    var wholeText: String { "{\(type.heading),\(text.dropFirst())" }

    /// The same object in its last state, at the version of its deletion.
    func deleted(at version: Int) -> StoredObject {
        StoredObject(type: type, key: key, json: json, managers: managers, version: version)
    }

    var uid: String { json["metadata"]?["uid"]?.string ?? "" }
    var isTerminating: Bool { json["metadata"]?["deletionTimestamp"] != nil }
    var finalizers: [JSONValue] { json["metadata"]?["finalizers"]?.array ?? [] }
}

extension JSONValue {
    /// Its text, with keys in order so that equal objects have equal texts.
    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }
}

/// One change of the store: what an object was and what it became.
struct StoredChange: Sendable {
    var version: Int
    var before: StoredObject?
    var after: StoredObject?

    /// The line that a watch of `selection` sends for it; `nil` for none.
    func line(for selection: ObjectSelection) -> String? {
        let wasThere = selection.matches(before)
        let isThere = selection.matches(after)
        switch (wasThere, isThere) {
        case (false, false): return nil
        case (false, true): return after.map { Self.line("ADDED", $0.wholeText) }
        case (true, true): return after.map { Self.line("MODIFIED", $0.wholeText) }
        case (true, false): return before.map { Self.line("DELETED", $0.deleted(at: version).wholeText) }
        }
    }

    static func line(_ type: String, _ object: String) -> String { #"{"type":"\#(type)","object":\#(object)}"# + "\n" }
}

import JSONValues
import KubernetesClient

/// What etcd and the API server keep: objects, their versions, and the changes that watches can still be told. A value
/// without clock, chance or network of its own.
struct KubernetesStore: Sendable {
    /// As many changes as are remembered at least; the real server remembers some minutes.
    static let historyLimit = 20_000

    /// The version of the newest change.
    private(set) var version = 100
    /// Lists and watches from older versions are answered with 410.
    private(set) var oldestVersion = 100
    private var objects: [ResourceType: [ObjectKey: StoredObject]] = [:]
    private var history: [StoredChange] = []

    init(at time: String) {
        for name in ["default", "kube-system"] {
            let key = ObjectKey(namespace: "", name: name)
            let json: JSONValue = [
                "metadata": [
                    "name": .string(name), "uid": .string("00000000-0000-4000-8000-\(name.utf8.count)"),
                    "creationTimestamp": .string(time),
                ],
                "spec": ["finalizers": ["kubernetes"]], "status": ["phase": "Active"],
            ]
            put(.namespaces, key, json, FieldManagers())
        }
    }

    func object(_ type: ResourceType, _ key: ObjectKey) -> StoredObject? { objects[type]?[key] }

    /// The objects of a kind, in the order of lists.
    func objects(_ type: ResourceType) -> [StoredObject] {
        (objects[type] ?? [:]).values.sorted { $0.key < $1.key }
    }

    /// Stores an object as of a new version.
    @discardableResult
    mutating func put(
        _ type: ResourceType, _ key: ObjectKey, _ json: JSONValue, _ managers: FieldManagers
    ) -> StoredObject {
        version += 1
        let before = objects[type]?[key]
        let after = StoredObject(type: type, key: key, json: json, managers: managers, version: version)
        objects[type, default: [:]][key] = after
        record(StoredChange(version: version, before: before, after: after))
        return after
    }

    mutating func remove(_ object: StoredObject) {
        version += 1
        objects[object.type]?[object.key] = nil
        record(StoredChange(version: version, before: object, after: nil))
    }

    private mutating func record(_ change: StoredChange) {
        history.append(change)
        guard history.count > 2 * Self.historyLimit else { return }
        forget(history.count - Self.historyLimit)
    }

    private mutating func forget(_ count: Int) {
        guard count > 0 else { return }
        oldestVersion = history[count - 1].version
        history.removeFirst(count)
    }

    /// Forgets every change, as a restarted server over a compacted etcd does: every version that anybody knows so far
    /// answers 410, because something else has changed meanwhile.
    mutating func compact() {
        forget(history.count)
        version += 1
        oldestVersion = version
    }

    /// The changes of all kinds after a version; `nil` when they are no longer known.
    func changes(after cursor: Int) -> ArraySlice<StoredChange>? {
        guard cursor >= oldestVersion else { return nil }
        var low = 0
        var high = history.count
        while low < high {
            let middle = (low + high) / 2
            if history[middle].version > cursor { high = middle } else { low = middle + 1 }
        }
        return history[low...]
    }

    /// The selected objects as of a version, in the order of lists; `nil` when it is no longer known.
    func objects(of selection: ObjectSelection, at wanted: Int) -> [StoredObject]? {
        guard let later = changes(after: wanted) else { return nil }
        var kept = objects[selection.type] ?? [:]
        for change in later.reversed() {
            guard let object = change.before ?? change.after, object.type == selection.type else { continue }
            kept[object.key] = change.before
        }
        return kept.values.filter { selection.matches($0) }.sorted { $0.key < $1.key }
    }
}

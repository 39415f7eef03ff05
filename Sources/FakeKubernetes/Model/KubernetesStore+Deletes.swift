import JSONValues
import KubernetesClient

/// The body and the parameters of a deletion.
struct DeleteOptions: Sendable {
    var gracePeriodSeconds: Int64?
    var uid: String?
    var resourceVersion: String?
}

extension KubernetesStore {
    /// Deletes an object, or begins to: pods on a node go when their grace period is over, and what has finalizers goes
    /// when the last of them is gone. Returns its last state.
    mutating func delete(
        _ type: ResourceType, _ key: ObjectKey, _ options: DeleteOptions, now: String,
        timeAfter: (Int64) -> String
    ) throws(Refusal) -> StoredObject {
        guard let object = object(type, key) else { throw .notFound(type, key.name) }
        if let uid = options.uid, uid != object.uid {
            throw .conflict(
                type, key.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(object.uid)")
        }
        if let version = options.resourceVersion, version != String(object.version) {
            throw .conflict(
                type, key.name,
                """
                Precondition failed: ResourceVersion in precondition: \(version), ResourceVersion in object meta: \
                \(object.version)
                """)
        }
        guard type == .pods else { return deleteOther(object, now: now) }
        return deletePod(object, options, timeAfter: timeAfter)
    }

    private mutating func deletePod(
        _ pod: StoredObject, _ options: DeleteOptions, timeAfter: (Int64) -> String
    ) -> StoredObject {
        let phase = pod.json["status"]?["phase"]?.string
        let isOnNode = pod.json["spec"]?["nodeName"]?.string?.isEmpty == false
        let hasEnded = phase == "Succeeded" || phase == "Failed"
        let asked = options.gracePeriodSeconds ?? pod.json["spec"]?["terminationGracePeriodSeconds"]?.integer ?? 30
        let grace = isOnNode && !hasEnded ? max(0, asked) : 0
        let left = pod.json["metadata"]?["deletionGracePeriodSeconds"]?.integer
        // A second deletion can only hasten the first.
        if pod.isTerminating, grace > 0 || !pod.finalizers.isEmpty, grace >= left ?? .max { return pod }
        let terminating = mark(pod, ["deletionGracePeriodSeconds": .integer(grace)], time: timeAfter(grace))
        if grace == 0, pod.finalizers.isEmpty { remove(terminating) }
        return terminating
    }

    private mutating func deleteOther(_ object: StoredObject, now: String) -> StoredObject {
        if object.type == .namespaces {
            for type in ResourceType.all where type.isNamespaced {
                for content in objects(type) where content.key.namespace == object.key.name { remove(content) }
            }
            var json = object.json
            json["status"] = ["phase": "Terminating"]
            let marked = StoredObject(
                type: object.type, key: object.key, json: json, managers: object.managers, version: version)
            let terminating = mark(marked, [:], time: now)
            remove(terminating)
            return terminating
        }
        guard object.finalizers.isEmpty else {
            return object.isTerminating
                ? object : mark(object, ["deletionGracePeriodSeconds": 0], time: now)
        }
        remove(object)
        return object
    }

    private mutating func mark(_ object: StoredObject, _ more: JSONValue, time: String) -> StoredObject {
        var json = object.json
        json["metadata"] = (json["metadata"] ?? [:]).merging(["deletionTimestamp": .string(time)]).merging(more)
        return put(object.type, object.key, json, object.managers)
    }
}

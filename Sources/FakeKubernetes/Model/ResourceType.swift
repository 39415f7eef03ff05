/// A kind of object that the stand-in keeps, and how the real server treats it.
struct ResourceType: Hashable, Sendable {
    var group: String
    var version: String
    var kind: String
    var plural: String
    var isNamespaced = true
    /// Whether `status` is written through its own subresource only.
    var hasStatus = false
    /// Whether `metadata.generation` counts the changes of `spec`.
    var hasGeneration = false
    /// Whether an update needs the version that it replaces.
    var needsVersion = false

    /// For example `apps/v1`.
    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// `kind` and `apiVersion` as the beginning of an object's JSON text.
    var heading: String { #""kind":"\#(kind)","apiVersion":"\#(apiVersion)""# }

    static let all: [ResourceType] = [
        ResourceType(
            group: "", version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false, hasStatus: true),
        ResourceType(group: "", version: "v1", kind: "Node", plural: "nodes", isNamespaced: false, hasStatus: true),
        ResourceType(group: "", version: "v1", kind: "Pod", plural: "pods", hasStatus: true),
        ResourceType(group: "", version: "v1", kind: "Secret", plural: "secrets"),
        ResourceType(group: "", version: "v1", kind: "ConfigMap", plural: "configmaps"),
        ResourceType(group: "", version: "v1", kind: "Service", plural: "services", hasStatus: true),
        ResourceType(group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts"),
        ResourceType(group: "", version: "v1", kind: "Endpoints", plural: "endpoints"),
        ResourceType(group: "", version: "v1", kind: "Event", plural: "events"),
        ResourceType(
            group: "apps", version: "v1", kind: "Deployment", plural: "deployments", hasStatus: true,
            hasGeneration: true),
        ResourceType(
            group: "apps", version: "v1", kind: "ReplicaSet", plural: "replicasets", hasStatus: true,
            hasGeneration: true),
        ResourceType(
            group: "apps", version: "v1", kind: "StatefulSet", plural: "statefulsets", hasStatus: true,
            hasGeneration: true),
        ResourceType(group: "apps", version: "v1", kind: "ControllerRevision", plural: "controllerrevisions"),
        ResourceType(
            group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases", needsVersion: true),
    ]

    static let pods = named("Pod")
    static let namespaces = named("Namespace")

    private static func named(_ kind: String) -> ResourceType {
        all.first { $0.kind == kind } ?? ResourceType(group: "", version: "v1", kind: kind, plural: kind)
    }

    static func find(group: String, version: String, plural: String) -> ResourceType? {
        all.first { $0.group == group && $0.version == version && $0.plural == plural }
    }
}

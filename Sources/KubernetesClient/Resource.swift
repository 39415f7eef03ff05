/// A kind of object, decoded only to the fields that Drover uses.
package protocol KubernetesResource: Decodable, Equatable, Sendable {
    /// How the API names the kind.
    static var kind: ResourceKind { get }
    /// Name, labels, version and the like.
    var metadata: ObjectMeta { get }
}

/// A resource whose every field is kept by decoding, so that sending it back whole loses nothing. Others are changed by
/// patch or apply only; the compiler sees to it.
package protocol WholeResource: KubernetesResource, Encodable {
    /// Name, labels, version and the like.
    var metadata: ObjectMeta { get set }
}

/// How the API names a kind: group, version, path.
package struct ResourceKind: Hashable, Sendable {
    /// API group; empty for the core group.
    package var group: String
    /// Version, for example `v1`.
    package var version: String
    /// Singular name, for example `Pod`.
    package var kind: String
    /// Name in paths and RBAC rules, for example `pods`.
    package var plural: String
    /// Whether objects live in namespaces.
    package var isNamespaced: Bool

    /// Makes a name.
    package init(_ group: String, _ version: String, _ kind: String, _ plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// For example `apps/v1`.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The path of the collection, or of one object when `name` is given.
    package func path(namespace: String?, name: String? = nil, subresource: String? = nil) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if let namespace, isNamespaced { path += "/namespaces/\(URLText.component(namespace))" }
        path += "/\(plural)"
        if let name { path += "/\(URLText.component(name))" }
        if let subresource { path += "/\(subresource)" }
        return path
    }
}

/// An owner of an object.
package struct OwnerReference: Hashable, Codable, Sendable {
    /// For example `apps/v1`.
    package var apiVersion: String
    /// For example `ReplicaSet`.
    package var kind: String
    /// The owner's name.
    package var name: String
    /// The owner's uid.
    package var uid: String
    /// Whether this owner manages the object.
    package var controller: Bool?
    /// Whether the owner waits for this object before it is deleted.
    package var blockOwnerDeletion: Bool?

    /// Makes a reference.
    package init(apiVersion: String, kind: String, name: String, uid: String, controller: Bool? = nil) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
    }
}

/// `metadata` of an object, but for `managedFields`, which the server keeps when they are not sent.
package struct ObjectMeta: Hashable, Codable, Sendable {
    /// Unique among its kind and namespace; empty in bookmarks.
    package var name: String
    /// The namespace; `nil` for kinds without.
    package var namespace: String?
    /// Labels.
    package var labels: [String: String]?
    /// Annotations.
    package var annotations: [String: String]?
    /// Differs between an object and a later one of the same name.
    package var uid: String?
    /// Opaque version; compare only for equality.
    package var resourceVersion: String?
    /// Counts the changes of the wanted state.
    package var generation: Int64?
    /// When it was created, RFC 3339.
    package var creationTimestamp: String?
    /// When its deletion was asked for, RFC 3339; such an object is on its way out whatever its status says.
    package var deletionTimestamp: String?
    /// Seconds left to end by itself.
    package var deletionGracePeriodSeconds: Int64?
    /// Who owns it.
    package var ownerReferences: [OwnerReference]?
    /// What has to happen before it goes.
    package var finalizers: [String]?

    /// Makes the metadata of a new object.
    package init(
        name: String, namespace: String? = nil, labels: [String: String]? = nil, annotations: [String: String]? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.annotations = annotations
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decodeIfPresent(String.self, forKey: .name) ?? ""
        namespace = try container.decodeIfPresent(String.self, forKey: .namespace)
        labels = try container.decodeIfPresent([String: String].self, forKey: .labels)
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations)
        uid = try container.decodeIfPresent(String.self, forKey: .uid)
        resourceVersion = try container.decodeIfPresent(String.self, forKey: .resourceVersion)
        generation = try container.decodeIfPresent(Int64.self, forKey: .generation)
        creationTimestamp = try container.decodeIfPresent(String.self, forKey: .creationTimestamp)
        deletionTimestamp = try container.decodeIfPresent(String.self, forKey: .deletionTimestamp)
        deletionGracePeriodSeconds = try container.decodeIfPresent(Int64.self, forKey: .deletionGracePeriodSeconds)
        ownerReferences = try container.decodeIfPresent([OwnerReference].self, forKey: .ownerReferences)
        finalizers = try container.decodeIfPresent([String].self, forKey: .finalizers)
    }

    /// Its deletion was asked for.
    package var isTerminating: Bool { deletionTimestamp != nil }

    /// The owner that manages it.
    package var controller: OwnerReference? { ownerReferences?.first { $0.controller == true } }
}

/// What names an object among those of its kind.
package struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Empty for kinds without namespaces.
    package var namespace: String
    /// The object's name.
    package var name: String

    /// Makes a name.
    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

    /// By namespace, then by name, as the server lists.
    package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

extension KubernetesResource {
    /// What names this object among its kind.
    package var key: ObjectKey { ObjectKey(namespace: metadata.namespace ?? "", name: metadata.name) }
}

/// Percent-encoding of what goes into addresses.
enum URLText {
    /// Encodes everything but the unreserved characters of RFC 3986.
    static func component(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    /// `?a=b&c=d`, or nothing without parameters.
    static func query(_ parameters: [(String, String)]) -> String {
        guard !parameters.isEmpty else { return "" }
        return "?" + parameters.map { "\(component($0.0))=\(component($0.1))" }.joined(separator: "&")
    }
}

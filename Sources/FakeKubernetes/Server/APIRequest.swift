import FleetModel
import Hummingbird
import JSONValues
import KubernetesClient

/// A call of the API, understood from its method, path and query.
struct APIRequest: Sendable {
    var type: ResourceType
    var namespace: String?
    var name: String?
    var subresource: String?
    var query: [String: String]
    var access: AccessRequest

    var key: ObjectKey { ObjectKey(namespace: type.isNamespaced ? namespace ?? "" : "", name: name ?? "") }
    var isWatch: Bool { access.verb == "watch" }

    /// - Throws: 404 for a path that the stand-in does not know, 405 for a method that it does not.
    init(_ method: HTTPRequest.Method, _ path: String, _ query: [String: String]) throws(Refusal) {
        var parts = path.split(separator: "/").map { String(decoding: $0.percentDecodedBytes, as: UTF8.self) }
        guard let root = parts.first, root == "api" || root == "apis", parts.count >= (root == "api" ? 3 : 4) else {
            throw .noSuchPath
        }
        let group = root == "api" ? "" : parts[1]
        let version = root == "api" ? parts[1] : parts[2]
        parts.removeFirst(root == "api" ? 2 : 3)
        var namespace: String?
        if parts.first == "namespaces", parts.count > 2, parts[2] != "status" {
            namespace = parts[1]
            parts.removeFirst(2)
        }
        guard let plural = parts.first, parts.count <= 3,
            let type = ResourceType.find(group: group, version: version, plural: plural),
            type.isNamespaced || namespace == nil
        else { throw .noSuchPath }
        let name = parts.count > 1 ? parts[1] : nil
        let subresource = parts.count > 2 ? parts[2] : nil
        guard subresource == nil || subresource == "status" && type.hasStatus else { throw .noSuchPath }
        let isWatch = ["1", "true"].contains(query["watch"] ?? "")
        let verb: String
        switch (method, name) {
        case (.get, nil): verb = isWatch ? "watch" : "list"
        case (.get, _): verb = "get"
        case (.post, nil): verb = "create"
        case (.put, .some): verb = "update"
        case (.patch, .some): verb = "patch"
        case (.delete, nil): verb = "deletecollection"
        case (.delete, .some): verb = "delete"
        default:
            throw Refusal(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource",
                details: [:])
        }
        guard !["create", "deletecollection"].contains(verb) || namespace != nil || !type.isNamespaced else {
            throw .noSuchPath
        }
        self.type = type
        self.namespace = namespace
        self.name = name
        self.subresource = subresource
        self.query = query
        access = AccessRequest(
            verb: verb, group: group, resource: plural + (subresource.map { "/\($0)" } ?? ""),
            namespace: type == .namespaces ? nil : namespace, name: name)
    }

    func selection() throws(Refusal) -> ObjectSelection {
        try ObjectSelection(
            type, namespace: type.isNamespaced ? namespace : nil, labels: query["labelSelector"] ?? "",
            fields: query["fieldSelector"] ?? "")
    }

    /// The version in the query; `nil` when none is asked for.
    func version() throws(Refusal) -> Int? {
        guard let text = query["resourceVersion"], !text.isEmpty, text != "0" else { return nil }
        guard let version = Int(text) else {
            throw .badRequest("invalid resource version \"\(text)\": strconv.ParseUint: invalid syntax")
        }
        return version
    }
}

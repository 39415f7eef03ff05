package import JSONValues
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One page of a list, or all of it.
package struct ResourceList<Resource: KubernetesResource>: Sendable {
    /// The objects.
    package var items: [Resource]
    /// The version of the whole list; watching from it misses nothing.
    package var resourceVersion: String
    /// What the next page is asked for with; `nil` after the last one.
    package var continueToken: String?
}

private struct ListDocument<Resource: KubernetesResource>: Decodable {
    struct Metadata: Decodable {
        var resourceVersion: String?
        var `continue`: String?
    }

    var metadata: Metadata?
    var items: [Resource]?
}

/// An object as it is sent: with its kind, which decoding leaves out.
private struct Sent<Resource: WholeResource>: Encodable {
    enum CodingKeys: String, CodingKey {
        case apiVersion, kind
    }

    var resource: Resource

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Resource.kind.apiVersion, forKey: .apiVersion)
        try container.encode(Resource.kind.kind, forKey: .kind)
        try resource.encode(to: encoder)
    }
}

/// A part of an object with a path of its own.
package enum Subresource: String, Sendable {
    /// What was observed, written by whoever observes.
    case status
}

extension KubernetesClient {
    /// Reads one object; `namespace` is the client's own when absent.
    package func get<Resource: KubernetesResource>(
        _ type: Resource.Type, _ name: String, in namespace: String? = nil
    ) async throws(KubernetesError) -> Resource {
        let namespace = namespace ?? self.namespace
        return try await send(
            .init(
                method: .GET, path: type.kind.path(namespace: namespace, name: name),
                attempt: attempt("get", type.kind, namespace, name), isIdempotent: true), as: type)
    }

    /// Reads one page of at most `limit` objects.
    /// - Throws: `gone` when the token is too old; its `continueToken` goes on with what is there by then.
    package func page<Resource: KubernetesResource>(
        _ type: Resource.Type, in scope: NamespaceScope = .own, where selection: Selection = .all, limit: Int = 500,
        after continueToken: String? = nil
    ) async throws(KubernetesError) -> ResourceList<Resource> {
        var parameters = selection.parameters + [("limit", String(limit))]
        if let continueToken { parameters.append(("continue", continueToken)) }
        let namespace = name(of: scope)
        let document = try await send(
            .init(
                method: .GET, path: type.kind.path(namespace: namespace) + URLText.query(parameters),
                attempt: attempt("list", type.kind, namespace), isIdempotent: true),
            as: ListDocument<Resource>.self)
        let token = document.metadata?.continue.flatMap { $0.isEmpty ? nil : $0 }
        return ResourceList(
            items: document.items ?? [], resourceVersion: document.metadata?.resourceVersion ?? "",
            continueToken: token)
    }

    /// Reads a whole selection, `pageSize` objects at a time; begins anew, once, when that takes so long that the
    /// server forgets the list.
    package func list<Resource: KubernetesResource>(
        _ type: Resource.Type, in scope: NamespaceScope = .own, where selection: Selection = .all, pageSize: Int = 500
    ) async throws(KubernetesError) -> ResourceList<Resource> {
        var all: ResourceList<Resource>?
        var hasBegunAnew = false
        while true {
            do throws(KubernetesError) {
                let page = try await page(
                    type, in: scope, where: selection, limit: pageSize, after: all?.continueToken)
                all = ResourceList(
                    items: (all?.items ?? []) + page.items, resourceVersion: page.resourceVersion,
                    continueToken: page.continueToken)
                if let all, all.continueToken == nil { return all }
            } catch {
                guard error.isGone, all != nil, !hasBegunAnew else { throw error }
                hasBegunAnew = true
                all = nil
            }
        }
    }

    /// Creates an object; its namespace is the client's own when absent.
    /// - Throws: `alreadyExists` when there is one of that name. Never repeated after an unknown outcome.
    @discardableResult
    package func create<Resource: WholeResource>(_ object: Resource) async throws(KubernetesError) -> Resource {
        try await create(
            Resource.self, object.metadata.name, try encoded(object), in: object.metadata.namespace)
    }

    /// Creates an object of a kind that is not decoded whole, from its document.
    @discardableResult
    package func create<Resource: KubernetesResource>(
        _ type: Resource.Type, _ document: JSONValue, in namespace: String? = nil
    ) async throws(KubernetesError) -> Resource {
        try await create(type, document["metadata"]?["name"]?.string ?? "", try encoded(document), in: namespace)
    }

    private func create<Resource: KubernetesResource>(
        _ type: Resource.Type, _ name: String, _ body: [UInt8], in namespace: String?
    ) async throws(KubernetesError) -> Resource {
        let namespace = namespace ?? self.namespace
        return try await send(
            .init(
                method: .POST, path: type.kind.path(namespace: namespace), body: body,
                attempt: attempt("create", type.kind, namespace, name), isIdempotent: false), as: type)
    }

    /// Replaces an object by one that was read before and changed.
    /// - Throws: `conflict` when it has changed since it was read. Never repeated after an unknown outcome: a
    ///   repetition would conflict with itself.
    @discardableResult
    package func update<Resource: WholeResource>(
        _ object: Resource, subresource: Subresource? = nil
    ) async throws(KubernetesError) -> Resource {
        let namespace = object.metadata.namespace ?? self.namespace
        let name = object.metadata.name
        let attempt = attempt("update", Resource.kind, namespace, name)
        guard object.metadata.resourceVersion?.isEmpty == false else {
            throw KubernetesError(.invalid, attempt, "it has no resourceVersion; read it first")
        }
        return try await send(
            .init(
                method: .PUT,
                path: Resource.kind.path(namespace: namespace, name: name, subresource: subresource?.rawValue),
                body: try encoded(object), attempt: attempt, isIdempotent: false), as: Resource.self)
    }

    /// Changes the fields that a merge patch (RFC 7386) names; null removes one. A `metadata.resourceVersion` in it
    /// makes it fail with `conflict` when the object has changed.
    @discardableResult
    package func patch<Resource: KubernetesResource>(
        _ type: Resource.Type, _ name: String, _ patch: JSONValue, in namespace: String? = nil,
        subresource: Subresource? = nil
    ) async throws(KubernetesError) -> Resource {
        let namespace = namespace ?? self.namespace
        return try await send(
            .init(
                method: .PATCH,
                path: type.kind.path(namespace: namespace, name: name, subresource: subresource?.rawValue),
                body: try encoded(patch), contentType: "application/merge-patch+json",
                attempt: attempt("patch", type.kind, namespace, name),
                isIdempotent: patch["metadata"]?["resourceVersion"] == nil), as: type)
    }

    /// Makes the fields of `document` so, creating the object if need be, and owns them as `fieldManager`; fields that
    /// it owned and no longer names go. `force` takes fields over from other managers.
    /// - Throws: `fieldConflict` with the fields that others own, unless `force`.
    @discardableResult
    package func apply<Resource: KubernetesResource>(
        _ type: Resource.Type, _ name: String, _ document: JSONValue, fieldManager: String, force: Bool = false,
        in namespace: String? = nil, subresource: Subresource? = nil
    ) async throws(KubernetesError) -> Resource {
        let namespace = namespace ?? self.namespace
        let path = type.kind.path(namespace: namespace, name: name, subresource: subresource?.rawValue)
        let parameters = [("fieldManager", fieldManager)] + (force ? [("force", "true")] : [])
        return try await send(
            .init(
                method: .PATCH, path: path + URLText.query(parameters), body: try encoded(document),
                contentType: "application/apply-patch+yaml",  // JSON is YAML.
                attempt: attempt("apply", type.kind, namespace, name), isIdempotent: true), as: type)
    }

    /// Asks for an object's deletion. `uid` keeps a later object of the same name safe; `gracePeriodSeconds` 0 ends a
    /// pod at once.
    /// - Throws: `notFound` when there is none, `conflict` when its uid is another.
    package func delete<Resource: KubernetesResource>(
        _ type: Resource.Type, _ name: String, in namespace: String? = nil, uid: String? = nil,
        gracePeriodSeconds: Int? = nil
    ) async throws(KubernetesError) {
        let namespace = namespace ?? self.namespace
        var options: JSONValue = ["apiVersion": "v1", "kind": "DeleteOptions"]
        if let uid { options["preconditions"] = ["uid": .string(uid)] }
        if let gracePeriodSeconds { options["gracePeriodSeconds"] = .integer(Int64(gracePeriodSeconds)) }
        _ = try await send(
            .init(
                method: .DELETE, path: type.kind.path(namespace: namespace, name: name), body: try encoded(options),
                attempt: attempt("delete", type.kind, namespace, name), isIdempotent: true))
    }

    private func encoded(_ document: JSONValue) throws(KubernetesError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(document))
        } catch {
            throw KubernetesError(.invalid, "encode a document", "it holds a number that JSON cannot hold")
        }
    }

    private func encoded<Resource: WholeResource>(_ object: Resource) throws(KubernetesError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(Sent(resource: object)))
        } catch {
            throw KubernetesError(.invalid, "encode a \(Resource.kind.kind)", "\(error)")
        }
    }
}

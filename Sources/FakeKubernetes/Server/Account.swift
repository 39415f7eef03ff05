import JSONValues
import KubernetesClient

/// Someone who may call the stand-in, known by a bearer token.
package struct Account: Hashable, Sendable, Codable {
    /// One RBAC rule (Kubernetes documentation, "Using RBAC Authorization"); `*` stands for everything.
    package struct Rule: Hashable, Sendable, Codable {
        /// API groups; the core group is the empty text.
        package var apiGroups: [String]
        /// Plural names, for example `pods` and `pods/status`.
        package var resources: [String]
        /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
        package var verbs: [String]
        /// Object names; every one when absent.
        package var resourceNames: [String]?
        /// The namespace; every one when absent.
        package var namespace: String?

        /// Makes a rule.
        package init(
            apiGroups: [String], resources: [String], verbs: [String], resourceNames: [String]? = nil,
            namespace: String? = nil
        ) {
            self.apiGroups = apiGroups
            self.resources = resources
            self.verbs = verbs
            self.resourceNames = resourceNames
            self.namespace = namespace
        }

        func allows(_ request: AccessRequest) -> Bool {
            func has(_ list: [String], _ value: String) -> Bool { list.contains("*") || list.contains(value) }
            return has(apiGroups, request.group) && has(resources, request.resource) && has(verbs, request.verb)
                && (namespace == nil || namespace == request.namespace)
                && (resourceNames.map { names in request.name.map { names.contains($0) } ?? false } ?? true)
        }
    }

    /// The bearer token.
    package var token: String
    /// As whom calls are made, for example `system:serviceaccount:default:proxysql`.
    package var user: String
    /// What they may do; nothing else.
    package var rules: [Rule]

    /// Makes an account.
    package init(token: String, user: String, rules: [Rule]) {
        self.token = token
        self.user = user
        self.rules = rules
    }

    /// Someone who may do everything.
    package static func administrator(token: String) -> Account {
        Account(token: token, user: "admin", rules: [Rule(apiGroups: ["*"], resources: ["*"], verbs: ["*"])])
    }

    /// The rights of the Go agent's own manifests: `pods: get, list, watch` in one namespace.
    package static func podReader(token: String, user: String, namespace: String) -> Account {
        Account(
            token: token, user: user,
            rules: [
                Rule(apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"], namespace: namespace)
            ])
    }
}

/// What a call wants to do, as RBAC names it.
struct AccessRequest: Hashable, Sendable {
    var verb: String
    var group: String
    /// With the subresource, for example `pods/status`.
    var resource: String
    var namespace: String?
    var name: String?

    /// The refusal that a user without the right gets.
    func refusal(_ user: String) -> Refusal {
        let place = namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        let plural = resource.split(separator: "/").first.map { String($0) } ?? resource
        let qualified = plural + (group.isEmpty ? "" : ".\(group)")
        let named = name.map { " \"\($0)\"" } ?? ""
        var details: JSONValue = ["kind": .string(plural)]
        if let name { details["name"] = .string(name) }
        if !group.isEmpty { details["group"] = .string(group) }
        return Refusal(
            403, "Forbidden",
            """
            \(qualified)\(named) is forbidden: User "\(user)" cannot \(verb) resource "\(resource)" in API group \
            "\(group)" \(place)
            """, details: details)
    }
}

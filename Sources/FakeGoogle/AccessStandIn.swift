import JSONValues
import HTTPTypes
package import Hummingbird

/// IAM v1, Resource Manager v3 and the policies of Secret Manager v1 and Cloud KMS v1, on one loopback address: it
/// simulates, and says so in its `Server` header.
package final class AccessStandIn: Sendable {
    /// The number of every project.
    package static let projectNumber = "123456789"

    /// The calls that were made, and the failures to come.
    package let calls = StandInCalls()
    /// What is stored.
    package let policies: PolicyModel

    /// Serves `policies`.
    package init(policies: PolicyModel) {
        self.policies = policies
    }

    /// The routes.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        addProjects(to: router)
        addRoles(to: router)
        addPolicies(to: router, "/v1/projects/{project}/secrets/{name}") { "secrets/\($0.get("name") ?? "")" }
        addPolicies(
            to: router, "/v1/projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{name}"
        ) {
            "locations/\($0.get("location") ?? "")/keyRings/\($0.get("ring") ?? "")/cryptoKeys/\($0.get("name") ?? "")"
        }
        return router
    }

    private func addProjects(to router: Router<BasicRequestContext>) {
        let path = RouterPath("/v3/projects/{project}")
        router.get(path) { [self] request, context in
            try await calls.answer(request) { _ throws(GoogleError) in
                [
                    "name": .string("projects/\(Self.projectNumber)"),
                    "projectId": .string(context.parameters.get("project") ?? ""), "state": "ACTIVE",
                ]
            }
        }
        router.post(path) { [self] request, context in
            try await calls.answer(request) { body throws(GoogleError) in
                try onPolicy("projects/\(context.parameters.get("project") ?? "")", body, reads: false)
            }
        }
    }

    private func addRoles(to router: Router<BasicRequestContext>) {
        router.post("/v1/projects/{project}/serviceAccounts") { [self] request, context in
            try await calls.answer(request) { body throws(GoogleError) in
                try policies.createAccount(context.parameters.get("project") ?? "", body)
            }
        }
        router.post("/v1/projects/{project}/roles") { [self] request, context in
            try await calls.answer(request) { body throws(GoogleError) in
                try policies.createRole(context.parameters.get("project") ?? "", body)
            }
        }
        for method in [HTTPRequest.Method.get, .patch, .post] {
            router.on("/v1/projects/{project}/roles/{role}", method: method) { [self] request, context in
                let role = (context.parameters.get("role") ?? "").split(separator: ":").map { String($0) }
                let name = "projects/\(context.parameters.get("project") ?? "")/roles/\(role.first ?? "")"
                return try await calls.answer(request) { body throws(GoogleError) in
                    switch (method, role.dropFirst().first) {
                    case (.get, nil): return try policies.onRole(name, nil)
                    case (.patch, nil): return try policies.onRole(name, body)
                    case (.post, "undelete"): return try policies.onRole(name, ["deleted": false])
                    default: throw .canonical(404, "NOT_FOUND", "Not Found")
                    }
                }
            }
        }
    }

    private func addPolicies(
        to router: Router<BasicRequestContext>, _ path: String, _ name: @escaping @Sendable (Parameters) -> String
    ) {
        for method in [HTTPRequest.Method.get, .post] {
            router.on(RouterPath(path), method: method) { [self] request, context in
                let resource = "projects/\(context.parameters.get("project") ?? "")/\(name(context.parameters))"
                return try await calls.answer(request) { body throws(GoogleError) in
                    try onPolicy(resource, body, reads: method == .get)
                }
            }
        }
    }

    /// `reads`: whether the method is GET, by which this resource's policy is read; others have a POST for it.
    private func onPolicy(_ resource: String, _ body: JSONValue, reads: Bool) throws(GoogleError) -> JSONValue {
        let parts = resource.split(separator: ":").map { String($0) }
        switch (parts.dropFirst().first, reads) {
        case ("getIamPolicy", _): return policies.get(parts[0])
        case ("setIamPolicy", false): return try policies.set(parts[0], body)
        default: throw .canonical(404, "NOT_FOUND", "Not Found")
        }
    }
}

import FleetModel
import Hummingbird
import JSONValues

/// The parts of a group: each list, one element of it, and the policy.
struct GroupPartRoutes: Sendable {
    /// A list in a group's document whose elements have names of their own.
    struct Collection: Sendable {
        /// In the path.
        var path: String
        /// In the document.
        var member: String
        /// What tells elements apart.
        var key: String
        /// The schema of one.
        var schema: String
        /// For operations and sentences.
        var singular: String

        static let all = [
            Collection(path: "servers", member: "servers", key: "name", schema: "Server", singular: "server"),
            Collection(path: "users", member: "users", key: "username", schema: "User", singular: "user"),
            Collection(
                path: "query-rules", member: "queryRules", key: "id", schema: "QueryRule", singular: "queryRule"),
        ]

        /// Whether `element` is the one that the path calls `name`.
        func matches(_ element: JSONValue, _ name: String) -> Bool {
            element[key] == .string(name) || (element[key]?.integer).map { "\($0)" == name } ?? false
        }

        /// `name` as the value of the key.
        func value(_ name: String) -> JSONValue {
            key == "id" ? Int64(name).map { .integer($0) } ?? .string(name) : .string(name)
        }
    }

    let parts: APIParts

    var operations: [Operation] {
        Collection.all.flatMap(operations) + [
            Operation(
                .get, "/v1/groups/{group}/policy", "getPolicy", "Shows a group's policy.",
                answers: [.init(200, "Policy"), .init(304, nil)]
            ) { _, context throws(APIError) in
                let stored = try await parts.group(context)
                return APIAnswer.group(
                    PolicyJSON.shown(stored.document.policy), EntityTag(stored.document, stored.version))
            },
            Operation(
                .put, "/v1/groups/{group}/policy", "putPolicy", "Replaces a group's policy.", role: .admin,
                answers: [.init(200, "Group")]
            ) { request, context throws(APIError) in
                let document = try await parts.json(request)
                return try await self.write(request, context) { $0["policy"] = document }
            }.taking(.dryRun, .ifMatch).withBody("Policy"),
            Operation(
                .patch, "/v1/groups/{group}/policy", "patchPolicy", "Changes a group's policy by a merge patch.",
                role: .admin, answers: [.init(200, "Group")]
            ) { request, context throws(APIError) in
                let document = try await parts.json(request)
                return try await self.write(request, context) {
                    $0["policy"] = ($0["policy"] ?? .null).merging(document)
                }
            }.taking(.dryRun, .ifMatch).withBody("PolicyPatch"),
        ]
    }

    private func operations(of list: Collection) -> [Operation] {
        let path = "/v1/groups/{group}/\(list.path)"
        let name = list.singular.prefix(1).uppercased() + list.singular.dropFirst()
        return [
            Operation(
                .get, path, "list\(name)s", "Lists a group's \(list.path).",
                answers: [.init(200, "\(list.schema)List"), .init(304, nil)]
            ) { _, context throws(APIError) in
                let stored = try await parts.group(context)
                return APIAnswer.group(
                    ["items": GroupDocument.shown(stored.document)[list.member] ?? []],
                    EntityTag(stored.document, stored.version))
            },
            Operation(
                .put, path, "put\(name)s", "Replaces a group's \(list.path).", role: .admin,
                answers: [.init(200, "Group")]
            ) { request, context throws(APIError) in
                var document = try await parts.json(request)
                if let items = document["items"] { document = items }
                return try await self.write(request, context) { $0[list.member] = document }
            }.taking(.dryRun, .adopt, .ifMatch).withBody("\(list.schema)ListInput"),
            Operation(
                .get, path + "/{element}", "get\(name)", "Shows one of a group's \(list.path).",
                answers: [.init(200, list.schema), .init(304, nil)]
            ) { _, context throws(APIError) in
                let stored = try await parts.group(context)
                let element = context.text("element")
                guard
                    let found = GroupDocument.shown(stored.document)[list.member]?.elements.first(where: {
                        list.matches($0, element)
                    })
                else { throw Self.missing(list, element, context) }
                return APIAnswer.group(found, EntityTag(stored.document, stored.version))
            },
            Operation(
                .put, path + "/{element}", "put\(name)", "Adds or replaces one of a group's \(list.path).",
                role: .admin, answers: [.init(200, "Group")]
            ) { request, context throws(APIError) in
                let document = try await parts.json(request)
                return try await self.putElement(document, list, request, context)
            }.taking(.dryRun, .adopt, .ifMatch).withBody("\(list.schema)Input"),
            Operation(
                .delete, path + "/{element}", "delete\(name)", "Takes away one of a group's \(list.path).",
                role: .admin, answers: [.init(200, "Group")]
            ) { request, context throws(APIError) in
                try await self.deleteElement(list, request, context)
            }.taking(.dryRun, .ifMatch),
        ]
    }

    private func putElement(
        _ document: JSONValue, _ list: Collection, _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let name = context.text("element")
        guard case .object(var members) = document else { throw .bad("the body must be an object") }
        if members[list.key] == nil { members[list.key] = list.value(name) }
        let element = JSONValue.object(members)
        guard list.matches(element, name) else {
            throw .bad("\"\(list.key)\" in the body must be \"\(name)\", as in the path")
        }
        return try await write(request, context) { group in
            var elements = group[list.member]?.elements ?? []
            if let index = elements.firstIndex(where: { list.matches($0, name) }) {
                elements[index] = element
            } else {
                elements.append(element)
            }
            group[list.member] = .array(elements)
        }
    }

    private func deleteElement(
        _ list: Collection, _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let name = context.text("element")
        return try await parts.write(request, context) { current throws(APIError) in
            guard let current else { throw .notFound("there is no group \(context.text("group"))") }
            var members = GroupDocument.writable(current).members
            let elements = members[list.member]?.elements ?? []
            guard let found = elements.first(where: { list.matches($0, name) }) else {
                throw Self.missing(list, name, context)
            }
            guard found["origin"] != "managed" else {
                throw .conflict("\(name) is managed by Drover, which drains and deletes it itself")
            }
            members[list.member] = .array(elements.filter { !list.matches($0, name) })
            return .object(members)
        }
    }

    private func write(
        _ request: Request, _ context: ManagementContext, _ change: (inout [String: JSONValue]) -> Void
    ) async throws(APIError) -> Response {
        try await parts.write(request, context) { current throws(APIError) in
            guard let current else { throw .notFound("there is no group \(context.text("group"))") }
            var members = GroupDocument.writable(current).members
            change(&members)
            return .object(members)
        }
    }

    private static func missing(_ list: Collection, _ name: String, _ context: ManagementContext) -> APIError {
        .notFound("\(context.text("group")) has no \(list.singular) \"\(name)\"")
    }
}

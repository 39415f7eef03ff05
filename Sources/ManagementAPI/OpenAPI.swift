import HTTPTypes
import JSONValues

/// The description of the API (OpenAPI 3.1.0), made of the operations that are served.
enum OpenAPI {
    static func document(_ operations: [Operation]) -> JSONValue {
        var paths: [String: JSONValue] = [:]
        func add(_ path: String, _ method: String, _ item: JSONValue) {
            var members = paths[path]?.members ?? [:]
            members[method] = item
            paths[path] = .object(members)
        }
        for operation in operations {
            add(operation.path, operation.method.rawValue.lowercased(), item(operation))
        }
        for call in CompatibleCall.all { add(call.path, call.method, call.item) }
        add(
            "/v1/openapi.json", "get",
            [
                "operationId": "getOpenAPI", "summary": "Shows this document.", "tags": ["v1"],
                "responses": ["200": content("The document.", "application/json", ["type": "object"])],
            ])
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Drover management API", "version": "1",
                "description": "Databases as code: groups of servers, users and query rules behind ProxySQL.",
                "license": ["name": "See the project's LICENSE file"],
            ],
            "servers": [["url": "/"]],
            "security": [["bearer": []], ["iap": []], ["basic": []]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(OpenAPISchemas.all),
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"],
                    "basic": ["type": "http", "scheme": "basic"],
                    "iap": ["type": "apiKey", "in": "header", "name": "X-Goog-IAP-JWT-Assertion"],
                ],
            ],
        ]
    }

    private static func item(_ operation: Operation) -> JSONValue {
        var members: [String: JSONValue] = [
            "operationId": .string(operation.id), "summary": .string(operation.summary),
            "description": .string("Needs the role \(operation.role.rawValue)."), "tags": ["v1"],
        ]
        let parameters = pathParameters(operation.path) + operation.parameters.map(parameter)
        if !parameters.isEmpty { members["parameters"] = .array(parameters) }
        if let body = operation.body {
            let isPatch = operation.method == .patch
            let media: JSONValue = ["schema": reference(body)]
            members["requestBody"] = [
                "required": .bool(!["Resume", "Order"].contains(body)),
                "content": isPatch
                    ? ["application/merge-patch+json": media, "application/json": media] : ["application/json": media],
            ]
        }
        var responses: [String: JSONValue] = [:]
        for answer in operation.answers {
            let status = "\(answer.status)"
            var content = responses[status]?["content"]?.members ?? [:]
            if let schema = answer.schema {
                let isPreview = operation.parameters.contains(.dryRun) && schema == "Group" && answer.status == 200
                content[answer.mediaType] = [
                    "schema": isPreview ? ["anyOf": [reference(schema), reference("Preview")]] : reference(schema)
                ]
            } else if answer.mediaType == "text/event-stream" {
                content[answer.mediaType] = ["schema": ["type": "string"]]
            }
            var response: [String: JSONValue] = ["description": .string(description(answer.status))]
            if !content.isEmpty { response["content"] = .object(content) }
            responses[status] = .object(response)
        }
        responses["default"] = content("A refusal.", "application/problem+json", reference("Problem"))
        members["responses"] = .object(responses)
        return .object(members)
    }

    private static func pathParameters(_ path: String) -> [JSONValue] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            let name = String(part.dropFirst().dropLast())
            let schema: JSONValue =
                switch name {
                case "group": ["type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 84]
                case "generation": ["type": "integer", "minimum": 1]
                default: ["type": "string", "minLength": 1]
                }
            return ["name": .string(name), "in": "path", "required": true, "schema": schema]
        }
    }

    private static func parameter(_ parameter: Operation.Parameter) -> JSONValue {
        [
            "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
            "description": .string(parameter.meaning), "schema": parameter.schema,
        ]
    }

    static func reference(_ schema: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(schema)")] }

    static func content(_ description: String, _ mediaType: String, _ schema: JSONValue) -> JSONValue {
        ["description": .string(description), "content": .object([mediaType: ["schema": schema]])]
    }

    private static func description(_ status: Int) -> String {
        switch status {
        case 201: "It was made."
        case 202: "It is durable, and carried out by the scaler."
        case 304: "It is still the version of If-None-Match."
        default: "Done."
        }
    }
}

/// A call of Chester's surface, as it is described.
struct CompatibleCall: Sendable {
    var method: String
    var path: String
    var id: String
    var body: String?
    var answer: String?

    static let all = [
        CompatibleCall(method: "get", path: "/", id: "chesterRoot", answer: "ChesterStatus"),
        CompatibleCall(method: "get", path: "/healthcheck", id: "chesterHealth", answer: "ChesterStatus"),
        CompatibleCall(method: "post", path: "/", id: "chesterAdd", body: "ChesterAdd", answer: "ChesterAdded"),
        CompatibleCall(method: "patch", path: "/", id: "chesterModify", body: "ChesterModify"),
        CompatibleCall(method: "delete", path: "/", id: "chesterRemove", body: "ChesterRemove"),
        CompatibleCall(method: "get", path: "/databases", id: "chesterList", answer: "ChesterDatabaseList"),
        CompatibleCall(method: "get", path: "/databases/{name}", id: "chesterGet", answer: "ChesterDatabase"),
        CompatibleCall(method: "patch", path: "/queryrules/{id}", id: "chesterRule", body: "ChesterRule"),
        CompatibleCall(method: "patch", path: "/key/{name}", id: "chesterKey", body: "ChesterKey"),
        CompatibleCall(method: "patch", path: "/cert/{name}", id: "chesterCertificate", body: "ChesterCertificate"),
        CompatibleCall(method: "get", path: "/users/{username}", id: "chesterGetUser", answer: "ChesterUser"),
        CompatibleCall(method: "delete", path: "/users/{username}", id: "chesterDeleteUser"),
        CompatibleCall(method: "post", path: "/users", id: "chesterAddUser", body: "ChesterUser"),
        CompatibleCall(method: "patch", path: "/users", id: "chesterModifyUser", body: "ChesterModifyUser"),
    ]

    var item: JSONValue {
        var parameters: [JSONValue] = path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            [
                "name": .string(String(part.dropFirst().dropLast())), "in": "path", "required": true,
                "schema": ["type": "string", "minLength": 1],
            ]
        }
        if path.hasPrefix("/users") || path.hasPrefix("/queryrules") {
            parameters.append(
                ["name": "instance_group", "in": "query", "required": true, "schema": ["type": "string"]])
        }
        if path.hasPrefix("/databases") {
            parameters.append(
                [
                    "name": "filter", "in": "query", "description": "Leaves out what Drover added.",
                    "schema": ["type": "string"],
                ])
        }
        var members: [String: JSONValue] = [
            "operationId": .string(id), "tags": ["chester"],
            "summary": .string("Chester's \(method.uppercased()) \(path)"),
            "responses": [
                "200": OpenAPI.content(
                    "Done.", "application/json", answer.map(OpenAPI.reference) ?? ["type": "null"]),
                "default": OpenAPI.content("A refusal.", "application/json", OpenAPI.reference("ChesterError")),
            ],
        ]
        if !parameters.isEmpty { members["parameters"] = .array(parameters) }
        if let body {
            members["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": OpenAPI.reference(body)]],
            ]
        }
        return .object(members)
    }
}

import FleetModel
import HTTPTypes
import Hummingbird
import JSONValues
import Logging
import NIOHTTP1
import ProxySQLAdmin

/// One call of `/v1`: its route, who may make it, what it takes and answers, all in one place, so that the OpenAPI
/// document is made of what is served.
struct Operation: Sendable {
    /// Answers a request.
    typealias Handler = @Sendable (Request, ManagementContext) async throws(APIError) -> Response

    /// What a request may say beside its path and body.
    struct Parameter: Hashable, Sendable {
        enum Place: String, Sendable { case query, header }

        var name: String
        var place = Place.query
        var meaning: String
        var schema: JSONValue

        static let limit = Parameter(
            name: "limit", meaning: "How many at most; 50 when absent.",
            schema: ["type": "integer", "minimum": 1, "maximum": 500])
        static let dryRun = Parameter(
            name: "dryRun", meaning: "Answers with what would be written to ProxySQL, and changes nothing.",
            schema: ["type": "boolean"])
        static let adopt = Parameter(
            name: "adopt",
            meaning: "Takes over the rows of somebody else that are in the group's places on the nodes now, and no "
                + "later ones; without it the call is refused with 409 and the code foreign-rows.",
            schema: ["type": "boolean"])
        static let verify = Parameter(
            name: "verify",
            meaning: "With false, Cloud SQL is not asked about a primary that is new to the group. Else the answer has "
                + "warnings, and a primary of which no replica can ever be made is refused with 422 and the code "
                + "primary-unusable; where Cloud SQL does not answer within 4 s, that is a warning.",
            schema: ["type": "boolean"])
        static let withPasswords = Parameter(
            name: "withPasswords",
            meaning: "Shows passwords; for the role admin, and noted in the audit log for each group.",
            schema: ["type": "boolean"])
        static let ifMatch = Parameter(
            name: "If-Match", place: .header, meaning: "The ETag that the group must have.",
            schema: ["type": "string"])

        static func text(_ name: String, _ meaning: String) -> Parameter {
            Parameter(name: name, meaning: meaning, schema: ["type": "string"])
        }
    }

    /// What an answer holds.
    struct Answer: Hashable, Sendable {
        var status: Int
        /// The schema's name; nil for no body.
        var schema: String?
        var mediaType = "application/json"

        init(_ status: Int, _ schema: String?, mediaType: String = "application/json") {
            self.status = status
            self.schema = schema
            self.mediaType = mediaType
        }
    }

    var method: HTTPRequest.Method
    var path: String
    /// For clients that are generated.
    var id: String
    var summary: String
    var role: Caller.Role
    var parameters: [Parameter] = []
    /// The schema of the body; nil for none.
    var body: String?
    var answers: [Answer]
    var handler: Handler

    init(
        _ method: HTTPRequest.Method, _ path: String, _ id: String, _ summary: String, role: Caller.Role = .read,
        answers: [Answer], handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.summary = summary
        self.role = role
        self.answers = answers
        self.handler = handler
    }

    /// The same with parameters.
    func taking(_ parameters: Parameter...) -> Operation {
        var operation = self
        operation.parameters += parameters
        return operation
    }

    /// The same with a body.
    func withBody(_ schema: String) -> Operation {
        var operation = self
        operation.body = schema
        return operation
    }

    /// Serves it.
    func add(to router: Router<ManagementContext>, logger: Logger) {
        router.on(RouterPath(path), method: method) { request, context in
            do throws(APIError) {
                try context.caller.require(role, for: summary)
                let answer = try await handler(request, context)
                guard method == .get, let tag = answer.headers[.eTag], Precondition.isKnown(tag, to: request) else {
                    return answer
                }
                return Response(status: .notModified, headers: [.eTag: tag])
            } catch {
                if error.status >= 500 {
                    logger.error(
                        "request failed", metadata: ["operation.id": "\(id)", "error": "\(error.message)"])
                }
                return APIAnswer.problem(error, at: request.uri.path)
            }
        }
    }
}

extension Caller {
    /// - Throws: 403 when the caller's role does not include `role`.
    func require(_ role: Role, for what: String) throws(APIError) {
        guard self.role >= role else {
            throw APIError(
                status: 403,
                message: "\(name) has the role \(self.role.rawValue); this needs \(role.rawValue)")
        }
    }
}

extension APIAnswer {
    /// A refusal as problem details (RFC 9457).
    static func problem(_ error: APIError, at path: String) -> Response {
        var document: [String: JSONValue] = [
            "type": "about:blank", "title": .string(title(error.status)),
            "status": .whole(error.status), "detail": .string(error.message), "instance": .string(path),
        ]
        if !error.problems.isEmpty {
            document["errors"] = .array(
                error.problems.map { ["pointer": .string($0.pointer), "detail": .string($0.detail)] })
        }
        if let code = error.code { document["code"] = .string(code) }
        if !error.foreignRows.isEmpty { document["foreignRows"] = foreignRows(error.foreignRows) }
        var headers = error.headers
        headers[.contentType] = "application/problem+json"
        return json(JSONValue.object(document), .init(integerLiteral: error.status), headers: headers)
    }

    /// Rows of somebody else, each with its node.
    static func foreignRows(_ findings: [NodeSurvey.Finding]) -> JSONValue {
        .array(
            findings.map {
                [
                    "node": .string($0.node), "table": .string($0.found.row.table),
                    "key": .array($0.found.row.key.map { .string($0) }), "owner": .optional($0.found.owner),
                ]
            })
    }

    private static func title(_ status: Int) -> String {
        // A status made of a number alone has no phrase; the known ones are found by NIO's table (RFC 9110, 15).
        HTTPResponseStatus(statusCode: status).reasonPhrase
    }

    /// A group with its entity tag.
    static func group(
        _ document: JSONValue, _ tag: EntityTag, _ status: HTTPResponse.Status = .ok
    ) -> Response {
        json(document, status, headers: [.eTag: tag.description, .cacheControl: "no-cache"])
    }
}

import JSONValues
import KubernetesClient

/// Why a call was refused, as the `Status` object that the real server answers with.
struct Refusal: Error, Hashable, Sendable {
    var status: Int
    var reason: String
    var message: String
    var details: JSONValue?
    /// For an expired list: the token with which it goes on inconsistently.
    var continueToken: String?
    /// For the header `Retry-After`, in seconds.
    var retryAfter: Int?

    init(_ status: Int, _ reason: String, _ message: String, details: JSONValue? = nil) {
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details
    }

    /// The `Status` object.
    var document: JSONValue {
        var document: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
            "message": .string(message), "reason": .string(reason), "code": .integer(Int64(status)),
        ]
        if let details { document["details"] = details }
        if let continueToken { document["metadata"] = ["continue": .string(continueToken)] }
        return document
    }

    private static func about(_ type: ResourceType, _ name: String?) -> JSONValue {
        var details: JSONValue = ["kind": .string(type.plural)]
        if let name { details["name"] = .string(name) }
        if !type.group.isEmpty { details["group"] = .string(type.group) }
        return details
    }

    /// `pods "x"`, `leases.coordination.k8s.io "x"`.
    private static func named(_ type: ResourceType, _ name: String) -> String {
        "\(type.plural)\(type.group.isEmpty ? "" : ".\(type.group)") \"\(name)\""
    }

    static let unauthorized = Refusal(401, "Unauthorized", "Unauthorized")

    static func notFound(_ type: ResourceType, _ name: String) -> Refusal {
        Refusal(404, "NotFound", "\(named(type, name)) not found", details: about(type, name))
    }

    static let noSuchPath = Refusal(404, "NotFound", "the server could not find the requested resource", details: [:])

    static func alreadyExists(_ type: ResourceType, _ name: String) -> Refusal {
        Refusal(409, "AlreadyExists", "\(named(type, name)) already exists", details: about(type, name))
    }

    static func conflict(_ type: ResourceType, _ name: String, _ why: String? = nil) -> Refusal {
        let why =
            why ?? "the object has been modified; please apply your changes to the latest version and try again"
        return Refusal(
            409, "Conflict", "Operation cannot be fulfilled on \(named(type, name)): \(why)",
            details: about(type, name))
    }

    static func invalid(_ type: ResourceType, _ name: String, _ field: String, _ what: String) -> Refusal {
        let cause: JSONValue = [
            "reason": .string(what.hasPrefix("Required") ? "FieldValueRequired" : "FieldValueInvalid"),
            "message": .string(what), "field": .string(field),
        ]
        var details = about(type, name)
        details["kind"] = .string(type.kind)
        details["causes"] = [cause]
        let kind = type.kind + (type.group.isEmpty ? "" : ".\(type.group)")
        return Refusal(422, "Invalid", "\(kind) \"\(name)\" is invalid: \(field): \(what)", details: details)
    }

    static func badRequest(_ message: String) -> Refusal { Refusal(400, "BadRequest", message) }

    static let tooOldList = Refusal(410, "Expired", "The resourceVersion for the provided list is too old.")

    static func tooOldWatch(_ version: Int, _ current: Int) -> Refusal {
        Refusal(410, "Expired", "too old resource version: \(version) (\(current))")
    }

    static func tooOldToken(fresh: String) -> Refusal {
        var refusal = Refusal(
            410, "Expired",
            """
            The provided continue parameter is too old to display a consistent list result. You can start a new list \
            without the continue parameter, or use the continue token in this response to retrieve the remainder of \
            the results. Continuing with the provided token results in an inconsistent list - objects that were \
            created, modified, or deleted between the time the first chunk was returned and now may show up in the list.
            """)
        refusal.continueToken = fresh
        return refusal
    }

    static func tooLarge(_ version: Int, _ current: Int) -> Refusal {
        var refusal = Refusal(
            504, "Timeout", "Timeout: Too large resource version: \(version), current: \(current)",
            details: [
                "causes": [["reason": "ResourceVersionTooLarge", "message": "Too large resource version"]],
                "retryAfterSeconds": 1,
            ])
        refusal.retryAfter = 1
        return refusal
    }

    static func fieldConflicts(_ conflicts: [(manager: String, field: String)]) -> Refusal {
        let count = "\(conflicts.count) conflict\(conflicts.count == 1 ? "" : "s")"
        let text: String
        if conflicts.count == 1 {
            text = "conflict with \(conflicts[0].manager): \(conflicts[0].field)"
        } else {
            let managers = Set(conflicts.map(\.manager)).sorted()
            text = managers.map { manager in
                let fields = conflicts.filter { $0.manager == manager }.map { "\n- \($0.field)" }.joined()
                return "conflicts with \(manager):\(fields)"
            }.joined(separator: "\n")
        }
        return Refusal(
            409, "Conflict", "Apply failed with \(count): \(text)",
            details: [
                "causes": .array(
                    conflicts.map {
                        [
                            "reason": "FieldManagerConflict", "message": .string("conflict with \($0.manager)"),
                            "field": .string($0.field),
                        ]
                    })
            ])
    }
}

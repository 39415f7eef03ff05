/// An error as Google's REST APIs answer it: `{"error":{"code","message","errors":[{"message","domain","reason"}]}}`
/// (Cloud SQL documentation, "Error messages"; AIP-193).
package struct GoogleError: Error, Hashable, Sendable {
    /// HTTP status.
    package var status: Int
    /// The machine-readable reason, for example `operationInProgress`.
    package var reason: String
    /// Text for people.
    package var message: String

    /// Makes an error.
    package init(_ status: Int, _ reason: String, _ message: String) {
        self.status = status
        self.reason = reason
        self.message = message
    }

    /// The answer's body.
    package var body: JSONValue {
        [
            "error": [
                "code": .number(Double(status)), "message": .string(message),
                "errors": [["message": .string(message), "domain": "global", "reason": .string(reason)]],
            ]
        ]
    }
}

/// A fault that the stand-in commits on purpose.
package struct CloudSQLFault: Hashable, Sendable, Codable {
    /// What goes wrong.
    package enum Kind: String, Hashable, Sendable, Codable {
        /// The answer comes `seconds` later.
        case delay
        /// `status` and `reason` are answered and nothing is done.
        case status
        /// The connection breaks and nothing is done.
        case drop
        /// The call is carried out and the connection breaks before the answer.
        case dropAfterEffect = "drop-after-effect"
        /// No answer comes.
        case hang
        /// For `seconds` after an operation is DONE the primary is still busy: 409 `operationInProgress`.
        case ghostOperation = "ghost-operation"
        /// The creation ends with an error and leaves a FAILED instance.
        case failedCreate = "failed-create"
        /// A list leaves out its replicas and warns of an unreachable region.
        case partialList = "partial-list"
    }

    /// What goes wrong.
    package var kind: Kind
    /// HTTP method to which it applies; every one when absent.
    package var method: String?
    /// Part of the path to which it applies; every path when absent.
    package var path: String?
    /// How often it happens, 1 when absent.
    package var times: Int?
    /// For `delay` and `ghost-operation`.
    package var seconds: Double?
    /// For `status`: the HTTP status, 503 when absent.
    package var status: Int?
    /// For `status`: the reason, `backendError` when absent.
    package var reason: String?

    /// Makes a fault that happens once to any call.
    package init(_ kind: Kind) {
        self.kind = kind
    }

    func applies(to method: String, _ path: String) -> Bool {
        (self.method.map { $0.uppercased() == method } ?? true) && (self.path.map { path.contains($0) } ?? true)
    }
}

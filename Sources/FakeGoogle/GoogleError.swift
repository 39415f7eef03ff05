package import JSONValues

/// An error as Google's REST APIs answer it: `{"error":{"code","message","errors":[{"message","domain","reason"}]}}`
/// (Cloud SQL documentation, "Error messages"; AIP-193).
package struct GoogleError: Error, Hashable, Sendable {
    /// HTTP status.
    package var status: Int
    /// The machine-readable reason, for example `operationInProgress`.
    package var reason: String
    /// Text for people.
    package var message: String
    /// Whether it is answered in the newer form: `{"error":{"code","message","status"}}`.
    package var isCanonical = false

    /// Makes an error in the newer form, for example with `NOT_FOUND`, as Pub/Sub and Datastore answer.
    package static func canonical(_ status: Int, _ code: String, _ message: String) -> GoogleError {
        var error = GoogleError(status, code, message)
        error.isCanonical = true
        return error
    }

    /// Makes an error.
    package init(_ status: Int, _ reason: String, _ message: String) {
        self.status = status
        self.reason = reason
        self.message = message
    }

    /// The answer's body.
    package var body: JSONValue {
        if isCanonical {
            return [
                "error": [
                    "code": .whole(status), "message": .string(message), "status": .string(reason),
                ]
            ]
        }
        return [
            "error": [
                "code": .whole(status), "message": .string(message),
                "errors": [["message": .string(message), "domain": "global", "reason": .string(reason)]],
            ]
        ]
    }
}

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

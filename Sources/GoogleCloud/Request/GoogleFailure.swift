/// Why a call of a Google API failed: what was attempted, what came back, and what it means.
package struct GoogleFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the failure means, whichever of Google's two error forms it came in.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// The request is wrong: a person must act.
        case invalid
        /// The credentials are absent, wrong or expired.
        case unauthenticated
        /// The credentials do not allow it.
        case permissionDenied
        /// There is no such thing.
        case notFound
        /// The thing is there already.
        case alreadyExists
        /// The transaction lost against another: run all of it again.
        case aborted
        /// Something else about the present state stands against it.
        case failedPrecondition
        /// Too many calls: nothing was done, wait.
        case rateLimited
        /// A quota that waiting does not refill.
        case quotaExceeded
        /// The connection could not be made: nothing was done.
        case unreachable
        /// The answer is lost or says that the service failed: nobody knows whether anything was done.
        case unavailable
        /// The service failed inside.
        case internalError
        /// No answer in time: nobody knows whether anything was done.
        case deadlineExceeded
        /// The answer cannot be read.
        case unreadable
    }

    /// What it means.
    package var code: Code
    /// Method and path, without query.
    package var call: String
    /// Google's message, or ours.
    package var message: String
    /// HTTP status, where there was an answer.
    package var status: Int?
    /// Google's reason, for example `operationInProgress` or `RATE_LIMIT_EXCEEDED`; empty where none was given.
    package var reason: String
    /// Google's id of the request, which its support asks for.
    package var requestID: String?
    /// How long Google asks to wait.
    package var retryAfter: Duration?

    /// Makes a failure.
    package init(
        _ code: Code, call: String, _ message: String, status: Int? = nil, reason: String = "",
        requestID: String? = nil, retryAfter: Duration? = nil
    ) {
        self.code = code
        self.call = call
        self.message = message
        self.status = status
        self.reason = reason
        self.requestID = requestID
        self.retryAfter = retryAfter
    }

    package var description: String {
        var text = call
        if let status { text += " was answered \(status)" }
        if !reason.isEmpty { text += " \(reason)" }
        text += ": \(message)"
        if let requestID { text += " (request \(requestID))" }
        return text
    }

    /// Whether the effect may have taken place all the same.
    package var effectIsUnknown: Bool {
        switch code {
        case .unavailable, .internalError, .deadlineExceeded, .unreadable: true
        default: false
        }
    }
}

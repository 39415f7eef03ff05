#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why a call of the Kubernetes API did not do what was asked: what was attempted, on what, and what the server said.
package struct KubernetesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart. Conflicts of three kinds are all status 409; the reason tells them apart.
    package enum Code: String, Hashable, Sendable {
        /// The credentials were not accepted.
        case unauthorized
        /// The credentials were accepted and lack the right that `message` names.
        case forbidden
        /// There is no such object, or no such resource.
        case notFound
        /// `create` found an object of that name.
        case alreadyExists
        /// The object has changed since the version that was sent; read it and decide again.
        case conflict
        /// Server-side apply touches fields of another manager.
        case fieldConflict
        /// The version is older than the server remembers; list again.
        case gone
        /// The server does not accept the document or the parameters.
        case invalid
        /// The server asks for fewer calls; `retryAfter` says how long to wait.
        case tooManyRequests
        /// No answer came in time. Whether the call took effect is not known.
        case timeout
        /// No connection, a broken one, or a server error. Whether the call took effect is not known.
        case unavailable
        /// An answer came that cannot be read.
        case unreadable
        /// The configuration or the credentials cannot be used; `message` says which part.
        case configuration
        /// The calling task was cancelled.
        case cancelled
    }

    /// What happened.
    package var code: Code
    /// What was attempted, for example `list pods in fleet`.
    package var attempt: String
    /// HTTP status, when there was an answer.
    package var status: Int?
    /// The server's machine-readable reason, for example `Expired`; empty without one.
    package var reason: String
    /// Text for people.
    package var message: String
    /// How long the server asks to wait before the next try.
    package var retryAfter: Duration?
    /// Paths of the fields in dispute, for `fieldConflict` and `invalid`.
    package var fields: [String]
    /// A token with which a list that became too old can be continued inconsistently.
    package var continueToken: String?

    /// Makes an error that needs no answer of a server.
    package init(_ code: Code, _ attempt: String, _ message: String) {
        self.code = code
        self.attempt = attempt
        self.message = message
        self.reason = ""
        self.fields = []
    }

    package var description: String {
        let answer = status.map { " was answered \($0)\(reason.isEmpty ? "" : " \(reason)")" } ?? " failed"
        return "\(attempt)\(answer): \(message)"
    }

    /// The object changed meanwhile.
    package var isConflict: Bool { code == .conflict }
    /// The version is too old.
    package var isGone: Bool { code == .gone }
    /// A right is missing.
    package var isForbidden: Bool { code == .forbidden }
    /// There is no such object.
    package var isNotFound: Bool { code == .notFound }
    /// There is such an object already.
    package var isAlreadyExists: Bool { code == .alreadyExists }
    /// Trying the same later may help.
    package var isTransient: Bool {
        switch code {
        case .tooManyRequests, .timeout, .unavailable, .unreadable: true
        default: false
        }
    }
    /// Whether the call may have taken effect although it failed.
    package var isOutcomeUnknown: Bool {
        switch code {
        case .timeout, .unavailable, .unreadable, .cancelled: true
        default: false
        }
    }
}

/// The `Status` object of a failed call (Kubernetes API reference, "Status v1 meta").
struct StatusDocument: Decodable, Sendable {
    struct Metadata: Decodable, Sendable {
        var `continue`: String?
    }

    struct Details: Decodable, Sendable {
        struct Cause: Decodable, Sendable {
            var reason: String?
            var message: String?
            var field: String?
        }

        var causes: [Cause]?
        var retryAfterSeconds: Int?
    }

    var message: String?
    var reason: String?
    var code: Int?
    var metadata: Metadata?
    var details: Details?

    /// The error that it says; `retryAfter` is the header's number of seconds, which goes first.
    func error(_ attempt: String, status: Int, retryAfter: Int? = nil) -> KubernetesError {
        var error = KubernetesError(code(status: status), attempt, message ?? "no message")
        error.status = status
        error.reason = reason ?? ""
        error.retryAfter = (retryAfter ?? details?.retryAfterSeconds).map { .seconds($0) }
        error.fields = (details?.causes ?? []).compactMap(\.field)
        error.continueToken = metadata?.continue
        return error
    }

    private func code(status: Int) -> KubernetesError.Code {
        switch (status, reason) {
        case (401, _): .unauthorized
        case (403, _): .forbidden
        case (404, _): .notFound
        case (409, "AlreadyExists"): .alreadyExists
        case (409, _):
            details?.causes?.contains { $0.reason == "FieldManagerConflict" } == true ? .fieldConflict : .conflict
        case (410, _): .gone
        case (429, _): .tooManyRequests
        case (408, _), (504, _): .timeout
        case (400..<500, _): .invalid
        default: .unavailable
        }
    }

    /// Reads the body of a failed call; a proxy on the way may have answered with something else.
    static func error(_ attempt: String, status: Int, body: Data, retryAfter: Int?) -> KubernetesError {
        let document = try? JSONDecoder().decode(StatusDocument.self, from: body)
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        return (document ?? StatusDocument(message: text.isEmpty ? "no message" : text))
            .error(attempt, status: status, retryAfter: retryAfter)
    }
}

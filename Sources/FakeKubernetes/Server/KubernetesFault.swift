import JSONValues
import KubernetesClient

/// Something that goes wrong on purpose in the Kubernetes API stand-in.
package struct KubernetesFault: Hashable, Sendable, Codable {
    /// What goes wrong.
    package enum Kind: String, Hashable, Sendable, Codable {
        /// The answer comes `seconds` later.
        case delay
        /// `status` is answered and nothing is done; with `seconds` as its `Retry-After`.
        case status
        /// The connection breaks and nothing is done.
        case drop
        /// The call is carried out and the connection breaks before the answer.
        case dropAfterEffect = "drop-after-effect"
        /// No answer comes.
        case hang
    }

    /// What goes wrong.
    package var kind: Kind
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; every verb when absent.
    package var verb: String?
    /// Plural name with the subresource, for example `leases`; everything when absent.
    package var resource: String?
    /// The object's name; every one when absent.
    package var name: String?
    /// The user; everybody when absent.
    package var user: String?
    /// How often it happens, 1 when absent; 0: until it is cleared.
    package var times: Int?
    /// For `delay` and `status`.
    package var seconds: Double?
    /// For `status`: the HTTP status, 503 when absent.
    package var status: Int?

    /// Makes a fault that happens once to any call.
    package init(_ kind: Kind) {
        self.kind = kind
    }

    func applies(to request: AccessRequest, by user: String) -> Bool {
        (verb ?? request.verb) == request.verb && (resource ?? request.resource) == request.resource
            && (name == nil || name == request.name) && (self.user ?? user) == user
    }

    var refusal: Refusal {
        let reasons = [
            401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
            429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
        ]
        let status = self.status ?? 503
        var refusal = Refusal(
            status, reasons[status] ?? "InternalError", "the stand-in was told to answer so", details: [:])
        refusal.retryAfter = seconds.map { Int($0) }
        return refusal
    }
}

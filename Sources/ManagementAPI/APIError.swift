import FleetModel
import HTTPTypes
import ProxySQLAdmin

/// One thing that is wrong with a request.
struct FieldProblem: Hashable, Codable, Sendable {
    /// Where, as a JSON pointer into the body (RFC 6901).
    var pointer: String
    /// What, as a sentence without a full stop.
    var detail: String
}

/// Why a request was refused.
struct APIError: Error, Hashable, Sendable {
    var status: Int
    var message: String
    /// Every wrong field, where the request's content is the reason.
    var problems: [FieldProblem] = []
    /// A stable word for the reason, where tools may want to tell it from others.
    var code: String?
    /// Rows of somebody else that are in the way.
    var foreignRows: [NodeSurvey.Finding] = []
    /// What the answer carries beside the body, for example `Retry-After`.
    var headers: HTTPFields = [:]

    static func bad(_ message: String) -> APIError { APIError(status: 400, message: message) }

    static func conflict(_ message: String) -> APIError { APIError(status: 409, message: message) }

    static func notFound(_ message: String) -> APIError { APIError(status: 404, message: message) }

    /// A request with wrong fields; nil when there are none.
    init?(_ problems: [FieldProblem]) {
        guard !problems.isEmpty else { return nil }
        self.status = 422
        self.message = problems.map { "\($0.pointer.nonEmpty ?? "the body"): \($0.detail)" }.joined(separator: "; ")
        self.problems = problems
    }

    /// Rows of somebody else are in places of `group`.
    init(_ findings: [NodeSurvey.Finding], of group: InstanceName) {
        self.init(
            status: 409,
            message: "ProxySQL has rows in places of \(group) that are not the group's: \(findings.sentence). Nothing "
                + "was changed. Remove these rows, choose other places (writerHostgroup, readerHostgroup, ruleIDBase, "
                + "another user name), or repeat the call with ?adopt=true (drover ctl: --adopt) to have them taken over"
        )
        code = ForeignRow.code
        foreignRows = findings
    }

    init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    init(_ error: StoreError) {
        switch error {
        case .conflict, .fenced:
            self.init(status: 409, message: "\(error)")
        case .unavailable:
            self.init(status: 503, message: "the store failed and nothing was changed; try again")
        case .unacceptable:
            self.init(status: 422, message: "\(error)")
        case .corrupt:
            self.init(status: 500, message: "a stored document cannot be read by this version of Drover")
        }
    }
}

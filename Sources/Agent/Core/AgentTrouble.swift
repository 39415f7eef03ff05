import Logging
import Observability

/// What keeps a core from its duty. The raw value is the stable code in `/v1/status`, events, metrics and logs.
package enum AgentTrouble: String, Hashable, Sendable, CaseIterable {
    /// None of the running cores is this one.
    case coreNotFound = "core-not-found"
    /// The running cores are not known, for example because pods cannot be listed.
    case coresUnknown = "cores-unknown"
    /// The node's admin interface gives no answer from which its configuration could be judged.
    case nodeUnreadable = "node-unreadable"
    /// The mounted file could not be put in force.
    case restoreFailed = "restore-failed"
    /// The mounted file was put in force again and again, and something else replaces it each time.
    case restoreOverwritten = "restore-overwritten"
    /// The core waits for the other cores for longer than a rollout takes.
    case notSettled = "not-settled"
}

/// Says what keeps a core from its duty, wherever people look: once when it begins, once when it ends.
struct TroubleReporter: Sendable {
    let role: RoleBoard
    let events: AgentEvents
    let logger: Logger

    /// The trouble that there is now, with a sentence; nil when there is none.
    func report(_ trouble: AgentTrouble?, _ sentence: String = "") {
        let before = role.report.trouble
        guard before != trouble else { return }
        role.update { $0.trouble = trouble }
        for code in AgentTrouble.allCases {
            AgentMetric.trouble.set(code == trouble ? 1 : 0, code.rawValue)
        }
        guard let trouble else {
            logger.notice("the core is in order again", metadata: ["reason": "\(before?.rawValue ?? "")"])
            return events.publish(.recovered, [.reason: before?.rawValue ?? ""])
        }
        logger.error(
            "the core cannot do its duty", metadata: ["reason": "\(trouble.rawValue)", "problem": "\(sentence)"])
        events.publish(.degraded, [.reason: trouble.rawValue, .problem: sentence])
    }
}

extension AgentEvent.Kind {
    /// What happened, for the manual.
    package var meaning: String {
        switch self {
        case .started: "The node answers and has its configuration."
        case .becameLeader: "This agent acts for the cores now."
        case .membershipChanged: "`proxysql_servers` was changed."
        case .configurationApplied: "A configuration was brought to the node."
        case .draining: "The node is unready and will be paused; as a question, before a drain begins."
        case .drained: "Clients are gone, or their time is over."
        case .certificateServed: "Clients are shown the new certificate."
        case .certificateNotServed: "Clients are not shown the certificate that they should be."
        case .backendChanged: "A backend's status was changed through the API."
        case .degraded: "Something keeps a core from its duty."
        case .recovered: "What kept a core from its duty is over."
        case .adminRefused: "The admin interface refuses the agent's login or its statements; the node is unready."
        }
    }

    /// The details that such an event may have. One outside of these is a mistake of ours that debug builds trap on.
    package var details: Set<AgentEvent.Detail> {
        switch self {
        case .started: []
        case .becameLeader: [.term]
        case .membershipChanged: [.written, .removed]
        case .configurationApplied: [.source, .order, .group, .generation, .modules]
        case .draining: [.goal]
        case .drained: [.outcome, .clients]
        case .certificateServed: [.expires]
        case .certificateNotServed: [.problem]
        case .backendChanged: [.hostgroup, .backend, .status]
        case .degraded: [.reason, .problem]
        case .recovered: [.reason]
        case .adminRefused: [.problem]
        }
    }
}

extension AgentEvent.Detail {
    /// What it holds, for the manual.
    package var meaning: String {
        switch self {
        case .backend: "The backend's address and port."
        case .clients: "Clients that are left, or `unknown`."
        case .expires: "When the certificate ends."
        case .generation: "The generation that the node holds now."
        case .goal: "In a question: `hold` for `/v1/drain`, `shutdown` for `/shutdown`."
        case .group: "The group whose configuration it is."
        case .hostgroup: "The backend's hostgroup."
        case .modules: "The modules that were loaded, separated by commas."
        case .order: "The order of the mounted configuration; empty when there is none."
        case .outcome: "How the drain ended."
        case .problem: "Why, as a sentence."
        case .reason: "The stable code of what keeps a core from its duty, as in `reason` of `/v1/status`."
        case .removed: "Rows that were taken away."
        case .source: "Where the configuration came from: `file`, or the file or Secret that is followed."
        case .status: "`ONLINE` or `OFFLINE_SOFT`."
        case .term: "The term of the Lease."
        case .written: "Rows that were written."
        }
    }
}

package import Agent

/// What is called when something happens to a node, without a change of Drover.
package struct Plugin: Hashable, Sendable {
    /// Who is called.
    package enum Target: Hashable, Sendable {
        /// A program and its arguments; it gets the variables named in `environment` beside the usual ones.
        case program([String], environment: [String])
        /// A URL, and the file with the bearer token that it wants.
        case webhook(String, tokenFile: String?)
    }

    /// What a failure does to the drain that is asked for.
    package enum FailurePolicy: String, Hashable, Sendable, CaseIterable {
        /// It is logged and counted.
        case ignore
        /// The drain does not begin.
        case veto
    }

    /// Its name, for logs and metrics.
    package var name: String
    /// Who is called.
    package var target: Target
    /// Of what it hears.
    package var events: Set<AgentEvent.Kind>
    /// How long one call may take.
    package var deadline: Duration = .seconds(10)
    /// How many calls may be under way at the same time; with 1 they come in order.
    package var concurrency = 1
    /// What a failure does.
    package var onFailure = FailurePolicy.ignore

    /// Makes a plugin with the usual limits.
    package init(name: String, target: Target, events: Set<AgentEvent.Kind>) {
        self.name = name
        self.target = target
        self.events = events
    }
}

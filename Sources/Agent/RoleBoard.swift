package import FleetModel
import Synchronization

/// What the loops of a role have to say about themselves; the API reads it without waiting for them.
package struct RoleReport: Hashable, Sendable {
    /// The node's name, once it was found among the cores.
    package var node: String?
    /// Whether this agent acts for the cores.
    package var isLeader = false
    /// Who acts, as far as is known.
    package var leader: String?
    /// The order of the mounted configuration.
    package var order: ConfigurationOrder?
    /// The order of what the cluster runs.
    package var running: RunningClaim?
    /// When each configuration's first pod was created.
    package var seen: [String: Int64] = [:]
    /// The generation of the followed configuration that the node is seen to run; nil while it does not.
    package var generation: Int64?
    /// What the node was verified to hold of each group's followed configuration, and holds as far as is known; nil
    /// where nothing is followed.
    package var holds: [HeldConfiguration]?
    /// The generation that is wanted of it.
    package var wantedGeneration: Int64?
    /// The files of `TLSFile` that are beside the node.
    package var tlsFiles: [String] = []
    /// `current`, or why clients are not shown the certificate that they should be; nil where none is watched.
    package var certificate: String?
    /// What the start of a core is at.
    package var boot = "none"
    /// What keeps the node from its duty.
    package var trouble: AgentTrouble?
    /// One sentence about what was last done and why.
    package var note = ""
    /// Names of the cores that are known.
    package var peers: [String] = []
    /// Modules that differ from a core's.
    package var drift: [String] = []

    /// Makes an empty report.
    package init() {}
}

/// Where the report stands.
package final class RoleBoard: Sendable {
    private let state = Mutex(RoleReport())

    /// Makes a board with an empty report.
    package init() {}

    /// What it says now.
    package var report: RoleReport { state.withLock { $0 } }

    /// Changes what it says.
    package func update(_ change: (inout RoleReport) -> Void) {
        state.withLock { change(&$0) }
    }
}

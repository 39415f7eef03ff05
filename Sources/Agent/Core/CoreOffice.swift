import FleetModel
import Synchronization

/// Whether this agent acts for all cores now, and who does otherwise.
package final class CoreOffice: Sendable {
    private struct State {
        /// From the Lease; nil while there is none to be had.
        var isLeader: Bool?
        var leader: String?
        /// The claim that stands in the Lease.
        var recorded: RunningClaim?
    }

    private let name: String
    private let directory: any CoreDirectory
    private let state = Mutex(State())

    /// Makes the office of the core `name`.
    package init(name: String, directory: any CoreDirectory) {
        self.name = name
        self.directory = directory
    }

    /// Whether this agent acts.
    package var isActing: Bool {
        if let isLeader = state.withLock({ $0.isLeader }) { return isLeader }
        return ActingCore.first(of: directory.members ?? []) == name
    }

    /// Who acts, as far as is known.
    package var acting: String? {
        let (isLeader, leader) = state.withLock { ($0.isLeader, $0.leader) }
        if isLeader == true { return name }
        return isLeader == nil ? ActingCore.first(of: directory.members ?? []) : leader
    }

    /// What stands in the Lease.
    package var recorded: RunningClaim? { state.withLock { $0.recorded } }

    /// The Lease says so; nil when it cannot be used.
    package func lease(isLeader: Bool?, leader: String?) {
        state.withLock { state in
            state.isLeader = isLeader
            state.leader = leader
        }
    }

    /// The Lease holds this claim.
    package func record(_ claim: RunningClaim?) {
        state.withLock { $0.recorded = RunningClaim.later($0.recorded, claim) }
    }
}

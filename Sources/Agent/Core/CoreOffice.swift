import FleetModel
import Synchronization

/// Whether this agent acts for all cores now, and who does otherwise.
package final class CoreOffice: Sendable {
    /// What the Lease says at this moment: whether this agent acts, and who does; nil when it cannot be used.
    package typealias Lease = @Sendable () -> (isLeader: Bool, leader: String?)?

    private struct State {
        var lease: Lease?
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
        if let verdict { return verdict.isLeader }
        return ActingCore.first(of: directory.members ?? []) == name
    }

    /// Who acts, as far as is known.
    package var acting: String? {
        guard let verdict else { return ActingCore.first(of: directory.members ?? []) }
        return verdict.isLeader ? name : verdict.leader
    }

    private var verdict: (isLeader: Bool, leader: String?)? {
        state.withLock { $0.lease }?()
    }

    /// What stands in the Lease.
    package var recorded: RunningClaim? { state.withLock { $0.recorded } }

    /// Takes the word of a Lease from now on; nil takes it no more.
    package func attach(_ lease: Lease?) {
        state.withLock { $0.lease = lease }
    }

    /// The Lease holds this claim.
    package func record(_ claim: RunningClaim?) {
        state.withLock { $0.recorded = RunningClaim.later($0.recorded, claim) }
    }
}

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
        /// Whether this agent is the first by name, where it is not among the cores and no Lease decides.
        var isFirstOfStrangers = false
    }

    /// Who this agent is.
    package let identity: NodeIdentity
    private let directory: any CoreDirectory
    private let state = Mutex(State())

    /// Makes the office of the core with this identity.
    package init(identity: NodeIdentity, directory: any CoreDirectory) {
        self.identity = identity
        self.directory = directory
    }

    /// Whether this agent acts.
    package var isActing: Bool {
        if let verdict { return verdict.isLeader }
        if state.withLock({ $0.isFirstOfStrangers }) { return true }
        return ActingCore.first(of: directory.members ?? []) == identity.name
    }

    /// Who acts, as far as is known.
    package var acting: String? {
        guard let verdict else {
            if state.withLock({ $0.isFirstOfStrangers }) { return identity.name }
            return ActingCore.first(of: directory.members ?? [])
        }
        return verdict.isLeader ? identity.name : verdict.leader
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

    /// Where this agent is not among the cores and no Lease decides: whether it is the first by name of those that are
    /// neither.
    package func act(asFirstOfStrangers isFirst: Bool) {
        state.withLock { $0.isFirstOfStrangers = isFirst }
    }

    /// The Lease holds this claim.
    package func record(_ claim: RunningClaim?) {
        state.withLock { $0.recorded = RunningClaim.later($0.recorded, claim) }
    }
}

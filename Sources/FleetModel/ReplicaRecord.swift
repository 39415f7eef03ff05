/// The durable record of one replica that Drover manages.
///
/// Each state is written before the effect that leads out of it, so that after a crash the effect is looked for by the
/// replica's name before it is repeated.
package struct ReplicaRecord: Hashable, Codable, Sendable {
    /// Where a replica is in its life.
    package enum State: String, Hashable, Codable, Sendable, CaseIterable {
        /// The name is decided. Leads out: the create call. Can become `creating`, `failed`.
        case planned
        /// The create operation is known. Leads out: waiting for it. Can become `starting`, `failed`.
        case creating
        /// The instance exists. Leads out: the admission checks. Can become `admitted`, `failed`.
        case starting
        /// It is in the configuration, with the first weight of its ramp. Leads out: publication. Can become `ramping`,
        /// `serving`, `failed`.
        case admitted
        /// Every live node sends it a part of its share. Leads out: the next weight, and its publication. Can become
        /// `serving`, `failed`.
        case ramping
        /// Every live node sends it its full share. Can become `draining`, and `failed` when the provider lost it.
        case serving
        /// OFFLINE_SOFT is in the configuration. Leads out: publication and waiting for its connections.
        /// Can become `removed`, and `admitted` when it is wanted back.
        case draining
        /// It is out of the configuration. Leads out: publication. Can become `deleting`, and `starting` when it is
        /// wanted back; the record ends here when the instance is left to its owner.
        case removed
        /// No node knows it any more. Leads out: the delete call, then waiting for it. Can become `gone`; the record
        /// also ends here when the instance may not be deleted, or its deletion never ends.
        case deleting
        /// The provider says that it does not exist. Final.
        case gone
        /// It cannot serve. Leads out: looking whether it exists. Can become `removed`.
        case failed
    }

    /// The instance's name, decided before anything is created.
    package var name: InstanceName
    /// Where it is in its life.
    package var state: State
    /// The incident that asked for the change under way.
    package var incidentID: String
    /// The provider's operation under way, once known.
    package var operationID: String?
    /// Its private address, once known.
    package var address: String?
    /// Its share of the traffic at the end of its ramp, once it was admitted.
    package var fullWeight: Int?
    /// When it was planned.
    package var plannedAt: Timestamp
    /// When the present state was entered.
    package var stateSince: Timestamp
    /// Why it failed, as a sentence.
    package var failure: String?
    /// Why its instance is left to its owner, as a clause; nil while Drover deletes the instance when the replica goes.
    package var leaving: String?
    /// What holds it in its state that is not Drover's own work, as a clause; nil when nothing does.
    package var waitsFor: String?
    /// Whether it served and its instance was lost, so that its end is not a creation that failed.
    package var isLost: Bool?
    /// Whether its instance was made, or seen, with the labels of this group: one that has lost them since is somebody
    /// else's. Nil for one that Chester's daemon made, which labels no group.
    package var bearsLabels: Bool?
    /// The replica that goes once this one serves; nil for one that comes for another reason.
    package var replaces: InstanceName?

    /// Makes the record of a replica that is about to be created.
    package init(name: InstanceName, incidentID: String, at now: Timestamp) {
        self.name = name
        self.state = .planned
        self.incidentID = incidentID
        self.plannedAt = now
        self.stateSince = now
    }

    /// Enters `state` at `now`.
    package mutating func enter(_ state: State, at now: Timestamp) {
        self.state = state
        self.stateSince = now
        self.waitsFor = nil
    }
}

/// A replica whose instance Drover let go of without deleting it. Its labels may still say that it is ours, so the
/// name is kept: the provider's list must not bring it back.
package struct LeftReplica: Hashable, Codable, Sendable {
    /// The instance's name.
    package var name: InstanceName
    /// When Drover let go of it.
    package var at: Timestamp
    /// Why, as a clause.
    package var reason: String

    /// Makes the note.
    package init(name: InstanceName, at: Timestamp, reason: String) {
        self.name = name
        self.at = at
        self.reason = reason
    }
}

/// Everything durable about one group, saved as one document so that a replica's state and the configuration that
/// follows from it can never disagree.
package struct GroupRecord: Hashable, Codable, Sendable {
    /// What the nodes must hold.
    package var configuration: FleetConfiguration
    /// How far and how fast the group may be scaled.
    package var policy: ScalingPolicy
    /// The primary instance at the provider.
    package var primaryInstance: InstanceName
    /// The managed replicas that are not gone yet.
    package var replicas: [ReplicaRecord]
    /// The last completed change of size.
    package var lastScaling: ScalingEvent?
    /// Creations that failed one after another; the next try waits longer each time.
    package var consecutiveFailures: Int
    /// The wish to remove the group, once there is one.
    package var removal: GroupRemoval?
    /// Key material that was stored with the group.
    package var tls: TLSMaterial?
    /// What verifies its backends; nil until that was asked for.
    package var trust: GroupTrust?
    /// The highest token of leadership under which this was written: a scaler with a lower one acts no more.
    package var fence: Int64?
    /// What the group did lately and what it cost; absent until the first decision.
    package var ledger: ScalingLedger?
    /// Instances that Drover let go of, oldest first, at most a hundred.
    package var leftReplicas: [LeftReplica]?
    /// The last time that the generation was raised above what nodes held; nil when it never was.
    package var generationRaise: GenerationRaise?
    /// The readers that were found unfit to serve; nil while there is none.
    package var unfitReaders: [UnfitReader]?
    /// Trouble that most readers have at the same time; nil while there is none.
    package var commonTrouble: CommonTrouble?

    /// Makes the record of a group without managed replicas.
    package init(configuration: FleetConfiguration, policy: ScalingPolicy, primaryInstance: InstanceName) {
        self.configuration = configuration
        self.policy = policy
        self.primaryInstance = primaryInstance
        self.replicas = []
        self.consecutiveFailures = 0
    }

    /// The group's name.
    package var name: InstanceName { configuration.group }
}

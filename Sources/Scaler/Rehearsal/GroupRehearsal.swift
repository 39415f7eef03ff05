package import FleetModel
package import GoogleCloud
package import ProxySQLAdmin

/// What a scaler would do about one group now, and how it sees the group.
package struct GroupRehearsal: Codable, Sendable {
    /// An incident that is not done with.
    package struct IncidentView: Codable, Sendable {
        /// Its id, with every `.` replaced by `-`.
        package var id: String
        /// `add` or `remove`.
        package var action: String
        /// `open` or `closed`.
        package var state: String
        /// When it began, RFC 3339.
        package var startedAt: String
        /// Chester's word for how far it has come, as it is stored.
        package var lastProcess: String
        /// Who wrote that.
        package var updatedBy: String
        /// The operation and the replica that are stored with it; empty where there are none.
        package var operationID: String
        /// See `operationID`.
        package var lastReplicaName: String
        /// What would become of it next, as a sentence.
        package var next: String
    }

    /// A replica that Cloud SQL lists with our owner's label and that replicates from the group's primary.
    package struct Instance: Codable, Sendable {
        /// Its name.
        package var name: String
        /// As Cloud SQL says it, for example `runnable`.
        package var state: String
        /// Its private address, once it has one.
        package var address: String?
        /// Whether it counts as this group's.
        package var isOurs: Bool
    }

    /// The first decision.
    package struct Decision: Codable, Sendable {
        /// One sentence.
        package var sentence: String
        /// `out`, `in`, or nil where it holds.
        package var direction: String?
        /// The rule that decided, for example `OPEN_INCIDENT`.
        package var reason: String
        /// Managed replicas now.
        package var current: Int
        /// Managed replicas that are gone to, or would be.
        package var desired: Int
        /// Everything that was asked for.
        package var wishes: [Wish]
        /// The readings of the policy's metrics.
        package var readings: [String]
        /// Why there are none, where they could not be had.
        package var loadFailure: String?
        /// The guards that hold the change, each as a sentence; empty when none does.
        package var guards: [String]
    }

    /// The group.
    package var group: String
    /// Why it could not be rehearsed; then only `group` means anything.
    package var failure: String?
    /// The configuration that is stored, passwords redacted.
    package var configuration: FleetConfiguration
    /// Its policy.
    package var policy: ScalingPolicy
    /// The primary at Cloud SQL.
    package var primaryInstance: String
    /// Whether the record would be made, or made anew, from what Chester's tools stored.
    package var isTakenOver: Bool
    /// What Cloud SQL lists; nil when it could not be asked.
    package var instances: [Instance]?
    /// The managed replicas after the listing was looked through, as `name state`.
    package var replicas: [String]
    /// Its incidents.
    package var incidents: [IncidentView]
    /// The decision; nil where something else came first.
    package var decision: Decision?
    /// What the scaler would report, step by step, up to the first call that changes something or has to be waited for.
    package var steps: [String]
    /// What it would write to the store.
    package var storeWrites: [String]
    /// The calls of the Cloud SQL Admin API that it would make.
    package var cloudSQLCalls: [ChangeRecorder.Call]
    /// What a publication would change, place by place.
    package var publication: [RehearsedTarget]
    /// What else must be known, one sentence each.
    package var notes: [String]

    /// Whether a scaler would change anything outside of its own logs.
    package var wouldAct: Bool {
        isTakenOver || !storeWrites.isEmpty || !cloudSQLCalls.isEmpty
            || publication.contains { !$0.rows.isEmpty || !$0.notes.isEmpty }
    }
}

/// What a scaler would do now.
package struct RehearsalReport: Codable, Sendable {
    /// When it was looked, RFC 3339.
    package var at: String
    /// The groups, by name.
    package var groups: [GroupRehearsal]
    /// Replicas that carry the owner's label and that no group counts, as `name (replicates from primary)`.
    package var unclaimed: [String]
    /// Why Cloud SQL could not be listed.
    package var listingFailure: String?

    /// Whether anything would be changed.
    package var wouldAct: Bool { groups.contains(where: \.wouldAct) }
    /// Whether something could not be looked at.
    package var hasFailed: Bool { listingFailure != nil || groups.contains { $0.failure != nil } }
}

import FleetModel
import Logging
import Pacing

/// Calls of the provider that failed one after another about one replica in one state.
struct FailedCalls {
    private var replica: InstanceName?
    private var since: Timestamp?
    private var count = 0

    /// Counts one more; a replica's new state, or a person's retry, begins anew.
    /// - Returns: how many failed before it.
    mutating func add(_ replica: ReplicaRecord) -> Int {
        if self.replica != replica.name || since != replica.stateSince {
            self.replica = replica.name
            since = replica.stateSince
            count = 0
        }
        defer { count += 1 }
        return count
    }

    /// A call went well.
    mutating func clear() { count = 0 }
}

// Durations by a clock that nobody sets, and what is too old.

extension GroupWorker {
    /// How long `subject` has been as it is since `since`; never negative.
    func age(of subject: String, since: Timestamp) -> Duration {
        let now = around.wallClock.now()
        guard let steady = around.steady else { return max(.zero, now.since(since)) }
        return ages.age(of: subject, since: since, now: now, elapsed: steady.elapsed)
    }

    /// How long the replica has been in its state.
    func age(of replica: ReplicaRecord) -> Duration {
        age(of: "replica \(replica.name)", since: replica.stateSince)
    }

    /// The record with the moments that cooldowns and lifetimes count from put where they were by the steady clock, so
    /// that a wall clock that was set neither ends nor holds them.
    func steadied(_ record: GroupRecord, _ now: Timestamp) -> GroupRecord {
        guard around.steady != nil else { return record }
        var record = record
        func steady(_ subject: String, _ since: Timestamp) -> Timestamp {
            let age = age(of: subject, since: since)
            let difference = age - now.since(since)
            // The two clocks are read one after the other.
            return difference < .seconds(1) && difference > .seconds(-1) ? since : now.advanced(by: .zero - age)
        }
        if let last = record.lastScaling {
            record.lastScaling?.completedAt = steady("scaling", last.completedAt)
        }
        for index in record.replicas.indices {
            let replica = record.replicas[index]
            record.replicas[index].stateSince = steady("replica \(replica.name)", replica.stateSince)
        }
        return record
    }

    /// Closes the incidents of which nothing was heard for too long. A record may be behind what was heard by
    /// `Incident.hearingInterval`, because duplicates are not written.
    /// - Returns: whether any was closed.
    func expire(_ incidents: [Versioned<Incident>]) async throws(StoreError) -> Bool {
        let limit = settings.incidentMaximumAge
        guard limit > .zero else { return false }
        var hasClosed = false
        let now = around.wallClock.now()
        let known = heard
        heard = Dictionary(
            incidents.map { ($0.document.id, $0.document.heardLast ?? known[$0.document.id] ?? now) },
            uniquingKeysWith: { first, _ in first })
        for stored in incidents where stored.document.state == .open {
            var incident = stored.document
            let since = heard[incident.id] ?? now
            guard age(of: "incident \(incident.id)", since: since) >= limit + Incident.hearingInterval else {
                continue
            }
            let reason = "nothing was heard of it for \(Self.hours(limit))"
            guard incident.close(by: "scaler", because: reason, at: now) else { continue }
            do throws(StoreError) {
                try await around.incidents.save(incident, ifVersion: stored.version)
                hasClosed = true
                logger.warning("incident expired", metadata: ["incident.id": "\(incident.id)"])
            } catch .conflict {
                continue  // Something was heard of it just now.
            }
        }
        return hasClosed
    }

    private static func hours(_ limit: Duration) -> String {
        let seconds = limit.wholeMilliseconds / 1_000
        return seconds % 3_600 == 0 ? "\(seconds / 3_600) h" : "\(seconds) s"
    }
}

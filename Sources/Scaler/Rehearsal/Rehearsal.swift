package import FleetModel
package import GoogleCloud
package import Logging
package import Pacing
package import ProxySQLAdmin

/// Plays what a scaler would do next, with the scaler's own steps on stores in memory over the real ones: so it decides
/// as the scaler does, and changes nothing.
package actor Rehearsal {
    /// The systems around it, which are only read.
    package struct Surroundings: Sendable {
        /// Durable groups.
        package var groups: any GroupStore
        /// Durable incidents.
        package var incidents: any IncidentStore
        /// Cloud SQL, by a client that has `recorder`.
        package var provider: any ReplicaProvider
        /// What keeps the calls that are not made.
        package var recorder: ChangeRecorder
        /// The nodes.
        package var fleet: any FleetRehearsal
        /// What asks a new replica how it replicates.
        package var probe: (any ReplicationProbe)?
        /// What decisions are made with; its log is not written.
        package var deciding: Decider.Surroundings
        /// The time.
        package var wallClock: any WallClock

        /// Gathers the systems.
        package init(
            groups: any GroupStore, incidents: any IncidentStore,
            provider: (any ReplicaProvider, ChangeRecorder), fleet: any FleetRehearsal,
            deciding: Decider.Surroundings, wallClock: any WallClock
        ) {
            self.groups = groups
            self.incidents = incidents
            self.provider = provider.0
            self.recorder = provider.1
            self.fleet = fleet
            self.deciding = deciding
            self.wallClock = wallClock
        }
    }

    /// More steps than these end in nothing that could be foreseen.
    private static let maximumSteps = 60
    /// What stands for the random end of a new replica's name.
    private static let nameSuffix = "xxxxxxxxxx"

    private let around: Surroundings
    private let settings: ScalerSettings
    private let logger: Logger
    /// What was learnt of metrics, by group: a rehearsal that is repeated sees them as a running scaler does.
    private var memories: [InstanceName: DecisionMemory] = [:]

    /// Makes a rehearsal; nothing is read before `report`.
    package init(around: Surroundings, settings: ScalerSettings, logger: Logger) {
        self.around = around
        self.settings = settings
        self.logger = logger
    }

    /// Looks at everything once.
    /// - Throws: `StoreError` when the groups cannot be listed; what fails for one group is in its part of the report.
    package func report(
        takenOver: @Sendable (InstanceName) -> Bool = { _ in false }
    ) async throws(StoreError) -> RehearsalReport {
        let names = try await around.groups.names()
        var listing: ProviderListing?
        var failure: String?
        do throws(ProviderError) {
            listing = try await around.provider.managedReplicas()
        } catch {
            failure = "\(error)"
        }
        var report = RehearsalReport(
            at: around.wallClock.now().rfc3339, groups: [], unclaimed: [], listingFailure: failure)
        var counted: Set<String> = []
        for name in names {
            do throws(StoreError) {
                guard var group = try await rehearse(name, listing) else { continue }
                group.isTakenOver = takenOver(name)
                counted.formUnion(group.replicas.map { String($0.prefix { $0 != " " }) })
                report.groups.append(group)
            } catch {
                report.groups.append(Self.failed(name, error))
            }
        }
        report.unclaimed = (listing?.instances ?? []).filter { !counted.contains($0.name.text) }
            .map { "\($0.name) (replicates from \($0.primary ?? "nothing"))" }.sorted()
        return report
    }

    private func rehearse(
        _ name: InstanceName, _ listing: ProviderListing?
    ) async throws(StoreError) -> GroupRehearsal? {
        let store = RehearsalStore(groups: around.groups, incidents: around.incidents)
        guard let stored = try await store.group(name)?.document else { return nil }
        let left = try await store.active(group: name).map(\.document)
        let fleet = RehearsalFleet(around.fleet)
        let memory = memories[name] ?? DecisionMemory()
        let worker = GroupWorker(
            name: name, around: surroundings(store, fleet), settings: settings, logger: logger, memory: memory)
        _ = around.recorder.take()
        var steps: [String] = []
        var decided: (record: GroupRecord, memory: DecisionMemory)?
        while steps.count < Self.maximumSteps, around.recorder.count == 0 {
            let before = try await store.group(name)?.document
            guard let step = try await worker.step() else { break }
            steps.append(step.sentence)
            if decided == nil, !store.decisions.isEmpty, let before {
                decided = (before, await worker.decisionMemory)
            }
            guard step.changed else { break }
        }
        if let decided { memories[name] = decided.memory }
        let after = try await store.group(name)?.document
        // Where the steps brought nothing to the nodes, what is stored is what they ought to hold.
        let publication: [RehearsedTarget]
        if let last = fleet.last {
            publication = last
        } else {
            publication = await around.fleet.rehearse((after ?? stored).configuration)
        }
        let decision = decided.flatMap { Self.decision(store, $0.record, left, memory, around.deciding.zones) }
        let incidents = try await left.rehearsed(store, after ?? stored, decision, listing)
        var result = GroupRehearsal(
            group: name.text, failure: nil, configuration: Self.redacted(stored.configuration), policy: stored.policy,
            primaryInstance: stored.primaryInstance.text, isTakenOver: false,
            instances: listing.map { Self.instances($0, stored, around.provider) },
            replicas: (decided?.record ?? after ?? stored).replicas.map { "\($0.name) \($0.state.rawValue)" },
            incidents: incidents, decision: decision, steps: steps, storeWrites: store.writes,
            cloudSQLCalls: around.recorder.take(), publication: publication, notes: [])
        if publication.isEmpty {
            result.notes.append(
                "no node is set (fleet.nodes, fleet.pod-selector or another fleet.strategy): ProxySQL was not looked at"
            )
        }
        if decision?.direction == "out", !result.cloudSQLCalls.isEmpty {
            result.notes.append(
                "when the replica runs and keeps up with \(stored.primaryInstance), mysql_servers gets a row for it in "
                    + "hostgroup \(stored.configuration.readerHostgroup)")
        }
        return result
    }

    private func surroundings(_ store: RehearsalStore, _ fleet: RehearsalFleet) -> GroupWorker.Surroundings {
        var result = GroupWorker.Surroundings(
            groups: store, incidents: store,
            provider: RehearsalProvider(below: around.provider, recorder: around.recorder), fleet: fleet,
            wallClock: around.wallClock, nameSuffix: { Self.nameSuffix })
        result.probe = around.probe
        result.deciding = around.deciding
        result.deciding.decisions = store
        return result
    }
}

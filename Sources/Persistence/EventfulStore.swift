package import FleetModel
package import Logging
package import Pacing

/// Groups and incidents whose saves are told: to a log, then to whoever listens.
///
/// The event is appended after the save was durable. A process that dies in between has done the work and not told of
/// it; the other order would tell of work that was never done.
package struct EventfulStore: GroupStore, IncidentStore {
    private let groupStore: any GroupStore
    private let incidentStore: any IncidentStore
    private let log: any EventLog
    private let sinks: [any EventSink]
    private let wallClock: any WallClock
    private let logger: Logger

    /// Wraps the stores; `sinks` hear of each event with the id that `log` gave it.
    package init(
        groups: any GroupStore, incidents: any IncidentStore, log: any EventLog, sinks: [any EventSink],
        surroundings: (wallClock: any WallClock, logger: Logger)
    ) {
        self.groupStore = groups
        self.incidentStore = incidents
        self.log = log
        self.sinks = sinks
        self.wallClock = surroundings.wallClock
        self.logger = surroundings.logger
    }

    /// Tells of events. A log that cannot be written must not undo, repeat or hold up what is already durable.
    package func tell(_ events: [FleetEvent]) async {
        guard !events.isEmpty else { return }
        var told = events
        do throws(StoreError) {
            told = try await log.append(events)
        } catch {
            logger.warning(
                "events were not logged", metadata: ["error": "\(error)", "events.count": "\(events.count)"])
        }
        for sink in sinks { sink.take(told) }
    }

    // MARK: Groups

    package func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        try await groupStore.group(name)
    }

    package func names() async throws(StoreError) -> [InstanceName] {
        try await groupStore.names()
    }

    package func groups() async throws(StoreError) -> [Versioned<GroupRecord>] {
        try await groupStore.groups()
    }

    package func insert(_ record: GroupRecord) async throws(StoreError) {
        try await groupStore.insert(record)
        await tell(FleetEvent.between(old: nil, new: record, at: wallClock.now()))
    }

    package func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        // What this read gives is what the save replaces: if anybody saves in between, the save throws `.conflict`.
        let old = try await groupStore.group(record.name)
        try await groupStore.save(record, ifVersion: version)
        guard let old else { return }
        await tell(FleetEvent.between(old: old.document, new: record, at: wallClock.now()))
    }

    package func tombstones() async throws(StoreError) -> [GroupTombstone] {
        try await groupStore.tombstones()
    }

    package func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        let old = try await groupStore.group(name)
        try await groupStore.remove(name, ifVersion: version, leaving: tombstone)
        await tell(FleetEvent.between(old: old?.document, new: nil, at: wallClock.now()))
    }

    // MARK: Incidents

    package func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        let change = try await incidentStore.record(alert, at: now)
        switch change {
        case .created:
            await tell(
                FleetEvent.between(
                    old: nil, new: Incident(alert: alert, at: now), at: now, besides: await others(than: alert.group)))
        case .closed:
            guard let incident = try? await incidentStore.incident(id: alert.incidentID)?.document else { break }
            var before = incident
            before.state = .open
            await tell(
                FleetEvent.between(old: before, new: incident, at: now, besides: await others(than: alert.group)))
        case .heard, .unchanged: break
        }
        return change
    }

    /// The groups that there are, where `group` is none of them; nil where it is, or that cannot be told.
    private func others(than group: InstanceName) async -> [InstanceName]? {
        do throws(StoreError) {
            let names = try await groupStore.names()
            guard !names.contains(group), try await groupStore.group(group) == nil else { return nil }
            return names
        } catch {
            return nil
        }
    }

    package func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        try await incidentStore.incident(id: id)
    }

    package func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        try await incidentStore.active(group: group)
    }

    package func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        try await incidentStore.active(group: group, limit: limit)
    }

    package func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        try await incidentStore.openIncidents()
    }

    package func recent(limit: Int) async throws(StoreError) -> [Incident] {
        try await incidentStore.recent(limit: limit)
    }

    package func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        let old = try await incidentStore.incident(id: incident.id)
        try await incidentStore.save(incident, ifVersion: version)
        guard let old else { return }
        await tell(FleetEvent.between(old: old.document, new: incident, at: wallClock.now()))
    }
}

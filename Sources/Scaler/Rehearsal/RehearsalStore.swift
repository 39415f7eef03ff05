import FleetModel
import Synchronization

/// The stores as a scaler sees them that reads the real ones and writes into memory: for one rehearsal of one group.
final class RehearsalStore: GroupStore, IncidentStore, DecisionStore {
    private struct State {
        var groups: [InstanceName: Versioned<GroupRecord>?] = [:]
        var incidents: [String: Versioned<Incident>] = [:]
        var hasIncidents = false
        var decisions: [DecisionEntry] = []
        var writes: [String] = []
    }

    private let groupsBelow: any GroupStore
    private let incidentsBelow: any IncidentStore
    private let state = Mutex(State())

    init(groups: any GroupStore, incidents: any IncidentStore) {
        groupsBelow = groups
        incidentsBelow = incidents
    }

    /// What would have been written, one sentence each, in order.
    var writes: [String] { state.withLock { $0.writes } }
    /// What was decided, in order.
    var decisions: [DecisionEntry] { state.withLock { $0.decisions } }

    // MARK: Groups

    func group(_ name: InstanceName) async throws(StoreError) -> Versioned<GroupRecord>? {
        if let known = state.withLock({ $0.groups[name] }) { return known }
        let stored = try await groupsBelow.group(name)
        state.withLock { $0.groups[name] = .some(stored) }
        return stored
    }

    func groups() async throws(StoreError) -> [Versioned<GroupRecord>] { try await groupsBelow.groups() }

    func insert(_ record: GroupRecord) async throws(StoreError) {
        throw .unavailable(reason: "a rehearsal makes no groups")
    }

    func save(_ record: GroupRecord, ifVersion version: Int64) async throws(StoreError) {
        guard let stored = try await group(record.name), stored.version == version else {
            throw .conflict(document: "group \(record.name)")
        }
        let saved = Versioned(document: record, version: version + 1)
        let replicas = record.replicas.map { "\($0.name) \($0.state.rawValue)" }.joined(separator: ", ")
        state.withLock {
            $0.groups[record.name] = .some(saved)
            $0.writes.append(
                "group \(record.name), generation \(record.configuration.generation)"
                    + (replicas.isEmpty ? "" : ": \(replicas)"))
        }
    }

    func tombstones() async throws(StoreError) -> [GroupTombstone] { try await groupsBelow.tombstones() }

    func remove(
        _ name: InstanceName, ifVersion version: Int64, leaving tombstone: GroupTombstone?
    ) async throws(StoreError) {
        state.withLock {
            $0.groups[name] = .some(nil)
            $0.writes.append("group \(name) is removed")
        }
    }

    // MARK: Incidents

    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        throw .unavailable(reason: "a rehearsal takes no alerts")
    }

    func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        if let known = state.withLock({ $0.incidents[id] }) { return known }
        return try await incidentsBelow.incident(id: id)
    }

    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        if !state.withLock({ $0.hasIncidents }) {
            let active = try await incidentsBelow.active(group: group)
            state.withLock { state in
                state.hasIncidents = true
                for stored in active { state.incidents[stored.document.id] = stored }
            }
        }
        return state.withLock { Array($0.incidents.values) }.filter { $0.document.isActive }.sorted {
            ($0.document.startedAt, $0.document.id) < ($1.document.startedAt, $1.document.id)
        }
    }

    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        ActiveIncidents(try await active(group: group), limit: limit)
    }

    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        try await incidentsBelow.openIncidents()
    }

    func recent(limit: Int) async throws(StoreError) -> [Incident] { try await incidentsBelow.recent(limit: limit) }

    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        state.withLock {
            let before = $0.incidents[incident.id]?.document.lastProcess.rawValue ?? ""
            $0.incidents[incident.id] = Versioned(document: incident, version: version + 1)
            $0.writes.append("incident \(incident.id): \(before) -> \(incident.lastProcess.rawValue)")
        }
    }

    // MARK: Decisions

    func save(_ entry: DecisionEntry) async throws(StoreError) {
        state.withLock { $0.decisions.append(entry) }
    }

    func decisions(of group: InstanceName, limit: Int, before: Timestamp?) async throws(StoreError) -> [DecisionEntry] {
        []
    }
}

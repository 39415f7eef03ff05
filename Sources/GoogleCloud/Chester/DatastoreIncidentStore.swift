package import FleetModel
package import Logging

/// Incidents in Datastore as Chester keeps them, so that an installation's are taken over as they are.
package struct DatastoreIncidentStore: IncidentStore {
    private let client: DatastoreClient
    private let announce: @Sendable (Incident, Timestamp) async throws(StoreError) -> Void
    private let logger: Logger

    /// Keeps incidents through `client`; `announce` publishes the message that wakes the scaler.
    package init(
        client: DatastoreClient, logger: Logger,
        announce: @escaping @Sendable (Incident, Timestamp) async throws(StoreError) -> Void
    ) {
        self.client = client
        self.logger = logger
        self.announce = announce
    }

    /// Datastore and Pub/Sub share no transaction. So the incident is durable first and the message second; when the
    /// message cannot be published, this throws, Cloud Monitoring sends the alert again, and the message is published
    /// then, because it is published for every alert of an incident that is not done with. A message too many wakes the
    /// scaler for nothing; and should one be lost for good, the scaler's own timetable finds the incident.
    package func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change {
        let key = client.key(ChesterIncident.kind, alert.incidentID)
        let what = "incident \(alert.incidentID)"
        let (change, incident) = try await client.transaction(what) {
            transaction throws(StoreError) -> ((Incident.Change, Incident), [DatastoreMutation]) in
            guard let stored = try await transaction.lookup([key], for: what)[key] else {
                let incident = Incident(alert: alert, at: now)
                let entity = DatastoreEntity(key: key, properties: ChesterIncident(incident).properties)
                return ((.created, incident), [.insert(entity)])
            }
            let known = ChesterIncident(stored.entity)
            var incident = try known.incident()
            let change = incident.take(alert, at: now)
            guard change != .unchanged else { return ((change, incident), []) }
            return ((change, incident), [.update(Self.entity(incident, over: stored.entity))])
        }
        if incident.isActive { try await announce(incident, now) }
        return change
    }

    package func incident(id: String) async throws(StoreError) -> Versioned<Incident>? {
        let key = client.key(ChesterIncident.kind, id)
        guard let stored = try await client.lookup([key], for: "reading incident \(id)")[key] else { return nil }
        return try Self.versioned(stored)
    }

    /// Everything that is not cleared, and everything that is open: three queries that need no composite index.
    package func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] {
        let what = "reading the incidents of \(group)"
        let clear = DatastoreValue.string(LastProcess.clear.rawValue)
        var found: [String: StoredEntity] = [:]
        for filter in [
            ("LastProcess", DatastoreQuery.Comparison.less, clear), ("LastProcess", .greater, clear),
            ("State", .equal, .string(IncidentState.open.rawValue)),
        ] {
            for stored in try await client.run(DatastoreQuery(ChesterIncident.kind, where: filter), for: what) {
                found[stored.entity.key.name] = stored
            }
        }
        return found.values.compactMap(readable)
            .filter { $0.document.group == group && $0.document.isActive }
            .sorted { ($0.document.startedAt, $0.document.id) < ($1.document.startedAt, $1.document.id) }
    }

    package func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents {
        ActiveIncidents(try await active(group: group), limit: limit)
    }

    package func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] {
        let query = DatastoreQuery(
            ChesterIncident.kind, where: ("State", .equal, .string(IncidentState.open.rawValue)))
        let open = try await client.run(query, for: "counting the open incidents").compactMap(readable)
        return Dictionary(grouping: open.map(\.document), by: \.group).mapValues { OpenIncidents($0) }
    }

    package func recent(limit: Int) async throws(StoreError) -> [Incident] {
        let query = DatastoreQuery(ChesterIncident.kind, descending: "StartedAt", limit: limit)
        return try await client.run(query, for: "reading the newest incidents").compactMap(readable)
            .map(\.document)
            .sorted { $0.startedAt == $1.startedAt ? $0.id < $1.id : $0.startedAt > $1.startedAt }
    }

    package func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) {
        let key = client.key(ChesterIncident.kind, incident.id)
        let what = "incident \(incident.id)"
        try await client.transaction(what) { transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
            guard let stored = try await transaction.lookup([key], for: what)[key], stored.version == version else {
                throw .conflict(document: what)
            }
            return ((), [.update(Self.entity(incident, over: stored.entity))])
        }
    }

    /// Properties that are not Chester's stay as they are.
    private static func entity(_ incident: Incident, over stored: DatastoreEntity) -> DatastoreEntity {
        let new = ChesterIncident(incident, over: ChesterIncident(stored)).properties
        return DatastoreEntity(
            key: stored.key, properties: (stored.properties ?? [:]).merging(new) { _, new in new })
    }

    private static func versioned(_ stored: StoredEntity) throws(StoreError) -> Versioned<Incident> {
        Versioned(document: try ChesterIncident(stored.entity).incident(), version: stored.version)
    }

    /// One incident that nobody understands must not hide the others.
    private func readable(_ stored: StoredEntity) -> Versioned<Incident>? {
        do throws(StoreError) {
            return try Self.versioned(stored)
        } catch {
            logger.warning("an incident is left out", metadata: ["error": "\(error)"])
            return nil
        }
    }
}

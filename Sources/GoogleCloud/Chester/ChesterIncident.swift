import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An incident in the shape that Chester gives it in Datastore (kind `incident`) and, with other names, in Pub/Sub
/// (Chester's `DataStoreIncident`).
///
/// Chester's tools are in Go, whose Datastore client fails on a property that the struct does not have; so nothing is
/// ever added here.
struct ChesterIncident: Codable, Hashable, Sendable {
    struct Condition: Codable, Hashable, Sendable {
        var incident_id = ""
        var policy_name = ""
    }

    struct Documentation: Codable, Hashable, Sendable {
        var content = ""
        var mime_type = ""
    }

    var incident_id = ""
    var policy_name = ""
    var state = ""
    var started_at: Int64 = 0
    var closed_timestamp = ""
    var condition = Condition()
    var sql_master_instance = ""
    var replica_basename = ""
    var documentation = Documentation()
    var in_progress = false
    var action = ""
    var last_process = ""
    var operation_id = ""
    var last_updated = ""
    var last_updated_by = ""
    var last_ip_address = ""
    var last_read_replica_name = ""

    static let kind = "incident"

    private enum CodingKeys: String, CodingKey {
        case incident_id, policy_name, state, started_at, closed_timestamp, condition, sql_master_instance
        case replica_basename, documentation, in_progress, action, last_process, operation_id, last_updated
        case last_updated_by, last_ip_address, last_read_replica_name
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(incident_id, forKey: .incident_id)
        try container.encode(policy_name, forKey: .policy_name)
        try container.encode(state, forKey: .state)
        try container.encode(started_at, forKey: .started_at)
        try container.encode(closed_timestamp, forKey: .closed_timestamp)
        try container.encode(condition, forKey: .condition)
        try container.encode(sql_master_instance, forKey: .sql_master_instance)
        try container.encode(replica_basename, forKey: .replica_basename)
        try container.encode(documentation, forKey: .documentation)
        // Go's `omitempty`.
        if in_progress { try container.encode(true, forKey: .in_progress) }
        try container.encode(action, forKey: .action)
        try container.encode(last_process, forKey: .last_process)
        try container.encode(operation_id, forKey: .operation_id)
        try container.encode(last_updated, forKey: .last_updated)
        try container.encode(last_updated_by, forKey: .last_updated_by)
        try container.encode(last_ip_address, forKey: .last_ip_address)
        try container.encode(last_read_replica_name, forKey: .last_read_replica_name)
    }
}

// MARK: Datastore

extension ChesterIncident {
    /// Reads an entity; what is missing or of another type is as Go leaves it.
    init(_ entity: DatastoreEntity) {
        let properties = entity.properties ?? [:]
        func text(_ name: String) -> String { properties[name]?.string ?? "" }
        func member(_ name: String, _ inner: String) -> String { properties[name]?.members[inner]?.string ?? "" }
        incident_id = text("IncidentID").isEmpty ? entity.key.name : text("IncidentID")
        policy_name = text("PolicyName")
        state = text("State")
        started_at = properties["StartedAt"]?.integer ?? 0
        closed_timestamp = text("ClosedTimestamp")
        condition = Condition(
            incident_id: member("Condition", "IncidentID"), policy_name: member("Condition", "PolicyName"))
        sql_master_instance = text("SqlMasterInstance")
        replica_basename = text("ReplicaBaseName")
        documentation = Documentation(
            content: member("Documentation", "Content"), mime_type: member("Documentation", "MimeType"))
        in_progress = properties["InProgress"]?.content == .bool(true)
        action = text("Action")
        last_process = text("LastProcess")
        operation_id = text("OperationID")
        last_updated = text("LastUpdated")
        last_updated_by = text("LastUpdatedBy")
        last_ip_address = text("LastIPAddress")
        last_read_replica_name = text("LastReadReplicaName")
    }

    /// The properties, by Chester's names.
    var properties: [String: DatastoreValue] {
        [
            "IncidentID": .string(incident_id), "PolicyName": .string(policy_name), "State": .string(state),
            "StartedAt": DatastoreValue(content: .integer(started_at)), "ClosedTimestamp": .string(closed_timestamp),
            "Condition": .entity([
                "IncidentID": .string(condition.incident_id), "PolicyName": .string(condition.policy_name),
            ]),
            "SqlMasterInstance": .string(sql_master_instance), "ReplicaBaseName": .string(replica_basename),
            "Documentation": .entity([
                "Content": .string(documentation.content, isExcluded: true),
                "MimeType": .string(documentation.mime_type),
            ]),
            "InProgress": .bool(in_progress), "Action": .string(action), "LastProcess": .string(last_process),
            "OperationID": .string(operation_id), "LastUpdated": .string(last_updated),
            "LastUpdatedBy": .string(last_updated_by), "LastIPAddress": .string(last_ip_address),
            "LastReadReplicaName": .string(last_read_replica_name),
        ]
    }
}

// MARK: The domain

extension ChesterIncident {
    /// Writes down `incident`; what it has no place for is taken from `stored`.
    init(_ incident: Incident, over stored: ChesterIncident? = nil) {
        self = stored ?? ChesterIncident()
        incident_id = incident.id
        policy_name = incident.policyName
        state = incident.state.rawValue
        started_at = incident.startedAt.secondsSinceEpoch
        closed_timestamp = incident.closedAt?.rfc3339 ?? ""
        condition = Condition(incident_id: incident.id, policy_name: incident.policyName)
        sql_master_instance = incident.primaryInstance.text
        replica_basename = incident.replicaBaseName
        documentation.content = incident.documentation
        if documentation.mime_type.isEmpty { documentation.mime_type = "text/markdown" }
        in_progress = ![.webhookPush, .closed, .clear, .fail].contains(incident.lastProcess)
        action = incident.action.rawValue
        last_process = incident.lastProcess.rawValue
        operation_id = incident.operationID
        last_updated = incident.updatedAt.rfc3339
        last_updated_by = incident.updatedBy
        last_ip_address = incident.lastAddress
        last_read_replica_name = incident.lastReplicaName
    }

    private struct AlertDocumentation: Decodable {
        var instance_group: String?
        var sql_master_instance: String?
    }

    /// The group's name: the documentation's `instance_group`, else the primary's.
    var group: String {
        let parsed = try? JSONDecoder().decode(AlertDocumentation.self, from: Data(documentation.content.utf8))
        let name = parsed?.instance_group ?? ""
        return name.isEmpty ? sql_master_instance : name
    }

    /// The incident, or why it is none.
    func incident() throws(StoreError) -> Incident {
        let primary: InstanceName
        let group: InstanceName
        do throws(InvalidName) {
            primary = try InstanceName(sql_master_instance, kind: "primary")
            group = try InstanceName(self.group, kind: "group")
        } catch {
            throw .corrupt(document: "incident \(incident_id)", reason: error.description)
        }
        guard let action = IncidentAction(rawValue: action.lowercased()) else {
            throw .corrupt(document: "incident \(incident_id)", reason: "its action is \"\(action)\"")
        }
        let state: IncidentState = state.lowercased() == "closed" ? .closed : .open
        var incident = Incident(
            alert: Alert(
                incidentID: incident_id, policyName: policy_name, state: state,
                startedAt: Timestamp(secondsSinceEpoch: started_at), closedAt: Self.time(closed_timestamp),
                primaryInstance: primary, group: group, replicaBaseName: Self.base(replica_basename, primary),
                action: action,
                documentation: documentation.content),
            at: Self.time(last_updated) ?? Timestamp(secondsSinceEpoch: started_at))
        incident.lastProcess =
            LastProcess(rawValue: last_process) ?? (last_process.isEmpty ? .webhookPush : .acknowledged)
        incident.operationID = operation_id
        incident.lastReplicaName = last_read_replica_name
        incident.lastAddress = last_ip_address
        incident.updatedBy = last_updated_by
        // There is no place for it: it is known only where our webhook wrote last.
        if last_updated_by != "ingest" { incident.heardAt = nil }
        return incident
    }

    /// What replicas' names begin with: what is stored, where a name can begin so.
    private static func base(_ stored: String, _ primary: InstanceName) -> String {
        // What comes behind it has at most ten characters.
        (try? InstanceName(stored + "0000000000")) == nil ? "\(primary)-" : stored
    }

    /// Chester copies times as the webhook gave them: RFC 3339, or seconds.
    private static func time(_ text: String) -> Timestamp? {
        Timestamp(rfc3339: text) ?? Int64(text).map { Timestamp(secondsSinceEpoch: $0) }
    }
}

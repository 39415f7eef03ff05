import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The two messages that Chester sends itself through Pub/Sub, and the one that Cloud Monitoring sends by its own
/// Pub/Sub channel.
enum ChesterMessage: Hashable, Sendable {
    /// From the webhook, or from the daemon at its start: the whole incident.
    case incident(ChesterIncident)
    /// From the API: the configuration of a group was changed.
    case restart(group: String)
    /// Cloud Monitoring's notification as it is, which nobody has recorded yet.
    case notification

    /// The attribute in which we say the group, because Chester's restart message calls it `sql_master_instance`.
    static let groupAttribute = "instance_group"

    private struct Restart: Codable {
        var action: String
        var sql_master_instance: String
    }

    private struct Shape: Decodable {
        struct Anything: Decodable { init(from decoder: any Decoder) {} }
        var action: String?
        var incident: Anything?
        var incident_id: String?
        var sql_master_instance: String?
    }

    /// Reads a message's data; nil when it is none of the three.
    init?(_ data: Data) {
        guard let shape = try? JSONDecoder().decode(Shape.self, from: data) else { return nil }
        if shape.incident != nil {
            self = .notification
        } else if shape.action == "restart", let group = shape.sql_master_instance {
            self = .restart(group: group)
        } else if shape.incident_id != nil, let lenient = try? JSONDecoder().decode(Lenient.self, from: data) {
            self = .incident(lenient.incident)
        } else {
            return nil
        }
    }

    /// Writes the message's data.
    func data() -> Data {
        let encoded: Data? =
            switch self {
            case .incident(let incident): try? JSONEncoder().encode(incident)
            case .restart(let group):
                try? JSONEncoder().encode(Restart(action: "restart", sql_master_instance: group))
            case .notification: nil
            }
        return encoded ?? Data()
    }

    /// What it tells the scaler; nil where a name in it is none.
    func message(attributes: [String: String]) -> WorkMessage? {
        switch self {
        case .incident(let incident):
            let name = attributes[Self.groupAttribute] ?? incident.group
            guard let group = try? InstanceName(name, kind: "group") else { return nil }
            return WorkMessage(reason: .incident, group: group, incidentID: incident.incident_id)
        case .restart(let name):
            guard let group = try? InstanceName(name, kind: "group") else { return nil }
            return WorkMessage(reason: .restart, group: group)
        case .notification:
            return nil
        }
    }

    /// An incident in which anything may be missing, as Go reads it.
    private struct Lenient: Decodable {
        var incident = ChesterIncident()

        private enum Key: String, CodingKey {
            case incident_id, policy_name, state, started_at, closed_timestamp, sql_master_instance, replica_basename
            case documentation, in_progress, action, last_process, operation_id, last_updated, last_updated_by
            case last_ip_address, last_read_replica_name, condition
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            func text(_ key: Key) throws -> String { try container.decodeIfPresent(String.self, forKey: key) ?? "" }
            incident.incident_id = try text(.incident_id)
            incident.policy_name = try text(.policy_name)
            incident.state = try text(.state)
            incident.started_at = try container.decodeIfPresent(Int64.self, forKey: .started_at) ?? 0
            incident.closed_timestamp = try text(.closed_timestamp)
            incident.sql_master_instance = try text(.sql_master_instance)
            incident.replica_basename = try text(.replica_basename)
            incident.documentation =
                try container.decodeIfPresent(ChesterIncident.Documentation.self, forKey: .documentation) ?? .init()
            incident.condition =
                try container.decodeIfPresent(ChesterIncident.Condition.self, forKey: .condition) ?? .init()
            incident.in_progress = try container.decodeIfPresent(Bool.self, forKey: .in_progress) ?? false
            incident.action = try text(.action)
            incident.last_process = try text(.last_process)
            incident.operation_id = try text(.operation_id)
            incident.last_updated = try text(.last_updated)
            incident.last_updated_by = try text(.last_updated_by)
            incident.last_ip_address = try text(.last_ip_address)
            incident.last_read_replica_name = try text(.last_read_replica_name)
        }
    }
}

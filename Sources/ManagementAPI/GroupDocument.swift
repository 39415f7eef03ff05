import FleetModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A group as `/v1` shows it: everything but secrets, unless an administrator asks for the passwords.
enum GroupDocument {
    /// The whole document.
    static func shown(_ record: GroupRecord, withPasswords: Bool = false) -> JSONValue {
        let configuration = record.configuration
        return [
            "name": .text(record.name.text),
            "generation": .integer(configuration.generation),
            "primaryInstance": .text(record.primaryInstance.text),
            "writerHostgroup": .whole(configuration.writerHostgroup),
            "readerHostgroup": .whole(configuration.readerHostgroup),
            "ruleIDBase": .whole(configuration.ruleIDBase),
            "servers": .list(configuration.servers.map(server)),
            "users": .list(configuration.users.map { user($0, withPassword: withPasswords) }),
            "queryRules": .list(configuration.queryRules.map(rule)),
            "policy": PolicyJSON.shown(record.policy),
            "replicas": .list(record.replicas.map(replica)),
            "lastScaling": record.lastScaling.map {
                ["direction": .text($0.direction.rawValue), "completedAt": .text($0.completedAt.text)]
            } ?? .null,
            "consecutiveFailures": .whole(record.consecutiveFailures),
            "removal": record.removal.map {
                ["requestedAt": .text($0.requestedAt.text), "deletesReplicas": .bool($0.deletesReplicas)]
            } ?? .null,
        ]
    }

    /// What a client may write: a merge patch is applied to this.
    static func writable(_ record: GroupRecord) -> JSONValue {
        var members = shown(record).members
        for name in ["generation", "ruleIDBase", "replicas", "lastScaling", "consecutiveFailures", "removal"] {
            members[name] = nil
        }
        return .object(members)
    }

    static func server(_ server: BackendServer) -> JSONValue {
        [
            "name": .text(server.name), "address": .text(server.address), "port": .whole(server.port),
            "hostgroup": .whole(server.hostgroup), "status": .text(server.status.rawValue),
            "weight": .whole(server.weight), "maxConnections": .whole(server.maxConnections),
            "useTLS": .bool(server.useTLS), "origin": .text(ServerOrigin(server.origin).rawValue),
        ]
    }

    static func user(_ user: ProxyUser, withPassword: Bool) -> JSONValue {
        [
            "username": .text(user.username), "password": .text(withPassword ? user.password.reveal() : redacted),
            "defaultHostgroup": .whole(user.defaultHostgroup), "isActive": .bool(user.isActive),
        ]
    }

    static func rule(_ rule: QueryRule) -> JSONValue {
        [
            "id": .whole(rule.id), "username": .text(rule.username), "isActive": .bool(rule.isActive),
            "matchDigest": .text(rule.matchDigest), "destinationHostgroup": .whole(rule.destinationHostgroup),
            "apply": .bool(rule.apply), "comment": .text(rule.comment),
        ]
    }

    static func replica(_ replica: ReplicaRecord) -> JSONValue {
        [
            "name": .text(replica.name.text), "state": .text(replica.state.rawValue),
            "stateSince": .text(replica.stateSince.text), "plannedAt": .text(replica.plannedAt.text),
            "incidentId": replica.incidentID.isEmpty ? .null : .text(replica.incidentID),
            "operationId": .optional(replica.operationID), "address": .optional(replica.address),
            "failure": .optional(replica.failure),
        ]
    }

    static func incident(_ incident: Incident) -> JSONValue {
        [
            "id": .text(incident.id), "policyName": .text(incident.policyName), "state": .text(incident.state.rawValue),
            "startedAt": .text(incident.startedAt.text), "closedAt": .optional(incident.closedAt?.text),
            "group": .text(incident.group.text), "primaryInstance": .text(incident.primaryInstance.text),
            "replicaBaseName": .text(incident.replicaBaseName), "action": .text(incident.action.rawValue),
            "documentation": .text(incident.documentation), "lastProcess": .text(incident.lastProcess.rawValue),
            "operationId": incident.operationID.isEmpty ? .null : .text(incident.operationID),
            "lastReplicaName": incident.lastReplicaName.isEmpty ? .null : .text(incident.lastReplicaName),
            "lastAddress": incident.lastAddress.isEmpty ? .null : .text(incident.lastAddress),
            "updatedAt": .text(incident.updatedAt.text), "updatedBy": .text(incident.updatedBy),
        ]
    }
}

/// `BackendServer.Origin` by name.
enum ServerOrigin: String, CaseIterable {
    case primary, configured, managed

    init(_ origin: BackendServer.Origin) {
        self =
            switch origin {
            case .primary: .primary
            case .configured: .configured
            case .managed: .managed
            }
    }
}

extension Timestamp {
    /// By RFC 3339, in UTC and to the millisecond.
    var text: String {
        Date(timeIntervalSince1970: Double(millisecondsSinceEpoch) / 1_000).formatted(
            Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

/// A version of a group, for `ETag` and `If-Match`; a group that was removed and made again begins with a higher
/// generation, so that a tag is never given out twice.
struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    var generation: Int64
    var version: Int64

    init(_ record: GroupRecord, _ version: Int64) {
        generation = record.configuration.generation
        self.version = version
    }

    var description: String { "\"\(generation)-\(version)\"" }
}

import FleetModel
import JSONValues

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
            "name": .string(record.name.text),
            "generation": .integer(configuration.generation),
            "primaryInstance": .string(record.primaryInstance.text),
            "writerHostgroup": .whole(configuration.writerHostgroup),
            "readerHostgroup": .whole(configuration.readerHostgroup),
            "ruleIDBase": .whole(configuration.ruleIDBase),
            "servers": .array(configuration.servers.map { server(wanted($0, record)) }),
            "users": .array(configuration.users.map { user($0, withPassword: withPasswords) }),
            "queryRules": .array(configuration.queryRules.map(rule)),
            "policy": PolicyJSON.shown(record.policy),
            "adopted": .array(
                (configuration.adoption?.rows ?? []).map {
                    ["table": .string($0.table), "key": .array($0.key.map { .string($0) })]
                }),
            "backendTLS": .string((record.trust?.mode ?? .off).rawValue),
            "replicas": .array(record.replicas.map(replica)),
            "unfitReaders": .array((record.unfitReaders ?? []).map(unfitReader)),
            "lastScaling": record.lastScaling.map {
                ["direction": .string($0.direction.rawValue), "completedAt": .string($0.completedAt.text)]
            } ?? .null,
            "consecutiveFailures": .whole(record.consecutiveFailures),
            "leftReplicas": .array(
                (record.leftReplicas ?? []).map {
                    ["name": .string($0.name.text), "at": .string($0.at.text), "reason": .string($0.reason)]
                }),
            "removal": record.removal.map {
                ["requestedAt": .string($0.requestedAt.text), "deletesReplicas": .bool($0.deletesReplicas)]
            } ?? .null,
        ]
    }

    /// What a client may write: a merge patch is applied to this.
    static func writable(_ record: GroupRecord) -> JSONValue {
        var members = shown(record).members
        for name in [
            "adopted", "generation", "ruleIDBase", "replicas", "lastScaling", "consecutiveFailures", "leftReplicas",
            "removal", "unfitReaders",
        ] {
            members[name] = nil
        }
        return .object(members)
    }

    /// The server as its owner wants it: the sidelining of a configured one is Drover's, and stands in `unfitReaders`, so
    /// that a document that is written back does not make it the owner's wish.
    private static func wanted(_ server: BackendServer, _ record: GroupRecord) -> BackendServer {
        guard server.origin == .configured, record.isSidelined(server.name) else { return server }
        var server = server
        server.status = .online
        return server
    }

    static func unfitReader(_ unfit: UnfitReader) -> JSONValue {
        [
            "name": .string(unfit.name), "state": .string(unfit.phase.rawValue), "code": .string(unfit.code),
            "detail": .string(unfit.detail), "since": .string(unfit.since.text),
            "stoppedSince": .optional(unfit.stoppedSince?.text), "sidelinedAt": .optional(unfit.sidelinedAt?.text),
            "waitsFor": .optional(unfit.waitsFor),
        ]
    }

    static func server(_ server: BackendServer) -> JSONValue {
        [
            "name": .string(server.name), "address": .string(server.address), "port": .whole(server.port),
            "hostgroup": .whole(server.hostgroup), "status": .string(server.status.rawValue),
            "weight": .whole(server.weight), "maxConnections": .whole(server.maxConnections),
            "useTLS": .bool(server.useTLS), "origin": .string(ServerOrigin(server.origin).rawValue),
        ]
    }

    static func user(_ user: ProxyUser, withPassword: Bool) -> JSONValue {
        [
            "username": .string(user.username), "password": .string(withPassword ? user.password.reveal() : redacted),
            "defaultHostgroup": .whole(user.defaultHostgroup), "isActive": .bool(user.isActive),
        ]
    }

    static func rule(_ rule: QueryRule) -> JSONValue {
        [
            "id": .whole(rule.id), "username": .string(rule.username), "isActive": .bool(rule.isActive),
            "matchDigest": .string(rule.matchDigest), "destinationHostgroup": .whole(rule.destinationHostgroup),
            "apply": .bool(rule.apply), "comment": .string(rule.comment),
        ]
    }

    static func replica(_ replica: ReplicaRecord) -> JSONValue {
        [
            "name": .string(replica.name.text), "state": .string(replica.state.rawValue),
            "stateSince": .string(replica.stateSince.text), "plannedAt": .string(replica.plannedAt.text),
            "incidentId": replica.incidentID.isEmpty ? .null : .string(replica.incidentID),
            "operationId": .optional(replica.operationID), "address": .optional(replica.address),
            "failure": .optional(replica.failure), "waitsFor": .optional(replica.waitsFor),
            "leaving": .optional(replica.leaving),
        ]
    }

    static func incident(_ incident: Incident) -> JSONValue {
        [
            "id": .string(incident.id), "policyName": .string(incident.policyName),
            "state": .string(incident.state.rawValue),
            "startedAt": .string(incident.startedAt.text), "closedAt": .optional(incident.closedAt?.text),
            "group": .string(incident.group.text), "primaryInstance": .string(incident.primaryInstance.text),
            "replicaBaseName": .string(incident.replicaBaseName), "action": .string(incident.action.rawValue),
            "documentation": .string(incident.documentation), "lastProcess": .string(incident.lastProcess.rawValue),
            "operationId": incident.operationID.isEmpty ? .null : .string(incident.operationID),
            "lastReplicaName": incident.lastReplicaName.isEmpty ? .null : .string(incident.lastReplicaName),
            "lastAddress": incident.lastAddress.isEmpty ? .null : .string(incident.lastAddress),
            "updatedAt": .string(incident.updatedAt.text), "updatedBy": .string(incident.updatedBy),
            "closedBy": .optional(incident.closedBy), "closeReason": .optional(incident.closeReason),
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

import FleetModel
import JSONValues

/// The documents of `/v1` as JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it).
enum OpenAPISchemas {
    static let all: [String: JSONValue] = shown.merging(written) { $1 }.merging(OpenAPISchemas.chester) { $1 }

    private static let text: JSONValue = ["type": "string"]
    private static let optionalText: JSONValue = ["type": ["string", "null"]]
    private static let integer: JSONValue = ["type": "integer"]
    private static let flag: JSONValue = ["type": "boolean"]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]
    private static let hostgroup: JSONValue = ["type": "integer", "minimum": 0, "maximum": 1_000_000]

    static func object(
        _ properties: [String: JSONValue], required: [String]? = nil, isOpen: Bool = false
    ) -> JSONValue {
        [
            "type": "object", "properties": .object(properties),
            "required": .array((required ?? properties.keys.sorted()).map { .string($0) }),
            "additionalProperties": .bool(isOpen),
        ]
    }

    /// A group; answers to changes have `warnings` too, where there are some.
    private static let group: [String: JSONValue] = [
        "name": text, "generation": integer, "primaryInstance": text, "writerHostgroup": hostgroup,
        "readerHostgroup": hostgroup, "ruleIDBase": integer, "servers": list(of: "Server"),
        "users": list(of: "User"), "queryRules": list(of: "QueryRule"), "policy": OpenAPI.reference("Policy"),
        "adopted": ["type": "array", "items": object(["table": text, "key": ["type": "array", "items": text]])],
        "backendTLS": backendTLS, "replicas": list(of: "Replica"),
        "lastScaling": [
            "anyOf": [["type": "null"], object(["direction": ["enum": ["out", "in"]], "completedAt": time])]
        ],
        "consecutiveFailures": integer, "unfitReaders": list(of: "UnfitReader"),
        "leftReplicas": ["type": "array", "items": object(["name": text, "at": time, "reason": text])],
        "removal": ["anyOf": [["type": "null"], object(["requestedAt": time, "deletesReplicas": flag])]],
    ]

    private static func list(of schema: String) -> JSONValue {
        ["type": "array", "items": OpenAPI.reference(schema)]
    }

    private static func page(of schema: String, cursor: JSONValue) -> JSONValue {
        object(["items": list(of: schema), "next": cursor])
    }

    private static func items(of schema: String) -> JSONValue { object(["items": list(of: schema)]) }

    private static let unfitReader: JSONValue = object([
        "name": text, "state": ["enum": .array(UnfitReader.Phase.allCases.map { .string($0.rawValue) })],
        "code": [
            "type": "string",
            "description": .string(
                "One of " + UnfitCode.allCases.map(\.rawValue).joined(separator: ", ") + "; there may be more."),
        ],
        "detail": text, "since": time, "stoppedSince": optionalText, "sidelinedAt": optionalText,
        "waitsFor": optionalText,
    ])

    // MARK: What is shown

    private static let shown: [String: JSONValue] = [
        "Problem": object(
            [
                "type": text, "title": text, "status": integer, "detail": text, "instance": text,
                "errors": ["type": "array", "items": object(["pointer": text, "detail": text])],
                "code": text, "foreignRows": foreignRows,
            ], required: ["type", "title", "status", "detail", "instance"]),
        "Group": object(
            group.merging(["warnings": ["type": "array", "items": text]]) { $1 }, required: group.keys.sorted()),
        "GroupPage": page(of: "Group", cursor: optionalText),
        "Server": object([
            "name": text, "address": text, "port": integer, "hostgroup": hostgroup,
            "status": ["enum": ["ONLINE", "OFFLINE_SOFT"]], "weight": integer, "maxConnections": integer,
            "useTLS": flag, "origin": ["enum": ["primary", "configured", "managed"]],
        ]),
        "ServerList": items(of: "Server"),
        "User": object([
            "username": text,
            "password": ["type": "string", "description": "REDACTED, unless withPasswords is asked for."],
            "defaultHostgroup": hostgroup, "isActive": flag,
        ]),
        "UserList": items(of: "User"),
        "QueryRule": object([
            "id": integer, "username": text, "isActive": flag, "matchDigest": text, "destinationHostgroup": hostgroup,
            "apply": flag, "comment": text,
        ]),
        "QueryRuleList": items(of: "QueryRule"),
        "Replica": object([
            "name": text,
            "state": ["enum": .array(ReplicaRecord.State.allCases.map { .string($0.rawValue) })],
            "stateSince": time, "plannedAt": time, "incidentId": optionalText, "operationId": optionalText,
            "address": optionalText, "failure": optionalText, "waitsFor": optionalText, "leaving": optionalText,
        ]),
        "UnfitReader": unfitReader,
        "ReplicaState": object([
            "name": text,
            "state": ["enum": .array(ReplicaRecord.State.allCases.map { .string($0.rawValue) })],
            "stateSince": time, "plannedAt": time, "incidentId": optionalText, "operationId": optionalText,
            "address": optionalText, "failure": optionalText, "waitsFor": optionalText, "leaving": optionalText,
            "weight": ["type": ["integer", "null"]],
            "lagSeconds": ["type": ["number", "null"]], "lagMeasuredAt": optionalText,
            "fitness": ["enum": ["fit", "unfit", "sidelined", "returning", .null]],
            "unfit": ["anyOf": [["type": "null"], OpenAPI.reference("UnfitReader")]], "replaces": optionalText,
        ]),
        "ReplicaList": items(of: "ReplicaState"),
        "Publication": object([
            "generation": integer, "wantedGeneration": integer, "content": optionalText, "at": time, "isComplete": flag,
            "nodes": list(of: "NodePublication"),
        ]),
        "NodePublication": object([
            "node": text, "condition": ["enum": ["current", "behind", "unknown", "down"]], "detail": optionalText,
            "reason": optionalText, "foreignRows": foreignRows, "generation": ["type": ["integer", "null"]],
            "content": optionalText,
            "backends": [
                "type": "array",
                "items": object([
                    "hostgroup": hostgroup, "address": text, "port": integer, "status": text,
                    "connectionsInUse": integer, "lagSeconds": ["type": ["number", "null"]],
                    "lagMeasuredAt": optionalText,
                ]),
            ],
        ]),
        "Node": object([
            "node": text,
            "groups": [
                "type": "array",
                "items": object([
                    "group": text, "condition": ["enum": ["current", "behind", "unknown", "down"]],
                    "detail": optionalText, "reason": optionalText, "generation": ["type": ["integer", "null"]],
                    "wantedGeneration": integer, "content": optionalText, "at": time,
                ]),
            ],
        ]),
        "NodeList": items(of: "Node"),
        "Incident": object([
            "id": text, "policyName": text, "state": ["enum": ["open", "closed"]], "startedAt": time,
            "closedAt": optionalText, "group": text, "primaryInstance": text, "replicaBaseName": text,
            "action": ["enum": ["add", "remove"]], "documentation": text, "lastProcess": text,
            "operationId": optionalText, "lastReplicaName": optionalText, "lastAddress": optionalText,
            "updatedAt": time, "updatedBy": text, "closedBy": optionalText, "closeReason": optionalText,
        ]),
        "IncidentPage": items(of: "Incident"),
        "Change": object([
            "id": integer, "group": text, "generation": integer, "at": time, "actor": text, "source": text,
            "action": text,
        ]),
        "ChangePage": page(of: "Change", cursor: ["type": ["integer", "null"]]),
        "Decision": object(
            [
                "group": text, "firstAt": time, "lastAt": time, "count": integer, "direction": ["enum": ["out", "in"]],
                "reason": text, "current": integer, "desired": integer, "wish": ["type": "object"],
                "wishes": ["type": "array"], "victim": text, "notBefore": time, "detail": text, "sentence": text,
                "inputs": ["type": "object"],
            ],
            required: ["group", "firstAt", "lastAt", "count", "reason", "current", "desired", "sentence", "inputs"],
            isOpen: true),
        "DecisionPage": page(of: "Decision", cursor: optionalText),
        "Event": object([
            "id": integer, "time": time, "group": text, "kind": text,
            "severity": ["enum": ["info", "warning", "error"]], "sentence": text,
            "fields": ["type": "object", "additionalProperties": text],
        ]),
        "EventList": items(of: "Event"),
        "Purge": object(["group": text, "until": time]),
        "Preview": object([
            "deletes": [
                "type": "array",
                "items": object([
                    "instance": text, "state": text, "connectionsInUse": ["type": ["integer", "null"]],
                ]),
            ],
            "warnings": ["type": "array", "items": text], "foreignRows": foreignRows, "adopts": flag, "changed": flag,
            "generation": integer,
            "rows": [
                "type": "array",
                "items": object([
                    "table": text, "action": ["enum": ["insert", "update", "delete"]],
                    "key": ["type": "array", "items": text],
                    "columns": [
                        "type": "object",
                        "additionalProperties": object(["before": optionalText, "after": optionalText]),
                    ],
                ]),
            ],
            "loads": ["type": "array", "items": text], "effects": ["type": "array", "items": text],
            "before": ["type": ["object", "null"]],
            "after": ["type": ["object", "null"]],
        ]),
        "Policy": policy(required: ["minimumReplicas", "maximumReplicas"]),
    ]

    // MARK: What is written

    private static let foreignRows: JSONValue = [
        "type": "array", "description": "Rows of somebody else in places of the group.",
        "items": object([
            "node": text, "table": text, "key": ["type": "array", "items": text], "owner": optionalText,
        ]),
    ]

    private static let backendTLS: JSONValue = ["enum": ["off", "verify-ca", "client-certificate"]]

    private static let groupMembers: [String: JSONValue] = [
        "name": text, "primaryInstance": text, "writerHostgroup": hostgroup, "readerHostgroup": hostgroup,
        "servers": OpenAPI.reference("ServerListInput"), "users": OpenAPI.reference("UserListInput"),
        "queryRules": OpenAPI.reference("QueryRuleListInput"), "policy": OpenAPI.reference("PolicyPatch"),
        "backendTLS": backendTLS,
        "adopt": [
            "type": "boolean",
            "description":
                "Takes over rows of somebody else in the group's places, as the parameter of that name does.",
        ],
        "adopted": ["description": "Read only; ignored."], "generation": ["description": "Read only; ignored."],
        "ruleIDBase": [
            "type": "integer", "minimum": 0, "maximum": 1_000_000, "multipleOf": 1_000,
            "description": "Taken for a new group, which gets a free range when it is absent; else ignored.",
        ],
        "replicas": ["description": "Read only; ignored."], "lastScaling": ["description": "Read only; ignored."],
        "consecutiveFailures": ["description": "Read only; ignored."],
        "removal": ["description": "Read only; ignored."],
        "unfitReaders": ["description": "Read only; ignored."],
        "leftReplicas": ["description": "Read only; ignored."],
    ]

    private static let written: [String: JSONValue] = [
        "GroupInput": object(groupMembers, required: ["servers"]),
        "GroupPatch": object(groupMembers, required: []),
        "ServerInput": object(
            [
                "name": text, "address": text, "port": ["type": "integer", "minimum": 1, "maximum": 65_535],
                "hostgroup": hostgroup, "status": ["enum": ["ONLINE", "OFFLINE_SOFT"]],
                "weight": ["type": "integer", "minimum": 0, "maximum": 10_000_000],
                "maxConnections": ["type": "integer", "minimum": 0, "maximum": 10_000_000], "useTLS": flag,
                "origin": ["enum": ["primary", "configured", "managed"]],
            ], required: ["address"]),
        "ServerListInput": ["type": "array", "items": OpenAPI.reference("ServerInput"), "maxItems": 1_000],
        "UserInput": object(
            [
                "username": ["type": "string", "minLength": 1, "maxLength": 64],
                "password": ["type": "string", "maxLength": 1_024], "defaultHostgroup": hostgroup, "isActive": flag,
            ], required: []),
        "UserListInput": ["type": "array", "items": OpenAPI.reference("UserInput"), "maxItems": 1_000],
        "QueryRuleInput": object(
            [
                "id": ["type": "integer", "minimum": 1, "maximum": 999], "username": text, "isActive": flag,
                "matchDigest": ["type": "string", "minLength": 1, "maxLength": 8_192],
                "destinationHostgroup": hostgroup, "apply": flag, "comment": ["type": "string", "maxLength": 1_024],
            ], required: ["matchDigest"]),
        "QueryRuleListInput": ["type": "array", "items": OpenAPI.reference("QueryRuleInput"), "maxItems": 999],
        "PolicyPatch": policy(required: []),
        "Rollback": object(["generation": ["type": "integer", "minimum": 1]]),
        "Pause": object(
            [
                "direction": ["enum": ["out", "in", "both"]], "until": time,
                "forSeconds": ["type": "number", "minimum": 1, "maximum": 31_536_000],
                "reason": ["type": "string", "maxLength": 1_000],
            ], required: []),
        "Order": object(["reason": ["type": "string", "maxLength": 1_000]], required: []),
        "Resume": object(["direction": ["enum": ["out", "in", "both"]]], required: []),
        "Pin": object(
            [
                "size": ["type": "integer", "minimum": 0, "maximum": 1_000], "until": time,
                "forSeconds": ["type": "number", "minimum": 1, "maximum": 31_536_000],
                "reason": ["type": "string", "maxLength": 1_000],
            ], required: ["size"]),
    ]

    private static func policy(required: [String]) -> JSONValue {
        let seconds: JSONValue = ["type": "number", "minimum": 0]
        let hold = object(["until": time, "reason": text], required: ["until"])
        let count: JSONValue = ["type": "integer", "minimum": 0, "maximum": 1_000]
        return object(
            [
                "minimumReplicas": count, "maximumReplicas": count, "step": ["type": "object"],
                "scaleOutCooldownSeconds": seconds, "scaleInCooldownSeconds": seconds,
                "scaleOutStabilizationSeconds": seconds, "scaleInStabilizationSeconds": seconds,
                "drainDeadlineSeconds": seconds, "minimumLifetimeSeconds": seconds,
                "victim": ["enum": ["youngest", "oldest", "leastLoaded", "mostLagging"]],
                "metrics": ["type": "array", "items": ["type": "object"]],
                "schedules": ["type": "array", "items": ["type": "object"]],
                "freezes": ["type": "array", "items": ["type": "object"]], "budgets": ["type": "object"],
                "lagBrake": ["type": "object"], "scaleOutPause": hold, "scaleInPause": hold,
                "pin": object(["size": count, "until": time, "reason": text], required: ["size", "until"]),
                "fitness": fitness, "dryRun": flag,
            ], required: required)
    }

    private static let fitness: JSONValue = object(
        [
            "enabled": [
                "type": "boolean",
                "description": "Whether unfit readers are sidelined and replaced; otherwise people are only told.",
            ],
            "maximumLagSeconds": ["type": "number", "minimum": 1, "maximum": 86_400],
            "samplesOut": ["type": "integer", "minimum": 1, "maximum": 100],
            "samplesIn": ["type": "integer", "minimum": 1, "maximum": 100],
            "replaceAfterSeconds": ["type": "number", "minimum": 60, "maximum": 604_800],
            "maximumShare": ["type": "number", "exclusiveMinimum": 0, "maximum": 1],
            "replacementsPerDay": ["type": "integer", "minimum": 0, "maximum": 100], "guardConfigured": flag,
        ], required: [])
}

import FleetModel
import Hummingbird
import JSONValues
import Pacing
import ProxySQLAdmin

/// What is going on: replicas, publications, incidents.
struct StateRoutes: Sendable {
    let parts: APIParts

    var operations: [Operation] {
        [
            Operation(
                .get, "/v1/groups/{group}/replicas", "listReplicas", "Lists the replicas that Drover manages.",
                answers: [.init(200, "ReplicaList")], handler: replicas),
            Operation(
                .get, "/v1/groups/{group}/publication", "getPublication",
                "Shows what each node holds of a group's newest publication.", answers: [.init(200, "Publication")],
                handler: publication),
            Operation(
                .get, "/v1/groups/{group}/incidents", "listGroupIncidents", "Lists a group's incidents, newest first.",
                answers: [.init(200, "IncidentPage")], handler: incidents
            ).taking(.limit, .state),
            Operation(
                .get, "/v1/incidents", "listIncidents", "Lists incidents, newest first.",
                answers: [.init(200, "IncidentPage")], handler: incidents
            ).taking(.limit, .state, .text("group", "Only incidents of that group.")),
            Operation(
                .get, "/v1/incidents/{incident}", "getIncident", "Shows an incident.",
                answers: [.init(200, "Incident")], handler: incident),
            Operation(
                .get, "/v1/nodes", "listNodes", "Lists the ProxySQL nodes, with the generation of each group.",
                answers: [.init(200, "NodeList")], handler: nodes),
        ]
    }

    @Sendable private func replicas(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let record = try await parts.group(context).document
        let decision = try await parts.newestDecision(of: record.name)
        let items = record.replicas.map { replica in
            let server = record.configuration.servers.first { $0.name == replica.name.text }
            let lag = parts.lag(
                of: replica.name.text, at: server?.address ?? replica.address ?? "",
                port: server?.port ?? BackendServer.usualPort, record, decision)
            var members = GroupDocument.replica(replica).members
            members["weight"] = server.map { .whole($0.weight) } ?? .null
            members["lagSeconds"] = lag.map { .number($0.seconds) } ?? .null
            members["lagMeasuredAt"] = .optional(lag?.measuredAt.text)
            let unfit = record.unfit(replica.name.text)
            members["unfit"] = unfit.map(GroupDocument.unfitReader) ?? .null
            members["fitness"] = .optional(
                unfit?.phase.rawValue ?? (replica.state == .serving && isFresh(lag) ? "fit" : nil))
            members["waitsFor"] = .optional(replica.waitsFor ?? unfit?.waitsFor)
            members["replaces"] = .optional(replica.replaces?.text)
            return JSONValue.object(members)
        }
        return APIAnswer.json(["items": .array(items)] as JSONValue)
    }

    /// Whether the lag was measured lately enough to say that the reader is watched at all.
    private func isFresh(_ lag: LagReading?) -> Bool {
        lag.map { parts.wallClock.now().since($0.measuredAt) < .seconds(300) } ?? false
    }

    @Sendable private func publication(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let record = try await parts.group(context).document
        guard let newest = parts.publications?.newest(of: record.name) else {
            throw .notFound("no publication of \(record.name) is known yet")
        }
        return APIAnswer.json(Self.shown(newest, wanted: record.configuration.generation))
    }

    static func shown(_ newest: PublicationBoard.Entry, wanted: Int64) -> JSONValue {
        [
            "generation": .integer(newest.publication.generation), "wantedGeneration": .integer(wanted),
            "content": .optional(newest.publication.content),
            "at": .string(newest.at.text), "isComplete": .bool(newest.publication.isComplete),
            "nodes": .array(
                newest.publication.nodes.map { node in
                    [
                        "node": .string(node.node), "condition": .string(node.condition.rawValue),
                        "detail": .optional(node.detail), "reason": .optional(node.reason),
                        "generation": Self.generation(node, newest.publication),
                        "content": .optional(node.holds?.content),
                        "foreignRows": APIAnswer.foreignRows(
                            node.rowsOfOthers.map { NodeSurvey.Finding(node: node.node, found: $0) }),
                        "backends": .array(
                            node.backends.map {
                                [
                                    "hostgroup": .whole($0.hostgroup), "address": .string($0.address),
                                    "port": .whole($0.port), "status": .string($0.status),
                                    "connectionsInUse": .whole($0.connectionsInUse),
                                    "lagSeconds": $0.lag.map { .number($0.seconds) } ?? .null,
                                    "lagMeasuredAt": .optional($0.lag?.measuredAt.text),
                                ]
                            }),
                    ]
                }),
        ]
    }

    /// What a node holds, where that is known: an agent says so, and rows that were compared are the ones wanted.
    private static func generation(_ node: NodePublication, _ publication: Publication) -> JSONValue {
        let held = node.holds?.generation ?? (node.condition == .current ? publication.generation : nil)
        return held.map { .integer($0) } ?? .null
    }

    @Sendable private func nodes(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        var groups: [String: [JSONValue]] = [:]
        for record in try await parts.groups().map(\.document) {
            guard let newest = parts.publications?.newest(of: record.name) else { continue }
            for node in newest.publication.nodes {
                groups[node.node, default: []].append([
                    "group": .string(record.name.text), "condition": .string(node.condition.rawValue),
                    "detail": .optional(node.detail), "reason": .optional(node.reason),
                    "generation": Self.generation(node, newest.publication),
                    "content": .optional(node.holds?.content),
                    "wantedGeneration": .integer(record.configuration.generation), "at": .string(newest.at.text),
                ])
            }
        }
        return APIAnswer.json(
            [
                "items": .array(
                    groups.sorted { $0.key < $1.key }.map { ["node": .string($0.key), "groups": .array($0.value)] })
            ] as JSONValue)
    }

    @Sendable private func incidents(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let limit = try parts.limit(request)
        let query = request.uri.queryParameters
        if let state = query.get("state"), IncidentState(rawValue: state) == nil {
            throw .bad("the parameter state must be open or closed")
        }
        var group = query.get("group")
        if context.parameters.get("group") != nil { group = try await parts.group(context).document.name.text }
        let recent: [Incident]
        do throws(StoreError) {
            recent = try await parts.incidents.recent(limit: 2_000)
        } catch {
            throw APIError(error)
        }
        let found = recent.filter { incident in
            group.map { $0 == incident.group.text } ?? true
                && query.get("state").map { $0 == incident.state.rawValue } ?? true
        }
        return APIAnswer.json(
            ["items": .array(found.prefix(limit).map(GroupDocument.incident))] as JSONValue)
    }

    @Sendable private func incident(
        _ request: Request, _ context: ManagementContext
    ) async throws(APIError) -> Response {
        let found: Versioned<Incident>?
        do throws(StoreError) {
            found = try await parts.incidents.incident(id: context.text("incident"))
        } catch {
            throw APIError(error)
        }
        guard let found else { throw .notFound("there is no incident of that id") }
        return APIAnswer.json(GroupDocument.incident(found.document))
    }
}

extension APIParts {
    /// The newest decision about a group, with what was read for it.
    func newestDecision(of group: InstanceName) async throws(APIError) -> DecisionEntry? {
        do throws(StoreError) {
            return try await decisions?.decisions(of: group, limit: 1, before: nil).first
        } catch {
            throw APIError(error)
        }
    }

    /// How far a server was behind when that was last measured: by the scaler or a node's Monitor, or by a metric of
    /// the group's policy.
    func lag(
        of server: String, at address: String, port: Int, _ record: GroupRecord, _ decision: DecisionEntry?
    ) -> LagReading? {
        let metrics = Set(record.policy.metrics.filter { $0.role == .replicaLag }.map(\.name))
        let read = decision?.inputs.readings.first { metrics.contains($0.metric) && $0.instance == server }
        return LagReading.newest([
            publications?.lag(at: address, port: port, of: record.name),
            read.map { LagReading(seconds: $0.value, measuredAt: $0.measuredAt) },
        ])
    }
}

extension Operation.Parameter {
    static let state = Operation.Parameter(
        name: "state", meaning: "Only incidents of that state.",
        schema: ["type": "string", "enum": ["open", "closed"]])
}

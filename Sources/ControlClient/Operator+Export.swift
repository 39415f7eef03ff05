package import JSONValues
import NIOHTTP1
import ProxySQLAdmin

extension Operator {
    /// The same operator with `other` in the place of `presentation`.
    package func presenting(_ presentation: Presentation, as other: Presentation) -> Operator {
        Operator(
            client: client, presentation: self.presentation == presentation ? other : self.presentation,
            terminal: terminal)
    }

    /// Shows what each node holds of a group.
    /// - Throws: `ControlError`.
    package func showNodes(of group: String) async throws(ControlError) {
        let answer = try await client.call(.GET, "/v1/groups/\(APIClient.escaped(group))/publication")
        guard presentation == .table else { return terminal.say(presentation.text(answer.body, [])) }
        let nodes: [JSONValue] = (answer.body["nodes"]?.elements ?? []).map { node in
            var members = node.members
            members["holds"] = .string(Self.holding(node))
            return .object(members)
        }
        terminal.say("wanted: \(Self.holding(answer.body))\n")
        terminal.say(
            presentation.text(
                .array(nodes),
                [
                    .init("NODE", "node"), .init("CONDITION", "condition"), .init("HOLDS", "holds"),
                    .init("DETAIL", "detail"),
                ]) + "\n")
        let backends: [JSONValue] = (answer.body["nodes"]?.elements ?? []).flatMap { node in
            (node["backends"]?.elements ?? []).map { backend in
                var members = backend.members
                members["node"] = node["node"]
                return .object(members)
            }
        }
        terminal.say(
            presentation.text(
                .array(backends),
                [
                    .init("NODE", "node"), .init("HOSTGROUP", "hostgroup"), .init("ADDRESS", "address"),
                    .init("PORT", "port"), .init("STATUS", "status"), .init("IN USE", "connectionsInUse"),
                ]))
    }

    /// A generation and the beginning of its content, as far as they are known.
    private static func holding(_ value: JSONValue) -> String {
        guard case .integer(let generation)? = value["generation"] else { return "-" }
        guard case .string(let content)? = value["content"] else { return "generation \(generation)" }
        return "generation \(generation) (content \(content.prefix(8)))"
    }

    /// What an export can be written as.
    package enum ExportFormat: String, Sendable, CaseIterable {
        /// `databases.yaml`, for `apply`.
        case yaml
        /// `proxysql.cnf`, for ProxySQL.
        case cnf

        /// The usual name of such a file.
        package var fileName: String {
            switch self {
            case .yaml: "databases.yaml"
            case .cnf: "proxysql.cnf"
            }
        }
    }

    /// The text of every format in `formats`, all of the same moment: of every group, or of `database` alone. The sections of
    /// proxysql.cnf are put into `base`, in the place of those that it has.
    /// - Throws: `ControlError`; `.notAllowed` when `withPasswords` and the caller is no administrator.
    package func exported(
        _ formats: [ExportFormat], database: String? = nil, withPasswords: Bool = false, base: String = ""
    ) async throws(ControlError) -> [(format: ExportFormat, text: String)] {
        let groups = try await groups(database, withPasswords: withPasswords)
        var files: [(format: ExportFormat, text: String)] = []
        for format in formats {
            switch format {
            case .yaml: files.append((format, YAMLText.write(["databases": .array(groups.map(Self.declared))])))
            case .cnf: files.append((format, try Self.configuration(groups, base)))
            }
        }
        return files
    }

    private func groups(
        _ database: String?, withPasswords: Bool
    ) async throws(ControlError) -> [JSONValue] {
        let passwords = ("withPasswords", withPasswords ? "true" : nil)
        if let database {
            return [
                try await client.call(.GET, "/v1/groups/\(APIClient.escaped(database))", query: [passwords]).body
            ]
        }
        var groups: [JSONValue] = []
        var next: String?
        repeat {
            let page = try await client.call(
                .GET, "/v1/groups", query: [("limit", "500"), ("after", next), passwords])
            groups += page.body["items"]?.elements ?? []
            next = page.body["next"]?.string
        } while next != nil
        return groups
    }

    private static func configuration(_ groups: [JSONValue], _ base: String) throws(ControlError) -> String {
        do {
            return try CnfRenderer(all: groups.map { try ShownGroup($0).configuration() }).rendered(over: base)
        } catch {
            throw ControlError(.failed, "proxysql.cnf cannot be written: \(error)")
        }
    }

    private static let observed = [
        "generation", "replicas", "lastScaling", "consecutiveFailures", "leftReplicas", "removal",
    ]

    /// A group as one declares it: without what Drover itself adds and observes.
    static func declared(_ group: JSONValue) -> JSONValue {
        var members = group.members
        for name in observed { members[name] = nil }
        members["servers"] = .array((group["servers"]?.elements ?? []).filter { $0["origin"] != "managed" })
        return .object(members)
    }
}

extension JSONValue {
    /// This patch and `other`, whose nulls stay, so that they still remove.
    package func combined(with other: JSONValue) -> JSONValue {
        guard case .object(var members) = self, case .object(let more) = other else { return other }
        for (name, value) in more { members[name] = members[name].map { $0.combined(with: value) } ?? value }
        return .object(members)
    }
}

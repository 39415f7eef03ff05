import NIOHTTP1
package import ManagementAPI

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
        terminal.say(
            presentation.text(
                answer.body["nodes"] ?? [],
                [.init("NODE", "node"), .init("CONDITION", "condition"), .init("DETAIL", "detail")]) + "\n")
        let backends: [JSONValue] = (answer.body["nodes"]?.elements ?? []).flatMap { node in
            (node["backends"]?.elements ?? []).map { backend in
                var members = backend.members
                members["node"] = node["node"]
                return .object(members)
            }
        }
        terminal.say(
            presentation.text(
                .list(backends),
                [
                    .init("NODE", "node"), .init("HOSTGROUP", "hostgroup"), .init("ADDRESS", "address"),
                    .init("PORT", "port"), .init("STATUS", "status"), .init("IN USE", "connectionsInUse"),
                ]))
    }

    /// Writes all groups: as `databases.yaml`, or as `proxysql.cnf`.
    /// - Throws: `ControlError`.
    package func export(asConfiguration: Bool) async throws(ControlError) {
        var groups: [JSONValue] = []
        var next: String?
        repeat {
            let page = try await client.call(.GET, "/v1/groups", query: [("limit", "500"), ("after", next)])
            groups += page.body["items"]?.elements ?? []
            next = page.body["next"]?.string
        } while next != nil
        terminal.say(
            asConfiguration
                ? ConfigurationText.proxysql(groups)
                : YAMLText.write(["databases": .list(groups.map(Self.declared))]))
    }

    private static let observed = [
        "generation", "ruleIDBase", "replicas", "lastScaling", "consecutiveFailures", "removal",
    ]

    /// A group as one declares it: without what Drover itself adds and observes.
    static func declared(_ group: JSONValue) -> JSONValue {
        var members = group.members
        for name in observed { members[name] = nil }
        members["servers"] = .list((group["servers"]?.elements ?? []).filter { $0["origin"] != "managed" })
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

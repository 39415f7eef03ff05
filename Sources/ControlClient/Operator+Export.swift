import NIOHTTP1
import ProxySQLAdmin
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

    /// Writes groups: all as `databases.yaml`, or `database` (the only one when nil) as `proxysql.cnf`.
    /// - Throws: `ControlError`.
    package func export(asConfiguration: Bool, database: String?) async throws(ControlError) {
        var groups: [JSONValue] = []
        var next: String?
        repeat {
            let page = try await client.call(.GET, "/v1/groups", query: [("limit", "500"), ("after", next)])
            groups += page.body["items"]?.elements ?? []
            next = page.body["next"]?.string
        } while next != nil
        if let database { groups.removeAll { $0["name"]?.string != database } }
        guard asConfiguration else {
            return terminal.say(YAMLText.write(["databases": .list(groups.map(Self.declared))]))
        }
        guard let group = groups.first, groups.count == 1 else {
            throw ControlError(
                .unusableInput,
                "a proxysql.cnf is for one database, and there are \(groups.count): name one by --database")
        }
        do {
            terminal.say(try CnfRenderer(ShownGroup(group).configuration()).rendered(over: ""))
        } catch {
            throw ControlError(.failed, "\(group["name"]?.string ?? "") cannot be written: \(error)")
        }
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

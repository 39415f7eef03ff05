import ControlClient
import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

/// Two groups with hostile texts in them, the second with places that no allocation would give.
private func withTwoGroups(
    _ body: @escaping @Sendable (any TestClientProtocol, [FleetConfiguration]) async throws -> Void
) async throws {
    try await withAPI(isLive: true) { client, store in
        _ = try await hostileConfiguration(client, store)
        let second = """
            {"servers":[{"name":"alpha","address":"db.example.com","origin":"primary","port":3307,"useTLS":true},
              {"name":"alpha-r","address":"127.0.9.2","weight":3,"maxConnections":7}],
             "users":[{"username":"alpha","password":"*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"}],
             "writerHostgroup":70,"readerHostgroup":60,"ruleIDBase":4000,"policy":{"maximumReplicas":9}}
            """
        let made = try await client.call(.put, "/v1/groups/alpha", second)
        #expect(made.status == 201 && made.at("ruleIDBase") == "4000", "\(made.text)")
        try await body(client, try await store.groups().map(\.document.configuration))
    }
}

/// Applies `yaml` to an installation that has nothing, and returns what it has then.
private func applied(_ yaml: String) async throws -> [FleetConfiguration] {
    try await withAPI(returning: [FleetConfiguration].self) { client, store in
        try await Screen().work(client).apply(DatabaseFile(yaml, environment: [:]), consent: .given)
        return try await store.groups().map(\.document.configuration)
    }
}

extension FleetConfiguration {
    /// The same with the first generation, and with the servers in ProxySQL's order.
    fileprivate var normal: FleetConfiguration {
        var normal = self
        normal.generation = 1
        normal.servers.sort { ($0.hostgroup, $0.address) < ($1.hostgroup, $1.address) }
        normal.users.sort { Array($0.username.utf8).lexicographicallyPrecedes(Array($1.username.utf8)) }
        return normal
    }
}

@Suite("Taking everything out and in again", .timeLimit(.minutes(2)))
struct TransferTests {
    @Test("an export with passwords makes the same groups on a fresh installation")
    func exportAndApply() async throws {
        try await withTwoGroups { client, groups in
            let file = try await Screen().work(client).exported([.yaml], withPasswords: true)
            for (found, group) in zip(try await applied(file[0].text), groups) {
                let (users, rules) = (found.normal.users, found.queryRules)
                for (user, wanted) in zip(users, group.normal.users) where user != wanted {
                    Issue.record("\(user.username.debugDescription) is not \(wanted.username.debugDescription)")
                }
                for (rule, wanted) in zip(rules, group.queryRules) where rule != wanted {
                    Issue.record("\(rule) is not \(wanted)")
                }
                let isSame = found.normal == group.normal
                #expect(isSame, "\(group.group)")
            }
        }
    }

    @Test("what a node holds is imported, applied on a fresh installation and published as the same bytes")
    func importAndPublish() async throws {
        try await withTwoGroups { _, groups in
            try await ProxyNode.withSimulated { node in
                try await node.publish(groups)
                try await expectSame(node) { try await ProxyNode.withSimulated($0) }
            }
        }
    }

    @Test("passwords are for administrators, and who read them is in the audit log and in no history")
    func passwords() async throws {
        try await withAPI { client, _ in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let list = try await client.call(.get, "/v1/groups?withPasswords=true")
            #expect(list.at("items", "0", "users", "0", "password") == "hunter2")
            let one = try await client.call(.get, "/v1/groups/shop?withPasswords=true")
            #expect(one.at("users", "0", "password") == "hunter2")
            #expect(try await client.call(.get, "/v1/groups/shop?withPasswords=maybe").status == 400)
            #expect(try await !client.call(.get, "/v1/groups/shop?withPasswords=false").text.contains("hunter2"))
            let audit = try await client.call(.get, "/v1/audit")
            #expect(audit.at("items") == "[3]", "\(audit.text)")
            #expect(audit.at("items", "0", "action") == "GET /v1/groups/shop?withPasswords=true")
            #expect(audit.at("items", "1", "action") == "GET /v1/groups?withPasswords=true")
            let history = try await client.call(.get, "/v1/groups/shop/history")
            #expect(history.at("items") == "[1]", "\(history.text)")
            #expect(try await client.call(.get, "/v1/groups/shop/history/1").status == 200)
        }
        try await withAPI(authenticator: Everybody(role: .operate)) { client, _ in
            let answer = try await client.call(.get, "/v1/groups?withPasswords=true")
            #expect(answer.status == 403, "\(answer.text)")
            #expect(try await client.call(.get, "/v1/groups").status == 200)
        }
    }

    @Test("a range of rule ids is taken as it is named, once, and only whole thousands are")
    func ruleIDs() async throws {
        try await withAPI { client, _ in
            func put(_ name: String, _ base: String) async throws -> Reply {
                let body = shop.replacing("shop", with: name).replacing("app", with: "app-\(name)").replacing(
                    "{\"servers\"", with: "{\"ruleIDBase\":\(base),\"servers\"")
                return try await client.call(.put, "/v1/groups/\(name)", body)
            }
            #expect(try await put("one", "0").status == 201)
            for wrong in ["0", "999", "-1000", "1001000", "\"x\""] {
                let answer = try await put("two", wrong)
                #expect(answer.status == 422 && answer.text.contains("\"/ruleIDBase\""), "\(answer.text)")
            }
            #expect(try await put("two", "2000").at("ruleIDBase") == "2000")
            #expect(try await put("three", "null").at("ruleIDBase") == "3000", "15 and 20 are taken")
            #expect(try await put("one", "5000").at("ruleIDBase") == "0", "a group keeps its range")
        }
    }
}

@Suite(
    "Taking everything out and into a real ProxySQL", .enabled(if: PrivateProxySQL.binary != nil), .serialized,
    .timeLimit(.minutes(3)))
struct TransferIntegration {
    @Test("hostile texts arrive byte for byte")
    func hostile() async throws {
        try await withAPI { client, store in
            let wanted = try await hostileConfiguration(client, store)
            try await ProxyNode.withReal { try await $0.expectArrival(of: wanted) }
        }
    }

    @Test("it starts from an exported proxysql.cnf with the rows that publishing writes")
    func boot() async throws {
        try await withTwoGroups { client, groups in
            let file = try await Screen().work(client).exported([.cnf], withPasswords: true)
            try await ProxyNode.withReal(sections: file[0].text) { booted in
                for group in groups { try await booted.expectHeld(group) }
                try await ProxyNode.withReal { published in
                    try await published.publish(groups)
                    // ProxySQL leaves what the file does not say empty, where SQL would make it NULL.
                    expectEqual(try await booted.rows(managed: true), try await published.rows(managed: true))
                }
            }
        }
    }

    @Test("what it holds is imported, applied on a fresh installation and published as the same bytes")
    func importAndPublish() async throws {
        try await withTwoGroups { _, groups in
            try await ProxyNode.withReal { node in
                try await node.publish(groups)
                try await expectSame(node) { try await ProxyNode.withReal($0) }
            }
        }
    }
}

/// Imports what `node` holds, applies it, publishes it to another node, and expects that one to hold the same.
private func expectSame(
    _ node: ProxyNode, elsewhere: (@escaping @Sendable (ProxyNode) async throws -> Void) async throws -> Void
) async throws {
    let found = try await ProxySQLImport.read(node.connection, places: [])
    #expect(found.remarks.isEmpty, "\(found.remarks)")
    let groups = try await applied(YAMLText.write(found.document))
    let rows = try await node.rows()
    #expect(groups.map(\.group.text) == ["alpha", "shop"] && rows.count > 150)
    try await elsewhere { other in
        try await other.publish(groups)
        expectEqual(try await other.rows(), rows)
    }
}

/// Expects the same rows, and tells of the first that differ.
private func expectEqual(_ found: [[[UInt8]?]], _ wanted: [[[UInt8]?]]) {
    #expect(found.count == wanted.count)
    for (row, other) in zip(found, wanted) where row != other {
        let texts = [row, other].map { $0.map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "NULL" } }
        Issue.record("\(texts[0].debugDescription) is not \(texts[1].debugDescription)")
        return
    }
}

/// Lets everybody in with a role.
private struct Everybody: Authenticator {
    let role: Caller.Role

    func caller(_ headers: HTTPFields) async throws(Unauthenticated) -> Caller { Caller(name: "eve", role: role) }
}

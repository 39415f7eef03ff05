import FakeProxySQL
import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

@Suite("Rows of somebody else", .timeLimit(.minutes(1)))
struct ForeignRowTests {
    private func withNode(
        _ statements: [String], _ body: @escaping @Sendable (any TestClientProtocol, SQLiteStore) async throws -> Void
    ) async throws {
        try await TestSupport.withNode(freeNode("core-0")) { fake in
            for sql in statements { _ = await fake.query(sql) }
            let node = FleetNode(
                name: "core-0", role: .core, host: fake.adminEndpoint.host, port: fake.adminEndpoint.port)
            let survey = AdminSurvey(
                directory: ListedNodes([node]), settings: .init(username: "radmin", password: Secret("radmin")),
                wallClock: TestWallClock(), logger: silent)
            try await withAPI(survey: survey, body)
        }
    }

    private static let rules = (1...4).map {
        "INSERT INTO mysql_query_rules (rule_id,active,match_digest,destination_hostgroup) VALUES (\($0),1,'a',77)"
    }
    private static let server = "INSERT INTO mysql_servers (hostgroup_id,hostname) VALUES (10,'127.0.9.77')"
    private static let user = "INSERT INTO mysql_users (username,password,default_hostgroup) VALUES ('app','theirs',77)"

    @Test("a new group gets places beside what the nodes hold, by either surface")
    func places() async throws {
        try await withNode(Self.rules + [Self.server]) { client, _ in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(made.status == 201 && made.at("writerHostgroup") == "15" && made.at("ruleIDBase") == "1000")
            let added = try await client.call(.post, "/", goAdd("other", address: "127.0.9.8"))
            #expect(added.status == 200 && added.at("write_host_group") == "25", "\(added.text)")
        }
    }

    @Test("what is in the way is refused with its node, table and key; a dry run shows it; adopting is written down")
    func adoption() async throws {
        try await withNode(Self.rules + [Self.server, Self.user]) { client, store in
            let group = try InstanceName("shop")
            let document = #"{"writerHostgroup":5,"readerHostgroup":10,"ruleIDBase":0,"# + String(shop.dropFirst())
            let preview = try await client.call(.put, "/v1/groups/shop?dryRun=true", document)
            #expect(preview.status == 200 && preview.at("foreignRows") == "[6]", "\(preview.text)")
            #expect(preview.at("foreignRows", "0", "node") == "core-0")
            let refused = try await client.call(.put, "/v1/groups/shop", document)
            #expect(refused.status == 409 && refused.at("code") == "foreign-rows", "\(refused.text)")
            #expect(refused.at("detail")?.contains("mysql_query_rules 1 (without Drover's mark) on core-0") == true)
            #expect(refused.at("detail")?.contains("--adopt") == true)
            #expect(try await store.groups().isEmpty)
            let adopted = try await client.call(.put, "/v1/groups/shop?adopt=true", document)
            #expect(adopted.status == 201 && adopted.at("adopted") == "[6]", "\(adopted.text)")
            let stored = try #require(try await store.group(group)).document.configuration
            #expect(stored.adoption?.covers(RowName(table: "mysql_users", key: ["app"])) == true)
            #expect(stored.adoption?.covers(RowName(table: "mysql_query_rules", key: ["5"])) == false)
            let renamed = #"{"users":[{"username":"app2","password":"x"}]}"#
            #expect(try await client.call(.patch, "/v1/groups/shop", renamed).status == 200)
            let after = try #require(try await store.group(group)).document.configuration
            #expect(after.adoption?.covers(RowName(table: "mysql_users", key: ["app"])) == false, "no longer wanted")
        }
    }

    @Test("a user of somebody else is refused on Chester's surface too, and a change of something else is not")
    func users() async throws {
        try await withNode([Self.user]) { client, _ in
            let refused = try await client.call(.post, "/", goAdd("shop", username: "app"))
            #expect(refused.status == 409 && refused.at("code") == "foreign-rows", "\(refused.text)")
            #expect(try await client.call(.post, "/?adopt=true", goAdd("shop", username: "app")).status == 200)
            #expect(
                try await client.call(.patch, "/v1/groups/shop", #"{"policy":{"maximumReplicas":2}}"#).status == 200)
            let more = #"{"username":"app","password":"x"}"#
            #expect(try await client.call(.put, "/v1/groups/shop/users/app", more).status == 200)
        }
    }

    @Test("a row that came after the group was made is adopted by a patch")
    func later() async throws {
        try await withNode([Self.user]) { client, store in
            let document = shop.replacing("app", with: "app0")
            #expect(try await client.call(.put, "/v1/groups/shop", document).status == 201)
            let group = try InstanceName("shop")
            var stored = try #require(try await store.group(group))
            stored.document.configuration.users[0].username = "app"
            try await store.save(stored.document, ifVersion: stored.version)
            let patched = try await client.call(.patch, "/v1/groups/shop", #"{"adopt":true}"#)
            #expect(patched.status == 200 && patched.at("adopted", "0", "key", "0") == "app", "\(patched.text)")
        }
    }

    @Test("without an answer of any node, the places are those beside the other groups, and adopting names all rows")
    func blind() async throws {
        let node = FleetNode(name: "gone", role: .core, host: "127.0.0.1", port: 1)
        let survey = AdminSurvey(
            directory: ListedNodes([node]), settings: .init(username: "radmin", password: Secret("radmin")),
            wallClock: TestWallClock(), logger: silent)
        try await withAPI(survey: survey) { client, _ in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(made.status == 201 && made.at("writerHostgroup") == "5" && made.at("adopted") == "[0]")
            let adopting = try await client.call(.patch, "/v1/groups/shop?adopt=true", "{}")
            #expect(adopting.status == 200 && adopting.at("adopted") == "[7]", "\(adopting.text)")
        }
    }
}

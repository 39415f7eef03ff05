import HTTPTypes
import FleetModel
import HummingbirdTesting
import ManagementAPI
import Persistence
import Testing

@Suite("Chester's API, replayed")
struct CompatibleRoutesTests {
    @Test("a database is added with Chester's defaults and shown without its password")
    func add() async throws {
        try await withAPI { client, store in
            let added = try await client.call(.post, "/", goAdd())
            #expect(added.status == 200)
            #expect(added.at("action") == "add_database")
            #expect(added.at("write_host_group") == "5" && added.at("read_host_group") == "10")
            #expect(added.at("password") == "REDACTED" && added.at("ssl_enabled") == "0")
            #expect(added.at("chester_meta_data", "max_chester_instances") == "4")
            #expect(added.at("query_rules", "0", "comment") == "select for update goes to the writer: shop")
            for path in [
                "/databases", "/databases/shop", "/v1/groups", "/v1/groups/shop", "/users/shop-app?instance_group=shop",
            ] {
                let shown = try await client.call(.get, path)
                #expect(shown.status == 200 && !shown.text.contains("hunter2"), "\(path)")
            }
            let stored = try await store.groups().first?.document
            #expect(stored?.configuration.users.first?.password.reveal() == "hunter2")
            let messages = try await store.receive(
                limit: 10, visibility: .seconds(1), at: Timestamp(secondsSinceEpoch: 4_000_000_000))
            #expect(messages.map(\.message) == [WorkMessage(reason: .restart, group: try InstanceName("shop"))])
        }
    }

    @Test("the calls of Chester's own tests have the results that they expect")
    func endpoints() async throws {
        try await withAPI { client, store in
            let rules = """
                [{"rule_id":1,"username":"username","active":1,"match_digest":"^select.*","destination_hostgroup":5,
                  "apply":1,"comment":"rule one"},
                 {"rule_id":2,"username":"username","active":1,"match_digest":"^delete.*","destination_hostgroup":10,
                  "apply":0,"comment":"rule two"}]
                """
            let replicas = #"[{"name":"r1","ip_address":"1.2.3.5"},{"name":"r2","ip_address":"1.2.3.6"}]"#
            let three =
                #"[{"name":"r1","ip_address":"1.2.3.5"},{"name":"r3","ip_address":"2.3.4.5"},"#
                + #"{"name":"r2","ip_address":"1.2.3.6"}]"#
            let added = try await client.call(
                .post, "/",
                """
                {"action":"add","instance_name":"sql-instance","username":"username","password":"password",
                 "master_instance":{"name":"sql-instance","ip_address":"1.2.3.4"},"read_replicas":\(replicas),
                 "query_rules":\(rules),"key_data":"","cert_data":"","ca_data":"","enable_ssl":0,
                 "chester_meta_data":{"instance_group":"sql-instance","max_chester_instances":3}}
                """)
            #expect(added.at("query_rules", "1", "destination_hostgroup") == "10")
            #expect(added.at("query_rules", "1", "apply") == "0")

            @Sendable func modify(_ members: String, maximum: Int = 3) async throws -> Reply {
                let answer = try await client.call(
                    .patch, "/",
                    """
                    {"action":"modify","instance_name":"sql-instance",\(members)"read_replicas":\(three),
                     "chester_meta_data":{"instance_group":"sql-instance","max_chester_instances":\(maximum)}}
                    """)
                #expect(answer.status == 200 && answer.text == "null", "\(answer.text)")
                return try await client.call(.get, "/databases/sql-instance")
            }
            let none = #""add_query_rules":null,"remove_query_rules":null,"#
            #expect(try await modify(none).at("read_replicas") == "[3]")
            #expect(try await modify(#""add_query_rules":null,"remove_query_rules":[1],"#).at("query_rules") == "[1]")
            let two = rules.replacing(#""rule_id":1,"#, with: #""rule_id":0,"#).replacing(
                "rule two", with: "rule three")
            for _ in 1...2 {
                let shown = try await modify(#""add_query_rules":\#(two),"remove_query_rules":null,"#)
                #expect(shown.at("query_rules") == "[3]", "a repeated call adds nothing")
                #expect(shown.at("query_rules", "1", "rule_id") == "3")
            }
            #expect(try await modify(none, maximum: 5).at("chester_meta_data", "max_chester_instances") == "5")
            let renamed = try await modify(#""new_username":"newhaz","new_password":"newbot","# + none)
            #expect(renamed.at("username") == "newhaz" && renamed.at("query_rules", "0", "username") == "newhaz")
            let stored = try await store.groups().first?.document.configuration
            #expect(stored?.users.map { $0.password.reveal() } == ["newbot"])
            #expect(stored?.queryRules.allSatisfy { $0.username == "newhaz" } == true)

            let remove = #"{"action":"remove","instance_name":"sql-instance","username":""}"#
            for _ in 1...2 {
                let removed = try await client.call(.delete, "/", remove)
                #expect(removed.status == 200 && removed.text == "null")
            }
            #expect(try await client.call(.get, "/databases/sql-instance").status == 400)
            #expect(try await client.call(.get, "/databases").text == "[]")
        }
    }

    @Test("Terraform's sequences of create, read, update, read, destroy, with Go's empty values and numbers as text")
    func terraform() async throws {
        try await withAPI { client, store in
            let created = try await client.call(.post, "/", goAdd())
            #expect(created.status == 200)
            #expect(try await client.call(.post, "/", goAdd()).status == 200, "a retried create is answered the same")
            let before = try await store.groups().first
            var shown = try await client.call(.get, "/databases/shop?filter=true")
            #expect(shown.at("read_replicas", "0", "name") == "shop-r" && shown.at("use_ssl") == "0")
            // Only the user name changed: everything else is Go's empty value.
            let update =
                #"{"action":"modify","instance_name":"shop","new_username":"app2","add_query_rules":null,"#
                + #""remove_query_rules":null,"read_replicas":null,"chester_meta_data":{"instance_group":"","#
                + #""max_chester_instances":0}}"#
            for _ in 1...2 { #expect(try await client.call(.patch, "/", update).text == "null") }
            shown = try await client.call(.get, "/databases/shop?filter=true")
            #expect(shown.at("username") == "app2" && shown.at("read_replicas") == "[1]")
            #expect(shown.at("chester_meta_data", "max_chester_instances") == "4")
            let after = try await store.groups().first
            #expect(after?.document.configuration.generation == (before?.document.configuration.generation ?? 0) + 1)
            let rule =
                #"{"rule_id":"2","username":"app2","active":"1","match_digest":"^SELECT 1","#
                + #""destination_hostgroup":"0","apply":"1","comment":""}"#
            #expect(try await client.call(.patch, "/queryrules/2?instance_group=shop", rule).text == "null")
            shown = try await client.call(.get, "/databases/shop")
            #expect(shown.at("query_rules", "1", "match_digest") == "^SELECT 1")
            #expect(shown.at("query_rules", "1", "destination_hostgroup") == "10", "0 leaves it as it was")
            let destroy = #"{"action":"remove","instance_name":"shop","username":"app2"}"#
            #expect(try await client.call(.delete, "/", destroy).text == "null")
            #expect(try await client.call(.post, "/", goAdd(maximum: 2)).status == 200, "replaced: taken up again")
            #expect(try await store.groups().first?.document.removal == nil)
        }
    }

    @Test("users are created, shown, modified and deleted, each call repeatable")
    func users() async throws {
        try await withAPI { client, _ in
            let added = try await client.call(.post, "/", goAdd())
            #expect(added.status == 200)
            let user = #"{"username":"report","password":"p1","default_hostgroup":10,"active":1,"instance_group":""}"#
            for _ in 1...2 {
                #expect(try await client.call(.post, "/users?instance_group=shop", user).text == "null")
            }
            let other = user.replacing("p1", with: "p2")
            #expect(try await client.call(.post, "/users?instance_group=shop", other).status == 409)
            #expect(try await client.call(.get, "/users/report?instance_group=shop").at("default_hostgroup") == "10")
            let change = #"{"action":"","username":"report","new_username":"r%2","password":"x"}"#
            for _ in 1...2 {
                #expect(try await client.call(.patch, "/users?instance_group=shop", change).text == "null")
            }
            #expect(try await client.call(.get, "/users/r%252?instance_group=shop").at("username") == "r%2")
            for _ in 1...2 {
                #expect(try await client.call(.delete, "/users/r%252?instance_group=shop").text == "null")
            }
            #expect(try await client.call(.get, "/users/r%252?instance_group=shop").status == 400)
            #expect(try await client.call(.delete, "/users/shop-app?instance_group=shop").status == 400)
        }
    }

    @Test(
        "without instance_group the answer is Chester's",
        arguments: [
            "GET /users/a", "DELETE /users/a", "POST /users", "PATCH /users", "PATCH /queryrules/1",
        ])
    func noInstanceGroup(call: String) async throws {
        try await withAPI { client, _ in
            let parts = call.split(separator: " ").map(String.init)
            guard let method = HTTPRequest.Method(parts[0]) else { return }
            let body = #"{"username":"a","password":"b","match_digest":"c"}"#
            let answer = try await client.call(method, parts[1], method == .get ? nil : body)
            #expect(answer.status == 400 && answer.at("error") == "no instance group specified")
        }
    }

    @Test("key and certificate are stored and never shown")
    func keys() async throws {
        try await withAPI { client, store in
            let added = try await client.call(.post, "/", goAdd())
            #expect(added.status == 200)
            #expect(try await client.call(.patch, "/key/shop", #"{"key":"KEYPEM"}"#).text == "null")
            #expect(try await client.call(.patch, "/cert/shop", #"{"cert":"CERTPEM"}"#).text == "null")
            let tls = try await store.groups().first?.document.tls
            #expect(tls?.key?.reveal() == "KEYPEM" && tls?.certificate == "CERTPEM")
            for path in ["/databases/shop", "/v1/groups/shop"] {
                #expect(try await !client.call(.get, path).text.contains("KEYPEM"))
            }
        }
    }

    @Test("a second database gets hostgroups of its own; a name or a user that is taken is refused")
    func second() async throws {
        try await withAPI { client, _ in
            let added = try await client.call(.post, "/", goAdd())
            #expect(added.status == 200)
            let other = try await client.call(.post, "/", goAdd("other"))
            #expect(other.at("write_host_group") == "15")
            #expect(other.at("query_rules", "1", "destination_hostgroup") == "20")
            #expect(try await client.call(.post, "/", goAdd(maximum: 9)).status == 409)
            let taken = try await client.call(.post, "/", goAdd("third", username: "shop-app"))
            #expect(taken.status == 400 && taken.text.contains("the group shop has a user of that name"))
        }
    }

    @Test("a database is found under the name that it was added by, whatever its metadata call it")
    func instanceName() async throws {
        try await withAPI { client, _ async throws in
            let add = goAdd().replacing(#""instance_group":"shop""#, with: #""instance_group":"elsewhere""#)
            for _ in 1...2 { #expect(try await client.call(.post, "/", add).at("instance_name") == "shop") }
            #expect(try await client.call(.get, "/databases/shop").at("instance_name") == "shop")
            let modify = #"{"instance_name":"shop","new_password":"x"}"#
            #expect(try await client.call(.patch, "/", modify).text == "null")
            #expect(try await client.call(.delete, "/", #"{"instance_name":"shop"}"#).text == "null")
        }
    }

    @Test("no rule may be about the user of another group on the same nodes")
    func ruleOfAnother() async throws {
        try await withAPI { client, _ async throws in
            #expect(try await client.call(.post, "/", goAdd()).status == 200)
            #expect(try await client.call(.post, "/", goAdd("other")).status == 200)
            let rule = #"{"rule_id":1,"username":"shop-app","match_digest":"^SELECT"}"#
            let one = try await client.call(.patch, "/queryrules/1?instance_group=other", rule)
            #expect(one.status == 400 && one.text.contains("the user is the group shop's"), "\(one.text)")
            let body = #"{"queryRules":[{"matchDigest":"a","username":"shop-app"}]}"#
            let patched = try await client.call(.patch, "/v1/groups/other", body)
            #expect(patched.status == 422 && patched.at("errors", "0", "pointer") == "/queryRules/0/username")
            let nobody = body.replacing("shop-app", with: "nobody-yet")
            #expect(try await client.call(.patch, "/v1/groups/other", nobody).status == 200)
        }
    }

    @Test("a database with managed replicas is removed only when the call says that they are to go")
    func removeWithReplicas() async throws {
        try await withAPI { client, store in
            let added = try await client.call(.post, "/", goAdd())
            #expect(added.status == 200)
            let stored = try #require(try await store.groups().first)
            var record = stored.document
            record.plan(try InstanceName("shop-m1"), for: "i", at: Timestamp(secondsSinceEpoch: 1))
            try await store.save(record, ifVersion: stored.version)
            let remove = #"{"action":"remove","instance_name":"shop","username":""}"#
            let refused = try await client.call(.delete, "/", remove)
            #expect(refused.status == 409 && refused.text.contains("1 managed replicas"))
            #expect(try await client.call(.delete, "/?delete_replicas=true", remove).status == 200)
            #expect(try await store.groups().first?.document.removal?.deletesReplicas == true)
        }
    }

    @Test("what cannot be used is a 400 that says why, and stores nothing")
    func refused() async throws {
        try await withAPI { client, store in
            let bodies = [
                "{", "[]", #"{"instance_name":3}"#, goAdd("a'b"), goAdd(password: ""), goAdd(password: "REDACTED"),
                goAdd(address: "1.2.3.4'; --"), goAdd(maximum: -1), goAdd(username: ""),
            ]
            for body in bodies {
                let answer = try await client.call(.post, "/", body)
                #expect(answer.status == 400 && answer.at("error") != nil, "\(body)")
            }
            #expect(try await client.call(.get, "/databases/none").status == 400)
            let unknown = #"{"action":"remove","instance_name":"none","username":""}"#
            #expect(try await client.call(.delete, "/", unknown).status == 400)
            #expect(try await store.groups().isEmpty)
        }
    }
}

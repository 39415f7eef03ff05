import HTTPTypes
import FleetModel
import HummingbirdTesting
import ManagementAPI
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

/// The body of `PUT /v1/groups/shop`.
let shop = """
    {"servers":[{"name":"shop","address":"127.0.9.1","origin":"primary"},{"name":"shop-r","address":"127.0.9.2"}],
     "users":[{"username":"app","password":"hunter2"}]}
    """

@Suite("Groups under /v1")
struct GroupRoutesTests {
    @Test("a group is made with every default, read with an entity tag, and made again without a change")
    func put() async throws {
        try await withAPI { client, store in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(made.status == 201 && made.at("generation") == "1", "\(made.text)")
            #expect(made.at("writerHostgroup") == "5" && made.at("servers", "1", "hostgroup") == "10")
            #expect(made.at("queryRules") == "[4]" && made.at("servers", "0", "origin") == "primary")
            #expect(made.at("users", "0", "password") == "REDACTED" && !made.text.contains("hunter2"))
            let tag = try #require(made.headers[.eTag])
            let again = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(again.status == 200 && again.headers[.eTag] == tag)
            let known = try await client.call(.get, "/v1/groups/shop", headers: [.ifNoneMatch: tag])
            #expect(known.status == 304 && known.text.isEmpty)
            let shown = try await client.call(.get, "/v1/groups/shop")
            let sentBack = try await client.call(.put, "/v1/groups/shop", shown.text)
            #expect(sentBack.status == 200 && sentBack.headers[.eTag] == tag, "what is shown may be sent back")
            #expect(try await store.groups().first?.document.configuration.users.first?.password.reveal() == "hunter2")
        }
    }

    @Test("a merge patch changes what it names, once, and only the version that If-Match names")
    func patch() async throws {
        try await withAPI { client, _ in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            let tag = try #require(made.headers[.eTag])
            let body = #"{"policy":{"maximumReplicas":9},"primaryInstance":null}"#
            let changed = try await client.call(.patch, "/v1/groups/shop", body, headers: [.ifMatch: tag])
            #expect(changed.status == 200 && changed.at("policy", "maximumReplicas") == "9", "\(changed.text)")
            #expect(changed.at("policy", "drainDeadlineSeconds") == "600" && changed.at("primaryInstance") == "shop")
            #expect(changed.at("generation") == "2")
            let late = try await client.call(.patch, "/v1/groups/shop", body, headers: [.ifMatch: tag])
            #expect(late.status == 412 && late.headers[.contentType] == "application/problem+json")
            let none = try await client.call(.patch, "/v1/groups/none", body)
            #expect(none.status == 404)
            let taken = try await client.call(.put, "/v1/groups/shop", shop, headers: [.ifNoneMatch: "*"])
            #expect(taken.status == 412)
        }
    }

    @Test("a group's servers, users and rules go along to other hostgroups, and what it gave up another may get")
    func otherHostgroups() async throws {
        try await withAPI { client, store in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(made.status == 201)
            func placed() async throws -> [[Int]] {
                let found = try #require(try await store.groups().first).document.configuration
                return [
                    found.servers.map(\.hostgroup), found.users.map(\.defaultHostgroup),
                    found.queryRules.map(\.destinationHostgroup),
                ]
            }
            let swap = #"{"writerHostgroup":10,"readerHostgroup":5}"#
            #expect(try await client.call(.patch, "/v1/groups/shop", swap).status == 200)
            #expect(try await placed() == [[10, 5], [10], [10, 5, 10, 10]])
            // What is shown, changed in one place and sent back.
            let shown = try await client.call(.get, "/v1/groups/shop").text
            let sent = shown.replacing(#""writerHostgroup":10"#, with: #""writerHostgroup":70"#)
            #expect(try await client.call(.put, "/v1/groups/shop", sent).at("writerHostgroup") == "70")
            #expect(try await placed() == [[70, 5], [70], [70, 5, 70, 70]])
            let elsewhere = #"{"address":"127.0.9.3","hostgroup":15}"#
            #expect(try await client.call(.put, "/v1/groups/shop/servers/third", elsewhere).status == 200)
            let other = shop.replacing("shop", with: "other").replacing("app", with: "other")
            let next = try await client.call(.put, "/v1/groups/other", other)
            #expect(next.at("writerHostgroup") == "25", "15 has a server of another group, and 5 is its reader's")
            let taken = other.replacing(#""users""#, with: #""writerHostgroup":15,"users""#)
            #expect(try await client.call(.put, "/v1/groups/other", taken).status == 422)
        }
    }

    @Test("a wrong document is answered with every wrong field at once")
    func problems() async throws {
        try await withAPI { client, store in
            let body = """
                {"servers":[{"name":"shop","address":"x y","origin":"primary","port":0},{"address":"127.0.0.2",
                  "weight":"much","wait":1}],"users":[{"username":"app"},{"username":3,"password":"x"}],
                 "queryRules":[{"matchDigest":"a","destinationHostgroup":-1,"id":0}],
                 "policy":{"maximumReplicas":-1,"scaleInCooldownSeconds":-5},"colour":"red"}
                """
            let answer = try await client.call(.put, "/v1/groups/shop", body)
            #expect(answer.status == 422 && answer.at("title") != nil)
            let expected = [
                "/servers/0/address", "/servers/0/port", "/servers/1/name", "/servers/1/weight", "/servers/1/wait",
                "/users/0/password", "/users/1/username", "/queryRules/0/destinationHostgroup", "/queryRules/0/id",
                "/policy/maximumReplicas", "/policy/scaleInCooldownSeconds", "/colour",
            ]
            for pointer in expected {
                #expect(answer.text.contains(#""pointer":"\#(pointer)""#), "\(pointer) in \(answer.text)")
            }
            #expect(try await store.groups().isEmpty)
        }
    }

    @Test(
        "what is no group is refused without a change",
        arguments: [
            "", "{", "[]", "3", "null", #"{"servers":{}}"#, #"{"servers":[[]],"users":[1]}"#, "{\"a\":\"\u{1}\"}",
            #"{"name":"other","servers":[],"users":[]}"#, String(repeating: "[", count: 600),
        ])
    func refused(body: String) async throws {
        try await withAPI { client, store in
            let answer = try await client.call(.put, "/v1/groups/shop", body)
            #expect((400..<500).contains(answer.status), "\(answer.text)")
            #expect(try await store.groups().isEmpty)
        }
    }

    @Test("a group may begin without users, with no rule that would be everybody's, and loses none by saying nothing")
    func withoutUsers() async throws {
        try await withAPI { client, _ in
            let servers = #""servers":[{"name":"shop","origin":"primary","address":"127.0.9.1"}]"#
            #expect(try await client.call(.put, "/v1/groups/shop", "{\(servers)}").status == 201)
            let shown = try await client.call(.get, "/v1/groups/shop")
            #expect(shown.at("users") == "[0]" && shown.at("queryRules") == "[0]", "\(shown.text)")
            let user = #""users":[{"username":"app","password":"p"}]"#
            #expect(try await client.call(.put, "/v1/groups/shop", "{\(servers),\(user)}").status == 200)
            let served = try await client.call(.get, "/v1/groups/shop")
            #expect(served.at("users") == "[1]" && served.at("queryRules", "0", "username") == "app", "\(served.text)")
            for silent in ["{\(servers)}", "{\(servers),\"users\":[]}"] {
                #expect(try await client.call(.put, "/v1/groups/shop", silent).status == 422)
            }
        }
    }

    @Test("a dry run answers with the rows that ProxySQL would get, and changes nothing")
    func dryRun() async throws {
        try await withAPI { client, store in
            let made = try await client.call(.put, "/v1/groups/shop?dryRun=true", shop)
            #expect(made.status == 200 && made.at("rows") == "[7]" && made.at("loads") == "[3]", "\(made.text)")
            #expect(try await store.groups().isEmpty)
            let stored = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(stored.status == 201)
            let change = #"{"address":"127.0.9.2","weight":7}"#
            let preview = try await client.call(.put, "/v1/groups/shop/servers/shop-r?dryRun=true", change)
            #expect(preview.at("rows") == "[1]" && preview.at("loads", "0") == "MYSQL SERVERS", "\(preview.text)")
            #expect(preview.at("rows", "0", "action") == "update")
            #expect(preview.at("rows", "0", "columns", "weight", "before") == "100")
            #expect(preview.at("rows", "0", "columns", "weight", "after") == "7")
            let secret = try await client.call(
                .put, "/v1/groups/shop/users/app?dryRun=true", #"{"password":"geheim"}"#)
            #expect(secret.at("rows", "0", "columns", "password", "after") == "REDACTED")
            #expect(!secret.text.contains("geheim") && !secret.text.contains("hunter2"))
            let gone = try await client.call(.delete, "/v1/groups/shop?dryRun=true")
            #expect(gone.at("rows", "0", "action") == "delete" && gone.at("rows") == "[7]")
            #expect(try await store.groups().first?.document.removal == nil)
        }
    }

    @Test("lists come in pages and can be filtered")
    func list() async throws {
        try await withAPI { client, _ in
            for (index, name) in ["alpha", "beta", "gamma"].enumerated() {
                let body = shop.replacing("shop", with: name).replacing("app", with: "app-\(name)").replacing(
                    "127.0.9", with: "127.1.\(index)")
                #expect(try await client.call(.put, "/v1/groups/\(name)", body).status == 201)
            }
            let first = try await client.call(.get, "/v1/groups?limit=2")
            #expect(first.at("items") == "[2]" && first.at("next") == "beta")
            let rest = try await client.call(.get, "/v1/groups?limit=2&after=beta")
            #expect(rest.at("items", "0", "name") == "gamma" && rest.at("next") == "<null>")
            for filter in ["name=be", "primaryInstance=beta", "address=127.1.1.2", "username=app-beta"] {
                let found = try await client.call(.get, "/v1/groups?\(filter)")
                #expect(found.at("items") == "[1]" && found.at("items", "0", "name") == "beta", "\(filter)")
            }
            #expect(try await client.call(.get, "/v1/groups?limit=0").status == 400)
        }
    }

    @Test("servers, users, rules and the policy can be changed one by one")
    func parts() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let added = try await client.call(
                .put, "/v1/groups/shop/servers/shop-r2", #"{"address":"127.0.9.3","status":"OFFLINE_SOFT"}"#)
            #expect(added.status == 200 && added.at("servers", "2", "status") == "OFFLINE_SOFT", "\(added.text)")
            let server = try await client.call(.get, "/v1/groups/shop/servers/shop-r2")
            #expect(server.at("address") == "127.0.9.3" && server.headers[.eTag] != nil)
            #expect(try await client.call(.delete, "/v1/groups/shop/servers/shop-r2").at("servers") == "[2]")
            #expect(try await client.call(.delete, "/v1/groups/shop/servers/shop-r2").status == 404)
            #expect(try await client.call(.delete, "/v1/groups/shop/servers/shop").status == 422, "the primary")
            let rule = try await client.call(
                .put, "/v1/groups/shop/query-rules/9", #"{"matchDigest":"^SHOW","destinationHostgroup":10}"#)
            #expect(rule.at("queryRules", "4", "id") == "9" && rule.at("queryRules", "4", "username") == "app")
            let user = try await client.call(.put, "/v1/groups/shop/users/r%C3%A9port", #"{"password":"p"}"#)
            #expect(user.at("users", "1", "username") == "r\u{e9}port", "\(user.text)")
            #expect(try await client.call(.get, "/v1/groups/shop/users").at("items") == "[2]")
            let rules = try await client.call(.put, "/v1/groups/shop/query-rules", #"[{"matchDigest":".*"}]"#)
            #expect(rules.at("queryRules") == "[1]")
            let policy = try await client.call(.patch, "/v1/groups/shop/policy", #"{"minimumReplicas":2}"#)
            #expect(policy.at("policy", "minimumReplicas") == "2" && policy.at("policy", "maximumReplicas") == "5")
            #expect(try await client.call(.get, "/v1/groups/shop/policy").at("minimumReplicas") == "2")
            let messages = try await store.receive(
                limit: 100, visibility: .seconds(1), at: Timestamp(secondsSinceEpoch: 4_000_000_000))
            #expect(messages.count == 7, "each change wakes the scaler")
        }
    }

    @Test("replicas that Drover manages survive every change, and go only when that is asked for")
    func managed() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let stored = try #require(try await store.groups().first)
            var record = stored.document
            let replica = try InstanceName("shop-m1")
            let now = Timestamp(secondsSinceEpoch: 1)
            record.plan(replica, for: "i", at: now)
            record.admit(replica, address: "127.0.9.9", by: AdmissionRule(), at: now)
            record.serve(replica, at: now)
            try await store.save(record, ifVersion: stored.version)
            let replaced = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(replaced.at("servers", "2", "origin") == "managed" && replaced.at("replicas") == "[1]")
            let weighted = try await client.call(
                .patch, "/v1/groups/shop",
                #"{"servers":[{"name":"shop-m1","address":"1.1.1.1"},{"name":"shop","address":"127.0.9.1","origin":"primary"}]}"#
            )
            #expect(weighted.at("servers", "0", "address") == "127.0.9.9", "\(weighted.text)")
            #expect(try await client.call(.delete, "/v1/groups/shop/servers/shop-m1").status == 409)
            let invented = try await client.call(
                .put, "/v1/groups/shop/servers/x", #"{"address":"1.1.1.1","origin":"managed"}"#)
            #expect(invented.status == 422)
            #expect(try await client.call(.delete, "/v1/groups/shop").status == 409)
            let going = try await client.call(.delete, "/v1/groups/shop?deleteReplicas=true")
            #expect(going.status == 202 && going.at("removal", "deletesReplicas") == "1")
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 409)
            #expect(try await client.call(.delete, "/v1/groups/shop").status == 202, "repeated")
            #expect(try await client.call(.get, "/v1/groups/shop/replicas").at("items", "0", "state") == "serving")
        }
    }

    @Test("a group can be given the content of an earlier generation; the history says who changed it")
    func history() async throws {
        try await withAPI { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            for weight in 2...4 {
                _ = try await client.call(
                    .put, "/v1/groups/shop/servers/shop-r", #"{"address":"127.0.9.2","weight":\#(weight)}"#)
            }
            _ = try await client.call(.patch, "/v1/groups/shop", #"{"users":[{"username":"app","password":"new"}]}"#)
            let page = try await client.call(.get, "/v1/groups/shop/history?limit=2")
            #expect(page.at("items", "0", "generation") == "5" && page.at("next") == "4")
            #expect(page.at("items", "0", "actor") == "anonymous")
            #expect(page.at("items", "0", "action") == "PATCH /v1/groups/shop")
            let old = try await client.call(.get, "/v1/groups/shop/history/2")
            #expect(old.at("servers", "1", "weight") == "2" && !old.text.contains("hunter2"))
            let preview = try await client.call(
                .post, "/v1/groups/shop/rollback?dryRun=true", #"{"generation":1}"#)
            #expect(preview.at("rows") == "[2]", "\(preview.text)")
            let back = try await client.call(.post, "/v1/groups/shop/rollback", #"{"generation":1}"#)
            #expect(back.at("generation") == "6" && back.at("servers", "1", "weight") == "100")
            let user = try await store.groups().first?.document.configuration.users.first
            #expect(user?.password.reveal() == "hunter2")
            for body in [#"{"generation":77}"#, #"{"generation":"x"}"#, "{}", #"{"generation":-1}"#] {
                let answer = try await client.call(.post, "/v1/groups/shop/rollback", body)
                #expect([404, 422].contains(answer.status), "\(answer.text)")
            }
            let audit = try await client.call(.get, "/v1/audit?limit=3")
            #expect(audit.at("items") == "[3]" && audit.at("items", "0", "generation") == "6")
            #expect(try await client.call(.get, "/v1/audit?actor=nobody").at("items") == "[0]")
        }
    }

    @Test("incidents and publications are shown")
    func state() async throws {
        let board = PublicationBoard()
        try await withAPI(publications: board) { client, store in
            #expect(try await client.call(.put, "/v1/groups/shop", shop).status == 201)
            let group = try InstanceName("shop")
            #expect(try await client.call(.get, "/v1/groups/shop/publication").status == 404)
            board.note(
                Publication(
                    generation: 1,
                    nodes: [
                        NodePublication(
                            node: "core-0", condition: .current,
                            backends: [
                                BackendObservation(
                                    hostgroup: 10, address: "127.0.9.2", port: 3306, status: "ONLINE",
                                    connectionsInUse: 3)
                            ])
                    ]), of: group, at: Timestamp(secondsSinceEpoch: 5))
            let publication = try await client.call(.get, "/v1/groups/shop/publication")
            #expect(publication.at("nodes", "0", "backends", "0", "connectionsInUse") == "3")
            #expect(publication.at("at") == "1970-01-01T00:00:05.000Z")
            #expect(try await client.call(.get, "/v1/nodes").at("items", "0", "groups", "0", "generation") == "1")
            let alert = Alert(
                incidentID: "0-a", policyName: "p", state: .open, startedAt: Timestamp(secondsSinceEpoch: 1),
                closedAt: nil, primaryInstance: group, group: group, replicaBaseName: "shop-", action: .add,
                documentation: "{}")
            _ = try await store.record(alert, at: Timestamp(secondsSinceEpoch: 2))
            for path in ["/v1/incidents", "/v1/incidents?group=shop&state=open", "/v1/groups/shop/incidents"] {
                #expect(try await client.call(.get, path).at("items", "0", "id") == "0-a", "\(path)")
            }
            #expect(try await client.call(.get, "/v1/incidents?state=closed").at("items") == "[0]")
            #expect(try await client.call(.get, "/v1/incidents/0-a").at("lastProcess") == "gcf_push")
            #expect(try await client.call(.get, "/v1/incidents/none").status == 404)
            let nowhere = try await client.call(.get, "/v1/nowhere")
            #expect(nowhere.status == 404 && nowhere.headers[.contentType] == "application/problem+json")
        }
    }
}

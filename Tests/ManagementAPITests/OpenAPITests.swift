import FleetModel
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSONValues
import ManagementAPI
import Persistence
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@Suite("The API's description")
struct OpenAPITests {
    @Test("every route is described, and everything described is a route")
    func routes() async throws {
        let routes = Mutex<[String]>([])
        try await withAPI(routes: { list in routes.withLock { $0 = list } }) { client, _ in
            let document = try JSONValue(Data(try await client.call(.get, "/v1/openapi.json").text.utf8))
            #expect(document["openapi"] == "3.1.0")
            let served = Set(routes.withLock { $0 }.filter { !$0.hasPrefix("get /ui") })
            let described = Set(
                (document["paths"]?.members ?? [:]).flatMap { path, item in item.members.keys.map { "\($0) \(path)" } })
            #expect(served == described, "\(served.symmetricDifference(described).sorted())")
            let identities = document["paths"]?.members.values.flatMap { $0.members.values }.compactMap {
                $0["operationId"]?.string
            }
            #expect(Set(identities ?? []).count == identities?.count)
        }
    }

    @Test("every reference of the description leads somewhere, and every schema is used")
    func references() async throws {
        try await withAPI { client, _ in
            let text = try await client.call(.get, "/v1/openapi.json").text
            let document = try JSONValue(Data(text.utf8))
            let schemas = Set((document["components"]?["schemas"]?.members ?? [:]).keys)
            let used = Set(
                text.ranges(of: "#/components/schemas/").map { range in
                    String(text[range.upperBound...].prefix { $0 != "\"" })
                })
            #expect(used == schemas, "\(used.symmetricDifference(schemas).sorted())")
        }
    }

    @Test("what each call answers is what is described")
    func answers() async throws {
        let board = PublicationBoard()
        try await withAPI(publications: board) { client, store in
            let document = try JSONValue(Data(try await client.call(.get, "/v1/openapi.json").text.utf8))
            let check = SchemaCheck(document: document)
            var seen: Set<String> = []
            func call(_ method: HTTPRequest.Method, _ template: String, _ path: String, _ body: String? = nil)
                async throws
            {
                let reply = try await client.call(method, path, body, headers: [.accept: "application/json"])
                let name = method.rawValue.lowercased()
                let operation = try #require(document["paths"]?[template]?[name], "\(name) \(template)")
                seen.insert("\(name) \(template)")
                let answer = operation["responses"]?["\(reply.status)"] ?? operation["responses"]?["default"]
                let type = String(reply.headers[.contentType]?.prefix { $0 != ";" } ?? "")
                let schema = try #require(answer?["content"]?[type]?["schema"], "\(name) \(template): \(reply.status)")
                let value = try JSONValue(Data(reply.text.utf8))
                let complaints = check.complaints(value, schema)
                #expect(complaints.isEmpty, "\(name) \(path): \(complaints)")
                if reply.status >= 300 { Issue.record("\(name) \(path) was answered \(reply.status): \(reply.text)") }
            }
            let group = "/v1/groups/{group}"
            try await call(.put, group, "/v1/groups/shop?dryRun=true", shop)
            try await call(.put, group, "/v1/groups/shop", shop)
            try await fill(store, board)
            try await call(.patch, group, "/v1/groups/shop", #"{"policy":{"minimumReplicas":1}}"#)
            try await call(
                .put, group + "/servers/{element}", "/v1/groups/shop/servers/shop-r", #"{"address":"127.0.9.2"}"#)
            try await call(.put, group + "/users/{element}", "/v1/groups/shop/users/app", #"{"password":"p"}"#)
            try await call(.put, group + "/users/{element}", "/v1/groups/shop/users/b", #"{"password":"p"}"#)
            try await call(.delete, group + "/users/{element}", "/v1/groups/shop/users/b")
            try await call(
                .put, group + "/query-rules/{element}", "/v1/groups/shop/query-rules/1", #"{"matchDigest":"a"}"#)
            try await call(.delete, group + "/query-rules/{element}", "/v1/groups/shop/query-rules/1")
            try await call(.put, group + "/query-rules", "/v1/groups/shop/query-rules", #"[{"matchDigest":"a"}]"#)
            try await call(.put, group + "/users", "/v1/groups/shop/users", #"[{"username":"app"}]"#)
            try await call(
                .put, group + "/servers", "/v1/groups/shop/servers",
                #"[{"name":"shop","address":"127.0.9.1","origin":"primary"},{"name":"x","address":"127.0.9.3"}]"#)
            try await call(.delete, group + "/servers/{element}", "/v1/groups/shop/servers/x")
            try await call(.put, group + "/policy", "/v1/groups/shop/policy", #"{"maximumReplicas":7}"#)
            try await call(.patch, group + "/policy", "/v1/groups/shop/policy", #"{"minimumReplicas":1}"#)
            try await call(.post, group + "/pause", "/v1/groups/shop/pause", #"{"direction":"in","reason":"sale"}"#)
            try await call(.post, group + "/pin", "/v1/groups/shop/pin", #"{"size":2,"forSeconds":60}"#)
            try await call(.post, group + "/resume", "/v1/groups/shop/resume", "{}")
            try await call(.post, group + "/rollback", "/v1/groups/shop/rollback", #"{"generation":1}"#)
            try await call(
                .post, group + "/replicas/{replica}/forget", "/v1/groups/shop/replicas/shop-m1/forget?dryRun=true",
                #"{"reason":"promoted"}"#)
            try await call(
                .post, group + "/replicas/{replica}/forget", "/v1/groups/shop/replicas/shop-m1/forget", "{}")
            try await call(.post, group + "/replicas/{replica}/retry", "/v1/groups/shop/replicas/shop-m1/retry")
            try await call(
                .post, "/v1/incidents/{incident}/close", "/v1/incidents/0-a/close", #"{"reason":"lost"}"#)
            try await call(.post, group + "/purge", "/v1/groups/gone/purge", #"{"reason":"removed"}"#)
            for path in [
                "", "/servers", "/users", "/query-rules", "/policy", "/replicas", "/publication", "/incidents",
                "/decisions", "/history",
            ] {
                try await call(.get, group + path, "/v1/groups/shop" + path)
            }
            try await call(.get, group + "/servers/{element}", "/v1/groups/shop/servers/shop")
            try await call(.get, group + "/users/{element}", "/v1/groups/shop/users/app")
            try await call(.get, group + "/query-rules/{element}", "/v1/groups/shop/query-rules/2")
            try await call(.get, group + "/history/{generation}", "/v1/groups/shop/history/1")
            try await call(.get, "/v1/incidents/{incident}", "/v1/incidents/0-a")
            for path in ["/v1/groups", "/v1/incidents", "/v1/nodes", "/v1/audit", "/v1/events", "/v1/openapi.json"] {
                try await call(.get, path, path)
            }
            try await call(.get, "/databases", "/databases")
            try await call(.get, "/databases/{name}", "/databases/shop")
            try await call(.get, "/users/{username}", "/users/app?instance_group=shop")
            try await call(.delete, group, "/v1/groups/shop?deleteReplicas=true")
            let described = Set(
                (document["paths"]?.members ?? [:]).filter { $0.key.hasPrefix("/v1") }.flatMap { path, item in
                    item.members.keys.map { "\($0) \(path)" }
                })
            #expect(described.isSubset(of: seen), "\(described.subtracting(seen).sorted())")
        }
    }

    /// Something of everything that can be shown.
    private func fill(_ store: SQLiteStore, _ board: PublicationBoard) async throws {
        let stored = try #require(try await store.groups().first)
        var record = stored.document
        let replica = try InstanceName("shop-m1")
        let now = Timestamp(secondsSinceEpoch: 1)
        record.plan(replica, for: "0-a", at: now)
        record.admit(replica, address: "127.0.9.9", by: AdmissionRule(), at: now)
        record.serve(replica, at: now)
        try await store.save(record, ifVersion: stored.version)
        let alert = Alert(
            incidentID: "0-a", policyName: "p", state: .open, startedAt: now, closedAt: nil,
            primaryInstance: record.name,
            group: record.name, replicaBaseName: "shop-", action: .add, documentation: "{}")
        _ = try await store.record(alert, at: now)
        board.note(
            Publication(
                generation: 1,
                nodes: [
                    NodePublication(
                        node: "core-0", condition: .current,
                        backends: [
                            BackendObservation(
                                hostgroup: 10, address: "127.0.9.2", port: 3306, status: "ONLINE", connectionsInUse: 3)
                        ]),
                    NodePublication(node: "core-1", condition: .down, detail: "refused"),
                ]), of: record.name, at: now)
        let inputs = DecisionInputs(record: record, incidents: [Incident(alert: alert, at: now)], now: now)
        try await store.save(DecisionEntry(ScalingDecision.decide(inputs), of: inputs))
    }
}

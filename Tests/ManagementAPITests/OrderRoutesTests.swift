import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import Testing

@Suite("What a person can force")
struct OrderRoutesTests {
    private static let now = Timestamp(secondsSinceEpoch: 1_700_000_000)

    private static func serving(_ store: SQLiteStore) async throws -> InstanceName {
        let stored = try #require(try await store.groups().first)
        var record = stored.document
        let replica = try InstanceName("shop-m1")
        record.plan(replica, for: "0-a", at: now)
        record.admit(replica, address: "127.0.9.9", by: AdmissionRule(), at: now)
        record.serve(replica, at: now)
        try await store.save(record, ifVersion: stored.version)
        return replica
    }

    @Test("a forgotten replica drains and is marked, a dry run says what will be done, and the audit log says who")
    func forget() async throws {
        try await withAPI { client, store in
            _ = try await client.call(.put, "/v1/groups/shop", shop)
            _ = try await Self.serving(store)
            let path = "/v1/groups/shop/replicas/shop-m1/forget"
            let preview = try await client.call(.post, path + "?dryRun=true")
            #expect(preview.status == 200 && preview.at("changed") == "1", "\(preview.text)")
            #expect(preview.at("effects", "0")?.contains("not deleted") == true && preview.at("rows") == "[1]")
            #expect(try await store.groups().first?.document.replicas.first?.state == .serving)
            let done = try await client.call(.post, path, #"{"reason":"promoted"}"#)
            #expect(done.status == 200 && done.at("replicas", "0", "state") == "draining", "\(done.text)")
            #expect(done.at("replicas", "0", "leaving")?.contains("promoted") == true)
            let audit = try await client.call(.get, "/v1/audit")
            #expect(audit.at("items", "0", "action") == "POST \(path)")
            let unknown = try await client.call(.post, "/v1/groups/shop/replicas/shop-r/forget")
            #expect(unknown.status == 404, "a configured replica is nothing of the scaler's")
            let wrong = try await client.call(.post, path, #"{"why":"x"}"#)
            #expect(wrong.status == 422)
        }
    }

    @Test("orders are taken while the group is being removed; a serving replica cannot be tried again")
    func retry() async throws {
        try await withAPI { client, store in
            _ = try await client.call(.put, "/v1/groups/shop", shop)
            let replica = try await Self.serving(store)
            let path = "/v1/groups/shop/replicas/shop-m1/retry"
            #expect(try await client.call(.post, path).status == 409)
            #expect(try await client.call(.delete, "/v1/groups/shop?deleteReplicas=true").status == 202)
            let stored = try #require(try await store.groups().first)
            var record = stored.document
            record.remove(replica, at: Self.now)
            record.deletionMayBegin(replica, at: Self.now)
            record.deletionBegan(replica, operationID: "o")
            try await store.save(record, ifVersion: stored.version)
            let tried = try await client.call(.post, path)
            #expect(tried.status == 200 && tried.at("replicas", "0", "state") == "deleting", "\(tried.text)")
            let after = try #require(try await store.groups().first?.document.replicas.first)
            #expect(after.operationID == nil && after.stateSince > Self.now)
            let forgotten = try await client.call(.post, "/v1/groups/shop/replicas/shop-m1/forget")
            #expect(forgotten.status == 200 && forgotten.at("replicas", "0", "state") == "removed")
        }
    }

    @Test("an incident is closed once, with who and why; its alert changes nothing after that")
    func close() async throws {
        try await withAPI { client, store in
            _ = try await client.call(.put, "/v1/groups/shop", shop)
            let name = try InstanceName("shop")
            let alert = Alert(
                incidentID: "0-a", policyName: "p", state: .open, startedAt: Self.now, closedAt: nil,
                primaryInstance: name, group: name, replicaBaseName: "shop-", action: .add, documentation: "{}")
            _ = try await store.record(alert, at: Self.now)
            let closed = try await client.call(.post, "/v1/incidents/0-a/close", #"{"reason":"the policy is gone"}"#)
            #expect(closed.status == 200 && closed.at("state") == "closed", "\(closed.text)")
            #expect(closed.at("closeReason") == "the policy is gone" && closed.at("lastProcess") == "gcf_push")
            let audit = try await client.call(.get, "/v1/audit")
            #expect(audit.at("items", "0", "action") == "POST /v1/incidents/0-a/close: the policy is gone")
            let again = try await client.call(.post, "/v1/incidents/0-a/close")
            #expect(again.status == 200 && again.at("closeReason") == "the policy is gone")
            let late = try await store.record(alert, at: Self.now.advanced(by: .seconds(90_000)))
            #expect(late == .unchanged)
            #expect(try await store.incident(id: "0-a")?.document.state == .closed)
            #expect(try await client.call(.post, "/v1/incidents/none/close").status == 404)
        }
    }

    private struct Fixed: Authenticator {
        var role: Caller.Role

        func caller(_ headers: HTTPFields) async throws(Unauthenticated) -> Caller { Caller(name: "eve", role: role) }
    }

    @Test(
        "looking is not enough to give such an order, operating is",
        arguments: [(Caller.Role.read, 403), (.operate, 404)])
    func roles(role: Caller.Role, status: Int) async throws {
        try await withAPI(authenticator: Fixed(role: role)) { client, _ in
            for path in [
                "/v1/groups/shop/replicas/a/forget", "/v1/groups/shop/replicas/a/retry", "/v1/incidents/a/close",
            ] {
                let reply = try await client.call(.post, path)
                #expect(reply.status == status, "\(path)")
            }
        }
    }
}

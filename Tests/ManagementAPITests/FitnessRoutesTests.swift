import FleetModel
import HTTPTypes
import HummingbirdTesting
import ManagementAPI
import Persistence
import TestSupport
import Testing

/// The group with a configured reader that Drover has sidelined, and a managed one that lags.
private func troubled(_ record: GroupRecord) throws -> GroupRecord {
    var record = record
    let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
    let name = try InstanceName("shop-m1")
    record.replicas = []
    record.plan(name, for: "", at: now)
    record.admit(name, address: "127.0.9.7", by: AdmissionRule(rampDuration: .zero), at: now)
    record.serve(name, at: now)
    for index in record.configuration.servers.indices where record.configuration.servers[index].name == "shop-r" {
        record.configuration.servers[index].status = .offlineSoft
    }
    var out = UnfitReader(name: "shop-r", code: .stopped, detail: "applier: No", since: now)
    out.sidelinedAt = now
    var told = UnfitReader(name: "shop-m1", code: .lagging, detail: "it is 60 s behind its primary", since: now)
    told.waitsFor = "no other reader is known to be fit"
    record.unfitReaders = [out, told]
    return record
}

@Suite("Readers' fitness under /v1")
struct FitnessRoutesTests {
    @Test("a new group acts; one from before only tells until its policy says otherwise, and no document undoes that")
    func defaults() async throws {
        try await withAPI { client, store in
            let made = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(made.at("policy", "fitness", "enabled") == "1", "\(made.text)")
            let off = try await client.call(
                .patch, "/v1/groups/shop/policy", #"{"fitness":{"enabled":false,"maximumLagSeconds":5}}"#)
            #expect(off.status == 200 && off.at("policy", "fitness", "enabled") == "0")
            let again = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(again.at("policy", "fitness", "enabled") == "0")
            #expect(again.at("policy", "fitness", "maximumLagSeconds") == "5")
            let stored = try #require(try await store.groups().first)
            var old = stored.document
            old.policy.fitness = nil
            try await store.save(old, ifVersion: stored.version)
            let declared = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(declared.status == 200 && !declared.text.contains("fitness"), "\(declared.text)")
            let put = try await client.call(.put, "/v1/groups/shop/policy", #"{"maximumReplicas":4}"#)
            #expect(put.status == 200 && !put.text.contains("\"fitness\""))
            let wrong = try await client.call(
                .patch, "/v1/groups/shop/policy", #"{"fitness":{"maximumShare":2,"samplesOut":0,"colour":1}}"#)
            #expect(wrong.status == 422)
            #expect(wrong.text.contains("/policy/fitness/"), "\(wrong.text)")
            let on = try await client.call(
                .patch, "/v1/groups/shop/policy", #"{"fitness":{"guardConfigured":true}}"#)
            #expect(on.at("policy", "fitness", "enabled") == "1")
            #expect(on.at("policy", "fitness", "guardConfigured") == "1")
        }
    }

    @Test("what is unfit is shown with its group and its replicas; a sidelined server stays out whatever is sent back")
    func shown() async throws {
        try await withAPI { client, store in
            _ = try await client.call(.put, "/v1/groups/shop", shop)
            let stored = try #require(try await store.groups().first)
            try await store.save(try troubled(stored.document), ifVersion: stored.version)
            let group = try await client.call(.get, "/v1/groups/shop")
            #expect(group.at("unfitReaders", "0", "state") == "sidelined", "\(group.text)")
            #expect(group.at("unfitReaders", "0", "code") == "replication-stopped")
            #expect(group.at("unfitReaders", "1", "waitsFor") == "no other reader is known to be fit")
            #expect(group.at("servers", "1", "status") == "ONLINE", "as its owner wants it")
            let replicas = try await client.call(.get, "/v1/groups/shop/replicas")
            #expect(replicas.at("items", "0", "fitness") == "unfit", "\(replicas.text)")
            #expect(replicas.at("items", "0", "unfit", "code") == "replica-lagging")
            func status() async throws -> BackendServer.Status? {
                try await store.groups().first?.document.configuration.servers.first { $0.name == "shop-r" }?.status
            }
            let tag = try #require(group.headers[.eTag])
            let sentBack = try await client.call(.put, "/v1/groups/shop", group.text)
            #expect(sentBack.status == 200 && sentBack.headers[.eTag] == tag, "\(sentBack.text)")
            let declared = try await client.call(.put, "/v1/groups/shop", shop)
            #expect(declared.status == 200)
            #expect(try await status() == .offlineSoft)
            let changed = try await client.call(.patch, "/v1/groups/shop/policy", #"{"maximumReplicas":4}"#)
            let generation = try #require(changed.at("generation"))
            let now = try #require(try await store.groups().first)
            var mended = now.document
            mended.unfitReaders = nil
            for index in mended.configuration.servers.indices { mended.configuration.servers[index].status = .online }
            try await store.save(mended, ifVersion: now.version)
            _ = try await client.call(.patch, "/v1/groups/shop/policy", #"{"maximumReplicas":3}"#)
            let back = try await client.call(
                .post, "/v1/groups/shop/rollback", #"{"generation":\#(generation)}"#)
            #expect(back.status == 200 && back.at("policy", "maximumReplicas") == "4", "\(back.text)")
            #expect(try await status() == .online, "an earlier content does not keep a reader out")
            let again = try #require(try await store.groups().first)
            try await store.save(try troubled(again.document), ifVersion: again.version)
            #expect(try await status() == .offlineSoft)
            let elsewhere = try await client.call(.put, "/v1/groups/shop/servers/shop-r", #"{"address":"127.0.9.98"}"#)
            #expect(elsewhere.status == 200)
            #expect(try await status() == .online, "another server under the name is judged anew")
        }
    }
}

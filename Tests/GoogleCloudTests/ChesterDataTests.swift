import FakeGoogle
import FleetModel
import Foundation
import JSONValues
import Persistence
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

/// Text turned around: no secret, but not the text either.
private struct MirrorVault: PasswordVault {
    func seal(_ password: Secret, with key: KMSKeyVersion) async throws(StoreError) -> String {
        String(password.reveal().reversed())
    }

    func open(_ text: String, with key: KMSKeyVersion) async throws(StoreError) -> Secret {
        Secret(String(text.reversed()))
    }
}

/// A group as Chester's API and daemon leave it: two configured replicas less one, and one that the daemon added.
func storeChesterGroup(
    _ client: DatastoreClient, password: String = "pw", kms: Bool = false, added: String = "10.0.0.3"
) async throws {
    func server(_ address: String, _ hostgroup: Int, _ comment: String) -> DatastoreValue {
        .entity([
            "Address": .string(address), "Port": .integer(3306), "Hostgroup": .integer(hostgroup),
            "MaxConnections": .integer(100), "Comment": .string(comment), "UseSSL": .integer(0),
            "KeyData": .string("k"), "CAData": .string(""), "CertData": .string(""),
        ])
    }
    let key = client.key("proxysqlconfig", "sql-development")
    let part: (String) -> DatastoreValue = { .string(kms ? $0 : "") }
    let configuration: [String: DatastoreValue] = [
        "DataDir": .string("/data"), "ReadHostGroup": .integer(10), "WriteHostGroup": .integer(5),
        "MysqlVariables": .entity(["Threads": .integer(8), "ServerVersion": .string("5.1.30")]),
        "MySqlServers": .array([
            server("10.0.0.1", 5, "sql-development"), server("10.0.0.2", 10, "sql-development-fixed"),
            server(added, 10, "Read Replica Added By Chester"),
        ]),
        "MySqlUsers": .array([
            .entity([
                "Username": .string("app"), "Password": .string(password), "DefaultHostgroup": .integer(5),
                "Active": .integer(1), "InstanceGroup": .string(""),
            ])
        ]),
        "MySqlQueryRules": .array([
            .entity([
                "RuleID": .integer(1), "Username": .string("app"), "Active": .integer(1),
                "MatchDigest": .string("^SELECT"), "DestinationHostgroup": .integer(10), "Apply": .integer(1),
                "Comment": .string("c"),
            ])
        ]),
        "KMSProject": part("p"), "KMSLocation": part("l"), "KMSKeyRing": part("r"), "KMSKeyName": part("k"),
        "KMSKeyVersion": part("1"), "KeyData": .string("tls-key", isExcluded: true),
    ]
    let metadata: [String: DatastoreValue] = [
        "InstanceGroup": .string("sql-development"), "MaxChesterInstances": .integer(2),
    ]
    try await client.transaction("the fixture") { _ throws(StoreError) -> (Void, [DatastoreMutation]) in
        (
            (),
            [
                .insert(DatastoreEntity(key: key, properties: configuration)),
                .insert(DatastoreEntity(key: key.child("chester_metadata"), properties: metadata)),
            ]
        )
    }
}

@Suite("Chester's data", .timeLimit(.minutes(1)))
struct ChesterDataTests {
    private let group = "sql-development"

    private func withStores(
        vault: (any PasswordVault)? = nil, key: KMSKeyVersion? = nil,
        _ body: (DatastoreStandIn, DatastoreStores) async throws -> Void
    ) async throws {
        let standIn = DatastoreStandIn()
        try await withServer(standIn.router()) { url in
            try await body(standIn, DatastoreStores(url, vault: vault, key: key))
        }
    }

    @Test("a group that only Chester knew is taken over, and keeps what only Chester knows")
    func takeOver() async throws {
        try await withStores { standIn, stores in
            try await storeChesterGroup(stores.client)
            let read = try await stores.groups.group(InstanceName(group))
            let found = try #require(read)
            #expect(found.version == 1)
            let configuration = found.document.configuration
            #expect(configuration.servers.map(\.origin) == [.primary, .configured, .managed])
            #expect(configuration.servers.map(\.maxConnections) == [100, 100, 100])
            #expect(configuration.users.map(\.password) == [Secret("pw")])
            #expect(found.document.policy.maximumReplicas == 2)
            #expect(found.document.primaryInstance.text == group)
            let own = try #require(standIn.contents["proxysqlconfig/\(group)/drover_group/\(group)"])
            #expect(own[at: "Version", "integerValue"] == "1")

            var changed = found.document
            changed.configuration.servers[1].weight = 7
            changed.configuration.generation += 1
            try await stores.groups.save(changed, ifVersion: 1)
            let stored = try #require(standIn.contents["proxysqlconfig/\(group)"])
            #expect(stored[at: "DataDir", "stringValue"] == "/data")
            #expect(stored[at: "KeyData", "stringValue"] == "tls-key")
            #expect(stored[at: "MysqlVariables", "entityValue", "properties", "Threads", "integerValue"] == "8")
            let server = stored[at: "MySqlServers", "arrayValue", "values"].elements[2][at: "entityValue", "properties"]
            #expect(server[at: "Comment", "stringValue"] == "Read Replica Added By Chester")
            #expect(server[at: "KeyData", "stringValue"] == "k")
            let again = try await stores.groups.group(InstanceName(group))
            #expect(again?.document == changed)
        }
    }

    @Test("a replica that Chester added gets the name that the provider knows it by, and is managed from then on")
    func replicas() async throws {
        try await withStores { _, stores in
            try await storeChesterGroup(stores.client)
            let read = try await stores.groups.group(InstanceName(group))
            var taken = try #require(read)
            let name = try InstanceName("sql-development-uuid")
            let first = taken.document.takeOver(name, servingAt: "10.0.0.2", at: StoreConformance.now)
            #expect(!first)
            let second = taken.document.takeOver(name, servingAt: "10.0.0.3", at: StoreConformance.now)
            #expect(second)
            let third = taken.document.takeOver(name, servingAt: "10.0.0.3", at: StoreConformance.now)
            #expect(!third)
            #expect(taken.document.replicas.map(\.state) == [.serving])
            try await stores.groups.save(taken.document, ifVersion: taken.version)
            let again = try await stores.groups.group(InstanceName(group))
            #expect(again?.document.configuration.servers.map(\.name).last == "sql-development-uuid")
            #expect(again?.document == taken.document)
        }
    }

    @Test("Chester's entities have Chester's properties and no others")
    func properties() async throws {
        try await withStores { standIn, stores in
            try await stores.groups.insert(try record("shop"))
            _ = try await stores.incidents.record(try alert("0-abc-def", .open), at: StoreConformance.now)
            let contents = standIn.contents
            #expect(
                Set(contents.keys) == [
                    "proxysqlconfig/shop", "proxysqlconfig/shop/chester_metadata/shop",
                    "proxysqlconfig/shop/drover_group/shop", "proxysqlconfig/shop/drover_change/1",
                    "proxysql_metadata/proxysql_metadata",
                    "incident/0-abc-def", "drover_format/store",
                ])
            #expect(
                Set(contents["proxysqlconfig/shop"]?.members.keys.map { String($0) } ?? []) == [
                    "DataDir", "AdminVariables", "MysqlVariables", "MySqlServers", "MySqlUsers", "MySqlQueryRules",
                    "ReadHostGroup", "WriteHostGroup", "UseSSL", "KeyData", "CertData", "CAData", "KMSProject",
                    "KMSLocation", "KMSKeyRing", "KMSKeyName", "KMSKeyVersion",
                ])
            #expect(
                Set(contents["incident/0-abc-def"]?.members.keys.map { String($0) } ?? []) == [
                    "IncidentID", "PolicyName", "State", "StartedAt", "ClosedTimestamp", "Condition",
                    "SqlMasterInstance", "ReplicaBaseName", "Documentation", "InProgress", "Action", "LastProcess",
                    "OperationID", "LastUpdated", "LastUpdatedBy", "LastIPAddress", "LastReadReplicaName",
                ])
            let list = contents["proxysql_metadata/proxysql_metadata"]
            #expect(list?[at: "instance_metadata", "stringValue"] == #"{"shop":"shop"}"#)
            let user = contents["proxysqlconfig/shop"]?[at: "MySqlUsers", "arrayValue", "values"].elements.first
            #expect(user?[at: "entityValue", "properties", "Password", "excludeFromIndexes"] == true)
        }
    }

    @Test("what Chester's tools change afterwards is taken over, and who had not seen it gets a conflict")
    func foreignChange() async throws {
        try await withStores { _, stores in
            try await stores.groups.insert(try record("shop"))
            let read = try await stores.groups.group(InstanceName("shop"))
            let before = try #require(read)
            let key = stores.client.key("proxysqlconfig", "shop")
            try await stores.client.transaction("Chester's API") {
                transaction throws(StoreError) -> (Void, [DatastoreMutation]) in
                guard var entity = try await transaction.lookup([key], for: "")[key]?.entity else { return ((), []) }
                let kept = (entity["MySqlServers"]?.elements ?? []).filter {
                    $0.members["Address"]?.string != "127.0.3.11"
                }
                entity.properties?["MySqlServers"] = .array(kept)
                return ((), [.upsert(entity)])
            }
            await expectConflict { try await stores.groups.save(before.document, ifVersion: before.version) }
            let after = try await stores.groups.group(InstanceName("shop"))
            let found = try #require(after)
            #expect(found.version == 2)
            #expect(found.document.configuration.generation == before.document.configuration.generation + 1)
            #expect(found.document.configuration.servers.map(\.name) == ["shop", "shop-r1"])
            #expect(found.document.configuration.servers[1].status == .offlineSoft)
            try await stores.groups.save(found.document, ifVersion: 2)
        }
    }

    @Test("passwords are stored encrypted, read decrypted, and never stored in clear beside")
    func passwords() async throws {
        let key = KMSKeyVersion(project: "p", location: "l", keyRing: "r", key: "k", version: "1")
        try await withStores(vault: MirrorVault(), key: key) { standIn, stores in
            try await stores.groups.insert(try record("shop"))
            let found = try await stores.groups.group(InstanceName("shop"))
            #expect(found?.document.configuration.users.first?.password == Secret("s'ecret"))
            let everything = "\(standIn.contents)"
            let (hasClear, hasSealed) = (everything.contains("ecret"), everything.contains("terce"))
            #expect(!hasClear)
            #expect(hasSealed)
        }
        try await withStores { _, stores in
            try await storeChesterGroup(stores.client, password: "wp", kms: true)
            await #expect(throws: StoreError.self) { _ = try await stores.groups.group(InstanceName(group)) }
        }
        try await withStores(vault: MirrorVault()) { standIn, stores in
            try await storeChesterGroup(stores.client, password: "wp", kms: true)
            let read = try await stores.groups.group(InstanceName(group))
            let found = try #require(read)
            #expect(found.document.configuration.users.first?.password == Secret("pw"))
            try await stores.groups.save(found.document, ifVersion: 1)
            let user = standIn.contents["proxysqlconfig/\(group)"]?[at: "MySqlUsers", "arrayValue", "values"]
                .elements[0]
            #expect(user?[at: "entityValue", "properties", "Password", "stringValue"] == "wp")
        }
    }

    @Test(
        "an incident is read at each step at which Chester may have left it",
        arguments: [
            ("gcf_push", LastProcess.webhookPush), ("daemon_ack", .acknowledged), ("instance_insert", .instanceCall),
            ("config_update", .configurationUpdate), ("proxysql_restart", .publication),
            ("status_check", .statusCheck), ("closed", .closed), ("clear", .clear), ("fail", .fail),
            ("", .webhookPush), ("something new", .acknowledged),
        ])
    func incidents(word: String, step: LastProcess) async throws {
        try await withStores { _, stores in
            var chester = ChesterIncident()
            chester.incident_id = "0-abc"
            chester.state = "open"
            chester.started_at = 1_600_000_000
            chester.closed_timestamp = "whenever"
            chester.sql_master_instance = "sql-development"
            chester.replica_basename = "sql-development-"
            chester.documentation.content = #"{"instance_group":"group-a"}"#
            chester.action = "add"
            chester.last_process = word
            chester.last_updated = "2020-09-13 12:26:40.5 +0000 UTC m=+1.5"
            chester.last_read_replica_name = "sql-development-uuid"
            let key = stores.client.key("incident", "0-abc")
            let properties = chester.properties
            try await stores.client.transaction("the fixture") { _ throws(StoreError) -> (Void, [DatastoreMutation]) in
                ((), [.insert(DatastoreEntity(key: key, properties: properties))])
            }
            let found = try await stores.incidents.incident(id: "0-abc")?.document
            #expect(found?.lastProcess == step)
            #expect(found?.group.text == "group-a")
            #expect(found?.primaryInstance.text == "sql-development")
            #expect(found?.lastReplicaName == "sql-development-uuid")
            #expect(found?.startedAt.secondsSinceEpoch == 1_600_000_000)
            #expect(found?.heardLast == nil, "nothing tells when it was heard of, whoever changed it when")
            let active = try await stores.incidents.active(group: InstanceName("group-a"))
            #expect(active.count == 1)
        }
    }

    @Test("an alert whose message cannot be published is not accepted, and its repetition publishes it")
    func announcements() async throws {
        let fails = Mutex(true)
        let announced = Mutex(0)
        let standIn = DatastoreStandIn()
        try await withServer(standIn.router()) { url in
            let stores = DatastoreStores(url) { _, _ throws(StoreError) in
                if fails.withLock({ $0 }) { throw .unavailable(reason: "no Pub/Sub") }
                announced.withLock { $0 += 1 }
            }
            await #expect(throws: StoreError.self) {
                _ = try await stores.incidents.record(try alert("a", .open), at: StoreConformance.now)
            }
            fails.withLock { $0 = false }
            let second = try await stores.incidents.record(try alert("a", .open), at: StoreConformance.now)
            #expect(second == .unchanged)
            #expect(announced.withLock { $0 } == 1)
        }
    }

    @Test("a transaction that lost is run again, and one that fails is ended")
    func transactions() async throws {
        try await withStores { standIn, stores in
            // The first write says before it which format the store has.
            _ = try await stores.incidents.record(try alert("first", .open), at: StoreConformance.now)
            let before = standIn.calls.made.count { $0.hasSuffix(":commit") }
            for _ in 0..<3 {
                standIn.calls.inject(.init(":commit", .canonical(409, "ABORTED", "contention")))
            }
            let change = try await stores.incidents.record(try alert("a", .open), at: StoreConformance.now)
            #expect(change == .created)
            #expect(standIn.calls.made.count { $0.hasSuffix(":commit") } == before + 4)
            standIn.calls.inject(.init(":commit", .canonical(403, "PERMISSION_DENIED", "no")))
            await #expect(throws: StoreError.self) {
                _ = try await stores.incidents.record(try alert("b", .open), at: StoreConformance.now)
            }
            #expect(standIn.calls.made.last?.hasSuffix(":rollback") == true)
        }
    }

    @Test("who changed a group is kept with each generation, and the scaler's own changes too")
    func history() async throws {
        try await withStores { _, stores in
            let note = ChangeNote(at: StoreConformance.now, actor: "ann", source: "127.0.0.1", action: "POST /")
            try await stores.groups.insert(try record("shop"), note: note)
            var version: Int64 = 1
            for change in ["PATCH /", nil, "DELETE /"] {
                let read = try await stores.groups.group(InstanceName("shop"))
                var next = try #require(read).document
                next.configuration.generation += 1
                if let change {
                    let later = ChangeNote(
                        at: StoreConformance.now.advanced(by: .seconds(version)), actor: "bob", source: "",
                        action: change)
                    try await stores.groups.save(next, ifVersion: version, note: later)
                } else {
                    try await stores.groups.save(next, ifVersion: version)
                }
                version += 1
            }
            let all = try await stores.groups.history(of: InstanceName("shop"), before: nil, limit: 10)
            #expect(all.map(\.generation) == [4, 3, 2, 1])
            #expect(all.map(\.note.actor) == ["bob", "scaler", "bob", "ann"])
            #expect(all.last?.record == (try record("shop")))
            let some = try await stores.groups.history(of: InstanceName("shop"), before: 3, limit: 1)
            #expect(some.map(\.generation) == [2])
            let newest = try await stores.groups.changes(before: nil, limit: 2)
            #expect(newest.map(\.generation) == [4, 2])
            let older = try await stores.groups.changes(before: newest.last?.id, limit: 9)
            #expect(Set(older.map(\.generation)) == [1, 3])
        }
    }

    @Test("the lease is replaced only by who saw it as it is")
    func leadership() async throws {
        try await withStores { _, stores in
            try await StoreConformance.lease(DatastoreLeadership(client: stores.client))
        }
        let path = FileManager.default.temporaryDirectory.appending(path: "drover-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await StoreConformance.lease(try SQLiteStore(directory: StateDirectory(path: path)))
    }
}

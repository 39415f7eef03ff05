import FleetModel
import Foundation
import JSONValues
import Testing

@testable import GoogleCloud

@Suite("What nobody here ever wrote", .timeLimit(.minutes(1)))
struct ForeignDataTests {
    @Test(
        "a property of any kind is read and comes back as it was",
        arguments: [
            #"{"geoPointValue":{"latitude":1.5,"longitude":2.5}}"#, #"{"doubleValue":"NaN"}"#,
            #"{"doubleValue":"-Infinity","excludeFromIndexes":true}"#, #"{"nullValue":null}"#,
            #"{"arrayValue":{"values":[{"geoPointValue":{"latitude":1.5}},{"integerValue":"7"}]}}"#,
            #"{"entityValue":{"properties":{"a":{"later":{"b":[1,"c"]}}}}}"#, #"{"doubleValue":1.5}"#,
            #"{"timestampValue":"2026-01-02T03:04:05Z"}"#, #"{"blobValue":"YQ=="}"#,
        ])
    func values(text: String) throws {
        let value = try JSONDecoder().decode(DatastoreValue.self, from: Data(text.utf8))
        let encoded = try JSONEncoder().encode(value)
        let (before, after) = (
            try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)),
            try JSONDecoder().decode(JSONValue.self, from: encoded)
        )
        #expect(before == after)
        #expect(value.string == nil && value.integer == nil)
    }

    private func incident(base: String) throws -> Incident {
        var stored = ChesterIncident()
        stored.incident_id = "0-a"
        stored.sql_master_instance = "shop"
        stored.action = "add"
        stored.replica_basename = base
        return try stored.incident()
    }

    @Test(
        "replicas are named after the primary where the stored beginning cannot begin a name",
        arguments: [
            ("shop-ro-", "shop-ro-"), ("", "shop-"), ("Shop_", "shop-"), ("7-", "shop-"),
            (String(repeating: "x", count: 75), "shop-"),
        ])
    func base(stored: String, used: String) throws {
        #expect(try incident(base: stored).replicaBaseName == used)
    }

    @Test("an impossible maximum is the nearest possible one", arguments: [(-3, 0), (7, 7), (1 << 60, 1_000)])
    func maximum(stored: Int, used: Int) throws {
        let key = DatastoreKey(partitionId: .init(), path: [])
        let metadata = DatastoreEntity(key: key, properties: ["MaxChesterInstances": .integer(stored)])
        #expect(GroupEntities(configuration: nil, metadata: metadata, own: nil).maximum == used)
    }

    @Test(
        "an instance of another kind does not hide the others of a list",
        arguments: [
            "{}", #"{"cascadableReplica":true}"#, #"{"kind":"sql#demoteMasterConfiguration","failoverTarget":null}"#,
        ])
    func otherKinds(configuration: String) throws {
        let text = #"{"items":[{"name":"a","replicaConfiguration":\#(configuration)},{"name":"b"}]}"#
        let list = try JSONDecoder().decode(InstanceList.self, from: Data(text.utf8))
        #expect(list.items?.map(\.name) == ["a", "b"])
    }

    @Test("of servers, users and rules that are stored twice the last one counts, as ProxySQL had it")
    func twice() {
        func entity(_ members: [String: DatastoreValue]) -> DatastoreValue { .entity(members) }
        func server(_ address: String, _ hostgroup: Int, _ connections: Int) -> DatastoreValue {
            entity([
                "Address": .string(address), "Hostgroup": .integer(hostgroup), "MaxConnections": .integer(connections),
            ])
        }
        let stored = DatastoreEntity(
            key: DatastoreKey(partitionId: .init(), path: []),
            properties: [
                "MySqlServers": .array([
                    server("10.0.0.1", 5, 1), server("10.0.0.2", 10, 2), server("10.0.0.1", 10, 3),
                    server("10.0.0.2", 10, 4),
                ]),
                "MySqlUsers": .array([
                    entity(["Username": .string("a"), "Password": .string("old")]),
                    entity(["Username": .string("a"), "Password": .string("new")]),
                ]),
                "MySqlQueryRules": .array([
                    entity(["RuleID": .integer(1), "MatchDigest": .string("old")]), entity(["RuleID": .integer(2)]),
                    entity(["RuleID": .integer(1), "MatchDigest": .string("new")]),
                ]),
            ])
        let group = ChesterGroup(stored)
        #expect(group.servers.map(\.address) == ["10.0.0.1", "10.0.0.2", "10.0.0.1"])
        #expect(group.servers.map(\.maxConnections) == [1, 4, 3])
        #expect(group.users.map(\.password) == [Secret("new")])
        #expect(group.rules.map(\.id) == [1, 2])
        #expect(group.rules.first?.matchDigest == "new")
    }
}

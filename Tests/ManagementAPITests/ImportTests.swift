import ControlClient
import FakeProxySQL
import FleetModel
import HTTPTypes
import HummingbirdTesting
import JSONValues
import ManagementAPI
import MySQLWire
import Pacing
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

@Suite("Importing from ProxySQL", .timeLimit(.minutes(1)))
struct ImportTests {
    @Test("what Drover brought to a node is read back as the same group, hostile texts included")
    func roundTrip() async throws {
        try await withAPI { client, store in
            let hostile = #"{"matchDigest":"^SELECT 'x''y\" \\ ; -- ☃","comment":"it's \"one\"; \\"}"#
            #expect(
                try await client.call(.put, "/v1/groups/shop", shop.replacing("hunter2", with: "p'\\\"; --")).status
                    == 201)
            #expect(try await client.call(.put, "/v1/groups/shop/query-rules/7", hostile).status == 200)
            let wanted = try #require(try await store.groups().first?.document.configuration)
            try await ProxyNode.withSimulated { node in
                try await node.publish([wanted])
                try await expectImport(node, client)
            }
        }
    }

    private func expectImport(_ node: ProxyNode, _ client: any TestClientProtocol) async throws {
        let found = try await ProxySQLImport.read(
            node.connection, places: [.init(name: "shop", writer: 5, reader: 10)])
        #expect(found.remarks.isEmpty, "\(found.remarks)")
        let document = try #require(found.document["databases"]?.elements.first)
        #expect(document["users"]?.elements.first?["password"] == .string("p'\"; --"))
        let rule = document["queryRules"]?.elements.last
        #expect(rule?["matchDigest"] == .string("^SELECT 'x''y\" \\ ; -- ☃"))
        #expect(rule?["comment"] == .string("it's \"one\"; \\"))
        let preview = try await client.call(
            .put, "/v1/groups/shop?dryRun=true", String(decoding: document.bytes(), as: UTF8.self))
        #expect(preview.at("changed") == "0", "\(preview.text)")
    }

    @Test("a ProxySQL that Drover never wrote to is imported; what becomes another is said")
    func foreign() async throws {
        try await ProxyNode.withSimulated { node in
            for statement in [
                "INSERT INTO mysql_replication_hostgroups VALUES (1, 2, 'read_only', 'orders')",
                "INSERT INTO mysql_replication_hostgroups VALUES (3, 4, 'read_only', 'a b')",
                "INSERT INTO mysql_servers (hostgroup_id, hostname, compression) VALUES (1, 'db1', 1)",
                "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (2, 'db2')",
                "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (3, 'db3')",
                "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (9, 'db9')",
                "INSERT INTO mysql_users (username, password, default_hostgroup, max_connections) "
                    + "VALUES ('o', 'x', 1, 5)",
                "INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('b', 'x', 3)",
                "INSERT INTO mysql_query_rules (rule_id, match_digest, destination_hostgroup) VALUES (17, 'a', 2)",
                "INSERT INTO mysql_query_rules (rule_id, match_pattern, destination_hostgroup) VALUES (1500, 'b', 3)",
                "INSERT INTO mysql_query_rules (rule_id, match_digest, destination_hostgroup) VALUES (18, 'c', 4)",
            ] { _ = try await node.connection.query(statement) }
            let found = try await ProxySQLImport.read(node.connection, places: [])
            let groups = found.document["databases"]?.elements ?? []
            #expect(groups.map { $0["name"]?.string } == ["orders", "database-2"])
            #expect(groups.first?["queryRules"]?.elements.first?["id"]?.integer == 17, "a rule keeps its id")
            let expected = [
                "the server db1 keeps compression", "the user o keeps max_connections",
                "the query rule 1500 gets another id", "the query rule 1500 loses its columns match_pattern",
                "the query rule 1500 has no match_digest", "the server db9 is left out",
            ]
            for sentence in expected {
                #expect(found.remarks.contains { $0.hasPrefix(sentence) }, "\(sentence): \(found.remarks)")
            }
        }
    }
}

import ControlClient
import FakeProxySQL
import FleetModel
import HTTPTypes
import HummingbirdTesting
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
            let found = try await brought(wanted)
            #expect(found.remarks.isEmpty, "\(found.remarks)")
            let document = try #require(found.document["databases"]?.elements.first)
            #expect(document["users"]?.elements.first?["password"] == .text("p'\"; --"))
            let rule = document["queryRules"]?.elements.last
            #expect(rule?["matchDigest"] == .text("^SELECT 'x''y\" \\ ; -- ☃"))
            #expect(rule?["comment"] == .text("it's \"one\"; \\"))
            let preview = try await client.call(
                .put, "/v1/groups/shop?dryRun=true", String(decoding: document.bytes(), as: UTF8.self))
            #expect(preview.at("rows") == "[2]", "only the rule's number is another: \(preview.text)")
        }
    }

    /// What is read from a node that holds `configuration`.
    private func brought(_ configuration: FleetConfiguration) async throws -> ProxySQLImport.Found {
        try await withThrowingTaskGroup { tasks in
            let fake = try await FakeProxySQL.start(
                .init(name: "core-0", host: OwnAddress.next(), adminPort: 0, mysqlPort: 0), logger: silent)
            tasks.addTask { try await fake.run() }
            defer { tasks.cancelAll() }
            let connection = try await AdminClient(
                MySQLConfiguration(
                    host: fake.adminEndpoint.host, port: fake.adminEndpoint.port, username: "radmin",
                    password: "radmin"), node: "core-0", timeout: .seconds(5), logger: silent)
            _ = try await NodeApply(connection: connection, node: "core-0", savesToDisk: false, logger: silent)
                .apply(configuration)
            let found = try await ProxySQLImport.read(
                connection, places: [.init(name: "shop", writer: 5, reader: 10)])
            await connection.close()
            return found
        }
    }
}

import FleetModel
import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ManagementAPI
import NIOCore
import Persistence
import TestSupport
import Testing

private func withAPI(_ body: @escaping @Sendable (any TestClientProtocol, SQLiteStore) async throws -> Void)
    async throws
{
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-api-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let store = try SQLiteStore(directory: StateDirectory(path: path))
    let router = Router()
    APIRoutes(
        groups: store, incidents: store, queue: store, defaultPolicy: ScalingPolicy(maximumReplicas: 5),
        wallClock: TestWallClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ).addRoutes(to: router)
    try await Application(router: router).test(.router) { client in try await body(client, store) }
}

private func document(_ name: String = "shop", password: String = "hunter2", address: String = "127.0.9.1")
    -> ByteBuffer
{
    ByteBuffer(
        string: """
            {"action":"add_database","instance_name":"\(name)","username":"app","password":"\(password)",
             "master_instance":{"name":"\(name)","ip_address":"\(address)"},
             "read_replicas":[{"name":"\(name)-r","ip_address":"127.0.9.2"}],
             "chester_meta_data":{"instance_group":"\(name)","max_chester_instances":"4"},"enable_ssl":"0"}
            """)
}

@Suite("The management API")
struct APIRoutesTests {
    @Test("a database is added with Chester's defaults and shown without its password")
    func add() async throws {
        try await withAPI { client, store in
            try await client.execute(uri: "/", method: .post, body: document()) { response in
                #expect(response.status == .ok)
                let text = String(buffer: response.body)
                #expect(text.contains("\"write_host_group\":5") && text.contains("\"read_host_group\":10"))
                #expect(text.contains("REDACTED") && !text.contains("hunter2"))
            }
            for path in ["/databases", "/databases/shop", "/v1/groups", "/v1/groups/shop"] {
                try await client.execute(uri: path, method: .get) { response in
                    #expect(response.status == .ok)
                    #expect(!String(buffer: response.body).contains("hunter2"))
                }
            }
            let stored = try await store.groups().first?.document
            #expect(stored?.policy.maximumReplicas == 4)
            #expect(
                stored?.configuration.queryRules.map(\.comment).first == "select for update goes to the writer: shop")
            #expect(stored?.configuration.users.first?.password.reveal() == "hunter2")
        }
    }

    @Test("a second database gets hostgroups of its own, and the same one is refused")
    func second() async throws {
        try await withAPI { client, _ in
            try await client.execute(uri: "/", method: .post, body: document()) { #expect($0.status == .ok) }
            try await client.execute(uri: "/", method: .post, body: document("other")) { response in
                #expect(String(buffer: response.body).contains("\"write_host_group\":15"))
            }
            try await client.execute(uri: "/", method: .post, body: document()) { #expect($0.status == .conflict) }
        }
    }

    @Test("what cannot be used is a 400 that says why, and stores nothing")
    func refused() async throws {
        try await withAPI { client, store in
            let bodies = [
                ByteBuffer(string: "{"), ByteBuffer(string: "[]"), ByteBuffer(string: "{\"instance_name\":3}"),
                document("a'b"), document(password: ""), document(address: "1.2.3.4'; --"),
            ]
            for body in bodies {
                try await client.execute(uri: "/", method: .post, body: body) { response in
                    #expect(response.status == .badRequest)
                    #expect(String(buffer: response.body).contains("\"error\""))
                }
            }
            try await client.execute(uri: "/databases/none", method: .get) { #expect($0.status == .badRequest) }
            #expect(try await store.groups().count == 0)
        }
    }
}

import FleetModel
import Foundation
import Hummingbird
import HTTPTypes
import HummingbirdTesting
import Ingest
import Logging
import NIOCore
import Persistence
import TestSupport
import Testing

/// A notification as Cloud Monitoring sends it, with the routing document in its documentation.
private func notification(_ id: String = "0.a.b", state: String = "open", ended: String = "null") -> ByteBuffer {
    ByteBuffer(
        string: """
            {"version":"1.2","incident":{"incident_id":"\(id)","state":"\(state)","started_at":1700000000,
             "ended_at":\(ended),"policy_name":"connections",
             "documentation":{"content":"{\\"sql_master_instance\\":\\"shop\\",\\"action\\":\\"add\\"}"}}}
            """)
}

private func withWebhook(
    token: Secret? = nil, authentication: IngestAuthentication? = nil,
    store replacement: (any IncidentStore)? = nil, registered: [String]? = nil,
    _ body: @escaping @Sendable (any TestClientProtocol, SQLiteStore) async throws -> Void
) async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "drover-ingest-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let store = try SQLiteStore(directory: StateDirectory(path: path))
    let router = Router()
    IngestRoutes(
        store: replacement ?? store, registered: { registered?.compactMap { try? InstanceName($0) } },
        settings: .init(
            authentication: authentication ?? IngestAuthentication(token: token), maximumBodyBytes: 4_096),
        wallClock: TestWallClock(), clock: ContinuousClock(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ).addRoutes(to: router)
    try await Application(router: router).test(.router) { client in try await body(client, store) }
}

/// A store whose disk is full.
private struct BrokenStore: IncidentStore {
    private static let full = StoreError.unavailable(reason: "the disk is full")
    func record(_ alert: Alert, at now: Timestamp) async throws(StoreError) -> Incident.Change { throw Self.full }
    func incident(id: String) async throws(StoreError) -> Versioned<Incident>? { throw Self.full }
    func active(group: InstanceName) async throws(StoreError) -> [Versioned<Incident>] { throw Self.full }
    func active(group: InstanceName, limit: Int) async throws(StoreError) -> ActiveIncidents { throw Self.full }
    func openIncidents() async throws(StoreError) -> [InstanceName: OpenIncidents] { throw Self.full }
    func recent(limit: Int) async throws(StoreError) -> [Incident] { throw Self.full }
    func save(_ incident: Incident, ifVersion version: Int64) async throws(StoreError) { throw Self.full }
}

@Suite("The webhook")
struct IngestRoutesTests {
    @Test("a page cannot make a browser send notifications")
    func pages() async throws {
        try await withWebhook { client, store in
            for name in ["Origin", "Sec-Fetch-Site"] {
                let header = try #require(HTTPField.Name(name))
                let status = try await client.execute(
                    uri: "/", method: .post, headers: [header: "http://127.0.0.1:8081"], body: notification()
                ) { $0.status }
                #expect(status == .forbidden)
            }
            #expect(try await store.recent(limit: 1).isEmpty)
        }
    }

    @Test("an alert for a group that is not registered is stored, answered 200, and counted as what it is")
    func unknownGroup() async throws {
        try await withWebhook(registered: ["shop"]) { client, _ in
            try await client.execute(uri: "/", method: .post, body: notification()) { response in
                #expect(response.status == .ok && !String(buffer: response.body).contains("warning"))
            }
        }
        try await withWebhook(registered: ["other"]) { client, store in
            try await client.execute(uri: "/", method: .post, body: notification()) { response in
                #expect(response.status == .ok)
                let text = String(buffer: response.body)
                #expect(
                    text.contains("\"change\":\"created\"") && text.contains("no group shop is registered"), "\(text)")
            }
            #expect(try await store.recent(limit: 5).count == 1)
        }
    }

    @Test("an alert is answered 200 once incident and message are stored; duplicates and late openings change nothing")
    func alerts() async throws {
        try await withWebhook { client, store in
            let ended = "1700000060"
            for (body, change) in [
                (notification(), "created"), (notification(), "unchanged"),
                (notification(state: "closed", ended: ended), "closed"), (notification(), "unchanged"),
                (notification("0.c", state: "CLOSED", ended: ended), "created"), (notification("0.c"), "unchanged"),
            ] {
                try await client.execute(uri: "/", method: .post, body: body) { response in
                    #expect(response.status == .ok)
                    #expect(String(buffer: response.body).contains("\"change\":\"\(change)\""))
                }
            }
            let incidents = try await store.recent(limit: 10)
            #expect(Set(incidents.map(\.id)) == ["0-a-b", "0-c"])
            #expect(incidents.allSatisfy { $0.state == .closed })
            let messages = try await store.receive(
                limit: 10, visibility: .seconds(60), at: TestWallClock().now().advanced(by: .seconds(1)))
            #expect(messages.map(\.message.incidentID) == ["0-a-b", "0-a-b", "0-c"])
        }
    }

    @Test(
        "what cannot be acted on is answered 4xx with a JSON error, and nothing is stored",
        arguments: [
            ("", 400), ("{", 400), ("[]", 400), (#"{"incident":{}}"#, 400),
            (#"{"incident":{"incident_id":"x","state":"open"}}"#, 400),
            (#"{"incident":{"incident_id":"x","state":"open","documentation":{"content":"be quick"}}}"#, 400),
            (String(repeating: "[", count: 4_000), 400), (String(repeating: " ", count: 5_000), 413),
        ])
    func refused(body: String, status: Int) async throws {
        try await withWebhook { client, store in
            try await client.execute(uri: "/webhook", method: .post, body: ByteBuffer(string: body)) { response in
                #expect(response.status.code == status)
                let answer = try JSONDecoder().decode(
                    [String: String].self, from: Data(response.body.readableBytesView))
                #expect(answer["error"]?.isEmpty == false)
            }
            #expect(try await store.recent(limit: 1).isEmpty)
        }
    }

    @Test("the test button is answered 200 and stores nothing")
    func testButton() async throws {
        try await withWebhook { client, store in
            let body = #"{"version":"test","incident":{"incident_id":"12345","state":"OPEN","documentation":"x"}}"#
            try await client.execute(uri: "/", method: .post, body: ByteBuffer(string: body)) { response in
                #expect(response.status == .ok)
            }
            #expect(try await store.recent(limit: 1).isEmpty)
        }
    }

    @Test("a token that is absent or wrong is answered 401, without the token, before the body is read")
    func token() async throws {
        try await withWebhook(token: Secret("correct horse")) { client, store in
            for uri in ["/", "/?auth_token=", "/?auth_token=correct%20hors", "/?auth_token=correct%20horsee"] {
                try await client.execute(uri: uri, method: .post, body: notification()) { response in
                    #expect(response.status == .unauthorized)
                    #expect(!String(buffer: response.body).contains("correct"))
                }
            }
            #expect(try await store.recent(limit: 1).isEmpty)
            try await client.execute(uri: "/?auth_token=correct%20horse", method: .post, body: notification()) {
                #expect($0.status == .ok)
            }
        }
    }

    @Test("each way that is set up suffices, and none that is not")
    func ways() async throws {
        var authentication = IngestAuthentication(token: Secret("t"))
        authentication.basic = (Secret("monitoring"), Secret("p:w"))
        authentication.acceptsPush = { $0 == "good" }
        let basic = Data("monitoring:p:w".utf8).base64EncodedString()
        let wrong = Data("monitoring:p".utf8).base64EncodedString()
        try await withWebhook(authentication: authentication) { client, _ in
            for (uri, header, isIn) in [
                ("/?auth_token=t", nil, true), ("/", "Basic \(basic)", true), ("/", "basic \(basic)", true),
                ("/", "Bearer good", true), ("/", "Basic \(wrong)", false), ("/", "Bearer bad", false),
                ("/", "Basic good", false), ("/", "Bearer", false), ("/?auth_token=good", nil, false),
            ] as [(String, String?, Bool)] {
                let headers: HTTPFields = header.map { [.authorization: $0] } ?? [:]
                try await client.execute(uri: uri, method: .post, headers: headers, body: notification()) {
                    #expect($0.status == (isIn ? .ok : .unauthorized), "\(uri) \(header ?? "")")
                }
            }
        }
    }

    @Test("what Pub/Sub pushes is unwrapped, and what nobody understands is not asked for again")
    func pushes() async throws {
        try await withWebhook { client, store in
            func push(_ content: ByteBuffer) -> ByteBuffer {
                let data = Data(content.readableBytesView).base64EncodedString()
                return ByteBuffer(
                    string: "{\"message\":{\"data\":\"\(data)\",\"messageId\":\"1\"},\"subscription\":\"projects/p/s\"}"
                )
            }
            try await client.execute(uri: "/", method: .post, body: push(notification())) { response in
                #expect(response.status == .ok)
                #expect(String(buffer: response.body).contains("created"))
            }
            try await client.execute(uri: "/", method: .post, body: push(ByteBuffer(string: "{}"))) { response in
                #expect(response.status == .ok)
                #expect(String(buffer: response.body).contains("ignored"))
            }
            let stored = try await store.recent(limit: 9)
            #expect(stored.map(\.id) == ["0-a-b"])
        }
    }

    @Test("what cannot be made durable is not answered 200, so that it is sent again")
    func broken() async throws {
        try await withWebhook(store: BrokenStore()) { client, _ in
            try await client.execute(uri: "/", method: .post, body: notification()) { response in
                #expect(response.status == .serviceUnavailable)
                #expect(response.headers[.retryAfter] == "5")
                #expect(!String(buffer: response.body).contains("disk"))
            }
        }
    }
}

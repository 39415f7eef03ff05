import AsyncHTTPClient
import FakeGoogle
import FleetModel
import Foundation
import GoogleCloud
import HTTPServing
import Hummingbird
import JSONValues
import Logging
import NIOCore
import NIOHTTP1
import Pacing
import TestSupport
import Testing

/// The deadline of calls that no test expects to end by it: a busy machine must not reach it, and it ends what hangs
/// before the suite's own limit does.
let patience = Duration.seconds(50)

/// Runs a server with `router` on a free loopback port while `body` runs, which gets its URL.
func withServer<Context: RequestContext>(
    _ router: Router<Context>, _ body: (String) async throws -> Void
) async throws where Context.Source == ApplicationRequestContextSource {
    try await withServer(router.buildResponder(), body)
}

/// Runs a server with `responder` on a free loopback port while `body` runs, which gets its URL.
func withServer<Responder: HTTPResponder>(
    _ responder: Responder, _ body: (String) async throws -> Void
) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let (ports, given) = AsyncStream<Int>.makeStream()
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let application = Application(
        responder: responder, server: .cancellable, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { given.yield($0.localAddress?.port ?? 0) }, logger: quiet)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await application.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        try await body("http://127.0.0.1:\(port)")
        tasks.cancelAll()
    }
}

/// The stand-in as the tests find it: the primary `shop` and its replica `shop-static` in project `p`, and operations
/// that take 100 s of a clock that only the test moves.
func makeStandIn(
    _ wallClock: any WallClock, operationDuration: Duration = .seconds(100)
) -> CloudSQLStandIn {
    var model = CloudSQLModel(
        project: "p", operationDuration: operationDuration, replicaAddresses: { "127.0.9.\(20 + $0)" })
    model.seed("shop", address: "127.0.9.1", primary: nil, at: wallClock.now())
    model.seed("shop-static", address: "127.0.9.2", primary: "shop", at: wallClock.now())
    return CloudSQLStandIn(model: model, wallClock: wallClock, clock: ContinuousClock())
}

/// The stand-in on a free port, the client that talks to it, and its URL.
func withCloudSQLServer(
    timeout: Duration = patience,
    _ body: (CloudSQLStandIn, CloudSQLReplicaProvider, TestWallClock, String) async throws -> Void
) async throws {
    let wallClock = TestWallClock()
    let standIn = makeStandIn(wallClock)
    try await withServer(standIn.router(context: StandInContext.self)) { url in
        let request = GoogleRequest(endpoint: url, timeout: timeout)
        let provider = CloudSQLReplicaProvider(request: request, project: "p", privateNetwork: nil)
        try await body(standIn, provider, wallClock, url)
    }
}

/// The stand-in on a free port, and the client that talks to it.
func withCloudSQL(
    _ body: (CloudSQLStandIn, CloudSQLReplicaProvider, TestWallClock) async throws -> Void
) async throws {
    try await withCloudSQLServer { standIn, provider, clock, _ in try await body(standIn, provider, clock) }
}

/// A replica of `shop`.
func wanted(_ name: String, group: String = "shop") throws -> ReplicaRequest {
    ReplicaRequest(name: try InstanceName(name), primary: try InstanceName("shop"), group: try InstanceName(group))
}

/// Checks that `body` fails with `code`.
func expect(_ code: ProviderError.Code, _ body: () async throws -> Void) async {
    do {
        try await body()
        Issue.record("\(code) was expected")
    } catch {
        #expect((error as? ProviderError)?.code == code, "\(error)")
    }
}

/// Calls the stand-in as anybody could, and returns status and answer.
func exchange(
    _ method: HTTPMethod, _ url: String, _ body: JSONValue? = nil
) async throws -> (status: Int, answer: JSONValue) {
    var request = HTTPClientRequest(url: url)
    request.method = method
    if let body {
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
    }
    let response = try await HTTPClients.client(for: url).execute(request, timeout: .seconds(10))
    let bytes = try await response.body.collect(upTo: 1 << 20)
    return (Int(response.status.code), try JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView)))
}

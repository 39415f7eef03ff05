import AsyncHTTPClient
import FakeGoogle
import FleetModel
import Foundation
import GoogleCloud
import Hummingbird
import Logging
import NIOCore
import Pacing
import Synchronization
import TestSupport
import Testing

/// The stand-in on a free port, and the client that talks to it.
private func withCloudSQL(
    _ body: (CloudSQLStandIn, CloudSQLReplicaProvider, TestWallClock) async throws -> Void
) async throws {
    let wallClock = TestWallClock()
    var model = CloudSQLModel(
        project: "p", operationDuration: .seconds(100), replicaAddresses: { "127.0.9.\(20 + $0)" })
    model.seed("shop", address: "127.0.9.1", primary: nil, at: wallClock.now())
    model.seed("shop-static", address: "127.0.9.2", primary: "shop", at: wallClock.now())
    let standIn = CloudSQLStandIn(model: model, wallClock: wallClock, clock: ContinuousClock())
    let (ports, given) = AsyncStream<Int>.makeStream()
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let application = Application(
        router: standIn.router(), configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { given.yield($0.localAddress?.port ?? 0) }, logger: quiet)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await application.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let request = GoogleRequest(
            client: HTTPClient.shared, endpoint: "http://127.0.0.1:\(port)", timeout: .seconds(2))
        try await body(standIn, CloudSQLReplicaProvider(request: request, project: "p", privateNetwork: nil), wallClock)
        tasks.cancelAll()
    }
}

private func wanted(_ name: String, group: String = "shop") throws -> ReplicaRequest {
    ReplicaRequest(name: try InstanceName(name), primary: try InstanceName("shop"), group: try InstanceName(group))
}

@Suite("Cloud SQL replicas", .timeLimit(.minutes(1)))
struct CloudSQLTests {
    @Test("a replica is created, gets an address, is deleted, and its name is never free again")
    func life() async throws {
        try await withCloudSQL { standIn, provider, clock in
            let request = try wanted("shop-a")
            let creation = try await provider.createReplica(request)
            let seen1 = try await provider.operation(id: creation).isDone
            #expect(seen1 == false)
            let seen2 = try await provider.instance(named: request.name)?.state
            #expect(seen2 == .creating)
            clock.advance(by: .seconds(101))
            let seen3 = try await provider.operation(id: creation).isDone
            #expect(seen3)
            let found = try await provider.instance(named: request.name)
            let made = try #require(found)
            #expect(made.state == .runnable)
            #expect(made.privateAddress == "127.0.9.21")
            #expect(made.primary == "shop")
            #expect(made.labels == ["team": "shop", "chester": "true", "drover-group": "shop"])
            let settings = try #require(standIn.instances["shop-a"])["settings"]
            #expect(settings["edition"].string == "ENTERPRISE")
            #expect(settings["dataDiskSizeGb"].string == "100")
            #expect(settings["ipConfiguration"]["ipv4Enabled"] == false)
            let deletion = try await provider.deleteReplica(request)
            clock.advance(by: .seconds(101))
            let seen4 = try await provider.operation(id: deletion).isDone
            #expect(seen4)
            let seen5 = try await provider.instance(named: request.name)
            #expect(seen5 == nil)
            await expect(.alreadyExists) { _ = try await provider.createReplica(request) }
        }
    }

    @Test("operations of one primary take turns")
    func oneAtATime() async throws {
        try await withCloudSQL { _, provider, _ in
            _ = try await provider.createReplica(try wanted("shop-a"))
            await expect(.operationInProgress) { _ = try await provider.createReplica(try wanted("shop-b")) }
        }
    }

    @Test("nothing is deleted that is not ours")
    func notOurs() async throws {
        try await withCloudSQL { _, provider, clock in
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop-static")) }
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop")) }
            _ = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            await expect(.notOurs) { _ = try await provider.deleteReplica(try wanted("shop-a", group: "other")) }
        }
    }

    @Test("an answer that was lost is unknown, and the effect can be found by name")
    func lostAnswer() async throws {
        try await withCloudSQL { standIn, provider, _ in
            var fault = CloudSQLFault(.dropAfterEffect)
            fault.method = "POST"
            standIn.inject(fault)
            await expect(.unavailable) { _ = try await provider.createReplica(try wanted("shop-a")) }
            let seen6 = try await provider.operations(on: try InstanceName("shop-a")).map(\.kind)
            #expect(seen6 == [.create])
        }
    }

    @Test(
        "errors are sorted by their reason",
        arguments: [
            (429, "rateLimitExceeded", ProviderError.Code.rateLimited), (503, "backendError", .unavailable),
            (409, "operationInProgress", .operationInProgress), (403, "operationInProgress", .operationInProgress),
            (409, "instanceAlreadyExists", .alreadyExists), (403, "notAuthorized", .permissionDenied),
            (400, "invalid", .invalid), (404, "instanceDoesNotExist", .notFound),
        ])
    func reasons(status: Int, reason: String, code: ProviderError.Code) async throws {
        try await withCloudSQL { standIn, provider, _ in
            var fault = CloudSQLFault(.status)
            fault.status = status
            fault.reason = reason
            standIn.inject(fault)
            await expect(code) { _ = try await provider.createReplica(try wanted("shop-a")) }
        }
    }

    @Test("a creation that fails leaves a FAILED instance and says why")
    func failedCreate() async throws {
        try await withCloudSQL { standIn, provider, clock in
            var fault = CloudSQLFault(.failedCreate)
            fault.method = "POST"
            standIn.inject(fault)
            let id = try await provider.createReplica(try wanted("shop-a"))
            clock.advance(by: .seconds(101))
            let seen7 = try await provider.operation(id: id).failure
            #expect(seen7 != nil)
            let seen8 = try await provider.instance(named: try InstanceName("shop-a"))?.state
            #expect(seen8 == .failed)
        }
    }

    private func expect(_ code: ProviderError.Code, _ body: () async throws -> Void) async {
        do {
            try await body()
            Issue.record("\(code) was expected")
        } catch {
            #expect((error as? ProviderError)?.code == code, "\(error)")
        }
    }
}

import FakeGoogle
import FakeProxySQL
import FleetModel
import Foundation
import Logging
import ProxySQLAdmin
import Scaler
import Synchronization
import TestSupport
import Testing

@testable import GoogleCloud

@Suite("A rehearsal on Chester's Datastore", .timeLimit(.minutes(2)))
struct RehearsalTests {
    /// Runs `body` with an installation of one group that has one replica of Chester's; `prepare` fills it further.
    private func withInstallation(
        _ prepare: @escaping (DatastoreStores) async throws -> Void = { _ in },
        _ body: @escaping (Rehearsal, @escaping () -> [String], Names) async throws -> Void
    ) async throws {
        let clock = TestWallClock()
        var model = CloudSQLModel(
            project: "pp", operationDuration: .seconds(1), replicaAddresses: { "127.0.9.\(20 + $0)" })
        model.seed("sql-development", address: "127.0.9.1", primary: nil, at: clock.now())
        let cloudSQL = CloudSQLStandIn(model: model, wallClock: clock, clock: ContinuousClock())
        let datastore = DatastoreStandIn()
        let node = try await FakeProxySQL.start(
            .init(name: "node", host: OwnAddress.next(), adminPort: 0, mysqlPort: 0), logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await node.run() }
            try await withServer(cloudSQL.router()) { sqlURL in
                try await withServer(datastore.router()) { storeURL in
                    let maker = CloudSQLReplicaProvider(
                        request: GoogleRequest(endpoint: sqlURL, timeout: patience), project: "pp",
                        privateNetwork: nil)
                    _ = try await maker.createReplica(
                        ReplicaRequest(
                            name: InstanceName("sql-development-uuid"), primary: InstanceName("sql-development"),
                            group: InstanceName("sql-development")))
                    clock.advance(by: .seconds(10))
                    let listed = try await maker.managedReplicas()
                    let address = try #require(listed.instances.first?.privateAddress)
                    let stores = DatastoreStores(storeURL)
                    try await storeChesterGroup(stores.client, added: address)
                    try await prepare(stores)
                    let before = (datastore.calls.made.count, cloudSQL.requests.count)
                    let contents = datastore.contents
                    let names = Names()
                    let rehearsal = Self.rehearsal(sqlURL, storeURL, node, clock, names)
                    try await body(
                        rehearsal,
                        {
                            Self.mutations(
                                datastore.calls.made.dropFirst(before.0), cloudSQL.requests.dropFirst(before.1),
                                node.statements.map(\.text))
                        }, names)
                    #expect(datastore.contents == contents)
                }
            }
            await node.stop()
            tasks.cancelAll()
        }
    }

    /// Names that were told.
    final class Names: Sendable {
        private let state = Mutex<Set<InstanceName>>([])
        func add(_ name: InstanceName) { state.withLock { _ = $0.insert(name) } }
        func has(_ name: InstanceName) -> Bool { state.withLock { $0.contains(name) } }
    }

    private static func mutations(
        _ entities: ArraySlice<String>, _ instances: ArraySlice<String>, _ statements: [String]
    ) -> [String] {
        entities.filter { call in ![":lookup", ":runQuery"].contains { call.hasSuffix($0) } }
            + instances.filter { !$0.hasPrefix("GET ") }
            + statements.filter { text in !["SELECT", "SHOW"].contains { text.uppercased().hasPrefix($0) } }
    }

    private static func rehearsal(
        _ sqlURL: String, _ storeURL: String, _ node: FakeProxySQL, _ clock: TestWallClock, _ names: Names
    ) -> Rehearsal {
        let recorder = ChangeRecorder()
        func request(_ url: String) -> GoogleRequest {
            GoogleRequest(endpoint: url, timeout: patience, recorder: recorder)
        }
        let client = DatastoreClient(request: request(storeURL), project: "pp")
        let groups = DatastoreGroupStore(
            client: client, passwords: (nil, nil), policy: ScalingPolicy(maximumReplicas: 3),
            surroundings: (clock, quiet), foresees: { names.add($0) }
        ) { _, _ throws(StoreError) in }
        let incidents = DatastoreIncidentStore(client: client, logger: quiet) { _, _ throws(StoreError) in }
        let fleet = AdminFleet(
            nodes: [
                FleetNode(name: "node", role: .core, host: node.adminEndpoint.host, port: node.adminEndpoint.port)
            ], settings: .init(username: "radmin", password: Secret("radmin")), wallClock: clock, logger: quiet)
        return Rehearsal(
            around: .init(
                groups: groups, incidents: incidents,
                provider: (
                    CloudSQLReplicaProvider(request: request(sqlURL), project: "pp", privateNetwork: nil), recorder
                ), fleet: fleet, deciding: .init(), wallClock: clock),
            settings: ScalerSettings(), logger: quiet)
    }

    @Test("an open incident would become a replica: the call is shown, and nothing anywhere is changed")
    func out() async throws {
        try await withInstallation { stores in
            _ = try await stores.incidents.record(
                try alert("0-abc", .open, group: "sql-development"), at: StoreConformance.now)
        } _: { rehearsal, mutations, names in
            let report = try await rehearsal.report { names.has($0) }
            let group = try #require(report.groups.first)
            #expect(group.failure == nil)
            #expect(group.isTakenOver)
            #expect(group.replicas == ["sql-development-uuid serving"])
            #expect(group.decision?.reason == "OPEN_INCIDENT")
            #expect(group.decision?.desired == 2)
            #expect(group.incidents.map(\.lastProcess) == ["gcf_push"])
            #expect(group.incidents.first?.next.contains("last_process becomes instance_insert") == true)
            let call = try #require(group.cloudSQLCalls.first)
            #expect(call.method == "POST")
            #expect(call.path == "/v1/projects/pp/instances")
            #expect(call.body?.contains("shop-xxxxxxxxxx") == true)
            #expect(group.publication.map(\.name) == ["node"])
            let tables = Set(group.publication.flatMap(\.rows).map(\.table))
            #expect(tables == ["mysql_servers", "mysql_users", "mysql_query_rules"])
            #expect(!group.publication.flatMap(\.rows).flatMap(\.columns).contains { $0.after == "pw" })
            #expect(report.wouldAct)
            #expect(report.unclaimed.isEmpty)
            #expect(mutations() == [])
        }
    }

    @Test("looking again and again changes nothing either, and says the same")
    func again() async throws {
        try await withInstallation { _ in
        } _: { rehearsal, mutations, names in
            let first = try await rehearsal.report { names.has($0) }
            let second = try await rehearsal.report { names.has($0) }
            #expect(first.groups.first?.steps == second.groups.first?.steps)
            #expect(second.groups.first?.decision?.reason == "NO_WISH")
            #expect(second.groups.first?.cloudSQLCalls.isEmpty == true)
            #expect(mutations() == [])
        }
    }

    @Test("an incident to remove shows the drain, with the row that it would change")
    func removal() async throws {
        try await withInstallation { stores in
            var down = try alert("0-down", .open, group: "sql-development")
            down.action = .remove
            _ = try await stores.incidents.record(down, at: StoreConformance.now)
        } _: { rehearsal, mutations, names in
            let report = try await rehearsal.report { names.has($0) }
            let group = try #require(report.groups.first)
            #expect(group.decision?.direction == "in")
            #expect(group.steps.contains("draining sql-development-uuid: OPEN_INCIDENT"))
            #expect(mutations() == [])
        }
    }

    @Test("a client with a recorder refuses what it does not know to be reading")
    func refusal() async throws {
        let recorder = ChangeRecorder()
        let request = GoogleRequest(endpoint: "http://127.0.0.1:1", timeout: .seconds(1), recorder: recorder)
        for path in ["/v1/projects/p:commit", "/v1/projects/p:beginTransaction", "/v1/projects/p/topics/t:publish"] {
            do throws(GoogleFailure) {
                _ = try await request.send(GoogleCall(.POST, path))
                Issue.record("\(path) was let through")
            } catch {
                #expect(error.code == .failedPrecondition)
            }
        }
        #expect(recorder.take().count == 3)
    }
}

import FakeProxySQL
import FleetModel
import Logging
import ProxySQLAdmin
import TestSupport

let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Simulated nodes and a fleet over them, on free ports. Only a test in which a node hangs waits for `patience`.
func withFleet(
    nodes count: Int = 1, patience: Duration = .seconds(30), change: (inout AdminFleet.Settings) -> Void = { _ in },
    mayAct: @escaping @Sendable () -> Bool = { true },
    _ body: (AdminFleet, [FakeProxySQL], TestWallClock) async throws -> Void
) async throws {
    try await withNodes((0..<count).map { freeNode("node-\($0)") }) { fakes in
        let clock = TestWallClock()
        var settings = AdminFleet.Settings(username: "radmin", password: Secret("radmin"))
        settings.statementTimeout = patience
        settings.patience = patience + .seconds(5)
        change(&settings)
        let fleet = AdminFleet(
            nodes: fakes.enumerated().map { index, fake in
                FleetNode(
                    name: "node-\(index)", role: index == 0 ? .core : .satellite, host: fake.adminEndpoint.host,
                    port: fake.adminEndpoint.port)
            }, settings: settings, wallClock: clock, logger: silentLogger)
        try await running(fleet, mayAct: mayAct) { try await body(fleet, fakes, clock) }
    }
}

/// Keeps the nodes of `fleet` right while `body` runs.
func running(
    _ fleet: AdminFleet, mayAct: @escaping @Sendable () -> Bool = { true }, _ body: () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { await fleet.run(mayAct: mayAct) {} }
        defer { tasks.cancelAll() }
        try await body()
    }
}

func configuration(comment: String = "c", password: String = "secret") throws -> FleetConfiguration {
    let group = try InstanceName("shop")
    return FleetConfiguration(
        group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
        content: (
            [
                BackendServer(name: "shop", address: "127.0.9.1", hostgroup: 5, origin: .primary),
                BackendServer(name: "shop-r", address: "127.0.9.2", hostgroup: 10, origin: .configured),
            ],
            [ProxyUser(username: "app", password: Secret(password), defaultHostgroup: 5)],
            [
                QueryRule(
                    id: 1, username: "app", matchDigest: "^SELECT", destinationHostgroup: 10, comment: comment)
            ]
        ))
}

extension FakeProxySQL {
    func cells(_ sql: String) async -> [[String?]] {
        if case .rows(_, let rows) = await query(sql) { rows } else { [["no rows"]] }
    }

    var loads: [String] {
        statements.map(\.text).filter { $0.hasPrefix("LOAD") }
    }
}

/// The configuration of one of many groups, which share nothing.
func group(_ number: Int) throws -> FleetConfiguration {
    let group = try InstanceName("group-\(number)")
    let (writer, reader) = (1_000 + 10 * number, 1_005 + 10 * number)
    let user = "app\(number)"
    return FleetConfiguration(
        group: group, writerHostgroup: writer, readerHostgroup: reader, ruleIDBase: 1_000 * number,
        content: (
            [
                BackendServer(name: "\(group)", address: "127.1.\(number).1", hostgroup: writer, origin: .primary),
                BackendServer(name: "\(group)-r", address: "127.1.\(number).2", hostgroup: reader, origin: .configured),
            ],
            [ProxyUser(username: user, password: Secret("p"), defaultHostgroup: writer)],
            QueryRule.defaults(group: group, username: user, writerHostgroup: writer, readerHostgroup: reader)
        ))
}

/// Waits until `condition` holds; false when it does not within `limit`.
func eventually(_ limit: Duration = .seconds(30), _ condition: () async throws -> Bool) async rethrows -> Bool {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: limit)
    while clock.now < end {
        if try await condition() { return true }
        try? await clock.sleep(for: .milliseconds(20))
    }
    return try await condition()
}

/// A fleet of one node that is there already.
func fleet(of fake: FakeProxySQL, _ change: (inout AdminFleet.Settings) -> Void = { _ in }) -> AdminFleet {
    var settings = AdminFleet.Settings(username: "radmin", password: Secret("radmin"))
    settings.patience = .seconds(30)
    change(&settings)
    let node = FleetNode(
        name: "node-0", role: .core, host: fake.adminEndpoint.host, port: fake.adminEndpoint.port)
    return AdminFleet(nodes: [node], settings: settings, wallClock: TestWallClock(), logger: silentLogger)
}

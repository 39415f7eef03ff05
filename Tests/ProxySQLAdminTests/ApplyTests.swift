import FakeProxySQL
import FleetModel
import Logging
import MySQLWire
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

/// Keeps the statements, and lets somebody else act after those that begin with `trigger`.
private final class Watched: AdminConnection {
    private let base: AdminClient
    private let trigger: String
    private let interfere: @Sendable () async -> Void
    private let sent = Mutex<[String]>([])

    init(_ base: AdminClient, after trigger: String, _ interfere: @escaping @Sendable () async -> Void) {
        self.base = base
        self.trigger = trigger
        self.interfere = interfere
    }

    /// The first word of each statement that changed anything.
    var changes: [String] {
        sent.withLock { $0.compactMap { $0.split(separator: " ").first.map(String.init) } }.filter { $0 != "SELECT" }
    }

    var isOpen: Bool { base.isOpen }

    func query(_ statement: String) async throws(AdminError) -> MySQLResult {
        sent.withLock { $0.append(statement) }
        let result = try await base.query(statement)
        if statement.hasPrefix(trigger) { await interfere() }
        return result
    }

    func close() async { await base.close() }
}

@Suite("Applying to one node", .timeLimit(.minutes(1)))
struct ApplyTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func withNode(_ body: (FakeProxySQL, AdminClient) async throws -> Void) async throws {
        try await withNodes([freeNode("node")]) { fakes in
            let fake = fakes[0]
            let client = try await AdminClient(
                MySQLConfiguration(
                    host: fake.adminEndpoint.host, port: fake.adminEndpoint.port, username: "radmin",
                    password: "radmin"),
                node: "node", timeout: .seconds(5), logger: logger)
            try await body(fake, client)
            await client.close()
        }
    }

    private func configuration() throws -> FleetConfiguration {
        FleetConfiguration(
            group: try InstanceName("shop"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
            content: ([BackendServer(name: "s", address: "127.0.9.1", hostgroup: 5, origin: .primary)], [], []))
    }

    private func apply(_ connection: any AdminConnection, saves: Bool = true) -> NodeApply {
        NodeApply(connection: connection, node: "node", savesToDisk: saves, logger: logger)
    }

    @Test("what is written, loaded and saved, and that the second time it is nothing", arguments: [true, false])
    func counted(saves: Bool) async throws {
        try await withNode { _, client in
            let watched = Watched(client, after: "nothing") {}
            let first = try await apply(watched, saves: saves).apply(try configuration())
            #expect(first == [.servers])
            let expected = saves ? ["INSERT", "LOAD", "SAVE"] : ["INSERT", "LOAD"]
            #expect(watched.changes == expected)
            let second = try await apply(watched, saves: saves).apply(try configuration())
            #expect(second == [])
            #expect(watched.changes == expected)
        }
    }

    @Test("a SAVE that was refused is made up for by the next call, and by that of another process, without a LOAD")
    func savedLater() async throws {
        try await withNode { fake, client in
            let saved = "SELECT hostname FROM disk.mysql_servers"
            let clock = ManualClock()
            let wanted = try configuration()
            let agent = NodeApply(
                connection: client, node: "node", savesToDisk: true, unsaved: UnsavedModules(clock: clock),
                logger: logger)
            fake.refuse("SAVE MYSQL SERVERS", times: 2)
            #expect(try await agent.apply(wanted) == [.servers])
            #expect(await fake.cells(saved) == [])
            // Not again at once: a database that is locked makes everything behind a SAVE wait.
            #expect(try await agent.apply(wanted) == [])
            clock.advance(by: .seconds(2))
            #expect(try await agent.apply(wanted) == [])
            #expect(await fake.cells(saved) == [])
            let another = NodeApply(
                connection: client, node: "node", savesToDisk: true, unsaved: UnsavedModules(clock: clock),
                logger: logger)
            #expect(try await another.apply(wanted) == [])
            #expect(await fake.cells(saved) == [["127.0.9.1"]])
        }
    }

    @Test("nothing is loaded when somebody else writes in between")
    func interfered() async throws {
        try await withNode { fake, client in
            let watched = Watched(client, after: "INSERT") {
                _ = await fake.query("UPDATE mysql_servers SET weight=99")
            }
            let error = await #expect(throws: AdminError.self) {
                try await apply(watched).apply(try configuration())
            }
            #expect(error?.code == .readBackDiffers)
            #expect(error?.message.contains("5 127.0.9.1 3306") == true)
            #expect(watched.changes == ["INSERT"])
        }
    }

    @Test("a write that was not loaded before a crash is loaded afterwards")
    func crashed() async throws {
        try await withNode { fake, client in
            let watched = Watched(client, after: "nothing") {}
            _ = try await apply(watched).apply(try configuration())
            _ = await fake.query("DELETE FROM mysql_servers")
            _ = await fake.query("LOAD MYSQL SERVERS TO RUNTIME")
            _ = await fake.query("LOAD MYSQL SERVERS FROM DISK")
            let loaded = try await apply(watched).apply(try configuration())
            #expect(loaded == [.servers])
            #expect(watched.changes == ["INSERT", "LOAD", "SAVE", "LOAD", "SAVE"])
        }
    }

    @Test("a refused statement is an error without its values, and nothing is loaded")
    func refused() async throws {
        try await withNode { _, client in
            var wanted = try configuration()
            wanted.servers[0].address = "s3cret"
            wanted.servers[0].weight = -1
            let watched = Watched(client, after: "nothing") {}
            let error = await #expect(throws: AdminError.self) { try await apply(watched).apply(wanted) }
            #expect(error?.code == .statementRefused)
            #expect(error?.message.contains("node refused INSERT") == true)
            #expect(error?.message.contains("s3cret") == false)
            #expect(watched.changes == ["INSERT"])
        }
    }
}

import Logging
import MySQLWire
import Pacing
import Synchronization

/// Applications at work: reads, writes and transactions through every node's client port, over connections that stay
/// and over connections that are made for one query.
final class Traffic: Sendable {
    /// What happened so far.
    struct Count: Sendable {
        /// Statements that were answered.
        var queries = 0
        /// Statements and connections that failed.
        var failed = 0
        /// The first failures, as sentences.
        var failures: [String] = []
        /// The servers that answered reads, by the address that they say they are bound to.
        var readers: [String: Int] = [:]
    }

    /// Clients of each kind and node.
    private static let clients = 2

    let nodes: [SandboxEndpoints.Node]
    let username: String
    let password: String
    let clock: any Clock<Duration>
    private let count = Mutex(Count())

    init(
        nodes: [SandboxEndpoints.Node], username: String, password: String, clock: any Clock<Duration>
    ) {
        self.nodes = nodes
        self.username = username
        self.password = password
        self.clock = clock
    }

    /// What happened so far.
    var soFar: Count { count.withLock { $0 } }

    /// One read through each node.
    /// - Throws: when a node does not answer.
    func probe() async throws {
        for node in nodes {
            let connection = try await connect(to: node)
            do {
                _ = try await connection.query("SELECT MAX(id) FROM shop.orders", timeout: .seconds(5))
                await connection.close()
            } catch {
                await connection.close()
                throw error
            }
        }
    }

    /// Works until cancellation.
    func run() async {
        await withDiscardingTaskGroup { tasks in
            for node in nodes {
                for number in 0..<Self.clients {
                    tasks.addTask { await self.stay(on: node, number) }
                    tasks.addTask { await self.comeAndGo(on: node, number) }
                }
            }
        }
    }

    private func stay(on node: SandboxEndpoints.Node, _ number: Int) async {
        var connection: MySQLConnection?
        var turn = number
        while !Task.isCancelled {
            turn += 1
            do {
                let open: MySQLConnection
                if let connection { open = connection } else { open = try await connect(to: node) }
                connection = open
                try await work(turn, on: open)
            } catch {
                await connection?.close()
                connection = nil
                note(error, node)
            }
            try? await clock.sleep(for: .milliseconds(5))
        }
        await connection?.close()
    }

    private func comeAndGo(on node: SandboxEndpoints.Node, _ number: Int) async {
        var turn = number
        while !Task.isCancelled {
            turn += 1
            do {
                let connection = try await connect(to: node)
                do {
                    try await work(turn, on: connection)
                    await connection.close()
                } catch {
                    await connection.close()
                    throw error
                }
            } catch {
                note(error, node)
            }
            try? await clock.sleep(for: .milliseconds(20))
        }
    }

    /// Six reads to one insert and one transaction.
    private func work(_ turn: Int, on connection: MySQLConnection) async throws {
        switch turn % 8 {
        case 0:
            try await ask(connection, "INSERT INTO shop.orders (item, amount) VALUES ('item \(turn)', \(turn))")
        case 4:
            try await ask(connection, "BEGIN")
            try await ask(connection, "SELECT COUNT(*) FROM shop.orders")
            try await ask(connection, "UPDATE shop.orders SET amount = amount + 1 WHERE id = 1")
            try await ask(connection, "COMMIT")
        default:
            let answer = try await ask(connection, "SELECT @@bind_address, MAX(id) FROM shop.orders")
            if let server = answer.rows.first?.string("@@bind_address") {
                count.withLock { $0.readers[server, default: 0] += 1 }
            }
        }
    }

    @discardableResult
    private func ask(_ connection: MySQLConnection, _ sql: String) async throws -> MySQLResult {
        let result = try await connection.query(sql, timeout: .seconds(20))
        count.withLock { $0.queries += 1 }
        return result
    }

    private func connect(to node: SandboxEndpoints.Node) async throws -> MySQLConnection {
        let parts = node.mysql.split(separator: ":")
        var configuration = MySQLConfiguration(
            host: String(parts[0]), port: Int(parts[1]) ?? 6_033, username: username, password: password)
        configuration.database = "shop"
        return try await MySQLConnection.connect(
            configuration, logger: Logger(label: "traffic") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The end of the story is not a failure of the fleet.
    private func note(_ error: any Error, _ node: SandboxEndpoints.Node) {
        guard !Task.isCancelled else { return }
        count.withLock { count in
            count.failed += 1
            if count.failures.count < 5 { count.failures.append("\(node.name): \(error)") }
        }
    }
}

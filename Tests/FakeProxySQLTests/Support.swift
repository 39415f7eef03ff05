import FleetModel
import Logging
import MySQLWire
import Pacing
import Synchronization

@testable import FakeProxySQL

/// A time of day that only the test moves.
final class TestTime: WallClock {
    private let milliseconds = Mutex<Int64>(1_795_000_000_000)

    func now() -> Timestamp { Timestamp(millisecondsSinceEpoch: milliseconds.withLock { $0 }) }

    func advance(seconds: Int64) { milliseconds.withLock { $0 += seconds * 1_000 } }
}

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

extension ProxySQLNode {
    /// The rows of a SELECT; an error is a row that says so.
    func select(_ sql: String) -> [[String?]] {
        switch execute(sql).reply {
        case .rows(_, let rows): rows
        case .error(let message): [["ERROR", message]]
        case .ok, .gone: [["no result"]]
        }
    }

    /// Runs statements that must succeed, and says which did not.
    func run(_ statements: String...) -> [String] {
        statements.filter { if case .ok = execute($0).reply { false } else { true } }
    }

    func checksum(_ name: String) -> ModuleChecksum? {
        ModuleChecksum.parse(select("SELECT * FROM runtime_checksums_values")).first { $0.name == name }
    }
}

/// Connects to a node's admin port.
func connect(
    to endpoint: PeerAddress, as user: String = "admin", password: String = "admin",
    timeout: Duration = .seconds(5)
) async throws -> MySQLConnection {
    var configuration = MySQLConfiguration(
        host: endpoint.host, port: endpoint.port, username: user, password: password)
    configuration.connectTimeout = timeout
    return try await MySQLConnection.connect(configuration, logger: quiet)
}

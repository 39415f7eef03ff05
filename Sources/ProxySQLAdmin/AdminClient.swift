package import Logging
package import MySQLWire
import Observability

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sends statements to a ProxySQL admin interface, one at a time.
package protocol AdminConnection: Sendable {
    /// Whether the connection can take another statement.
    var isOpen: Bool { get }
    /// Sends one statement and returns its result.
    /// - Throws: `AdminError`.
    func query(_ statement: String) async throws(AdminError) -> MySQLResult
    /// Ends the connection.
    func close() async
}

/// An `AdminConnection` over the wire.
package struct AdminClient: AdminConnection {
    private let connection: MySQLConnection
    private let node: String
    private let timeout: Duration
    private let place: (host: String, port: Int)

    /// Connects to `configuration`; each statement may take `timeout`.
    /// - Throws: `AdminError`, `refused` when nothing listens there.
    package init(
        _ configuration: MySQLConfiguration, node: String, timeout: Duration, logger: Logger
    ) async throws(AdminError) {
        self.node = node
        self.timeout = timeout
        place = (configuration.host, configuration.port)
        var configuration = configuration
        configuration.connectTimeout = timeout
        do {
            connection = try await MySQLConnection.connect(configuration, logger: logger)
        } catch let error as MySQLWireError where error.code == .connectionFailed {
            throw AdminError(
                Self.isRefusal(error.message) ? .refused : .unreachable, "\(node): \(error.message)")
        } catch let error as MySQLServerError {
            throw AdminError(.statementRefused, "\(node) refused the login of \(configuration.username): \(error)")
        } catch {
            throw AdminError(.unreachable, "\(node): \(error)")
        }
    }

    package var isOpen: Bool { connection.isOpen }

    /// Whether every address that was tried refused the connection, so that nothing listens there. A connect that
    /// timed out, a name that is not found and a network without a route say nothing about the node: it may serve
    /// clients all the same, and what it uses must not be deleted.
    package static func isRefusal(_ message: String) -> Bool {
        // MySQLWire hands over SwiftNIO's text only; should the text change, the node counts as unreachable.
        let refusals = message.ranges(of: "(errno: \(ECONNREFUSED))").count
        return refusals > 0 && refusals == max(1, message.ranges(of: "SingleConnectionFailure(").count)
    }

    package func query(_ statement: String) async throws(AdminError) -> MySQLResult {
        try SQLText.check(statement)
        do {
            return try await Spans.statement(statement, at: place.host, port: place.port) {
                try await connection.query(statement, timeout: timeout)
            }
        } catch let error as MySQLServerError {
            throw AdminError(
                .statementRefused, "\(node) refused \(SQLText.redact(statement)): \(SQLText.redact(error.message))")
        } catch {
            throw AdminError(.unreachable, "\(node) did not answer \(SQLText.redact(statement)): \(error)")
        }
    }

    package func close() async {
        await connection.close()
    }
}

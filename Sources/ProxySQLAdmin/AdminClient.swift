package import Logging
package import MySQLWire

/// Sends statements to a ProxySQL admin interface, one at a time.
package protocol AdminConnection: Sendable {
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

    /// Connects to `configuration`; each statement may take `timeout`.
    /// - Throws: `AdminError`, `refused` when nothing listens there.
    package init(
        _ configuration: MySQLConfiguration, node: String, timeout: Duration, logger: Logger
    ) async throws(AdminError) {
        self.node = node
        self.timeout = timeout
        var configuration = configuration
        configuration.connectTimeout = timeout
        do {
            connection = try await MySQLConnection.connect(configuration, logger: logger)
        } catch let error as MySQLWireError where error.code == .connectionFailed {
            throw AdminError(.refused, "\(node): \(error.message)")
        } catch let error as MySQLServerError {
            throw AdminError(.statementRefused, "\(node) refused the login of \(configuration.username): \(error)")
        } catch {
            throw AdminError(.unreachable, "\(node): \(error)")
        }
    }

    package func query(_ statement: String) async throws(AdminError) -> MySQLResult {
        try SQLText.check(statement)
        do {
            return try await connection.query(statement, timeout: timeout)
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

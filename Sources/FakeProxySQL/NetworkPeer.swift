import Logging
import MySQLWire

/// Another node's admin interface, over one connection that is opened when needed and dropped when it fails.
actor NetworkPeer: ClusterPeer {
    nonisolated let address: PeerAddress
    private let configuration: MySQLConfiguration
    private let timeout: Duration
    private let logger: Logger
    private var connection: MySQLConnection?

    /// Logs in with the cluster's credentials; a peer that does not answer within `timeout` is given up for this time.
    init(_ address: PeerAddress, username: String, password: String, timeout: Duration, logger: Logger) {
        self.address = address
        self.timeout = timeout
        self.logger = logger
        var configuration = MySQLConfiguration(
            host: address.host, port: address.port, username: username, password: password)
        configuration.connectTimeout = timeout
        self.configuration = configuration
    }

    func rows(_ sql: String) async throws -> [[String?]] {
        do {
            let connection = try await opened()
            return try await connection.query(sql, timeout: timeout).rows.map(\.values)
        } catch {
            await close()
            throw error
        }
    }

    func close() async {
        let old = connection
        connection = nil
        await old?.close()
    }

    private func opened() async throws -> MySQLConnection {
        if let connection, connection.isOpen { return connection }
        let opened = try await MySQLConnection.connect(configuration, logger: logger)
        connection = opened
        return opened
    }
}

package import FleetModel
package import Logging
package import MySQLWire

/// Asks a replica itself how it replicates, with an account that may do nothing else (`REPLICATION CLIENT`; MariaDB:
/// `REPLICA MONITOR`).
package struct MySQLReplicationProbe: ReplicationProbe {
    private let username: String
    private let password: Secret
    private let tls: ClientTLSSettings
    private let timeout: Duration
    private let logger: Logger

    /// Makes a probe; connecting and asking may each take `timeout`.
    package init(
        username: String, password: Secret, tls: ClientTLSSettings, timeout: Duration, logger: Logger
    ) {
        self.username = username
        self.password = password
        self.tls = tls
        self.timeout = timeout
        self.logger = logger
    }

    package func look(at replica: InstanceName, address: String, port: Int) async -> ReplicationHealth {
        var configuration = MySQLConfiguration(
            host: address, port: port, username: username, password: password.reveal())
        tls.apply(to: &configuration)
        configuration.connectTimeout = timeout
        let connection: MySQLConnection
        do {
            connection = try await MySQLConnection.connect(configuration, logger: logger)
        } catch {
            return Self.unasked(error)
        }
        do {
            let row = try await status(connection).rows.first
            let health = row.map { row in Self.read { row.string($0) } } ?? .stopped("it has no source")
            await connection.close()
            return health
        } catch {
            await connection.close()
            return Self.unasked(error)
        }
    }

    /// What an error says of the replica: one that answers and refuses, or that we cannot verify or log in to, may serve
    /// others well, and so may one that is full.
    package static func unasked(_ error: any Error) -> ReplicationHealth {
        guard let error = error as? MySQLWireError else { return .unknown("\(error)") }
        switch error.code {
        case .connectionFailed, .connectionClosed, .deadlineExceeded: return .unreachable("\(error)")
        case .cancelled, .malformed, .tooLarge, .authenticationUnsupported, .tlsUnavailable:
            return .unknown("\(error)")
        }
    }

    /// MySQL 8.4 knows only the new words and MySQL 5.7 only the old ones (MySQL reference manual, "SHOW REPLICA
    /// STATUS").
    private func status(_ connection: MySQLConnection) async throws -> MySQLResult {
        do {
            return try await connection.query("SHOW REPLICA STATUS", timeout: timeout)
        } catch let error as MySQLServerError where error.code == 1_064 {
            return try await connection.query("SHOW SLAVE STATUS", timeout: timeout)
        }
    }

    /// What the one row says, under the new names of its columns or the old ones; `cell` gives the text of a column.
    package static func read(_ cell: (String) -> String?) -> ReplicationHealth {
        func value(_ names: String...) -> String? {
            names.lazy.compactMap(cell).first
        }
        let receiver = value("Replica_IO_Running", "Slave_IO_Running") ?? "unknown"
        let applier = value("Replica_SQL_Running", "Slave_SQL_Running") ?? "unknown"
        guard receiver == "Yes", applier == "Yes" else {
            let errors = [value("Last_IO_Error"), value("Last_SQL_Error")].compactMap(\.self).filter { !$0.isEmpty }
            return .stopped(
                (["receiver: \(receiver), applier: \(applier)"] + errors.map { String($0.prefix(300)) })
                    .joined(separator: "; "))
        }
        guard let behind = value("Seconds_Behind_Source", "Seconds_Behind_Master"), let seconds = Int(behind) else {
            return .stopped("it does not say how far it is behind")
        }
        return .replicating(lag: .seconds(seconds.clamped(to: 0...1_000_000_000)))
    }
}

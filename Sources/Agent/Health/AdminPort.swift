package import FleetModel
package import Logging
package import MySQLWire
package import Pacing
package import ProxySQLAdmin

/// The agent's one connection to its node's admin interface.
///
/// Calls take turns. While one hangs, the others fail as soon as it has hung for `patience`, so that a wedged interface
/// costs one connection and one waiting call for as long as it is wedged.
package actor AdminPort: AdminConnection {
    /// Where the interface is and how long things may take.
    package struct Settings: Sendable {
        /// Its address.
        package var address: AgentAddress
        /// Who logs in.
        package var username: String
        /// The password.
        package var password: Secret
        /// After this a call under way counts as hanging, for those who wait for their turn.
        package var patience: Duration
        /// How long a statement may take when the caller says nothing else.
        package var timeout: Duration
        /// How much is made sure of the node before it hears the password.
        package var tls = ClientTLSSettings.disabled

        /// Makes settings.
        package init(
            address: AgentAddress, username: String, password: Secret, patience: Duration = .seconds(5),
            timeout: Duration = .seconds(30)
        ) {
            self.address = address
            self.username = username
            self.password = password
            self.patience = patience
            self.timeout = timeout
        }
    }

    /// What waiting for the connection ended in.
    private enum Turn: Sendable {
        case mine
        case hangs
        case failed(AdminError)
    }

    private static let maximumWaiting = 32

    /// Always: a call connects when there is no connection.
    package nonisolated let isOpen = true
    /// Where the interface is.
    nonisolated var address: AgentAddress { settings.address }
    private let settings: Settings
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let logger: Logger
    private var connection: MySQLConnection?
    private var busySince: Timestamp?
    private var waiting: [(id: Int, continuation: CheckedContinuation<Turn, Never>)] = []
    private var nextID = 0
    /// Those who gave up before they had lined up.
    private var gone: Set<Int> = []

    /// Makes the port; it connects with the first call.
    package init(_ settings: Settings, clock: any Clock<Duration>, wallClock: any WallClock, logger: Logger) {
        self.settings = settings
        self.clock = clock
        self.wallClock = wallClock
        self.logger = logger
    }

    package func query(_ statement: String) async throws(AdminError) -> MySQLResult {
        try await query(statement, within: settings.timeout)
    }

    /// Sends one statement, connecting first when there is no connection.
    ///
    /// - Parameters:
    ///   - timeout: for the turn, for connecting and for the answer, all together.
    ///   - endsSession: closes the connection after the answer, before anybody else has a turn. ProxySQL 3 answers PAUSE
    ///     and RESUME twice, with two OKs or two errors; the next statement would take the second one for its own.
    /// - Throws: `AdminError`; unless the statement was refused, the connection is gone after it.
    package func query(
        _ statement: String, within timeout: Duration, endsSession: Bool = false
    ) async throws(AdminError) -> MySQLResult {
        try SQLText.check(statement)
        let asked = wallClock.now()
        try await takeTurn(within: timeout)
        do throws(AdminError) {
            let result = try await send(statement, until: asked.advanced(by: timeout))
            if endsSession { await close() }
            giveTurn()
            return result
        } catch {
            if endsSession { await close() }
            if error.code == .unreachable || error.code == .refused {
                failWaiting(error)
            }
            giveTurn()
            throw error
        }
    }

    package func close() async {
        let open = connection
        connection = nil
        await open?.close()
    }

    private func send(_ statement: String, until end: Timestamp) async throws(AdminError) -> MySQLResult {
        let open = try await opened(within: left(until: end))
        do {
            return try await open.query(statement, timeout: left(until: end))
        } catch let error as MySQLServerError {
            throw AdminError(
                .statementRefused,
                "\(settings.address) refused \(SQLText.redact(statement)): \(SQLText.redact(error.message))")
        } catch {
            await close()
            throw AdminError(
                .unreachable, "\(settings.address) did not answer \(SQLText.redact(statement)): \(error)")
        }
    }

    private func left(until end: Timestamp) -> Duration {
        max(end.since(wallClock.now()), .milliseconds(1))
    }

    private func opened(within timeout: Duration) async throws(AdminError) -> MySQLConnection {
        if let connection, connection.isOpen { return connection }
        var configuration = MySQLConfiguration(
            host: settings.address.host, port: settings.address.port, username: settings.username,
            password: settings.password.reveal())
        configuration.connectTimeout = timeout
        settings.tls.apply(to: &configuration)
        do {
            let made = try await MySQLConnection.connect(configuration, on: AdminLoop.shared.group, logger: logger)
            connection = made
            return made
        } catch let error as MySQLWireError where error.code == .connectionFailed {
            guard AdminClient.isRefusal(error.message) else {
                throw AdminError(.unreachable, "\(settings.address): \(error.message)")
            }
            throw AdminError(.refused, "nothing listens on \(settings.address)")
        } catch let error as MySQLServerError {
            // Not a refused statement: none was heard, so what was to be done can still be.
            throw AdminError(
                .unexpectedAnswer, "\(settings.address) refused the login of \(settings.username): \(error.message)")
        } catch let error as MySQLWireError where Self.isAnswer(error.code) {
            // Something answers, in a way that no login comes of: that is not silence.
            throw AdminError(.unexpectedAnswer, "\(settings.address): \(error.message)")
        } catch {
            throw AdminError(.unreachable, "\(settings.address): \(error)")
        }
    }

    private static func isAnswer(_ code: MySQLWireError.Code) -> Bool {
        switch code {
        case .malformed, .tooLarge, .authenticationUnsupported, .tlsUnavailable: true
        case .connectionFailed, .connectionClosed, .deadlineExceeded, .cancelled: false
        }
    }

    private func takeTurn(within limit: Duration) async throws(AdminError) {
        guard let since = busySince else {
            busySince = wallClock.now()
            return
        }
        let hanging = wallClock.now().since(since)
        guard hanging <= settings.patience, waiting.count < Self.maximumWaiting else { throw hangs() }
        switch await waitForTurn(for: min(settings.patience - hanging, limit)) {
        case .mine: return
        case .hangs: throw hangs()
        case .failed(let error): throw error
        }
    }

    /// Waits for the call under way, but no longer than it may last before it counts as hanging.
    private func waitForTurn(for patience: Duration) async -> Turn {
        nextID += 1
        let id = nextID
        return await withTaskGroup(of: Turn?.self) { tasks in
            tasks.addTask { [clock] in
                try? await clock.sleep(for: patience)
                return nil
            }
            tasks.addTask { await self.line(up: id) }
            let first = await tasks.next() ?? nil
            if first == nil { leave(id) }
            var turn = first ?? .hangs
            tasks.cancelAll()
            // The turn may have come in the moment in which patience ended; it must not be lost.
            for await case let other? in tasks where first == nil { turn = other }
            gone.remove(id)
            return turn
        }
    }

    private func line(up id: Int) async -> Turn {
        guard busySince != nil else {
            gone.remove(id)
            busySince = wallClock.now()
            return .mine
        }
        guard gone.remove(id) == nil else { return .hangs }
        return await withCheckedContinuation { waiting.append((id, $0)) }
    }

    private func leave(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else {
            gone.insert(id)
            return
        }
        waiting.remove(at: index).continuation.resume(returning: .hangs)
    }

    private func giveTurn() {
        guard !waiting.isEmpty else {
            busySince = nil
            return
        }
        busySince = wallClock.now()
        waiting.removeFirst().continuation.resume(returning: .mine)
    }

    private func failWaiting(_ error: AdminError) {
        let all = waiting
        waiting = []
        for waiter in all { waiter.continuation.resume(returning: .failed(error)) }
    }

    private func hangs() -> AdminError {
        AdminError(.unreachable, "the admin interface \(settings.address) hangs: an earlier call has no answer yet")
    }
}

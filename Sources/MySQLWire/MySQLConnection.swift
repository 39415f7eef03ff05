public import Logging
public import NIOCore
public import NIOPosix
import Synchronization

/// A connection to a MySQL server: one command at a time, every call with a deadline.
///
/// Calls made at the same time wait for their turn. A call whose deadline passes or whose task is cancelled closes the
/// socket at once, because nothing else makes a server that hangs let go.
public final class MySQLConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<ClientHandler>
    private let configuration: MySQLConfiguration
    /// What the server's greeting said, for example `8.0.36`.
    public let serverVersion: String
    private let counter = Atomic<UInt64>(0)

    private init(
        channel: any Channel, handler: NIOLoopBound<ClientHandler>, configuration: MySQLConfiguration,
        serverVersion: String
    ) {
        self.channel = channel
        self.handler = handler
        self.configuration = configuration
        self.serverVersion = serverVersion
    }

    /// Connects and logs in, within `configuration.connectTimeout`.
    /// - Throws: `MySQLServerError` when the server refuses the login, `MySQLWireError` otherwise.
    public static func connect(
        _ configuration: MySQLConfiguration,
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger
    ) async throws -> MySQLConnection {
        let loop = group.next()
        let connected = loop.makePromise(of: String.self)
        let handler = NIOLoopBoundBox.makeEmptyBox(valueType: ClientHandler.self, eventLoop: loop)
        let timeout = TimeAmount(configuration.connectTimeout)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let made = ClientHandler(configuration: configuration, connected: connected, logger: logger)
                    handler.value = made
                    try channel.pipeline.syncOperations.addHandler(made)
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: configuration.host, port: configuration.port).get()
        } catch {
            connected.fail(error)
            throw MySQLWireError(.connectionFailed, "cannot connect to \(configuration): \(error)")
        }
        let deadline = loop.scheduleTask(in: timeout) {
            handler.value?.fail(
                MySQLWireError(
                    .deadlineExceeded,
                    "\(configuration) accepted the connection and did not finish the login within "
                        + "\(configuration.connectTimeout)"))
        }
        return try await withTaskCancellationHandler {
            let version = try await connected.futureResult.get()
            deadline.cancel()
            let bound = try await loop.submit { () throws -> NIOLoopBound<ClientHandler> in
                guard let made = handler.value else {
                    throw MySQLWireError(.connectionClosed, "\(configuration) closed the connection")
                }
                return NIOLoopBound(made, eventLoop: loop)
            }.get()
            return MySQLConnection(
                channel: channel, handler: bound, configuration: configuration, serverVersion: version)
        } onCancel: {
            loop.execute {
                handler.value?.fail(MySQLWireError(.cancelled, "connecting to \(configuration) was cancelled"))
            }
        }
    }

    /// Whether the socket is open.
    public var isOpen: Bool { channel.isActive }

    /// Sends one statement and collects its result.
    /// - Throws: `MySQLServerError` when the server refuses the statement (the connection stays usable),
    ///   `MySQLWireError` otherwise (it does not).
    public func query(_ sql: String, timeout: Duration = .seconds(10)) async throws -> MySQLResult {
        try await command(0x03, sql, .query, timeout)
    }

    /// Asks whether the server answers.
    public func ping(timeout: Duration = .seconds(5)) async throws {
        _ = try await command(0x0E, "", .completion, timeout)
    }

    /// Changes the default database.
    public func selectDatabase(_ name: String, timeout: Duration = .seconds(5)) async throws {
        _ = try await command(0x02, name, .completion, timeout)
    }

    /// Sends one statement and hands its rows over as they come, never more than a few buffers ahead of the reader.
    /// The deadline covers the reading. Rows that `body` leaves unread close the connection.
    /// - Throws: what `query` throws, and what `body` throws.
    public func withRows<Value: Sendable>(
        _ sql: String, timeout: Duration, _ body: (MySQLRowSequence) async throws -> Value
    ) async throws -> Value {
        let id = counter.add(1, ordering: .relaxed).newValue
        let promise = channel.eventLoop.makePromise(of: RowStream.self)
        submit(id, 0x03, sql, .query, .rows(promise), timeout)
        return try await withTaskCancellationHandler {
            let stream = try await promise.futureResult.get()
            return try await body(MySQLRowSequence(columns: stream.columns, batches: stream.batches))
        } onCancel: {
            abandon(id, "\(Self.verb(sql)) on \(configuration) was cancelled", .cancelled)
        }
    }

    /// Says goodbye and closes the socket.
    public func close() async {
        guard channel.isActive else { return }
        var goodbye = ByteBuffer()
        goodbye.writeBytes([1, 0, 0, 0, 1])
        let loop = channel.eventLoop
        loop.execute { [handler, configuration, goodbye, channel] in
            channel.writeAndFlush(goodbye, promise: nil)
            handler.value.fail(MySQLWireError(.connectionClosed, "the connection to \(configuration) was closed"))
        }
        try? await channel.closeFuture.get()
    }

    private func command(
        _ code: UInt8, _ text: String, _ kind: ClientStateMachine.CommandKind, _ timeout: Duration
    ) async throws -> MySQLResult {
        let id = counter.add(1, ordering: .relaxed).newValue
        let promise = channel.eventLoop.makePromise(of: MySQLResult.self)
        submit(id, code, text, kind, .result(promise), timeout)
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            abandon(id, "\(Self.verb(text)) on \(configuration) was cancelled", .cancelled)
        }
    }

    private func submit(
        _ id: UInt64, _ code: UInt8, _ text: String, _ kind: ClientStateMachine.CommandKind,
        _ receiver: ClientCommand.Receiver, _ timeout: Duration
    ) {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        payload.writeString(text)
        let message = "\(Self.verb(text)) on \(configuration) did not end within \(timeout)"
        // Begun on the loop itself: a deadline that passed before the command came there would find nothing to end.
        channel.eventLoop.execute { [handler, loop = channel.eventLoop, payload] in
            let deadline = loop.scheduleTask(in: TimeAmount(timeout)) {
                handler.value.abandon(id, MySQLWireError(.deadlineExceeded, message))
            }
            handler.value.submit(
                ClientCommand(id: id, payload: payload, kind: kind, receiver: receiver, deadline: deadline))
        }
    }

    private func abandon(_ id: UInt64, _ message: String, _ code: MySQLWireError.Code) {
        channel.eventLoop.execute { [handler] in
            handler.value.abandon(id, MySQLWireError(code, message))
        }
    }

    /// The statement's first words, which hold no values and so no secrets.
    private static func verb(_ sql: String) -> String {
        let words = sql.prefix(80).split(separator: " ").prefix(2).joined(separator: " ")
        return words.isEmpty ? "the command" : words
    }
}

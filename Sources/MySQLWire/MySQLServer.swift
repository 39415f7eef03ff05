package import Logging
package import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

/// What a server does for one client.
package protocol MySQLServerSession: Sendable {
    /// The password of `username` in clear text, or nil when there is no such user.
    func password(of username: String) async -> String?
    /// Answers a command; may take as long as it likes, and never returns when the server is to seem hung. It is
    /// cancelled when the client goes away or the server is stopped.
    func respond(to command: MySQLServerCommand) async -> MySQLServerResponse
    /// Is told once, before anything else, how the connection is closed from the server's side.
    func attach(_ hangUp: @escaping @Sendable () -> Void)
    /// Whether the answer to `command` is sent twice, with the same sequence number.
    func answersTwice(_ command: MySQLServerCommand) -> Bool
}

extension MySQLServerSession {
    package func attach(_ hangUp: @escaping @Sendable () -> Void) {}
    package func answersTwice(_ command: MySQLServerCommand) -> Bool { false }
}

/// A MySQL server on one port; what it knows is in the sessions.
package final class MySQLServer: Sendable {
    /// Where and how to listen.
    package struct Configuration: Sendable {
        /// Address to listen on.
        package var host: String
        /// Port to listen on; 0 takes any.
        package var port: Int
        /// How the server presents itself.
        package var manner: ServerStateMachine.Manner
        /// TLS, where it is offered.
        package var tls: NIOSSLContext?
        /// TLS that may be another for each new client; asked in the place of `tls`.
        package var presentTLS: (@Sendable () -> NIOSSLContext?)?
        /// The largest payload that is taken from a client, in bytes.
        package var maximumPayloadBytes = 64 << 20

        /// Makes a configuration without TLS.
        package init(host: String, port: Int, manner: ServerStateMachine.Manner) {
            self.host = host
            self.port = port
            self.manner = manner
        }
    }

    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let configuration: Configuration
    private let listener: NIOAsyncChannel<any Channel, Never>
    private let makeSession: @Sendable (String) -> any MySQLServerSession
    private let logger: Logger
    private let clients: AcceptedClients
    private let connections = Atomic<UInt32>(0)

    private init(
        configuration: Configuration, listener: NIOAsyncChannel<any Channel, Never>, clients: AcceptedClients,
        logger: Logger,
        makeSession: @escaping @Sendable (String) -> any MySQLServerSession
    ) {
        self.configuration = configuration
        self.listener = listener
        self.clients = clients
        self.makeSession = makeSession
        self.logger = logger
    }

    /// Listens; clients are served once `run()` runs. `makeSession` gets the client's address.
    /// - Throws: what binding threw, for example that the port is taken.
    package static func listen(
        _ configuration: Configuration, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger, makeSession: @escaping @Sendable (String) -> any MySQLServerSession
    ) async throws -> MySQLServer {
        let clients = AcceptedClients()
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: configuration.host, port: configuration.port) { channel in
                // Wrapped for async use only when it is served: a wrapped connection must not be dropped, and one that
                // is accepted while the server is cancelled is.
                clients.take(channel)
                return channel.setOption(.autoRead, value: false).map { channel }
            }
        return MySQLServer(
            configuration: configuration, listener: listener, clients: clients, logger: logger, makeSession: makeSession
        )
    }

    /// The port that is listened on.
    package var port: Int { listener.channel.localAddress?.port ?? configuration.port }

    /// Open client connections.
    package var connectionCount: Int { clients.count }

    /// Serves clients until the listener is closed and the last client is gone, or until cancellation.
    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { tasks in
            try await listener.executeThenClose { clients in
                for try await client in clients {
                    tasks.addTask { await self.serve(client) }
                }
            }
        }
    }

    /// Refuses new clients from now on; those that are connected stay.
    package func closeListener() async {
        try? await listener.channel.close()
    }

    /// Refuses new clients and drops those that are connected, as a process does that dies.
    package func stop() async {
        try? await listener.channel.close()
        clients.dropAll()
    }

    /// The configuration as it is for a client that comes now.
    private var present: Configuration {
        var present = configuration
        if let tls = configuration.presentTLS?() {
            present.tls = tls
            present.manner.offersTLS = true
        }
        return present
    }

    private func wrap(_ channel: any Channel, _ configuration: Configuration) async throws -> Connection {
        let wrapped = channel.eventLoop.submit {
            if let tls = configuration.tls {
                try channel.pipeline.syncOperations.addHandler(ServerTLSHandler(tls: tls))
            }
            return try Connection(wrappingChannelSynchronously: channel)
        }
        return try await wrapped.flatMap { client in
            channel.setOption(.autoRead, value: true).map { client }
        }.get()
    }

    private func serve(_ channel: any Channel) async {
        let client: Connection
        let configuration = present
        do {
            client = try await wrap(channel, configuration)
        } catch {
            logger.debug("a client connection could not be taken", metadata: ["error": "\(error)"])
            return channel.close(promise: nil)
        }
        do {
            // The session is cancelled as soon as the client is gone, even while it answers.
            try await client.executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try? await client.channel.closeFuture.get() }
                    tasks.addTask { try await self.converse(client.channel, configuration, inbound, outbound) }
                    defer { client.channel.close(promise: nil) }
                    try await withTaskCancellationHandler {
                        _ = try await tasks.next()
                    } onCancel: {
                        client.channel.close(promise: nil)
                    }
                    tasks.cancelAll()
                }
            }
        } catch {
            logger.debug("client connection ended", metadata: ["error": "\(error)"])
        }
    }

    private func converse(
        _ channel: any Channel, _ configuration: Configuration, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        let peer = channel.remoteAddress?.ipAddress ?? "unknown"
        var challenge = [UInt8]()
        for _ in 0..<20 { challenge.append(UInt8.random(in: 1...127)) }
        var machine = ServerStateMachine(manner: configuration.manner, peer: peer, challenge: challenge)
        var framing = PacketFraming(maximumPayload: configuration.maximumPayloadBytes)
        let session = makeSession(peer)
        session.attach { channel.close(promise: nil) }

        func send(_ payloads: [ByteBuffer]) async throws {
            var bytes = ByteBuffer()
            for payload in payloads { framing.write(payload, into: &bytes) }
            try await outbound.write(bytes)
        }

        try await send([machine.greeting(connectionID: connections.add(1, ordering: .relaxed).newValue)])
        for try await bytes in inbound {
            framing.append(bytes)
            while let payload = try framing.next() {
                if payload.readableBytes == GreetingResponse.tlsRequestLength, configuration.tls != nil,
                    !machine.isEncrypted, framing.nextSequence == 2
                {
                    machine.isEncrypted = true
                    continue
                }
                var action = try machine.received(payload)
                if case .lookUp(let username) = action {
                    action = machine.credentials(await session.password(of: username))
                }
                switch action {
                case .wait, .lookUp:
                    break
                case .send(let payloads):
                    try await send(payloads)
                case .welcome(let payloads, _, _):
                    try await send(payloads)
                    framing.beginCommand()
                case .reject(let payload):
                    try await send([payload])
                    return
                case .command(.quit):
                    return
                case .command(let command):
                    guard let payloads = machine.payloads(of: await session.respond(to: command)) else { return }
                    if session.answersTwice(command) {
                        // A copy of the framing keeps the sequence number for the second one.
                        var first = framing
                        var bytes = ByteBuffer()
                        for payload in payloads { first.write(payload, into: &bytes) }
                        try await outbound.write(bytes)
                    }
                    try await send(payloads)
                    framing.beginCommand()
                }
            }
        }
    }
}

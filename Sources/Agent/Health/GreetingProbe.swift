import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Connects to a MySQL port, waits for the server's first packet, and closes: one connection, no login.
///
/// ProxySQL counts it in `Client_Connections_created` alone; with `mysql-log_unhealthy_connections` it writes a line for
/// each, as for every TCP check. Nothing is asked of the admin interface.
struct GreetingProbe: Sendable {
    /// What probing needs; a stand-in in tests answers without a socket.
    var greet: @Sendable (AgentAddress, Duration) async -> Greeting

    /// Over the agent's event loop.
    static let sockets = GreetingProbe { address, limit in
        await ask(address, within: limit)
    }

    private static func ask(_ address: AgentAddress, within limit: Duration) async -> Greeting {
        let loop = AdminLoop.shared.group.any()
        let timeout = TimeAmount(limit)
        let promise = loop.makePromise(of: Greeting.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .connectTimeout(timeout)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(FirstPacketHandler(promise))
                    }
                }
                .connect(host: address.host, port: address.port).get()
        } catch {
            promise.succeed(.answered)
            return failure(error)
        }
        let deadline = loop.scheduleTask(in: timeout) {
            promise.succeed(.silent("no greeting within \(limit)"))
        }
        let greeting = (try? await promise.futureResult.get()) ?? .silent("the probe was given up")
        deadline.cancel()
        channel.close(promise: nil)
        return greeting
    }

    /// A refusal is the kernel's answer at once; whatever takes the whole time is silence.
    private static func failure(_ error: any Error) -> Greeting {
        guard let failed = error as? NIOConnectionError, let first = failed.connectionErrors.first?.error else {
            return .refused("\(error)")
        }
        if case ChannelError.connectTimeout = first { return .silent("no connection in time") }
        return .refused(words(first))
    }

    /// The system's errors in words.
    fileprivate static func words(_ error: any Error) -> String {
        switch (error as? IOError)?.errnoCode {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET: "connection reset"
        default: "\(error)"
        }
    }
}

/// Fulfils its promise with the first byte of the server's first packet, or with the end of the connection.
private final class FirstPacketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Length and sequence of a packet, and its first byte.
    private static let enough = 5
    private let promise: EventLoopPromise<Greeting>
    private var bytes = 0

    init(_ promise: EventLoopPromise<Greeting>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytes
        if bytes >= Self.enough { promise.succeed(.answered) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed(.refused("the connection was closed before a greeting"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.succeed(.refused(GreetingProbe.words(error)))
        context.close(promise: nil)
    }
}

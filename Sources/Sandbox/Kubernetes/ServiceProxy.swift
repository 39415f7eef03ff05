import NIOCore
import NIOPosix

/// An address that stands for several pods, as a Service's does: each new connection goes to one of the pods that are
/// there by then, and stays with it.
struct ServiceProxy: Sendable {
    private let listener: any Channel

    /// Listens on an address; `endpoints` says where a new connection may go, and it is closed when there is nowhere.
    static func listen(
        host: String, port: Int, endpoints: @escaping @Sendable () -> [String]
    ) async throws -> ServiceProxy {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                guard let endpoint = endpoints().randomElement() else {
                    return client.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
                }
                return ClientBootstrap(group: client.eventLoop)
                    .connectTimeout(.seconds(2))
                    .channelOption(.autoRead, value: false)
                    .connect(host: endpoint, port: port)
                    .flatMap { pod in
                        client.eventLoop.makeCompletedFuture {
                            try client.pipeline.syncOperations.addHandler(Forwarder(to: pod))
                            try pod.pipeline.syncOperations.addHandler(Forwarder(to: client))
                        }
                        .flatMap { client.setOption(.autoRead, value: true) }
                        .flatMap { pod.setOption(.autoRead, value: true) }
                    }
            }
            .bind(host: host, port: port).get()
        return ServiceProxy(listener: listener)
    }

    func close() async {
        try? await listener.close()
    }
}

/// Hands bytes to the other connection of a pair, and ends with it.
private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let partner: any Channel

    init(to partner: any Channel) {
        self.partner = partner
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partner.write(unwrapInboundIn(data), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner.flush()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        partner.close(promise: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

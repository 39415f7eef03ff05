import NIOCore
import NIOSSL

/// Waits for the client's first packet; where that asks for TLS, puts TLS below before another byte is read.
final class ServerTLSHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let tls: NIOSSLContext
    private var held = ByteBuffer()

    init(tls: NIOSSLContext) {
        self.tls = tls
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        held.writeImmutableBuffer(unwrapInboundIn(data))
        guard let header = held.getInteger(at: held.readerIndex, endianness: .little, as: UInt32.self) else { return }
        let length = Int(header & 0xFF_FFFF)
        let flags = held.getInteger(at: held.readerIndex + 4, endianness: .little, as: UInt32.self) ?? 0
        let asksForTLS =
            length == GreetingResponse.tlsRequestLength && CapabilityFlags(rawValue: flags).contains(.tls)
        guard asksForTLS else { return finish(context, forwarding: held) }
        guard let request = held.readSlice(length: 4 + length) else { return }
        context.fireChannelRead(NIOAny(request))
        let encrypted = held
        held = ByteBuffer()
        do {
            let pipeline = context.pipeline
            try pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls), position: .first)
            pipeline.syncOperations.removeHandler(context: context, promise: nil)
            if encrypted.readableBytes > 0 { pipeline.syncOperations.fireChannelRead(NIOAny(encrypted)) }
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func finish(_ context: ChannelHandlerContext, forwarding bytes: ByteBuffer) {
        held = ByteBuffer()
        context.fireChannelRead(NIOAny(bytes))
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

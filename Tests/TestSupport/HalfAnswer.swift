import NIOCore
import NIOPosix

/// An HTTP server on loopback that sends the head of an answer and never its body, as one does that is stopped or cut
/// off in the middle.
package struct HalfAnswer: Sendable {
    private let listener: any Channel

    /// Where it listens, on 127.0.0.1.
    package var port: Int { listener.localAddress?.port ?? 0 }

    /// Runs the server while `body` runs.
    package static func serve<Value: Sendable>(_ body: (HalfAnswer) async throws -> Value) async throws -> Value {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Head())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let value = try await body(HalfAnswer(listener: listener))
            try await listener.close()
            return value
        } catch {
            try? await listener.close()
            throw error
        }
    }

    private final class Head: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
        }
    }
}

package import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// HTTP/1 whose connections are wrapped for async use only when they are served: a connection that was accepted and
/// not yet taken when its server is cancelled is then simply dropped, where a wrapped one must not be.
struct LateHTTPChannel: ServerChildChannel {
    /// A connection that nothing was read of yet.
    struct Connection: ServerChildChannelValue {
        let channel: any Channel
        let pass: ConnectionGate.Pass?
    }

    private struct NoRoom: Error {}

    let http: HTTP1Channel
    /// What clients are held to; nil for stand-ins.
    let limits: ServerLimits?
    let gate: ConnectionGate?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        var pass: ConnectionGate.Pass?
        if let gate {
            guard let admitted = gate.admit(channel) else {
                channel.close(promise: nil)
                return channel.eventLoop.makeFailedFuture(NoRoom())
            }
            pass = admitted
        }
        return channel.setOption(.autoRead, value: false).map { [pass] in Connection(channel: channel, pass: pass) }
    }

    func handle(value: Connection, logger: Logger) async {
        let channel = value.channel
        let wrapped = channel.eventLoop.flatSubmit {
            http.setup(channel: channel, logger: logger).flatMapThrowing { wrapped in
                if let limits, let pass = value.pass { try guardRequests(of: channel, limits, pass) }
                return wrapped
            }.flatMap { wrapped in channel.setOption(.autoRead, value: true).map { wrapped } }
        }
        do {
            await http.handle(value: try await wrapped.get(), logger: logger)
        } catch {
            channel.close(promise: nil)
        }
    }

    /// Puts the guard right behind the decoder of requests, so that it sees them before anything else does.
    private func guardRequests(of channel: any Channel, _ limits: ServerLimits, _ pass: ConnectionGate.Pass) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(RequestGuardHandler(limits: limits, pass: pass), position: .after(decoder))
    }
}

extension HTTPServerBuilder {
    /// HTTP/1 for servers whose task may be cancelled at any moment.
    package static var cancellable: HTTPServerBuilder { cancellable(.init()) }

    /// HTTP/1 with `configuration`, for servers whose task may be cancelled at any moment.
    package static func cancellable(_ configuration: HTTP1Channel.Configuration) -> HTTPServerBuilder {
        HTTPServerBuilder {
            LateHTTPChannel(http: HTTP1Channel(responder: $0, configuration: configuration), limits: nil, gate: nil)
        }
    }

    /// HTTP/1 whose clients are held to `limits`.
    package static func guarded(_ limits: ServerLimits) -> HTTPServerBuilder {
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [StalledWriteHandler(timeout: limits.writeTimeout)],
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.maximumHeadBytes, maxHeaderListSize: limits.maximumHeadBytes,
                maxHeaderFieldCount: 200))
        return HTTPServerBuilder {
            LateHTTPChannel(
                http: HTTP1Channel(responder: $0, configuration: configuration), limits: limits,
                gate: ConnectionGate(maximum: limits.maximumConnections))
        }
    }
}

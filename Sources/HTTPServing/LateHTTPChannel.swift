package import HummingbirdCore
import Logging
import NIOCore

/// HTTP/1 whose connections are wrapped for async use only when they are served: a connection that was accepted and
/// not yet taken when its server is cancelled is then simply dropped, where a wrapped one must not be.
struct LateHTTPChannel: ServerChildChannel {
    /// A connection that nothing was read of yet.
    struct Connection: ServerChildChannelValue {
        let channel: any Channel
    }

    let http: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        channel.setOption(.autoRead, value: false).map { Connection(channel: channel) }
    }

    func handle(value: Connection, logger: Logger) async {
        let channel = value.channel
        let wrapped = channel.eventLoop.flatSubmit {
            http.setup(channel: channel, logger: logger).flatMap { wrapped in
                channel.setOption(.autoRead, value: true).map { wrapped }
            }
        }
        do {
            await http.handle(value: try await wrapped.get(), logger: logger)
        } catch {
            channel.close(promise: nil)
        }
    }
}

extension HTTPServerBuilder {
    /// HTTP/1 for servers whose task may be cancelled at any moment.
    package static var cancellable: HTTPServerBuilder { cancellable(.init()) }

    /// HTTP/1 with `configuration`, for servers whose task may be cancelled at any moment.
    package static func cancellable(_ configuration: HTTP1Channel.Configuration) -> HTTPServerBuilder {
        HTTPServerBuilder { LateHTTPChannel(http: HTTP1Channel(responder: $0, configuration: configuration)) }
    }
}

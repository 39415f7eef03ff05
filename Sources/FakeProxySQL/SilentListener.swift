import MySQLWire
import NIOCore
import NIOPosix

/// Accepts connections and never says a word, as the kernel does for a process that is stopped.
final class SilentListener: Sendable {
    private let listener: any Channel
    private let accepted: AcceptedClients

    private init(listener: any Channel, accepted: AcceptedClients) {
        self.listener = listener
        self.accepted = accepted
    }

    /// Listens on an address that nobody else listens on.
    static func listen(host: String, port: Int) async throws -> SilentListener {
        let accepted = AcceptedClients()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                accepted.take(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: host, port: port).get()
        return SilentListener(listener: listener, accepted: accepted)
    }

    /// A port that was free a moment ago.
    static func freePort(on host: String) async throws -> Int {
        let listener = try await listen(host: host, port: 0)
        let port = listener.listener.localAddress?.port ?? 0
        await listener.stop()
        return port
    }

    /// Stops listening and drops everybody.
    func stop() async {
        try? await listener.close().get()
        accepted.dropAll()
    }
}

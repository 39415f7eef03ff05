package import NIOCore
import Synchronization

/// The clients of one server from the moment in which they are accepted: one that nobody has begun to serve when the
/// server stops would else stay connected to nobody.
package final class AcceptedClients: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isStopped = false
    }

    private let state = Mutex(State())

    /// Makes the list of a server that has no client yet.
    package init() {}

    /// Clients that are connected.
    package var count: Int { state.withLock { $0.channels.count } }

    /// Takes a client that was accepted; it is dropped at once when the server has stopped meanwhile.
    package func take(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        let isStopped = state.withLock { state in
            if !state.isStopped { state.channels[key] = channel }
            return state.isStopped
        }
        if isStopped { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { _ = $0.channels.removeValue(forKey: key) }
        }
    }

    /// Drops all clients, and from now on each that comes.
    package func dropAll() {
        let channels = state.withLock { state in
            state.isStopped = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.close(promise: nil) }
    }
}

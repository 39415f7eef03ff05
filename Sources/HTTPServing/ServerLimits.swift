package import NIOCore

/// What a server allows its clients, whoever they are.
package struct ServerLimits: Hashable, Sendable {
    /// How long the head of a connection's first request may take to come.
    package var headTimeout = TimeAmount.seconds(10)
    /// How long a connection stays open between requests.
    package var idleTimeout = TimeAmount.seconds(60)
    /// How long the body of a request may take to come.
    package var bodyTimeout = TimeAmount.seconds(20)
    /// How long a client may take nothing of an answer.
    package var writeTimeout = TimeAmount.seconds(30)
    /// How long requests under way are waited for when the server ends.
    package var shutdownGrace = TimeAmount.seconds(5)
    /// The largest head of a request, in bytes.
    package var maximumHeadBytes = 32_768
    /// How many connections may be open at once.
    package var maximumConnections = 1_000

    /// Makes the default limits.
    package init() {}

    /// Routes answer 408 when a body is late; a body that no route reads is given up this much later.
    static let bodyGrace = TimeAmount.seconds(5)
    /// Connections whose place was given to another one, and which are still being closed.
    var closing: Int { max(1, maximumConnections / 4) }
}

package import FleetModel

/// What one connection to the node's MySQL port showed.
package enum Greeting: Hashable, Sendable {
    /// The server greeted, or answered with an error packet, which is an answer too: it is alive.
    case answered
    /// Nothing listens there, or the connection was reset.
    case refused(String)
    /// No greeting came in time: connections are accepted by the kernel alone, or not at all.
    case silent(String)
}

/// What is known of the node's MySQL port, on which its clients' fate depends.
package struct DataPlane: Hashable, Sendable {
    /// So many probes in a row without a greeting make the node unready; the second follows the first at once.
    static let misses = 2

    /// Where the port is; nil where clients come by a Unix socket alone, or probing is off.
    package var address: AgentAddress?
    /// Whether the address is a setting or the node's own word, and not the default.
    package var isKnown = false
    /// The last probe; nil before the first.
    package var last: Greeting?
    /// When the port last greeted.
    package var answeredAt: Timestamp?
    /// When the present row of probes without a greeting began.
    package var missingSince: Timestamp?
    /// Probes without a greeting in a row.
    package var misses = 0

    /// Makes the state of a port that was not probed yet.
    package init(address: AgentAddress? = nil, isKnown: Bool = false) {
        self.address = address
        self.isKnown = isKnown
    }

    /// Notes the outcome of a probe.
    package mutating func probed(_ greeting: Greeting, at now: Timestamp) {
        last = greeting
        guard greeting != .answered else {
            answeredAt = now
            missingSince = nil
            misses = 0
            return
        }
        missingSince = missingSince ?? now
        misses += 1
    }

    /// The port is at another place: what was seen of the former one says nothing.
    package mutating func move(to address: AgentAddress?) {
        guard self.address != address || !isKnown else { return }
        if self.address != address { self = DataPlane(address: address) }
        isKnown = true
    }

    /// Whether a client was greeted within the last `limit`, and nothing was refused since.
    package func greets(within limit: Duration, at now: Timestamp) -> Bool {
        guard let answeredAt, now.since(answeredAt) <= limit else { return false }
        if case .refused = last { return false }
        return true
    }

    /// Why clients are not greeted; nil while they are, and where the address is only guessed and never answered.
    package var problem: String? {
        guard let address, misses >= Self.misses, isKnown || answeredAt != nil else { return nil }
        switch last {
        case .refused(let text): return "\(address) takes no clients: \(text)"
        case .silent(let text): return "\(address) does not greet clients: \(text)"
        case .answered, nil: return nil
        }
    }

    /// Since when the port accepts and says nothing; nil while it greets, refuses, or was never known to greet.
    package var silentSince: Timestamp? {
        guard case .silent = last, misses >= Self.misses, isKnown || answeredAt != nil else { return nil }
        return answeredAt ?? missingSince
    }
}

/// `mysql-interfaces` as ProxySQL writes it: `host:port`, `[v6]:port` and paths of Unix sockets, separated by semicolons.
package enum MySQLInterfaces {
    /// Where a client on this machine reaches the node by TCP; nil when it listens on Unix sockets alone.
    ///
    /// - Parameter admin: how the node is reached; it stands for `0.0.0.0` and `::`.
    package static func address(_ text: String, admin: AgentAddress) -> AgentAddress? {
        let all = text.split(separator: ";").map { $0.filter { $0 != " " } }.filter { !$0.hasPrefix("/") }
            .compactMap { AgentAddress($0) }.filter { $0.port > 0 }
        guard var first = all.first(where: { $0.host == admin.host }) ?? all.first else { return nil }
        if ["0.0.0.0", "::", "*"].contains(first.host) { first.host = admin.host }
        return first
    }
}

/// A host and a TCP port.
package struct AgentAddress: Hashable, Sendable, CustomStringConvertible {
    /// Name or address, without brackets.
    package var host: String
    /// 0–65535.
    package var port: Int

    /// Makes an address.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, `[v6]:port` included; nil without a port.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon > text.startIndex
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        // A URL, or what has a user, is no host.
        guard !host.contains(where: { "/@ ".contains($0) }) else { return nil }
        self.init(host: host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A core of a fixed list.
package struct AgentPeer: Hashable, Sendable {
    /// Its name.
    package var name: String
    /// Its admin interface.
    package var admin: AgentAddress
    /// The HTTP port of its agent, where it differs from ours.
    package var apiPort: Int?

    /// Reads `name@host:port,…`, each with `/PORT` of the agent if need be; nil when anything of it is wrong or a name stands twice.
    package static func list(_ text: String) -> [AgentPeer]? {
        var peers: [AgentPeer] = []
        for part in text.split(separator: ",") {
            guard let at = part.firstIndex(of: "@") else { return nil }
            let places = part[part.index(after: at)...].split(separator: "/", omittingEmptySubsequences: false)
            guard let first = places.first, places.count <= 2, let admin = AgentAddress(first.filter { $0 != " " })
            else { return nil }
            let apiPort = places.count == 2 ? Int(places[1].filter { $0 != " " }) : nil
            guard places.count == 1 || (1...65_535).contains(apiPort ?? 0) else { return nil }
            let name = String(part[..<at].drop { $0 == " " })
            guard !name.isEmpty, !peers.contains(where: { $0.name == name }) else { return nil }
            peers.append(AgentPeer(name: name, admin: admin, apiPort: apiPort))
        }
        return peers
    }
}

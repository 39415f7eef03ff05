/// The table of cores as a satellite runs it, beside what its peers run, and whether ProxySQL will still correct it.
///
/// ProxySQL pulls only what was loaded later than its own. A satellite that went back to the bootstrap row did so later
/// than any core was loaded, and would keep that row until some core changes; so would one that pulled in the same
/// second in which a core was loaded once more (seen on ProxySQL 2.7.1).
package struct CoreTable: Hashable, Sendable {
    /// A peer that the satellite checks, as it last saw it.
    package struct Peer: Hashable, Sendable {
        /// The peer's admin interface, as the satellite knows it: a core's, or the bootstrap Service's.
        package var address: AgentAddress
        /// What it runs of `proxysql_servers`.
        package var stamp: NodeObservation.Stamp

        /// Makes a peer.
        package init(address: AgentAddress, stamp: NodeObservation.Stamp) {
            self.address = address
            self.stamp = stamp
        }
    }

    /// What the satellite runs.
    package var own: NodeObservation.Stamp
    /// Its peers.
    package var peers: [Peer]

    /// Makes a table.
    package init(own: NodeObservation.Stamp, peers: [Peer]) {
        self.own = own
        self.peers = peers
    }

    /// The peer whose table has to be taken over by hand because ProxySQL never will; nil while all is well or a pull
    /// is still to come.
    package var stranded: AgentAddress? {
        let loaded = peers.filter { $0.stamp.version > 1 }
        guard own.version > 1, let newest = loaded.map(\.stamp.epoch).max(), newest <= own.epoch else { return nil }
        let decisive = loaded.filter { $0.stamp.epoch == newest }
        guard decisive.allSatisfy({ $0.stamp.checksum != own.checksum }) else { return nil }
        return decisive.map(\.address).min { ($0.host, $0.port) < ($1.host, $1.port) }
    }
}

/// A row of `proxysql_servers`, all of it: what is taken over must have the checksum that it has at its source.
package struct CoreRow: Hashable, Sendable {
    /// Address.
    package var host: String
    /// Admin port.
    package var port: Int
    /// ProxySQL's own, unused as yet.
    package var weight: Int
    /// The pod's name.
    package var comment: String

    /// Makes a row.
    package init(host: String, port: Int, weight: Int, comment: String) {
        self.host = host
        self.port = port
        self.weight = weight
        self.comment = comment
    }

    /// Reads a row of `hostname, port, weight, comment`.
    init?(_ row: [String?]) {
        guard row.count > 3, let host = row[0], let port = row[1].flatMap({ Int($0) }) else { return nil }
        self.init(host: host, port: port, weight: row[2].flatMap { Int($0) } ?? 0, comment: row[3] ?? "")
    }
}

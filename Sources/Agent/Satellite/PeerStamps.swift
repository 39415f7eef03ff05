/// What a satellite and the peers that it checks run of each module.
struct PeerStamps: Hashable, Sendable {
    /// What clients are served with.
    static let contents = [CoreModule.servers, .users, .queryRules]
    static let ownStatement = "SELECT '', 0, name, version, epoch, checksum FROM runtime_checksums_values"
    static let peersStatement =
        "SELECT hostname, port, name, version, epoch, checksum FROM stats_proxysql_servers_checksums"

    private var own: [CoreModule: NodeObservation.Stamp] = [:]
    private var peers: [AgentAddress: [CoreModule: NodeObservation.Stamp]] = [:]

    /// Reads rows of `hostname, port, name, version, epoch, checksum`.
    init(own: [[String?]], peers: [[String?]]) {
        self.own = CoreModule.stamps(own.compactMap { Self.stamp($0)?.stamp })
        self.peers = Dictionary(grouping: peers.compactMap { Self.stamp($0) }, by: \.address)
            .mapValues { CoreModule.stamps($0.map(\.stamp)) }
    }

    /// Whether the node runs something else of `module` than its peers do and ProxySQL will never pull theirs, because
    /// the node's own LOAD was as late or later.
    func isStranded(_ module: CoreModule) -> Bool {
        guard let own = own[module] else { return false }
        let peers = peers.compactMap { address, stamps in
            stamps[module].map { CoreTable.Peer(address: address, stamp: $0) }
        }
        return CoreTable(own: own, peers: peers).stranded != nil
    }

    /// The peers, by address, that run the newest of `module` where the node runs nothing of it at all and will pull
    /// nothing; none while all is well or a pull is still to come.
    func sources(ofLost module: CoreModule) -> [AgentAddress] {
        guard own[module]?.hasRows == false, isStranded(module) else { return [] }
        let filled = peers.compactMapValues { $0[module] }.filter { $0.value.version > 1 && $0.value.hasRows }
        let newest = filled.values.map(\.epoch).max()
        return filled.filter { $0.value.epoch == newest }.keys.sorted { ($0.host, $0.port) < ($1.host, $1.port) }
    }

    private static func stamp(_ row: [String?]) -> (address: AgentAddress, stamp: NodeObservation.Stamp)? {
        guard row.count > 5, let host = row[0], let name = row[2], let checksum = row[5] else { return nil }
        func number(_ cell: String?) -> Int64 { cell.flatMap { Int64($0) } ?? 0 }
        return (
            AgentAddress(host: host, port: Int(number(row[1]))),
            NodeObservation.Stamp(module: name, version: number(row[3]), epoch: number(row[4]), checksum: checksum)
        )
    }
}

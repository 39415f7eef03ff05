/// Who uses a backend, over all nodes.
package struct BackendUse: Hashable, Sendable {
    /// Connections in use from the group's own hostgroups.
    package var own: Int
    /// Everybody else with a row for the backend's address, as `hostgroup 77 of core-0`; a row that is OFFLINE and has
    /// no connection in use counts for nothing.
    package var foreign: [String]
}

extension Publication {
    /// Who uses `server`; nil while a node that may be alive was not read.
    package func use(of server: BackendServer, by configuration: FleetConfiguration) -> BackendUse? {
        guard connectionsInUse(address: server.address, port: server.port) != nil else { return nil }
        let hostgroups = [configuration.writerHostgroup, configuration.readerHostgroup, server.hostgroup]
        var use = BackendUse(own: 0, foreign: [])
        for node in nodes {
            for backend in node.backends where backend.address == server.address && backend.port == server.port {
                if hostgroups.contains(backend.hostgroup) {
                    use.own += backend.connectionsInUse
                } else if backend.connectionsInUse > 0 || !backend.status.hasPrefix("OFFLINE") {
                    use.foreign.append("hostgroup \(backend.hostgroup) of \(node.node)")
                }
            }
        }
        return use
    }
}

package import FleetModel

/// An admin address of a node.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// A loopback address or a name.
    package var host: String
    /// The admin port.
    package var port: Int

    /// Makes an address.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { "\(host):\(port)" }
}

/// What a node is started with: its configuration file, in ProxySQL's terms.
package struct NodeConfiguration: Sendable {
    /// Its name in logs.
    package var name: String
    /// Its own admin address; the node never polls itself.
    package var address: PeerAddress
    /// Variables set at every start, over defaults and disk, for example `admin-cluster_check_interval_ms`.
    package var variables: [String: String]
    /// Rows for `proxysql_servers`, used when the disk layer is empty and by `LOAD PROXYSQL SERVERS FROM CONFIG`.
    package var bootstrapPeers: [PeerAddress]
    /// Rows of the mounted configuration file, as INSERT statements, each of one table; used as `bootstrapPeers` are.
    package var fileStatements: [String] = []
    /// Reads the certificate for clients anew; why that failed, or nil.
    package var reloadTLS: (@Sendable () -> String?)?
    /// The file of the disk layer; nil keeps it in memory, where it survives `kill()` but not the object.
    package var diskPath: String?
    /// Who may log in to the admin port, as `admin-admin_credentials` writes it.
    package var credentials: Secret

    /// Makes a configuration with ProxySQL's defaults.
    package init(
        name: String, address: PeerAddress, variables: [String: String] = [:], bootstrapPeers: [PeerAddress] = [],
        diskPath: String? = nil, credentials: Secret = Secret("admin:admin;radmin:radmin")
    ) {
        self.name = name
        self.address = address
        self.variables = variables
        self.bootstrapPeers = bootstrapPeers
        self.diskPath = diskPath
        self.credentials = credentials
    }
}

/// A core node, as far as it is known from outside.
package struct CoreMember: Hashable, Sendable {
    /// The pod's name, or the name in the list.
    package var name: String
    /// Its address; the row in `proxysql_servers`.
    package var host: String
    /// Its admin port.
    package var adminPort: Int
    /// The HTTP port of its agent.
    package var apiPort: Int
    /// Whether clients of the cores may be sent there.
    package var isReady: Bool
    /// The order of what it mounts, as far as Kubernetes tells.
    package var order: ConfigurationOrder?

    /// Makes a member.
    package init(
        name: String, host: String, adminPort: Int, apiPort: Int, isReady: Bool = true,
        order: ConfigurationOrder? = nil
    ) {
        self.name = name
        self.host = host
        self.adminPort = adminPort
        self.apiPort = apiPort
        self.isReady = isReady
        self.order = order
    }

    /// The admin address.
    package var address: AgentAddress { AgentAddress(host: host, port: adminPort) }
}

/// Knows the running cores.
package protocol CoreDirectory: Sendable {
    /// The running cores, by name; nil while they are not known, which is no reason to remove anything.
    var members: [CoreMember]? { get }
    /// Learns what takes a call to learn, such as revisions; never throws, what is not known stays so.
    func refresh() async
    /// When the first pod of each configuration was created, in milliseconds since 1970.
    var seen: [String: Int64] { get }
    /// Takes over what others have seen.
    func learn(_ seen: [String: Int64])
}

/// The cores as a fixed list, where there is no Kubernetes.
package struct FixedCores: CoreDirectory {
    package let members: [CoreMember]?
    package let seen: [String: Int64] = [:]

    /// Makes the directory of a list.
    package init(_ peers: [AgentPeer], apiPort: Int) {
        members = peers.map {
            CoreMember(
                name: $0.name, host: $0.admin.host, adminPort: $0.admin.port, apiPort: $0.apiPort ?? apiPort)
        }.sorted { $0.name < $1.name }
    }

    private init() { members = nil }

    /// Where nothing tells which cores there are, and there may be others.
    package static let unknown = FixedCores()

    package func refresh() async {}
    package func learn(_ seen: [String: Int64]) {}
}

/// Which core acts where no Lease decides.
package enum ActingCore {
    /// The first ready core by name, else the first.
    package static func first(of members: [CoreMember]) -> String? {
        var first: CoreMember?
        for member in members {
            guard let best = first else {
                first = member
                continue
            }
            if member.isReady != best.isReady ? member.isReady : member.name < best.name { first = member }
        }
        return first?.name
    }
}

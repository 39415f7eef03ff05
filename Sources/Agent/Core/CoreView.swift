package import FleetModel

/// What an agent says the cluster runs. A later claim goes before an earlier one, whoever made it: so the word of those
/// who remember a configuration that was lost since does not outlast the loss.
package struct RunningClaim: Codable, Hashable, Sendable {
    /// The configuration.
    package var order: ConfigurationOrder
    /// One more than every claim that was known when this one was made.
    package var number: Int64

    /// Makes a claim.
    package init(_ order: ConfigurationOrder, number: Int64) {
        self.order = order
        self.number = number
    }

    /// The one of two claims that holds.
    package static func later(_ left: RunningClaim?, _ right: RunningClaim?) -> RunningClaim? {
        guard let left, let right else { return left ?? right }
        if left.number != right.number { return left.number > right.number ? left : right }
        return left.order < right.order ? right : left
    }
}

/// What one core knows of itself and of the others, at one moment.
package struct CoreView: Hashable, Sendable {
    /// Another running core.
    package struct Peer: Hashable, Sendable {
        /// What came back when its agent was asked.
        package enum Voice: Hashable, Sendable {
            /// An agent of ours.
            case agent
            /// Something else, such as the Go agent.
            case other
            /// Nothing listens there: a Go agent without an API, or an agent that restarts.
            case absent
            /// No answer.
            case silent
        }

        /// The pod's name.
        package var name: String
        /// What came back.
        package var voice: Voice
        /// What it mounts: by its own word, else as far as Kubernetes tells.
        package var order: ConfigurationOrder?
        /// What it says the cluster runs.
        package var running: RunningClaim?
        /// What it runs.
        package var stamps: [CoreModule: NodeObservation.Stamp]
        /// Whether this core's ProxySQL has looked at it: what only its agent says may be seconds old.
        package var isSeen = true

        /// Makes a peer.
        package init(
            name: String, voice: Voice, order: ConfigurationOrder? = nil, running: RunningClaim? = nil,
            stamps: [CoreModule: NodeObservation.Stamp] = [:]
        ) {
            self.name = name
            self.voice = voice
            self.order = order
            self.running = running
            self.stamps = stamps
        }
    }

    /// The moment.
    package var at: Timestamp
    /// This core's name.
    package var name: String
    /// Who acts for all, as far as is known.
    package var acting: String?
    /// What this core mounts.
    package var order: ConfigurationOrder?
    /// The same, as far as Kubernetes tells: to be compared with peers that cannot be asked.
    package var podOrder: ConfigurationOrder?
    /// What this core runs.
    package var stamps: [CoreModule: NodeObservation.Stamp]
    /// Whether this core acts for all.
    package var isActing: Bool
    /// Whether a mounted configuration may be restored at all.
    package var restores: Bool
    /// The modules that the node pulls from its peers: it looks at theirs, and is not told to leave them.
    package var pulls = Set(CoreModule.allCases)
    /// What stands in the Lease.
    package var recorded: RunningClaim?
    /// The others.
    package var peers: [Peer]

    /// Makes a view.
    package init(
        at: Timestamp, name: String = "", acting: String? = nil, order: ConfigurationOrder?,
        podOrder: ConfigurationOrder? = nil,
        stamps: [CoreModule: NodeObservation.Stamp], isActing: Bool, restores: Bool = true,
        recorded: RunningClaim? = nil, peers: [Peer]
    ) {
        self.at = at
        self.name = name
        self.acting = acting
        self.order = order
        self.podOrder = podOrder
        self.stamps = stamps
        self.isActing = isActing
        self.restores = restores
        self.recorded = recorded
        self.peers = peers
    }

    /// How a peer's configuration relates to this core's.
    enum Relation {
        case older, same, newer, unknown
    }

    func relation(to peer: Peer) -> Relation {
        guard let mine = peer.voice == .agent ? order : podOrder ?? order, let theirs = peer.order else {
            return .unknown
        }
        if mine == theirs { return .same }
        return theirs < mine ? .older : .newer
    }

    /// The peers from which ProxySQL can pull `module`: loaded since their start, with content.
    func sources(of module: CoreModule) -> [NodeObservation.Stamp] {
        peers.compactMap { $0.stamps[module] }.filter { $0.version > 1 }
    }

    /// The modules with rows that came to the peers before this core, and have not been pulled yet.
    var notPulled: [CoreModule] {
        CoreModule.allCases.filter { module in
            guard module.hasRows, let own = stamps[module], own.version <= 1 else { return false }
            let sources = sources(of: module).filter(\.hasRows)
            return !sources.isEmpty && !sources.contains { $0.checksum == own.checksum }
        }
    }

    /// The loaded peers at which ProxySQL has not looked yet: what they run may be newer than what is known of it.
    var notSeen: [String] {
        peers.filter { peer in !peer.isSeen && peer.stamps.values.contains { $0.version > 1 } }.map(\.name)
    }

    /// Whether it falls to this core to load what no core has loaded: the acting one does, unless it has no rows itself
    /// and another core has; then the first of those by name.
    func isLoader(of module: CoreModule) -> Bool {
        let holders = peers.filter { $0.stamps[module]?.hasContent == true }.map(\.name)
        let actingHolds = acting.map { holders.contains($0) } ?? false
        guard !isActing, !peers.isEmpty else { return true }
        guard let acting, acting != name, !actingHolds, peers.contains(where: { $0.name == acting && $0.isKnown })
        else {
            return false
        }
        return holders.allSatisfy { name < $0 }
    }
}

extension CoreView.Peer {
    /// Whether anything is known of what it runs.
    fileprivate var isKnown: Bool { !stamps.isEmpty }
}

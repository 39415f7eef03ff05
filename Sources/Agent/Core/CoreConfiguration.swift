import FleetModel

/// Decides what a core does about its configuration: which of the files that cores mount wins, and that the one that
/// won stays.
///
/// ProxySQL alone knows only the times of LOADs, so that a core that restarts with an old file and stamps it wins over
/// the whole cluster. Here:
/// 1. A core stamps its file only when it is newer than what the cluster runs and no running core has a newer one, and
///    after it has pulled what the others run: rows of groups stay, and must be there for that.
/// 2. What it stamped it stamps again when an older content comes back, for as long as it has not spread everywhere,
///    and later as long as older cores run.
/// 3. Every other core waits until it runs what the loaded cores run, and then only is lifted past version 1, so that
///    its LOAD spreads nothing that was not everywhere.
/// 4. When no core is loaded at all, the acting one loads what it has; where it has nothing, the first that has.
/// 5. Equal epochs with different content are resolved by the newer core, among equals by the acting one.
package struct CoreConfiguration: Sendable {
    /// What is to be done now, with the reason as a sentence.
    package enum Action: Hashable, Sendable {
        /// Nothing.
        case rest(String)
        /// Replace what is there by the mounted file and load it.
        case stamp(String)
        /// Load these modules as they run.
        case load([CoreModule], String)

        /// The reason.
        package var reason: String {
            switch self {
            case .rest(let reason), .stamp(let reason), .load(_, let reason): reason
            }
        }
    }

    /// Where the core is.
    package enum Phase: String, Hashable, Sendable {
        /// It has not found out yet what to run. Can become spreading, settled.
        case booting
        /// Its file was stamped and is not everywhere yet. Can become settled, booting.
        case spreading
        /// It runs what the cluster runs. Can become booting, spreading.
        case settled
    }

    /// How long peers that do not answer are waited for before a decision that depends on them.
    private static let patience = Duration.seconds(10)
    /// After this a module that the node will never pull is not waited for any more.
    private static let pullPatience = Duration.seconds(60)
    /// How long a core that does not answer may keep a restored file from counting as spread, and any other.
    private static let spreadPatience = (silent: Duration.seconds(30), any: Duration.seconds(120))
    /// Looks in a row that must have seen a tie.
    private static let tiePatience = 2

    /// Where the core is.
    package private(set) var phase = Phase.booting
    /// What the cluster runs, as far as is known.
    package private(set) var running: RunningClaim?
    private var began: Timestamp?
    /// When the file began to spread.
    private var spreadSince: Timestamp?
    /// The checksums right after our stamp.
    private var stamped: [CoreModule: String] = [:]
    /// The checksums that our stamp replaced, here and on the peers.
    private var replaced: [CoreModule: Set<String>] = [:]
    private var ties: [CoreModule: Int] = [:]

    /// Makes the state of an agent that knows nothing yet.
    package init() {}

    /// Takes a look and says what to do.
    package mutating func look(_ view: CoreView) -> Action {
        began = began ?? view.at
        for claim in view.peers.map(\.running) + [view.recorded] {
            running = RunningClaim.later(running, claim)
        }
        let isOutranked = view.peers.contains { view.relation(to: $0) == .newer }
        if phase == .spreading, isOutranked || running.map({ $0.order > view.order ?? $0.order }) ?? false {
            phase = .booting
        }
        if phase != .booting, let action = defend(view) { return action }
        if let action = decide(view, isOutranked: isOutranked) { return action }
        if let action = resolveTies(view) { return action }
        if phase == .spreading { return spread(view) }
        return bringIn(view, isOutranked: isOutranked)
    }

    /// The stamp was carried out; the stamps right after it and what ran before, here and elsewhere.
    package mutating func didStamp(_ view: CoreView, after: [CoreModule: NodeObservation.Stamp]) {
        for module in CoreModule.allCases {
            let before = [view.stamps[module]] + view.peers.map { $0.stamps[module] }
            // What an earlier stamp replaced stays known: it may come back from a core that slept meanwhile.
            replaced[module, default: []].formUnion(before.compactMap { $0?.checksum })
            stamped[module] = after[module]?.checksum
            if let checksum = stamped[module] { replaced[module]?.remove(checksum) }
        }
        if phase != .spreading || spreadSince == nil { spreadSince = view.at }
        phase = .spreading
    }

    /// The file was in force already, with these stamps.
    package mutating func didConfirm(_ after: [CoreModule: NodeObservation.Stamp]) {
        for (module, stamp) in after {
            stamped[module] = stamp.checksum
            replaced[module]?.remove(stamp.checksum)
        }
    }

    /// The modules were loaded as they ran; when nobody else had any content, that is what the cluster runs now.
    package mutating func didLoad(_ modules: [CoreModule], _ view: CoreView) {
        ties = [:]
        let isAlone = modules.allSatisfy { view.sources(of: $0).isEmpty }
        guard isAlone, let order = view.order, running?.order != order else { return }
        running = RunningClaim(order, number: (running?.number ?? 0).clampedSum(1))
    }

    // MARK: Rules

    /// Rule 2.
    private mutating func defend(_ view: CoreView) -> Action? {
        guard !stamped.isEmpty, phase == .spreading || running?.order == view.order else { return nil }
        let hasOlder = view.peers.contains { view.relation(to: $0) == .older }
        let equals = view.peers.filter { view.relation(to: $0) == .same && $0.running?.order == view.order }
        for module in CoreModule.allCases {
            guard let now = view.stamps[module]?.checksum, let mine = stamped[module], now != mine else { continue }
            let isOld = replaced[module]?.contains(now) == true
            let isAccepted = equals.contains { $0.stamps[module]?.checksum == now }
            if phase == .spreading, !isAccepted || isOld {
                return .stamp("\(module.checksumName) was overwritten before it had spread")
            }
            if isOld, hasOlder { return .stamp("\(module.checksumName) went back to what was replaced") }
            // Published by an older core, perhaps, with the rows of its own file.
            if hasOlder, !isAccepted { return .stamp("\(module.checksumName) changed while older cores run") }
        }
        return nil
    }

    /// Rule 1; nil when there is nothing to stamp.
    private mutating func decide(_ view: CoreView, isOutranked: Bool) -> Action? {
        guard view.restores, phase != .spreading, let order = view.order, !isOutranked else { return nil }
        if let running {
            guard running.order < order else { return nil }
        }
        if let waiting = waitingForPeers(view) ?? waitingForAbsent(view, order) { return waiting }
        if running == nil {
            // Nobody remembers. A core that cannot be judged may run something newer.
            let holders = view.peers.filter { peer in
                view.relation(to: peer) == .unknown && peer.stamps.values.contains { $0.version > 1 }
            }
            if !holders.isEmpty { return nil }
            let isLoaded = CoreModule.allCases.allSatisfy { module in
                view.stamps[module].map { $0.version > 1 || !$0.hasContent } ?? true
            }
            let hasLoaded = view.stamps.values.contains { $0.version > 1 }
            if view.peers.isEmpty, isLoaded, hasLoaded {
                running = RunningClaim(order, number: 1)
                return nil
            }
        }
        let isPullOver = began.map { view.at.since($0) >= Self.pullPatience } ?? false
        if !isPullOver, !view.notSeen.isEmpty {
            return .rest("waits until ProxySQL has looked at \(view.notSeen.joined(separator: ", "))")
        }
        let missing = view.notPulled.filter { !isPullOver || view.pulls.contains($0) }
        guard missing.isEmpty else {
            return .rest(
                "waits for \(missing.map(\.checksumName).joined(separator: ", ")) from the other cores before its file is "
                    + "restored")
        }
        return .stamp("\(order) is newer than what the cluster runs, \(running.map { "\($0.order)" } ?? "unknown")")
    }

    /// Rule 3, and rule 4 where there is no source.
    private mutating func bringIn(_ view: CoreView, isOutranked: Bool) -> Action {
        var ready: [CoreModule] = []
        var waiting: [String] = []
        for module in CoreModule.allCases {
            guard let own = view.stamps[module], own.version <= 1 else { continue }
            let sources = view.sources(of: module)
            if sources.isEmpty {
                // An empty module that nobody ever loaded is as it should be.
                guard own.hasContent else { continue }
                if view.isLoader(of: module), !isOutranked || isPatienceOver(view) {
                    if let silent = waitingForPeers(view) { return silent }
                    ready.append(module)
                } else {
                    waiting.append(module.checksumName)
                }
            } else if sources.allSatisfy({ $0.checksum == own.checksum }) {
                ready.append(module)
            } else {
                waiting.append(module.checksumName)
            }
        }
        if let newer = view.peers.first(where: { view.relation(to: $0) == .newer && $0.running?.order != $0.order }),
            !isPatienceOver(view)
        {
            return .rest("waits for \(newer.name), whose configuration is newer")
        }
        if !ready.isEmpty { return .load(ready, "they agree with the cluster and were not loaded since the start") }
        if waiting.isEmpty {
            phase = .settled
            return .rest("runs what the cluster runs")
        }
        phase = .booting
        return .rest("waits for \(waiting.joined(separator: ", ")) from the other cores")
    }

    /// The other half of rule 2: whether the stamp has arrived everywhere.
    private mutating func spread(_ view: CoreView) -> Action {
        let waited = spreadSince.map { view.at.since($0) } ?? .zero
        let missing = view.peers.filter { peer in
            // A core that hangs must not keep groups from being published; it pulls when it comes back.
            guard waited < Self.spreadPatience.any, peer.voice != .silent || waited < Self.spreadPatience.silent else {
                return false
            }
            return CoreModule.allCases.contains { module in
                guard let theirs = peer.stamps[module], let own = view.stamps[module] else { return false }
                return theirs.checksum != own.checksum
            }
        }
        guard missing.isEmpty else {
            return .rest("waits until \(missing.map(\.name).joined(separator: ", ")) have pulled what was stamped")
        }
        // Not before: whoever takes the place of a core that ends now must know that it has to stamp again.
        if let order = view.order, running?.order != order {
            running = RunningClaim(order, number: (running?.number ?? 0).clampedSum(1))
        }
        phase = .settled
        spreadSince = nil
        return .rest("what was stamped is everywhere")
    }

    /// Rule 5.
    private mutating func resolveTies(_ view: CoreView) -> Action? {
        var mine: [CoreModule] = []
        for module in CoreModule.allCases {
            guard let own = view.stamps[module], own.version > 1 else { continue }
            let tied = view.peers.filter { peer in
                guard let theirs = peer.stamps[module] else { return false }
                return theirs.version > 1 && theirs.epoch == own.epoch && theirs.checksum != own.checksum
            }
            guard !tied.isEmpty else {
                ties[module] = nil
                continue
            }
            ties[module, default: 0] += 1
            let isOurs = tied.allSatisfy { peer in
                let relation = view.relation(to: peer)
                return relation == .older || (view.isActing && relation != .newer)
            }
            if isOurs, ties[module, default: 0] >= Self.tiePatience { mine.append(module) }
        }
        guard !mine.isEmpty else { return nil }
        return .load(mine, "another core was loaded in the same second with something else")
    }

    private func waitingForPeers(_ view: CoreView) -> Action? {
        let silent = view.peers.filter { $0.voice == .silent }
        guard !silent.isEmpty, !isPatienceOver(view) else { return nil }
        return .rest("waits for the answer of \(silent.map(\.name).joined(separator: ", "))")
    }

    /// What only the age of a template tells may be known better by an agent that restarts right now.
    private func waitingForAbsent(_ view: CoreView, _ order: ConfigurationOrder) -> Action? {
        guard order.source == .age, order.name != nil, !isPatienceOver(view) else { return nil }
        let absent = view.peers.filter { peer in
            peer.voice == .absent && peer.stamps.values.contains { $0.version > 1 }
        }
        guard !absent.isEmpty else { return nil }
        return .rest("waits for the agents of \(absent.map(\.name).joined(separator: ", "))")
    }

    private func isPatienceOver(_ view: CoreView) -> Bool {
        began.map { view.at.since($0) >= Self.patience } ?? false
    }
}

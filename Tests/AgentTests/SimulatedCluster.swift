import FleetModel
import TestSupport

@testable import Agent

extension SeededGenerator {
    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}

/// The rules of ProxySQL's native clustering for the contents of modules, without their rows.
struct SimulatedNode {
    struct Running {
        var content: String
        var version: Int64
        var epoch: Int64
    }

    /// Milliseconds by which the node's clock is ahead.
    let skew: Int64
    var running: [CoreModule: Running] = [:]
    var differences: [String: [CoreModule: (content: String, count: Int)]] = [:]

    init(file: String, skew: Int64, at now: Timestamp) {
        self.skew = skew
        for module in CoreModule.allCases {
            running[module] = Running(content: file, version: 1, epoch: epoch(now))
        }
    }

    func epoch(_ now: Timestamp) -> Int64 { (now.millisecondsSinceEpoch + skew) / 1_000 }

    var stamps: [CoreModule: NodeObservation.Stamp] {
        running.reduce(into: [:]) { stamps, entry in
            stamps[entry.key] = .init(
                module: entry.key.checksumName, version: entry.value.version, epoch: entry.value.epoch,
                checksum: "0x\(entry.value.content)")
        }
    }

    mutating func load(_ module: CoreModule, _ content: String? = nil, at now: Timestamp) {
        let old = running[module]
        running[module] = Running(
            content: content ?? old?.content ?? "", version: (old?.version ?? 0) + 1, epoch: epoch(now))
    }

    /// One check of every peer.
    mutating func check(_ peers: [String: SimulatedNode]) {
        for module in CoreModule.allCases {
            guard let own = running[module] else { continue }
            var best: (epoch: Int64, content: String)?
            var isReady = false
            for (name, peer) in peers.sorted(by: { $0.key < $1.key }) {
                guard let theirs = peer.running[module] else { continue }
                guard theirs.content != own.content else {
                    differences[name, default: [:]][module] = nil
                    continue
                }
                let before = differences[name]?[module]
                let count = before?.content == theirs.content ? (before?.count ?? 0) + 1 : 1
                differences[name, default: [:]][module] = (theirs.content, count)
                guard theirs.version > 1, own.version == 1 || theirs.epoch > own.epoch else { continue }
                if best.map({ theirs.epoch > $0.epoch }) ?? true {
                    best = (theirs.epoch, theirs.content)
                    isReady = count >= 3
                }
            }
            guard let best, isReady else { continue }
            running[module] = Running(content: best.content, version: own.version + 1, epoch: best.epoch)
        }
    }
}

/// Cores with agents, pods that come and go, and everything that can happen in between.
struct SimulatedCluster {
    enum Rights: CaseIterable {
        /// Nothing but pods: the order is the age of templates.
        case pods
        /// ReplicaSets and a Lease too.
        case full
        /// Generations in the files, agents are asked, no Kubernetes.
        case stated
    }

    struct Pod {
        var template: Int
        var created: Timestamp
        var node: SimulatedNode
        var machine = CoreConfiguration()
        var seen: [String: Int64] = [:]
        /// A look whose action is still to be carried out, and when.
        var pending: (action: CoreConfiguration.Action, view: CoreView, at: Timestamp)?
        var agentSince: Timestamp
        var silentUntil: Timestamp?
    }

    let rights: Rights
    var random: SeededGenerator
    var now = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
    var pods: [String: Pod] = [:]
    var recorded: RunningClaim?
    var journal: [String] = []
    var count = 0

    static func content(_ template: Int) -> String { "C\(template)" }

    init(seed: UInt64, rights: Rights) {
        self.rights = rights
        random = SeededGenerator(seed: seed)
    }

    mutating func create(_ template: Int) -> String {
        count += 1
        // Names are random, as those of a Deployment's pods are.
        let name = "\(UInt16.random(in: 0...UInt16.max, using: &random))-\(count)"
        let skew = Int64.random(in: -1_500...1_500, using: &random)
        pods[name] = Pod(
            template: template, created: now,
            node: SimulatedNode(file: Self.content(template), skew: skew, at: now),
            agentSince: now.advanced(by: .milliseconds(Int64.random(in: 0...4_000, using: &random))))
        journal.append("\(time) \(name) of \(template) begins")
        return name
    }

    mutating func delete(_ name: String) {
        pods[name] = nil
        journal.append("\(time) \(name) is deleted")
    }

    /// The container of ProxySQL restarts: its file again, version 1.
    mutating func restartNode(_ name: String) {
        guard let pod = pods[name] else { return }
        pods[name]?.node = SimulatedNode(file: Self.content(pod.template), skew: pod.node.skew, at: now)
        journal.append("\(time) ProxySQL of \(name) restarts")
    }

    /// The agent restarts; it remembers what is in its file, and the claim only by its peers.
    mutating func restartAgent(_ name: String) {
        pods[name]?.machine = CoreConfiguration()
        pods[name]?.pending = nil
        pods[name]?.agentSince = now.advanced(by: .seconds(2))
        journal.append("\(time) agent of \(name) restarts")
    }

    mutating func silence(_ name: String, for duration: Duration) {
        pods[name]?.silentUntil = now.advanced(by: duration)
    }

    private var time: String { "\((now.millisecondsSinceEpoch - 1_795_000_000_000) / 100)" }

    private func answers(_ pod: Pod) -> Bool {
        now >= pod.agentSince && (pod.silentUntil.map { now > $0 } ?? true)
    }

    private func podOrder(_ pod: Pod, seenBy observer: Pod) -> ConfigurationOrder? {
        switch rights {
        case .pods:
            let hash = "t\(pod.template)"
            return ConfigurationOrder(.age, observer.seen[hash] ?? pod.created.millisecondsSinceEpoch, name: hash)
        case .full: return ConfigurationOrder(.revision, Int64(pod.template))
        case .stated: return nil
        }
    }

    private func order(_ pod: Pod, seenBy observer: Pod) -> ConfigurationOrder? {
        rights == .stated ? ConfigurationOrder(.explicit, Int64(pod.template)) : podOrder(pod, seenBy: observer)
    }

    /// What an agent sees.
    private mutating func view(of name: String) -> CoreView? {
        guard var pod = pods[name] else { return nil }
        func learn(_ hash: String, _ created: Int64) {
            pod.seen[hash] = min(pod.seen[hash] ?? created, created)
        }
        for other in pods.values { learn("t\(other.template)", other.created.millisecondsSinceEpoch) }
        for other in pods.values where answers(other) {
            for (hash, created) in other.seen { learn(hash, created) }
        }
        pods[name] = pod
        let acting = pods.filter { answers($0.value) }.keys.min() ?? pods.keys.min()
        let peers = pods.keys.sorted().filter { $0 != name }.compactMap { other -> CoreView.Peer? in
            guard let peer = pods[other] else { return nil }
            guard answers(peer) else {
                // ProxySQL still shows what it runs.
                return CoreView.Peer(
                    name: other, voice: .silent, order: podOrder(peer, seenBy: pod), stamps: peer.node.stamps)
            }
            return CoreView.Peer(
                name: other, voice: .agent, order: order(peer, seenBy: peer), running: peer.machine.running,
                stamps: peer.node.stamps)
        }
        return CoreView(
            at: now, name: name, acting: acting, order: order(pod, seenBy: pod), podOrder: podOrder(pod, seenBy: pod),
            stamps: pod.node.stamps,
            isActing: acting == name, recorded: rights == .full ? recorded : nil, peers: peers)
    }

    /// Half a second: checks between nodes, looks and actions of agents, in any order.
    mutating func tick() {
        now = now.advanced(by: .milliseconds(Int64.random(in: 200...700, using: &random)))
        for name in pods.keys.sorted().shuffled(using: &random) {
            if random.chance(0.7) { checkPeers(name) }
            if random.chance(0.5) { look(name) }
            act(name)
        }
    }

    private mutating func checkPeers(_ name: String) {
        let peers = pods.filter { $0.key != name }.mapValues(\.node)
        pods[name]?.node.check(peers)
    }

    private mutating func look(_ name: String) {
        guard let pod = pods[name], now >= pod.agentSince, pod.pending == nil, let view = view(of: name),
            let action = pods[name]?.machine.look(view)
        else { return }
        // Between the look and the deed anything may happen.
        let delay = random.chance(0.5) ? 0 : Int64.random(in: 0...1_500, using: &random)
        pods[name]?.pending = (action, view, now.advanced(by: .milliseconds(delay)))
    }

    private mutating func act(_ name: String) {
        guard let pod = pods[name], let pending = pod.pending, now >= pending.at else { return }
        pods[name]?.pending = nil
        switch pending.action {
        case .rest: break
        case .stamp(let reason):
            journal.append("\(time) \(name) of \(pod.template) stamps: \(reason)")
            for module in CoreModule.allCases {
                pods[name]?.node.load(module, Self.content(pod.template), at: now)
            }
            let after = pods[name]?.node.stamps ?? [:]
            pods[name]?.machine.didStamp(pending.view, after: after)
        case .load(let modules, let reason):
            journal.append("\(time) \(name) of \(pod.template) loads \(modules.count): \(reason)")
            for module in modules { pods[name]?.node.load(module, at: now) }
            pods[name]?.machine.didLoad(modules, pending.view)
        }
        recorded = RunningClaim.later(recorded, pods[name]?.machine.running)
    }

    /// Runs until every agent has taken a look.
    mutating func runUntilAgentsAnswer() {
        for _ in 0..<100 where !pods.values.allSatisfy({ answers($0) && !$0.seen.isEmpty }) { tick() }
    }

    mutating func run(ticks: Int) {
        for _ in 0..<ticks { tick() }
    }

    /// The contents that run anywhere.
    var contents: Set<String> { Set(pods.values.flatMap { $0.node.running.values.map(\.content) }) }
    /// Whether a satellite could pull everything from every core.
    var isLifted: Bool { pods.values.allSatisfy { $0.node.running.values.allSatisfy { $0.version > 1 } } }

    var report: String {
        journal.joined(separator: "\n") + "\n"
            + pods.sorted { $0.key < $1.key }.map { name, pod in
                let running = CoreModule.allCases.compactMap { pod.node.running[$0] }
                    .map { "\($0.content) v\($0.version) e\($0.epoch % 10_000)" }
                return "\(name) of \(pod.template) \(pod.machine.phase) claim "
                    + "\(pod.machine.running.map { "\($0)" } ?? "none"): \(running.joined(separator: ", "))"
            }.joined(separator: "\n")
    }
}

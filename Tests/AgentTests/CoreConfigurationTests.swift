import FleetModel
import Testing

@testable import Agent

@Suite("Which configuration wins, over random interleavings")
struct CoreConfigurationTests {
    static let seeds: [UInt64] = Array(1...150)

    /// Two cores of the first template that have settled.
    private func settled(_ seed: UInt64, _ rights: SimulatedCluster.Rights) -> SimulatedCluster {
        var cluster = SimulatedCluster(seed: seed, rights: rights)
        _ = cluster.create(1)
        cluster.run(ticks: cluster.random.chance(0.5) ? 0 : 20)
        _ = cluster.create(1)
        cluster.run(ticks: 60)
        return cluster
    }

    private func disturb(_ cluster: inout SimulatedCluster) {
        guard let name = cluster.pods.keys.sorted().randomElement(using: &cluster.random) else { return }
        switch Int.random(in: 0..<4, using: &cluster.random) {
        case 0: cluster.restartAgent(name)
        case 1: cluster.silence(name, for: .seconds(Int.random(in: 1...6, using: &cluster.random)))
        case 2: cluster.restartNode(name)
        default:
            guard let template = cluster.pods[name]?.template else { return }
            cluster.delete(name)
            _ = cluster.create(template)
        }
    }

    @Test("What only a peer's agent says is not restored over: it may be older than what was published since")
    func unseenPeer() {
        let stamps = Dictionary(
            uniqueKeysWithValues: CoreModule.allCases.map {
                ($0, NodeObservation.Stamp(module: $0.checksumName, version: 2, epoch: 10, checksum: "0xA"))
            })
        var peer = CoreView.Peer(name: "old", voice: .agent, order: ConfigurationOrder(.explicit, 1), stamps: stamps)
        peer.running = RunningClaim(ConfigurationOrder(.explicit, 1), number: 1)
        peer.isSeen = false
        let own = stamps.mapValues { NodeObservation.Stamp(module: $0.module, version: 1, epoch: 11, checksum: "0xA") }
        var machine = CoreConfiguration()
        func view(_ second: Int64) -> CoreView {
            CoreView(
                at: Timestamp(secondsSinceEpoch: 100 + second), order: ConfigurationOrder(.explicit, 2), stamps: own,
                isActing: true, peers: [peer])
        }
        #expect(machine.look(view(0)) == .rest("waits until ProxySQL has looked at old"))
        peer.isSeen = true
        guard case .stamp = machine.look(view(1)) else { return #expect(Bool(false), "it does not restore") }
    }

    @Test("Cores that begin together agree, and every one is a source for satellites", arguments: seeds)
    func cold(seed: UInt64) {
        for rights in SimulatedCluster.Rights.allCases {
            let cluster = settled(seed, rights)
            #expect(cluster.contents == ["C1"] && cluster.isLifted, "\(rights) seed \(seed)\n\(cluster.report)")
        }
    }

    @Test("New configuration survives a rolling restart with a core deleted in the middle", arguments: seeds)
    func rollout(seed: UInt64) {
        for rights in SimulatedCluster.Rights.allCases {
            var cluster = settled(seed, rights)
            var old = cluster.pods.keys.sorted()
            for _ in 0..<2 {
                _ = cluster.create(2)
                cluster.run(ticks: Int.random(in: 0...40, using: &cluster.random))
                // A rollout goes on when the new pod is ready.
                cluster.runUntilAgentsAnswer()
                if let victim = old.popLast(), cluster.pods[victim] != nil { cluster.delete(victim) }
                cluster.run(ticks: Int.random(in: 0...15, using: &cluster.random))
                if cluster.random.chance(0.7),
                    let name = cluster.pods.keys.sorted().randomElement(using: &cluster.random),
                    let template = cluster.pods[name]?.template
                {
                    // The controller puts another one of the same template in its place.
                    cluster.delete(name)
                    if let index = old.firstIndex(of: name) { old.remove(at: index) }
                    let replacement = cluster.create(template)
                    if template == 1 { old.append(replacement) }
                }
                cluster.run(ticks: Int.random(in: 0...30, using: &cluster.random))
            }
            for name in old where cluster.pods[name] != nil { cluster.delete(name) }
            cluster.run(ticks: 80)
            #expect(cluster.contents == ["C2"] && cluster.isLifted, "\(rights) seed \(seed)\n\(cluster.report)")
        }
    }

    @Test("Old cores never win while new ones run, however they restart", arguments: seeds)
    func restarts(seed: UInt64) {
        for rights in SimulatedCluster.Rights.allCases {
            var cluster = settled(seed, rights)
            _ = cluster.create(2)
            cluster.run(ticks: 60)
            #expect(cluster.contents == ["C2"], "\(rights) seed \(seed)\n\(cluster.report)")
            for _ in 0..<6 {
                // Any old core, in any way; the new one stays.
                let old = cluster.pods.filter { $0.value.template == 1 }.keys.sorted()
                guard let name = old.randomElement(using: &cluster.random) else { break }
                switch Int.random(in: 0..<3, using: &cluster.random) {
                case 0: cluster.restartNode(name)
                case 1: cluster.restartAgent(name)
                default:
                    cluster.delete(name)
                    _ = cluster.create(1)
                }
                cluster.run(ticks: Int.random(in: 0...25, using: &cluster.random))
            }
            cluster.run(ticks: 80)
            #expect(cluster.contents == ["C2"] && cluster.isLifted, "\(rights) seed \(seed)\n\(cluster.report)")
        }
    }

    @Test(
        "Whatever happens during a rollout, the last template's configuration is everywhere in the end",
        arguments: seeds)
    func chaos(seed: UInt64) {
        for rights in SimulatedCluster.Rights.allCases {
            var cluster = settled(seed, rights)
            for template in 2...3 {
                for _ in 0..<2 {
                    _ = cluster.create(template)
                    for _ in 0..<Int.random(in: 0...4, using: &cluster.random) {
                        cluster.run(ticks: Int.random(in: 0...12, using: &cluster.random))
                        disturb(&cluster)
                    }
                    cluster.runUntilAgentsAnswer()
                    if let old = cluster.pods.filter({ $0.value.template < template }).keys.min() {
                        cluster.delete(old)
                    }
                }
            }
            for (name, pod) in cluster.pods.sorted(by: { $0.key < $1.key }) where pod.template < 3 {
                cluster.delete(name)
            }
            cluster.run(ticks: 120)
            #expect(cluster.contents == ["C3"] && cluster.isLifted, "\(rights) seed \(seed)\n\(cluster.report)")
        }
    }

    @Test(
        "A late core of an old template changes nothing, though every agent has restarted meanwhile", arguments: seeds)
    func late(seed: UInt64) {
        for rights in SimulatedCluster.Rights.allCases {
            var cluster = settled(seed, rights)
            let old = cluster.pods.keys.sorted()
            for name in old {
                _ = cluster.create(2)
                cluster.runUntilAgentsAnswer()
                cluster.run(ticks: 20)
                cluster.delete(name)
            }
            cluster.run(ticks: 60)
            #expect(cluster.contents == ["C2"], "\(rights) seed \(seed)\n\(cluster.report)")
            for name in cluster.pods.keys.sorted() { cluster.restartAgent(name) }
            if cluster.random.chance(0.5) { cluster.run(ticks: 20) }
            _ = cluster.create(1)
            cluster.run(ticks: 80)
            #expect(cluster.contents == ["C2"] && cluster.isLifted, "\(rights) seed \(seed)\n\(cluster.report)")
        }
    }

    @Test("The loss of every core is not the end: what is left is loaded, and is a source again", arguments: seeds)
    func loss(seed: UInt64) {
        for rights in SimulatedCluster.Rights.allCases {
            var cluster = settled(seed, rights)
            for name in cluster.pods.keys.sorted() { cluster.restartNode(name) }
            if cluster.random.chance(0.5) {
                for name in cluster.pods.keys.sorted() { cluster.restartAgent(name) }
            }
            cluster.run(ticks: 80)
            #expect(cluster.contents == ["C1"] && cluster.isLifted, "\(rights) seed \(seed)\n\(cluster.report)")
        }
    }

    private func stamps(_ content: String, epoch: Int64, version: Int64 = 5) -> [CoreModule: NodeObservation.Stamp] {
        Dictionary(
            uniqueKeysWithValues: CoreModule.allCases.map {
                ($0, .init(module: $0.checksumName, version: version, epoch: epoch, checksum: "0x\(content)"))
            })
    }

    @Test("Equal epochs with different content: the acting core loads once more, at the second look, the other never")
    func tie() {
        let order = ConfigurationOrder(.revision, 1)
        let now = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
        func view(_ mine: String, _ theirs: String, isActing: Bool) -> CoreView {
            CoreView(
                at: now, order: order, stamps: stamps(mine, epoch: 100), isActing: isActing,
                recorded: RunningClaim(order, number: 1),
                peers: [
                    .init(
                        name: "peer", voice: .agent, order: order, running: RunningClaim(order, number: 1),
                        stamps: stamps(theirs, epoch: 100))
                ])
        }
        var acting = CoreConfiguration()
        var other = CoreConfiguration()
        if case .load = acting.look(view("A", "B", isActing: true)) { Issue.record("one look may be a pull under way") }
        guard case .load(let modules, _) = acting.look(view("A", "B", isActing: true)) else {
            Issue.record("a tie that lasts must be resolved")
            return
        }
        #expect(modules == CoreModule.allCases)
        for _ in 0..<5 {
            if case .load = other.look(view("B", "A", isActing: false)) { Issue.record("only one may resolve it") }
        }
    }

    @Test(
        "A core that hangs keeps a restored file from settling for 30 s, one that answers and pulls nothing for 120 s")
    func spreading() {
        let old = ConfigurationOrder(.revision, 1)
        let new = ConfigurationOrder(.revision, 2)
        let start = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
        for (voice, patience) in [(CoreView.Peer.Voice.silent, 30), (.agent, 120), (.other, 120)] {
            var machine = CoreConfiguration()
            func view(at seconds: Int) -> CoreView {
                CoreView(
                    at: start.advanced(by: .seconds(seconds)), order: new, podOrder: new,
                    stamps: stamps("2", epoch: 200),
                    isActing: true, recorded: RunningClaim(old, number: 1),
                    peers: [.init(name: "peer", voice: voice, order: old, stamps: stamps("1", epoch: 100))])
            }
            machine.didStamp(view(at: 0), after: stamps("2", epoch: 200))
            for seconds in stride(from: 1, to: patience, by: 5) { _ = machine.look(view(at: seconds)) }
            #expect(machine.phase == .spreading, "\(voice)")
            _ = machine.look(view(at: patience))
            #expect(machine.phase == .settled && machine.running?.order == new, "\(voice)")
        }
    }

    @Test("What no core has loaded is loaded by the acting one; where it has no rows, by the first that has")
    func holders() {
        let order = ConfigurationOrder(.revision, 1)
        let now = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
        let (full, empty) = (stamps("1", epoch: 100, version: 1), stamps("0", epoch: 100, version: 1))
        func action(_ name: String, _ own: [CoreModule: NodeObservation.Stamp], _ others: [String: Bool])
            -> CoreConfiguration.Action
        {
            var machine = CoreConfiguration()
            return machine.look(
                CoreView(
                    at: now, name: name, acting: "a", order: order, stamps: own, isActing: name == "a",
                    recorded: RunningClaim(order, number: 1),
                    peers: others.sorted { $0.key < $1.key }.map {
                        .init(name: $0.key, voice: .agent, order: order, stamps: $0.value ? full : empty)
                    }))
        }
        guard case .load(let modules, _) = action("b", full, ["a": false, "c": true]) else {
            Issue.record("the first that has rows must load them")
            return
        }
        #expect(modules == CoreModule.allCases)
        let idle = [
            action("a", empty, ["b": true, "c": true]), action("c", full, ["a": false, "b": true]),
            action("b", full, ["a": true]),
        ]
        for action in idle {
            if case .load = action { Issue.record("\(action)") }
        }
    }

    @Test("A file is restored only after what the others run was pulled: groups' rows are there only then")
    func pullFirst() {
        let (old, new) = (ConfigurationOrder(.revision, 1), ConfigurationOrder(.revision, 2))
        let now = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
        func action(_ own: [CoreModule: NodeObservation.Stamp]) -> CoreConfiguration.Action {
            var machine = CoreConfiguration()
            return machine.look(
                CoreView(
                    at: now, name: "b", acting: "a", order: new, stamps: own, isActing: false,
                    recorded: RunningClaim(old, number: 1),
                    peers: [
                        .init(
                            name: "a", voice: .agent, order: old, running: RunningClaim(old, number: 1),
                            stamps: stamps("1", epoch: 100))
                    ]))
        }
        if case .stamp = action(stamps("2", epoch: 200, version: 1)) { Issue.record("nothing was pulled yet") }
        if case .stamp = action(stamps("0", epoch: 200, version: 1)) { Issue.record("nothing was pulled yet") }
        guard case .stamp = action(stamps("1", epoch: 100, version: 2)) else {
            Issue.record("it was pulled")
            return
        }
    }

    @Test("Where nodes do not pull from one another a file is restored all the same, after a minute")
    func pullNever() {
        let (old, new) = (ConfigurationOrder(.revision, 1), ConfigurationOrder(.revision, 2))
        let start = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
        for (pulls, isStamped) in [(Set(CoreModule.allCases), false), ([], true), ([.servers], false)] {
            var machine = CoreConfiguration()
            func action(at seconds: Int) -> CoreConfiguration.Action {
                var view = CoreView(
                    at: start.advanced(by: .seconds(seconds)), name: "b", acting: "a", order: new,
                    stamps: stamps("2", epoch: 200, version: 1), isActing: false,
                    recorded: RunningClaim(old, number: 1),
                    peers: [
                        .init(
                            name: "a", voice: .agent, order: old, running: RunningClaim(old, number: 1),
                            stamps: stamps("1", epoch: 100))
                    ])
                view.pulls = pulls
                return machine.look(view)
            }
            if case .stamp = action(at: 0) { Issue.record("a pull may come") }
            if case .stamp = action(at: 59) { Issue.record("a pull may come") }
            let last = action(at: 61)
            if case .stamp = last { #expect(isStamped) } else { #expect(!isStamped) }
        }
    }

    @Test("A tie between two configurations is resolved by the newer one, whoever acts")
    func tieInRollout() {
        let old = ConfigurationOrder(.revision, 1)
        let new = ConfigurationOrder(.revision, 2)
        let now = Timestamp(millisecondsSinceEpoch: 1_795_000_000_000)
        func look(_ machine: inout CoreConfiguration, _ mine: ConfigurationOrder, _ theirs: ConfigurationOrder)
            -> CoreConfiguration.Action
        {
            machine.look(
                CoreView(
                    at: now, order: mine, stamps: stamps("\(mine.value)", epoch: 100), isActing: mine == old,
                    recorded: RunningClaim(new, number: 2),
                    peers: [
                        .init(
                            name: "peer", voice: .agent, order: theirs, running: RunningClaim(new, number: 2),
                            stamps: stamps("\(theirs.value)", epoch: 100))
                    ]))
        }
        var newer = CoreConfiguration()
        var older = CoreConfiguration()
        _ = look(&newer, new, old)
        guard case .load = look(&newer, new, old) else {
            Issue.record("the newer core must resolve it")
            return
        }
        for _ in 0..<5 {
            if case .load = look(&older, old, new) { Issue.record("the older core must not") }
        }
    }
}

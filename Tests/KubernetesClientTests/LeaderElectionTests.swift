import FleetModel
import TestSupport
import Testing

@testable import KubernetesClient

/// Candidates, a Lease and messages between them that take any time, are lost before or after they took effect, or find
/// their sender stopped for a while.
struct ElectionSimulation {
    enum Message {
        case read(from: Int, sent: Duration)
        case readAnswer(to: Int, spec: Lease.Spec?, version: Int, sent: Duration)
        case write(from: Int, claim: LeaderElection.Claim, sent: Duration)
        case writeAnswer(to: Int, spec: Lease.Spec?, version: Int, sent: Duration)
        case tick(Int)
    }

    var random: SeededGenerator
    var now: Duration = .zero
    var queue: [(at: Duration, message: Message)] = []
    var candidates: [LeaderElection]
    var calls: [Duration?]
    var wakes: [Duration]
    var lease: (spec: Lease.Spec, version: Int)?
    var terms: [Int: String] = [:]
    var leaders: Set<String> = []
    var version = 0

    init(seed: UInt64, candidates count: Int) {
        random = SeededGenerator(seed: seed)
        candidates = (0..<count).map { LeaderElection(identity: "candidate-\($0)", timing: .standard) }
        calls = Array(repeating: nil, count: count)
        wakes = Array(repeating: .zero, count: count)
        for index in 0..<count { schedule(.tick(index), after: .milliseconds(index * 10)) }
    }

    mutating func schedule(_ message: Message, after delay: Duration) {
        queue.append((now + delay, message))
    }

    mutating func delay() -> Duration {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: .milliseconds(Int.random(in: 1_000..<30_000, using: &random))
        case 1, 2: .milliseconds(Int.random(in: 100..<4_000, using: &random))
        default: .milliseconds(Int.random(in: 1..<50, using: &random))
        }
    }

    mutating func isLost() -> Bool { Int.random(in: 0..<15, using: &random) == 0 }

    /// Whoever says it leads now; at most one may.
    var leading: [String] { candidates.filter { $0.isLeader(at: now) }.map(\.identity) }

    mutating func step() {
        guard let index = queue.indices.min(by: { queue[$0].at < queue[$1].at }) else { return }
        let (at, message) = queue.remove(at: index)
        now = max(now, at)
        switch message {
        case .tick(let index): tick(index)
        case .read(let from, let sent):
            if isLost() { return }
            schedule(
                .readAnswer(to: from, spec: lease?.spec, version: lease?.version ?? 0, sent: sent), after: delay())
        case .write(let from, let claim, let sent): write(from, claim, sent)
        case .readAnswer(let to, let spec, let version, let sent):
            guard calls[to] == sent, now >= wakes[to] else { return stopped(message, to) }
            let step = candidates[to].read(spec, version: spec == nil ? nil : "\(version)", at: now)
            calls[to] = nil
            if case .write(let claim) = step { send(to, claim) }
        case .writeAnswer(let to, let spec, let version, let sent):
            guard calls[to] == sent, now >= wakes[to] else { return stopped(message, to) }
            calls[to] = nil
            if let spec {
                candidates[to].wrote(spec, version: "\(version)", sent: sent, at: now)
            } else {
                candidates[to].failed()
            }
        }
        leaders.formUnion(leading)
    }

    /// A stopped process gets its answer when it goes on; an answer to a call that was given up goes nowhere.
    private mutating func stopped(_ message: Message, _ index: Int) {
        if now < wakes[index] { schedule(message, after: wakes[index] - now) }
    }

    private mutating func tick(_ index: Int) {
        schedule(.tick(index), after: .milliseconds(Int.random(in: 2_000..<2_400, using: &random)))
        guard now >= wakes[index] else { return }
        if Int.random(in: 0..<40, using: &random) == 0 {
            wakes[index] = now + .milliseconds(Int.random(in: 1_000..<40_000, using: &random))
            return
        }
        if Int.random(in: 0..<80, using: &random) == 0 {
            // It leaves in order and comes back as another process.
            if let claim = candidates[index].resign(at: now) { send(index, claim) }
            return
        }
        if let sent = calls[index] {
            guard now - sent > .seconds(5) else { return }
            calls[index] = nil
            candidates[index].failed()
        }
        switch candidates[index].attempt(at: now) {
        case .read:
            calls[index] = now
            schedule(.read(from: index, sent: now), after: delay())
        case .write(let claim): send(index, claim)
        case .rest: break
        }
    }

    private mutating func send(_ index: Int, _ claim: LeaderElection.Claim) {
        calls[index] = now
        schedule(.write(from: index, claim: claim, sent: now), after: delay())
    }

    private mutating func write(_ from: Int, _ claim: LeaderElection.Claim, _ sent: Duration) {
        if isLost() { return }
        guard claim.version == lease.map({ "\($0.version)" }) else {
            schedule(.writeAnswer(to: from, spec: nil, version: 0, sent: sent), after: delay())
            return
        }
        version += 1
        var spec = Lease.Spec()
        spec.holderIdentity = claim.holder
        spec.leaseDurationSeconds = claim.leaseDurationSeconds
        spec.leaseTransitions = claim.transitions
        // Its writer's own time of day: different in every write, and nobody else's business.
        spec.renewTime = MicroTime(Timestamp(millisecondsSinceEpoch: Int64(version)))
        lease = (spec, version)
        if !claim.holder.isEmpty {
            #expect(terms[claim.transitions] ?? claim.holder == claim.holder, "two holders in one term")
            terms[claim.transitions] = claim.holder
        }
        if isLost() { return }
        schedule(.writeAnswer(to: from, spec: spec, version: version, sent: sent), after: delay())
    }
}

@Suite("Who leads")
struct LeaderElectionTests {
    private let timing = LeaderTiming.standard

    private func spec(_ holder: String, renewed: Int64, duration: Int = 15) -> Lease.Spec {
        var spec = Lease.Spec()
        spec.holderIdentity = holder
        spec.leaseDurationSeconds = duration
        spec.leaseTransitions = 3
        spec.renewTime = MicroTime(Timestamp(secondsSinceEpoch: renewed))
        return spec
    }

    @Test("No two candidates ever lead at once, whatever happens to messages and processes", arguments: 0..<300)
    func exclusion(seed: UInt64) {
        var simulation = ElectionSimulation(seed: seed, candidates: 3)
        for _ in 0..<3_000 {
            simulation.step()
            guard simulation.leading.count <= 1 else {
                Issue.record("seed \(seed): \(simulation.leading) lead at \(simulation.now)")
                return
            }
        }
        #expect(!simulation.leaders.isEmpty, "seed \(seed): nobody ever led")
    }

    @Test("A lease is taken only when it was seen unchanged for as long as its holder asked")
    func expiry() {
        var election = LeaderElection(identity: "b", timing: timing)
        #expect(election.attempt(at: .zero) == .read)
        #expect(election.read(spec("a", renewed: 1), version: "7", at: .seconds(100)) == .rest)
        #expect(election.read(spec("a", renewed: 1), version: "7", at: .seconds(114)) == .rest)
        // A renewal begins the wait anew, whatever its time of day says.
        #expect(election.read(spec("a", renewed: 0), version: "8", at: .seconds(114.5)) == .rest)
        #expect(election.read(spec("a", renewed: 0), version: "8", at: .seconds(129)) == .rest)
        let step = election.read(spec("a", renewed: 0), version: "9", at: .seconds(129.5))
        guard case .write(let claim) = step else {
            Issue.record("it does not take the lease: \(step)")
            return
        }
        #expect(claim.holder == "b")
        #expect(claim.version == "9")
        #expect(claim.transitions == 4)
        #expect(!election.isLeader(at: .seconds(130)))
    }

    @Test("A leader acts until its renew deadline after it sent its last renewal, not after it was answered")
    func deadline() {
        var election = LeaderElection(identity: "a", timing: timing)
        _ = election.read(nil, version: nil, at: .zero)
        election.wrote(spec("a", renewed: 1), version: "1", sent: .seconds(1), at: .seconds(4))
        #expect(election.isLeader(at: .seconds(10.9)))
        #expect(!election.isLeader(at: .seconds(11)))
    }

    @Test("A renewal of unknown outcome keeps what was won before, and no more")
    func unknown() {
        var election = LeaderElection(identity: "a", timing: timing)
        _ = election.read(nil, version: nil, at: .zero)
        election.wrote(spec("a", renewed: 1), version: "1", sent: .zero, at: .zero)
        election.failed()
        #expect(election.isLeader(at: .seconds(9)))
        #expect(election.attempt(at: .seconds(9)) == .read)
        #expect(!election.isLeader(at: .seconds(10)))
    }

    @Test("Whoever sees another holder stops acting at once")
    func lost() {
        var election = LeaderElection(identity: "a", timing: timing)
        _ = election.read(nil, version: nil, at: .zero)
        election.wrote(spec("a", renewed: 1), version: "1", sent: .zero, at: .zero)
        #expect(election.read(spec("b", renewed: 2), version: "2", at: .seconds(1)) == .rest)
        #expect(!election.isLeader(at: .seconds(1)))
    }

    @Test("A lease that was given up is taken at once")
    func givenUp() {
        var leader = LeaderElection(identity: "a", timing: timing)
        _ = leader.read(nil, version: nil, at: .zero)
        leader.wrote(spec("a", renewed: 1), version: "1", sent: .zero, at: .zero)
        let claim = leader.resign(at: .seconds(1))
        #expect(claim?.holder == "")
        #expect(claim?.leaseDurationSeconds == 1)
        #expect(!leader.isLeader(at: .seconds(1)))
        var other = LeaderElection(identity: "b", timing: timing)
        guard case .write = other.read(spec("", renewed: 2, duration: 1), version: "2", at: .zero) else {
            Issue.record("it waits for nobody")
            return
        }
    }

    @Test("A leader whose last attempt was cut off looks before it gives the lease up")
    func cutOff() {
        var leader = LeaderElection(identity: "a", timing: timing)
        _ = leader.read(nil, version: nil, at: .zero)
        leader.wrote(spec("a", renewed: 1), version: "1", sent: .zero, at: .zero)
        leader.failed()
        #expect(leader.mustLook(at: .seconds(1)))
        _ = leader.read(spec("a", renewed: 2), version: "2", at: .seconds(1))
        #expect(!leader.mustLook(at: .seconds(1)))
        #expect(leader.resign(at: .seconds(1))?.version == "2")
    }

    @Test("Times with which two could lead at once are refused")
    func times() {
        #expect(throws: KubernetesError.self) { try LeaderTiming(leaseDuration: .seconds(10)) }
        #expect(throws: KubernetesError.self) { try LeaderTiming(leaseDuration: .milliseconds(15_500)) }
        #expect(throws: KubernetesError.self) { try LeaderTiming(retryPeriod: .seconds(9)) }
        #expect(throws: KubernetesError.self) { try LeaderTiming(retryPeriod: .zero) }
    }
}

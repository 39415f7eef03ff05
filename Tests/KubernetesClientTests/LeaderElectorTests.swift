import FakeKubernetes
import FleetModel
import Logging
import Pacing
import Synchronization
import TestSupport
import Testing

@testable import KubernetesClient

/// A candidate on a clock that the test moves, and what its body saw.
private final class Candidate: Sendable {
    enum Sight: Hashable, Sendable {
        case began(at: Duration)
        case ended(at: Duration, wasValid: Bool)
    }

    let clock: ManualClock
    let elector: LeaderElector
    let sights: AsyncStream<Sight>
    private let told: AsyncStream<Sight>.Continuation

    init(_ name: String, _ client: KubernetesClient, _ clock: ManualClock) {
        self.clock = clock
        (sights, told) = AsyncStream<Sight>.makeStream()
        elector = LeaderElector(client, lease: "core", identity: name, logger: Contract.quiet)
    }

    func run() async {
        await elector.run { [clock, told] leadership in
            told.yield(.began(at: clock.now.offset))
            // Acts until it is told not to.
            try? await clock.sleep(for: .seconds(100_000))
            told.yield(.ended(at: clock.now.offset, wasValid: leadership.isValid))
        }
    }
}

@Suite("A leader by Lease, on the stand-in", .timeLimit(.minutes(1)))
struct LeaderElectorTests {
    /// Two candidates with clocks and clients of their own.
    private func withCandidates(
        _ body: @Sendable (StandIn, Candidate, Candidate) async throws -> Void
    ) async throws {
        try await StandIn.run { standIn in
            let clocks = (ManualClock(), ManualClock())
            let clients = (try standIn.client(clock: clocks.0), try standIn.client(clock: clocks.1))
            let (a, b) = (Candidate("a", clients.0, clocks.0), Candidate("b", clients.1, clocks.1))
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await a.run() }
                do {
                    // The first one leads before the second one comes.
                    var first = a.sights.makeAsyncIterator()
                    let began = await first.next()
                    #expect(began == .began(at: .zero))
                    tasks.addTask { await b.run() }
                    try await body(standIn, a, b)
                } catch {
                    Issue.record(error)
                }
                tasks.cancelAll()
            }
            await clients.0.shutdown()
            await clients.1.shutdown()
        }
    }

    /// Waits until a candidate rests before its next attempt and nothing of it is under way.
    private func settle(_ candidate: Candidate, isLeading: Bool) async {
        let now = candidate.clock.now.offset
        let bodies = isLeading ? 1 : 0
        await candidate.clock.waitForSleeps { ends in
            // Its body, its `run`'s own wait, the rest until the next attempt and, for a leader, nothing else.
            let short = ends.filter { $0 > now && $0 <= now + .seconds(2.4) }
            let calls = ends.filter { $0 > now + .seconds(2.4) && $0 <= now + .seconds(6) }
            let long = ends.filter { $0 > now + .seconds(50_000) }
            return short.count == 1 && calls.isEmpty && long.count == 1 + bodies
        }
    }

    @Test(
        "A leader that cannot renew stops acting after the renew deadline, and is followed only after the lease's end")
    func succession() async throws {
        try await withCandidates { standIn, a, b in
            await settle(b, isLeading: false)
            await settle(a, isLeading: true)
            #expect(a.elector.isLeader && !b.elector.isLeader)
            #expect(b.elector.holder == "a")
            var outage = KubernetesFault(.status)
            outage.resource = "leases"
            outage.verb = "update"
            outage.times = 0
            standIn.fake.inject(outage)
            // Both clocks run together; b looks at the Lease all the time, and a fails to renew it.
            var leaders: [(a: Bool, b: Bool)] = []
            for second in 1...9 {
                a.clock.advance(by: .seconds(1))
                b.clock.advance(by: .seconds(1))
                if second % 3 == 0 { await settle(b, isLeading: false) }
                leaders.append((a.elector.isLeader, b.elector.isLeader))
            }
            #expect(leaders.allSatisfy { $0.a && !$0.b })
            var ended = a.sights.makeAsyncIterator()
            a.clock.advance(by: .seconds(1))
            b.clock.advance(by: .seconds(1))
            #expect(!a.elector.isLeader, "it does not act from the renew deadline on")
            let last = await ended.next()
            #expect(last == .ended(at: .seconds(10), wasValid: false))
            standIn.fake.clearFaults()
            // a may try again at once and must not get it back without waiting: it is its own lease, though.
            #expect(!b.elector.isLeader)
        }
    }

    @Test("A leader that hangs in a renewal is ended at its deadline, not at the call's")
    func hangingRenewal() async throws {
        try await withCandidates { standIn, a, _ in
            await settle(a, isLeading: true)
            var outage = KubernetesFault(.hang)
            outage.resource = "leases"
            outage.verb = "update"
            outage.times = 0
            standIn.fake.inject(outage)
            var ended = a.sights.makeAsyncIterator()
            // Attempts begin at 2 s and, after the call's deadline of 5 s, at 9 s.
            a.clock.advance(by: .seconds(2))
            await a.clock.waitForSleeps { $0.contains(.seconds(7)) }
            a.clock.advance(by: .seconds(5))
            await a.clock.waitForSleeps { $0.contains(.seconds(9)) }
            a.clock.advance(by: .seconds(2))
            await a.clock.waitForSleeps { $0.contains(.seconds(14)) }
            #expect(a.elector.isLeader)
            a.clock.advance(by: .seconds(1))
            #expect(!a.elector.isLeader)
            let last = await ended.next()
            #expect(last == .ended(at: .seconds(10), wasValid: false))
        }
    }

    @Test("A killed leader is followed a lease duration after its last renewal was seen, and not before")
    func takeover() async throws {
        try await StandIn.run { standIn in
            try await standIn.withClient { admin in
                // Somebody who was killed just now: nobody will renew it.
                var lease = Lease(metadata: ObjectMeta(name: "core"), spec: .init())
                lease.spec?.holderIdentity = "dead"
                lease.spec?.leaseDurationSeconds = 15
                lease.spec?.leaseTransitions = 4
                lease.spec?.renewTime = MicroTime(Timestamp(secondsSinceEpoch: 1))
                try await admin.create(lease)
                let clock = ManualClock()
                let client = try standIn.client(clock: clock)
                let b = Candidate("b", client, clock)
                await withTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { await b.run() }
                    await settle(b, isLeading: false)
                    while clock.now.offset < .seconds(14) {
                        clock.advance(by: .seconds(2))
                        #expect(!b.elector.isLeader, "too early, at \(clock.now.offset)")
                        await settleAfterLook(b)
                    }
                    #expect(!b.elector.isLeader)
                    clock.advance(by: .seconds(3))
                    var sights = b.sights.makeAsyncIterator()
                    let began = await sights.next()
                    guard case .began(let at) = began else {
                        Issue.record("it did not begin: \(String(describing: began))")
                        return
                    }
                    #expect(at >= .seconds(15))
                    tasks.cancelAll()
                }
                let taken = try await admin.get(Lease.self, "core")
                #expect(taken.spec?.holderIdentity == "b")
                #expect(taken.spec?.leaseTransitions == 5)
                await client.shutdown()
            }
        }
    }

    /// Waits until nothing of a candidate's attempts is under way.
    private func settleAfterLook(_ candidate: Candidate) async {
        let now = candidate.clock.now.offset
        await candidate.clock.waitForSleeps { ends in
            ends.contains { $0 > now && $0 <= now + .seconds(2.4) }
                && !ends.contains { $0 > now + .seconds(2.4) && $0 <= now + .seconds(6) }
        }
    }

    @Test("Without the right to Leases nobody leads, and the reason can be read")
    func forbidden() async throws {
        try await StandIn.run { standIn in
            let clock = ManualClock()
            let client = try standIn.client("reader", clock: clock)
            let candidate = Candidate("a", client, clock)
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await candidate.run() }
                await settle(candidate, isLeading: false)
                #expect(candidate.elector.failure?.isForbidden == true)
                #expect(!candidate.elector.isLeader)
                tasks.cancelAll()
            }
            await client.shutdown()
        }
    }
}

import FleetModel
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Scaler

/// A store of the lease in memory; while it hangs, its calls end neither by themselves nor by cancellation.
private final class LockDouble: LeadershipLock {
    private struct State {
        var lease: LeaderLease?
        var hangs = false
        var writes = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var stored: LeaderLease? {
        get { state.withLock { $0.lease } }
        set { state.withLock { $0.lease = newValue } }
    }

    /// How often somebody tried to replace the lease.
    var writes: Int { state.withLock { $0.writes } }

    func hang() { state.withLock { $0.hangs = true } }

    func goOn() {
        let waiting = state.withLock { state in
            state.hangs = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    private func passThrough() async {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.hangs { state.waiting.append(continuation) }
                return !state.hangs
            }
            if goesOn { continuation.resume() }
        }
    }

    func lease() async throws(StoreError) -> LeaderLease? {
        await passThrough()
        if Task.isCancelled { throw .unavailable(reason: "reading the lease: CancellationError()") }
        return stored
    }

    func replace(_ seen: LeaderLease?, with next: LeaderLease) async throws(StoreError) -> Bool {
        await passThrough()
        if Task.isCancelled { throw .unavailable(reason: "writing the lease: CancellationError()") }
        return state.withLock { state in
            state.writes += 1
            guard state.lease == seen else { return false }
            state.lease = next
            return true
        }
    }
}

/// Keeps the messages that a person would read.
private struct Heard: LogHandler {
    final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.all.withLock { $0.append("\(event.level): \(event.message)") }
    }
}

@Suite("Who leads, by the lease alone")
struct LeaseElectionTests {
    private let noon = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private func written(_ step: LeaseElection.Step) throws -> LeaderLease {
        guard case .write(let lease, _) = step else {
            throw StoreError.unavailable(reason: "\(step) is no write")
        }
        return lease
    }

    @Test("a healthy lead is never taken, whatever the other's time of day and however late its polls are answered")
    func healthy() throws {
        for skew in [-600, -5, 0, 5, 600] {
            var leader = LeaseElection(holder: "a", timing: .standard)
            var other = LeaseElection(holder: "b", timing: .standard)
            var stored: LeaderLease?
            for second in 0..<120 {
                let now = Duration.seconds(second)
                let time = noon.advanced(by: now)
                if second % 3 == 0 {
                    var step = leader.attempt(at: now, time: time)
                    if step == .read { step = leader.read(stored, at: now, time: time) }
                    stored = try written(step)
                    leader.wrote(try #require(stored), sent: now, at: now)
                }
                guard second % 5 == 1 else { continue }
                // The answer says what was stored now, and comes four seconds later.
                let seen = stored
                let answered = now + .seconds(4)
                let first = other.attempt(at: now, time: time)
                #expect(first == .read)
                let step = other.read(seen, at: answered, time: time.advanced(by: .seconds(skew)))
                #expect(step == .rest)
            }
            #expect(leader.token(at: .seconds(119)) == 1)
        }
    }

    @Test("a leader that is silent is followed after its own time, and has stopped long before")
    func silent() throws {
        var leader = LeaseElection(holder: "a", timing: .standard)
        let lease = try written(leader.read(nil, at: .zero, time: noon))
        leader.wrote(lease, sent: .zero, at: .seconds(1))
        #expect(leader.token(at: .seconds(8)) == 1)
        #expect(leader.token(at: .seconds(9)) == nil)
        var other = LeaseElection(holder: "b", timing: .standard)
        let behind = noon.advanced(by: .seconds(-3_600))
        for second in [2, 10, 16.9] {
            let step = other.read(lease, at: .seconds(second), time: behind)
            #expect(step == .rest)
        }
        let taken = try written(other.read(lease, at: .seconds(17), time: behind))
        #expect(taken.token == 2 && taken.holder == "b")
    }

    @Test("a renewal by a version that counts none is a change too, and what it lasts is what ours lasts")
    func older() {
        var other = LeaseElection(holder: "b", timing: .standard)
        var lease = LeaderLease(holder: "old", token: 7, renewal: nil, duration: nil, until: 1)
        for second in stride(from: 0, to: 60, by: 3) {
            lease.until = Int64(second) + 1
            let step = other.read(lease, at: .seconds(second), time: noon)
            #expect(step == .rest)
        }
        let early = other.read(lease, at: .seconds(71), time: noon)
        #expect(early == .rest)
        let late = other.read(lease, at: .seconds(72), time: noon)
        #expect(late != .rest)
    }

    @Test("a lease that was given up is taken at once, under the next token")
    func givenUp() throws {
        var leader = LeaseElection(holder: "a", timing: .standard)
        let lease = try written(leader.read(nil, at: .zero, time: noon))
        leader.wrote(lease, sent: .zero, at: .zero)
        let resigned = leader.resign(lease)
        let end = try #require(resigned)
        #expect(leader.token(at: .zero) == nil)
        var other = LeaseElection(holder: "b", timing: .standard)
        let taken = try written(other.read(end, at: .zero, time: noon))
        #expect(taken.token == 2)
        let nothing = other.resign(end)
        #expect(nothing == nil)
    }

    @Test("an older version beside it takes the lease only when its clock is wrong by more than three seconds")
    func besideOlder() throws {
        var leader = LeaseElection(holder: "a", timing: .standard)
        let until = try written(leader.read(nil, at: .zero, time: noon)).until
        // What versions before this one look at: their own time of day, fifteen seconds, and `until`.
        for age in 0...3 {
            for skew in -4...6 {
                let theirs = noon.advanced(by: .seconds(age + skew)).millisecondsSinceEpoch
                #expect(!(until <= theirs || until > theirs + 15_000), "\(age) s old, \(skew) s apart")
            }
        }
    }

    @Test("two that are stopped, slow and apart in time never act at once", arguments: 0..<40)
    func seeds(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var stored: LeaderLease?
        var elections = ["a", "b"].map { LeaseElection(holder: $0, timing: .standard) }
        var steps = [LeaseElection.Step?](repeating: nil, count: 2)
        var due = [Int](repeating: 0, count: 2)
        var sent = [Int](repeating: 0, count: 2)
        let skews = (0..<2).map { _ in Int.random(in: -600...600, using: &random) }
        for tick in 0..<4_000 {
            let now = Duration.milliseconds(tick * 100)
            let leaders = elections.compactMap { $0.token(at: now) }
            #expect(leaders.count <= 1, "at \(now)")
            for index in 0..<2 where due[index] <= tick {
                let time = noon.advanced(by: now + .seconds(skews[index]))
                // Most answers come soon; some processes are stopped for half a minute in between.
                due[index] = tick + Int.random(in: 1...(random.isOnce(in: 20) ? 300 : 30), using: &random)
                switch steps[index] {
                case nil:
                    sent[index] = tick
                    steps[index] = elections[index].attempt(at: now, time: time)
                case .read:
                    sent[index] = tick
                    steps[index] = elections[index].read(stored, at: now, time: time)
                case .write(let next, let seen):
                    if stored == seen {
                        stored = next
                        elections[index].wrote(next, sent: .milliseconds(sent[index] * 100), at: now)
                    } else {
                        elections[index].failed()
                    }
                    steps[index] = nil
                case .rest:
                    steps[index] = nil
                }
            }
        }
        #expect(stored?.token ?? 0 >= 1)
    }

    @Test("times under which two could act at once, or one slow call ended the lead, are refused")
    func timing() throws {
        let valid = try LeaseTiming(
            duration: .seconds(15), renewDeadline: .seconds(9), interval: .seconds(3), timeout: .seconds(3))
        #expect(valid == .standard)
        #expect(throws: InvalidLeaseTiming.self) {
            try LeaseTiming(
                duration: .seconds(15), renewDeadline: .seconds(15), interval: .seconds(3), timeout: .seconds(3))
        }
        #expect(throws: InvalidLeaseTiming.self) {
            try LeaseTiming(
                duration: .seconds(15), renewDeadline: .seconds(9), interval: .seconds(3), timeout: .seconds(4))
        }
    }
}

@Suite("The lead of the scaler", .timeLimit(.minutes(1)))
struct LeadershipTests {
    /// Runs `body` beside a candidate; what the leader works on is nothing, until it is cancelled.
    private func withCandidate(
        _ body: (
            LockDouble, ManualClock, Fence, Heard.Lines, AsyncStream<String>, Task<Void, Never>
        ) async throws -> Void
    ) async throws {
        // Renewals are three seconds apart and have two, so that the sleeps of both can be told apart.
        let timing = try LeaseTiming(
            duration: .seconds(15), renewDeadline: .seconds(9), interval: .seconds(3), timeout: .seconds(2))
        let lock = LockDouble()
        let clock = ManualClock()
        let fence = Fence()
        let lines = Heard.Lines()
        let leadership = Leadership(
            lock: lock, fence: fence, timing: timing, clock: clock, wallClock: TestWallClock(),
            logger: Logger(label: "test") { _ in Heard(lines: lines) })
        let (said, say) = AsyncStream<String>.makeStream()
        let task = Task {
            await leadership.whileLeading {
                say.yield("works")
                let (never, held) = AsyncStream<Void>.makeStream()
                for await _ in never {}
                held.finish()
                say.yield("stopped")
            }
        }
        do {
            try await body(lock, clock, fence, lines, said, task)
        } catch {
            lock.goOn()
            task.cancel()
            throw error
        }
        lock.goOn()
        task.cancel()
        _ = await task.value
    }

    @Test("the work has stopped before the lease ends, though the call that renews it hangs for good")
    func hanging() async throws {
        try await withCandidate { lock, clock, fence, _, said, _ in
            var said = said.makeAsyncIterator()
            #expect(await said.next() == "works")
            #expect(fence.current == 1)
            await clock.waitForSleeps { $0.contains(.seconds(3)) && $0.contains(.seconds(9)) }
            lock.hang()
            clock.advance(by: .seconds(3))
            await clock.waitForSleeps { $0.contains(.seconds(5)) }
            #expect(fence.current == 1)
            clock.advance(by: .seconds(6))
            // Nobody has to be told for that.
            #expect(fence.current == nil)
            #expect(await said.next() == "stopped")
        }
    }

    @Test("what renews in time goes on, and who was followed stops at the next renewal")
    func followed() async throws {
        try await withCandidate { lock, clock, fence, _, said, _ in
            var said = said.makeAsyncIterator()
            #expect(await said.next() == "works")
            // Nobody asks at that time: who renews sleeps until `second`, and who waits for the end of the lead too.
            @Sendable func isQuiet(_ sleeps: [Duration], until second: Int) -> Bool {
                sleeps.count == 2 && sleeps.contains(.seconds(second)) && !sleeps.contains(.seconds(second - 1))
                    && lock.writes == second / 3
            }
            for second in stride(from: 3, through: 30, by: 3) {
                await clock.waitForSleeps { isQuiet($0, until: second) }
                clock.advance(by: .seconds(3))
            }
            await clock.waitForSleeps { isQuiet($0, until: 33) }
            #expect(fence.current == 1)
            #expect(lock.stored?.renewal == 11)
            lock.stored = LeaderLease(holder: "other", token: 2, renewal: 12, duration: .seconds(15), until: 1)
            clock.advance(by: .seconds(3))
            // The write finds another lease, and the next attempt reads it.
            await clock.waitForSleeps { isQuiet($0, until: 36) }
            clock.advance(by: .seconds(3))
            #expect(await said.next() == "stopped")
            #expect(lock.stored?.holder == "other")
        }
    }

    @Test("an ordinary end warns of nothing")
    func ending() async throws {
        try await withCandidate { _, clock, _, lines, said, task in
            var said = said.makeAsyncIterator()
            #expect(await said.next() == "works")
            await clock.waitForSleeps { $0.contains(.seconds(3)) && $0.contains(.seconds(9)) }
            task.cancel()
            #expect(await said.next() == "stopped")
            await task.value
            #expect(lines.all.withLock { $0 } == ["notice: leading", "notice: not leading any more"])
        }
    }
}

@Suite("Effects behind the fence")
struct FencedEffectsTests {
    @Test("who does not lead creates, deletes and publishes nothing, and holds for failed nothing that it did not do")
    func nothing() async throws {
        let provider = ProviderDouble(plan: CrashPlan(at: nil, after: false))
        let fleet = FleetDouble()
        let fence = Fence()
        let isOver = Mutex(false)
        let fenced = FencedProvider(provider: provider, fence: fence)
        let name = try InstanceName("shop")
        let request = ReplicaRequest(name: try InstanceName("shop-x"), primary: name, group: name)
        let configuration = FleetConfiguration(
            group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], []))

        await #expect(throws: ProviderError.self) { try await fenced.createReplica(request) }
        fence.set(1) { !isOver.withLock { $0 } }
        _ = try await fenced.createReplica(request)
        #expect(await FencedFleet(fleet: fleet, fence: fence).publish(configuration).isComplete)
        isOver.withLock { $0 = true }
        fleet.held.withLock { $0 = nil }
        do throws(ProviderError) {
            _ = try await fenced.deleteReplica(request)
            Issue.record("it does not lead")
        } catch {
            #expect(error.isRetryable)
        }
        let publication = await FencedFleet(fleet: fleet, fence: fence).publish(configuration)
        #expect(!publication.isComplete && publication.connectionsInUse(address: "127.0.0.1", port: 3306) == nil)
        #expect(await !FencedFleet(fleet: fleet, fence: fence).withdraw(configuration).isComplete)
        #expect(fleet.held.withLock { $0 } == nil)
        #expect(provider.state.withLock { $0.operations.map(\.id) } == ["create-shop-x"])
    }
}

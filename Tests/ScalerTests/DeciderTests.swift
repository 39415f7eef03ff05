import FleetModel
import Logging
import Scaler
import Synchronization
import Testing

/// Answers with what it is told to, and counts how often it is asked.
final class LoadDouble: LoadSource {
    let state = Mutex((asked: 0, value: 0.5 as Double?))

    func readings(
        for group: GroupRecord, metrics: [MetricPolicy], at now: Timestamp
    ) async throws(LoadSourceError) -> [LoadReading] {
        let value = state.withLock { state in
            state.asked += 1
            return state.value
        }
        guard let value else { throw LoadSourceError("asking the double failed") }
        return metrics.map { LoadReading(metric: $0.name, value: value, measuredAt: now) }
    }
}

final class DecisionsDouble: DecisionStore {
    let saved = Mutex<[DecisionEntry]>([])
    let fails = Mutex(false)

    func save(_ entry: DecisionEntry) async throws(StoreError) {
        guard !fails.withLock({ $0 }) else { throw .unavailable(reason: "full") }
        saved.withLock { $0.append(entry) }
    }

    func decisions(of group: InstanceName, limit: Int, before: Timestamp?) async throws(StoreError) -> [DecisionEntry] {
        []
    }
}

@Suite("Deciding with what is read")
struct DeciderTests {
    private let load = LoadDouble()
    private let decisions = DecisionsDouble()
    private let start = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private func decider(with load: (any LoadSource)?) -> Decider {
        Decider(
            around: .init(load: load, decisions: decisions, loadPoll: .seconds(15)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func record(metrics: Bool = true) throws -> GroupRecord {
        let name = try InstanceName("shop")
        var policy = ScalingPolicy(maximumReplicas: 3)
        if metrics {
            policy.metrics = [
                MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.7), scaleIn: .init(0.3))
            ]
        }
        return GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0, content: ([], [], [])),
            policy: policy, primaryInstance: name)
    }

    @Test("metrics are polled no more often than is set, and not at all for a policy without any")
    func polling() async throws {
        let decider = decider(with: load)
        for second in [0, 5, 10, 15, 20, 31] {
            _ = await decider.decide(try record(), incidents: [], at: start.advanced(by: .seconds(second)))
        }
        #expect(load.state.withLock { $0.asked } == 3)
        _ = await decider.decide(try record(metrics: false), incidents: [], at: start.advanced(by: .seconds(60)))
        #expect(load.state.withLock { $0.asked } == 3)
    }

    @Test("decisions that repeat are one entry; a change of size is written before it is acted on")
    func entries() async throws {
        let decider = decider(with: load)
        for second in stride(from: 0, to: 400, by: 20) {
            _ = await decider.decide(try record(), incidents: [], at: start.advanced(by: .seconds(second)))
        }
        #expect(decisions.saved.withLock { $0.map(\.count) } == [1, 16], "again after five minutes")
        load.state.withLock { $0.value = 0.9 }
        let decision = await decider.decide(try record(), incidents: [], at: start.advanced(by: .seconds(400)))
        #expect(decision.direction == .out)
        #expect(decisions.saved.withLock { $0.map(\.count) } == [1, 16, 20, 1], "what ended has its last count")
        let last = try #require(decisions.saved.withLock { $0.last })
        #expect(last.reason == .metric && last.direction == .out && last.count == 1)
        #expect(last.inputs.readings.map(\.value) == [0.9])
    }

    @Test("a source that fails leaves what was read, until that is stale; the entry says why")
    func failing() async throws {
        let decider = decider(with: load)
        load.state.withLock { $0.value = 0.9 }
        _ = await decider.decide(try record(), incidents: [], at: start)
        load.state.withLock { $0.value = nil }
        let soon = await decider.decide(try record(), incidents: [], at: start.advanced(by: .seconds(60)))
        #expect(soon.direction == .out)
        let late = await decider.decide(try record(), incidents: [], at: start.advanced(by: .seconds(300)))
        #expect(late.reason == .staleMetrics)
        #expect(decisions.saved.withLock { $0.last?.inputs.loadFailure } == "asking the double failed")
    }

    @Test("without a source, or a log that can be written, it still decides")
    func alone() async throws {
        decisions.fails.withLock { $0 = true }
        let decision = await decider(with: nil).decide(try record(), incidents: [], at: start)
        #expect(decision.reason == .staleMetrics)
    }
}

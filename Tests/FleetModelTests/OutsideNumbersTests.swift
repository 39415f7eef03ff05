import FleetModel
import Foundation
import TestSupport
import Testing

@Suite("Numbers from outside")
struct OutsideNumbersTests {
    /// Everything that is done with a moment ends, and what is written is a time that can be read again.
    private func use(_ moment: Timestamp, _ other: Timestamp) throws {
        let text = moment.rfc3339
        #expect(Timestamp(rfc3339: text) == moment, "\(text)")
        #expect(text.utf8.count <= 24)
        let whole = Timestamp(secondsSinceEpoch: moment.secondsSinceEpoch)
        #expect(Timestamp(httpDate: whole.httpDate) == whole, "\(whole.httpDate)")
        #expect(moment.advanced(by: other.since(moment)) == other)
        #expect(Timestamp.earliest <= moment && moment <= Timestamp.latest)
        let again = try JSONDecoder().decode([Timestamp].self, from: JSONEncoder().encode([moment]))
        #expect(again == [moment])
    }

    @Test("a time is of the years 0 to 9999, however it comes in, and is written as it is read")
    func times() throws {
        #expect(Timestamp(secondsSinceEpoch: .min).rfc3339 == "0000-01-01T00:00:00Z")
        #expect(Timestamp(millisecondsSinceEpoch: .max).rfc3339 == "9999-12-31T23:59:59.999Z")
        var numbers = OutsideNumbers(seed: 4)
        for number in OutsideNumbers.extremes + (0..<5_000).map({ _ in numbers.next() }) {
            let other = Timestamp(millisecondsSinceEpoch: numbers.next())
            try use(Timestamp(secondsSinceEpoch: number), other)
            try use(Timestamp(millisecondsSinceEpoch: number), other)
            try use(other.advanced(by: .seconds(number)), other)
            try use(try JSONDecoder().decode([Timestamp].self, from: Data("[\(number)]".utf8))[0], other)
        }
        for zone in ["+23:59", "-23:59"] {
            #expect(Timestamp(rfc3339: "0000-01-01T00:00:00\(zone)")?.rfc3339.hasPrefix("0000-01-0") == true)
            #expect(Timestamp(rfc3339: "9999-12-31T23:59:59\(zone)")?.rfc3339.hasPrefix("9999-12-3") == true)
        }
    }

    @Test("a window of the calendar ends, whatever the moment and however long it lasts")
    func windows() throws {
        var numbers = OutsideNumbers(seed: 5)
        let cron = try CronExpression("0 7 29 2 *")
        for _ in 0..<200 {
            let window = RecurringWindow(cron: cron, duration: .seconds(numbers.next() % 2_678_400), timeZone: "+14:00")
            _ = window.end(at: Timestamp(secondsSinceEpoch: numbers.next()), offsets: FixedUTCOffset())
        }
    }

    private func record() throws -> GroupRecord {
        let group = try InstanceName("shop")
        let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
        var policy = ScalingPolicy(minimumReplicas: 1, maximumReplicas: 4)
        policy.step = .targetTracking(maximumOut: 2, maximumIn: 1)
        policy.budgets.actionsPerHour = 3
        policy.budgets.replicaHoursPerDay = 30
        policy.metrics = [MetricPolicy(name: "cpu", source: .external, scaleOut: .init(0.7), scaleIn: .init(0.3))]
        policy.metrics[0].target = 0.5
        let user = ProxyUser(username: "app", password: Secret("p"), defaultHostgroup: 5)
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: group, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: (
                    [BackendServer(name: "shop", address: "10.0.0.1", hostgroup: 5, origin: .primary)], [user],
                    QueryRule.defaults(group: group, username: "app", writerHostgroup: 5, readerHostgroup: 10)
                )), policy: policy, primaryInstance: group)
        var replica = ReplicaRecord(name: try InstanceName("shop-1"), incidentID: "", at: now)
        replica.fullWeight = 100
        replica.enter(.serving, at: now)
        record.replicas = [replica]
        record.consecutiveFailures = 1
        record.lastScaling = ScalingEvent(direction: .out, completedAt: now)
        record.fence = 7
        var ledger = ScalingLedger()
        _ = ledger.reconcile(with: record, at: now)
        ledger.act(at: now, goal: nil)
        record.ledger = ledger
        return record
    }

    /// What the scaler does with a record: asks what it costs and what to do, and writes it back.
    private func use(_ stored: GroupRecord, at now: Timestamp, _ value: Double) throws {
        var record = stored
        _ = record.ledger?.replicaHours(at: now)
        record.ledger?.act(at: now, goal: nil)
        if var ledger = record.ledger { _ = ledger.reconcile(with: record, at: now) }
        let reading = LoadReading(metric: "cpu", value: value, measuredAt: now)
        let decision = ScalingDecision.decide(DecisionInputs(record: record, readings: [reading], now: now))
        #expect(!decision.sentence.isEmpty)
        record.enter(decision, at: now)
        for weight in [0, record.replicas.first?.fullWeight ?? 0] {
            _ = AdmissionRule(rampDuration: .seconds(60), rampSteps: 4).weight(
                after: weight, full: record.replicas.first?.fullWeight ?? 0)
        }
        record.configuration.generation += 1
        _ = try JSONEncoder().encode(record)
    }

    @Test("a stored group with any number in any place is refused or read, and everything goes on with it")
    func storedGroups() throws {
        let text = String(decoding: try JSONEncoder().encode(try record()), as: UTF8.self)
        var numbers = OutsideNumbers(seed: 6)
        var read = 0
        for round in 0..<2_000 {
            let changed = numbers.replacing(oneIn: round % 7 + 1, of: text)
            guard let stored = try? JSONDecoder().decode(GroupRecord.self, from: Data(changed.utf8)) else { continue }
            read += 1
            try use(stored, at: Timestamp(secondsSinceEpoch: numbers.next()), Double(numbers.next()))
        }
        #expect(read > 500)
    }

    @Test("a number of the floating kind becomes the nearest whole one")
    func clamping() {
        #expect(Int(clamping: Double.nan) == 0)
        #expect(Int(clamping: Double.infinity) == .max)
        #expect(Int(clamping: -1e300) == .min)
        #expect(Int(clamping: 2.9) == 2)
        #expect(Int64.min.clampedProduct(-1) == .max)
        #expect(Int64.max.clampedSum(1) == .max && Int64.min.clampedSum(-1) == .min)
    }
}

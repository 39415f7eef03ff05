import FleetModel
import Persistence
import Simulation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Times the scaler's planning without anything around it, then with the store, then a simulated year.
@main
struct Planning {
    static let groups = 1_000
    static let replicasPerGroup = 10
    static let passes = 20

    static func main() async throws {
        let now = Timestamp(secondsSinceEpoch: 1_800_000_000)
        let before = residentKiB()
        var inputs: [DecisionInputs] = []
        for index in 0..<groups { inputs.append(try input(index, at: now)) }
        let held = residentKiB() - before
        var reasons: [String: Int] = [:]
        let milliseconds = timed(passes) {
            for index in inputs.indices {
                inputs[index].now = inputs[index].now.advanced(by: .seconds(15))
                for reading in inputs[index].readings.indices {
                    inputs[index].readings[reading].measuredAt = inputs[index].now
                }
                let decision = ScalingDecision.decide(inputs[index])
                inputs[index].memory = decision.memory
                reasons[decision.reason.rawValue, default: 0] += 1
            }
        }
        let median = milliseconds.sorted()[passes / 2]
        say(
            "planning: \(groups) groups, \(groups * replicasPerGroup) replicas: \(fixed(median)) ms a pass, "
                + "\(fixed(median * 1_000 / Double(groups))) us a group, "
                + "\(fixed(Double(held) / 1_024)) MiB for records, readings and memory")
        let told = reasons.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value / passes)" }
        say("planning: decisions a pass: \(told.joined(separator: ", "))")
        try await withStore(inputs)
        try year()
        say("planning: peak resident \(fixed(Double(peakKiB()) / 1_024)) MiB")
    }

    /// Reading each group and its incidents from SQLite, and deciding: what a scaler does when it looks at everything.
    private static func withStore(_ inputs: [DecisionInputs]) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-planning-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try SQLiteStore(directory: StateDirectory(path: path))
        for input in inputs { try await store.insert(input.record) }
        var milliseconds: [Double] = []
        for _ in 0..<5 {
            let clock = ContinuousClock()
            let start = clock.now
            for input in inputs {
                guard let stored = try await store.group(input.record.name) else { continue }
                let incidents = try await store.active(group: input.record.name)
                var next = input
                next.record = stored.document
                next.incidents = incidents.map(\.document)
                _ = ScalingDecision.decide(next)
            }
            milliseconds.append((clock.now - start) / .milliseconds(1))
        }
        let median = milliseconds.sorted()[2]
        say(
            "planning: the same with each group and its incidents read from SQLite: \(fixed(median)) ms a pass, "
                + "\(fixed(median * 1_000 / Double(groups))) us a group")
    }

    private static func year() throws {
        let trace = try TraceGenerator(shapes: [.dailyWave, .flashCrowd, .noise], base: 1_500, days: 365).trace()
        let policy = try input(0, at: Timestamp(secondsSinceEpoch: 0)).record.policy
        let seconds = timed(1) {
            _ = try? FleetSimulator(model: SimulationModel(capacity: 1_000), policy: policy)
                .run(over: trace, named: "policy")
        }[0]
        say(
            "planning: a simulated year of \(trace.samples.count) minutes in \(fixed(seconds / 1_000)) s, "
                + "\(fixed(seconds * 1_000 / Double(trace.samples.count))) us a decision")
    }

    /// A group as a large installation has it: two metrics with a reading an instance, a schedule, a freeze, budgets.
    private static func input(_ index: Int, at now: Timestamp) throws -> DecisionInputs {
        let name = try InstanceName("group-\(index)")
        var policy = ScalingPolicy(minimumReplicas: 2, maximumReplicas: 15)
        policy.step = .targetTracking(maximumOut: 3, maximumIn: 1)
        policy.scaleInStabilization = .seconds(900)
        policy.metrics = ["cpu", "connections"].map {
            MetricPolicy(name: $0, source: .external, scaleOut: .init(0.7, margin: 0.05), scaleIn: .init(0.3))
        }
        policy.schedules = [
            ScalingSchedule(
                name: "day",
                window: RecurringWindow(cron: try CronExpression("0 7 * * mon-fri"), duration: .seconds(36_000)),
                minimumReplicas: 4)
        ]
        policy.freezes = [
            FreezeWindow(
                name: "release",
                time: .recurring(RecurringWindow(cron: try CronExpression("0 22 * * sun"), duration: .seconds(7_200))))
        ]
        policy.budgets = ScalingBudgets(actionsPerHour: 6, replicaHoursPerDay: 300)
        var record = GroupRecord(
            configuration: FleetConfiguration(
                group: name, writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: (
                    [BackendServer(name: "\(name)-fixed", address: "127.0.0.1", hostgroup: 10, origin: .configured)],
                    [], []
                )),
            policy: policy, primaryInstance: name)
        var readings: [LoadReading] = []
        for number in 0..<replicasPerGroup {
            let replica = try InstanceName("\(name)-\(number)")
            record.plan(replica, for: "", at: now)
            record.creationBegan(replica, operationID: nil, at: now)
            record.admit(replica, address: "127.0.1.\(number)", by: AdmissionRule(), at: now)
            record.serve(replica, at: now)
            let value = Double((index * 37 + number) % 100) / 100
            for metric in policy.metrics {
                readings.append(
                    LoadReading(metric: metric.name, instance: replica.text, value: value, measuredAt: now))
            }
        }
        return DecisionInputs(record: record, readings: readings, now: now)
    }

    private static func timed(_ count: Int, _ body: () -> Void) -> [Double] {
        let clock = ContinuousClock()
        return (0..<count).map { _ in clock.measure(body) / .milliseconds(1) }
    }

    private static func residentKiB() -> Int { status("VmRSS:") }

    private static func peakKiB() -> Int { status("VmHWM:") }

    /// A line of the kernel's account of this process; 0 where there is none.
    private static func status(_ name: String) -> Int {
        let text = FileManager.default.contents(atPath: "/proc/self/status").map { String(decoding: $0, as: UTF8.self) }
        let line = text?.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first ?? 0
    }

    private static func fixed(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(String(100 + hundredths % 100).dropFirst())"
    }

    private static func say(_ text: String) {
        print("  " + text)
    }
}

import FleetModel
import Foundation
import Testing

/// What a seed's life came to.
struct Outcome: Sendable {
    var violations: [String]
    var log: [String]
    var days: Double
    var counts: [World.Count: Int]
    var kinds: [String: Int]

    /// Plays `days` days of `seed`.
    static func of(seed: UInt64, days: Double) async throws -> Outcome {
        let installation = try Installation(seed: seed)
        let world = installation.world
        let ended = await withVirtualTime(world.executor, world.clock) {
            await installation.run { installation in
                var play = Play(installation)
                await play.run(days: days)
            }
        }
        if !ended { world.violate("time stands still: somebody waits for what nobody will do, or works without end") }
        for stray in world.executor.strays { world.violate("another thread meddled: \(stray)") }
        installation.disk.remove()
        return Outcome(
            violations: world.violations, log: world.log, days: world.days, counts: world.counts, kinds: world.kinds)
    }
}

@Suite("The life of an installation, as seeds play it", .timeLimit(.minutes(60)))
struct LifeOfAnInstallationTests {
    private static let environment = ProcessInfo.processInfo.environment
    /// The one that `DROVER_SEED` names.
    private static let seed = environment["DROVER_SEED"].flatMap { UInt64($0) }
    /// For the long form: how many seeds, and how many weeks each.
    private static let soak = environment["DROVER_SOAK_SEEDS"].flatMap { UInt64($0) }
    private static let weeks = environment["DROVER_SOAK_WEEKS"].flatMap { Double($0) } ?? 4
    private static let days = soak == nil && seed == nil ? 0.8 : weeks * 7

    private static var seeds: [UInt64] {
        if let seed { return [seed] }
        return Array(1...max(1, soak ?? 2))
    }

    private static func explain(_ outcome: Outcome, _ seed: UInt64) -> String {
        let tail = outcome.log.suffix(seedLogLength).joined(separator: "\n")
        return """
            seed \(seed) after \(outcome.days.formatted(.number.precision(.fractionLength(1)))) days: \
            \(outcome.violations.joined(separator: "; "))
            what happened:
            \(tail)
            replay: make soak SEED=\(seed) WEEKS=\(days / 7)
            """
    }

    private static let seedLogLength = environment["DROVER_SOAK_LOG"].flatMap { Int($0) } ?? 120

    @Test("nothing that must never be ever is, and at rest everything is right")
    func lives() async throws {
        var counts: [World.Count: Int] = [:]
        var kinds: [String: Int] = [:]
        var days = 0.0
        let began = ContinuousClock.now
        for seed in Self.seeds {
            let outcome = try await Outcome.of(seed: seed, days: Self.days)
            days += outcome.days
            counts.merge(outcome.counts, uniquingKeysWith: +)
            kinds.merge(outcome.kinds, uniquingKeysWith: +)
            if !outcome.violations.isEmpty { Issue.record("\(Self.explain(outcome, seed))") }
            guard Self.soak != nil || Self.seed != nil else { continue }
            let spent = (ContinuousClock.now - began) / .seconds(1)
            print(
                "soak: seed \(seed) of \(Self.seeds.count): \(outcome.violations.isEmpty ? "well" : "WRONG"), "
                    + "\(Int(days)) days in \(Int(spent)) s, \((days / max(spent, 0.001) * 100).rounded() / 100) days a second"
            )
        }
        if Self.soak != nil || Self.seed != nil {
            for count in World.Count.allCases { print("soak: \(counts[count] ?? 0) \(count.rawValue)") }
            print("soak: \(kinds["purged"] ?? 0) × purged by a person")
            for event in Event.allCases { print("soak: \(kinds[event.rawValue] ?? 0) × \(event.rawValue)") }
        }
        #expect(counts[.events] ?? 0 > 10 && counts[.rests] ?? 0 >= Self.seeds.count, "too little happened: \(counts)")
    }

    @Test("two lives of one seed are the same, step by step")
    func determinism() async throws {
        let first = try await Outcome.of(seed: 7, days: 0.5)
        let second = try await Outcome.of(seed: 7, days: 0.5)
        #expect(first.log.count > 50)
        #expect(first.log.count == second.log.count)
        if let difference = zip(first.log, second.log).first(where: { $0 != $1 }) {
            Issue.record("first: \(difference.0); second: \(difference.1)")
        }
    }
}

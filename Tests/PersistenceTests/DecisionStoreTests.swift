import FleetModel
import Persistence
import Testing

@Suite("Decisions that are kept")
struct DecisionStoreTests {
    private let start = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private func entry(_ group: String, second: Int64) throws -> DecisionEntry {
        let inputs = DecisionInputs(
            record: try record(group), now: Timestamp(secondsSinceEpoch: start.secondsSinceEpoch + second))
        return DecisionEntry(ScalingDecision.decide(inputs), of: inputs)
    }

    @Test("the newest come first, by group, and a repetition takes the place of its first")
    func order() async throws {
        let name = try InstanceName("shop")
        try await withStore { store, _ in
            for second in Int64(0)..<3 { try await store.save(entry("shop", second: second)) }
            try await store.save(entry("other", second: 9))
            var last = try entry("shop", second: 2)
            last.again(try entry("shop", second: 60))
            try await store.save(last)
            let found = try await store.decisions(of: name, limit: 10, before: nil)
            #expect(found.map(\.firstAt.secondsSinceEpoch) == [2, 1, 0].map { start.secondsSinceEpoch + $0 })
            #expect(found.first == last)
            #expect(found.first?.count == 2)
            let earlier = try await store.decisions(of: name, limit: 1, before: last.firstAt)
            #expect(earlier.map(\.firstAt.secondsSinceEpoch) == [start.secondsSinceEpoch + 1])
        }
    }

    @Test("only the newest thousand of a group are kept")
    func bound() async throws {
        let name = try InstanceName("shop")
        try await withStore { store, _ in
            for second in Int64(0)..<1_003 { try await store.save(entry("shop", second: second)) }
            let found = try await store.decisions(of: name, limit: 2_000, before: nil)
            #expect(found.count == 1_000)
            #expect(found.last?.firstAt.secondsSinceEpoch == start.secondsSinceEpoch + 3)
        }
    }
}

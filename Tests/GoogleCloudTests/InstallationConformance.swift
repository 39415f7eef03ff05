import FleetModel
import Foundation
import GoogleCloud
import Persistence
import TestSupport
import Testing

/// What the processes of an installation tell each other, on any Datastore.
enum InstallationConformance {
    static let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    static func event(_ number: Int, _ group: String = "shop") throws -> FleetEvent {
        var event = FleetEvent(
            .replicaServing, group: try InstanceName(group), at: now.advanced(by: .seconds(number)), "Event \(number).")
        event.id = Int64(number)
        return event
    }

    static func decision(_ second: Int, maximum: Int) throws -> DecisionEntry {
        let group = try record("shop")
        var changed = group
        changed.policy.maximumReplicas = maximum
        let inputs = DecisionInputs(record: changed, now: now.advanced(by: .seconds(second)))
        return DecisionEntry(ScalingDecision.decide(inputs), of: inputs)
    }

    static func all(_ client: DatastoreClient) async throws {
        try await events(client)
        try await decisions(client)
        try await publications(client)
    }

    private static func events(_ client: DatastoreClient) async throws {
        let log = DatastoreEventLog(client: client, capacity: 150)
        let none = try await log.newest(group: nil, limit: 10)
        #expect(none.isEmpty)
        // Many at once, few at once, and some that one source sends twice.
        let first = try await log.append((1...120).map { try event($0, $0 % 10 == 0 ? "other" : "shop") }, from: "a")
        #expect(first.map(\.id) == Array(1...120))
        let again = try await log.append((115...125).map { try event($0) }, from: "a")
        #expect(again.map(\.id) == Array(121...125))
        let own = try await log.append([event(1)])
        #expect(own.map(\.id) == [126])
        let newest = try await log.newest(group: nil, limit: 60)
        #expect(newest.map(\.id) == (67...126).reversed())
        let other = try await log.newest(group: InstanceName("other"), limit: 3)
        #expect(other.map(\.id) == [120, 110, 100])
        let page = try await log.events(after: 90, group: nil, limit: 20)
        #expect(page.map(\.id) == Array(91...110))
        let others = try await log.events(after: 0, group: InstanceName("other"), limit: 100)
        #expect(others.map(\.id) == stride(from: 10, through: 120, by: 10).map { Int64($0) })
        // The oldest give way, and ids only grow.
        _ = try await log.append((1...200).map { try event($0) }, from: "b")
        let rest = try await log.events(after: 0, group: nil, limit: 1_000)
        #expect(rest.last?.id == 326)
        #expect(rest.count >= 150)
        #expect(rest.map(\.id) == Array((rest.first?.id ?? 0)...326))
        let id = try await log.newestID()
        #expect(id == 326)
    }

    private static func decisions(_ client: DatastoreClient) async throws {
        let store = DatastoreDecisionStore(client: client)
        for second in 1...130 {
            try await store.save(decision(second, maximum: second))
        }
        let newest = try await store.decisions(of: InstanceName("shop"), limit: 2, before: nil)
        #expect(newest.map(\.firstAt) == [now.advanced(by: .seconds(130)), now.advanced(by: .seconds(129))])
        let before = try await store.decisions(of: InstanceName("shop"), limit: 500, before: newest[1].firstAt)
        #expect(before.count == 98)
        // One that lasts is written when it ends, with what it had become.
        var lasting = try decision(131, maximum: 9)
        try await store.save(lasting)
        lasting.again(try decision(140, maximum: 9))
        try await store.save(lasting)
        let unwritten = try await store.decisions(of: InstanceName("shop"), limit: 1, before: nil)
        #expect(unwritten.first?.count == 1)
        try await store.save(decision(200, maximum: 10))
        let written = try await store.decisions(of: InstanceName("shop"), limit: 2, before: nil)
        #expect(written.map(\.count) == [1, 2])
    }

    private static func publications(_ client: DatastoreClient) async throws {
        let store = DatastorePublications(client: client)
        let shop = try InstanceName("shop")
        let entry = DatastorePublications.Entry(
            group: shop,
            publication: Publication(
                generation: 3,
                nodes: [NodePublication(node: "core-0", condition: .behind, detail: "it answers with an error")]),
            at: now)
        try await store.save(entry)
        let all = try await store.all()
        #expect(all == [entry])
        let some = try await store.of([shop, InstanceName("other")])
        #expect(some == [entry])
        try await store.remove(shop)
        let none = try await store.all()
        #expect(none.isEmpty)
    }
}

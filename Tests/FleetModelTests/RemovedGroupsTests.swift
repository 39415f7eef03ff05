import FleetModel
import Testing

@Suite("Rows of groups that are not registered")
struct RemovedGroupsTests {
    private static let now = Timestamp(secondsSinceEpoch: 1_800_000_000)

    private static func tombstone(_ nodes: [String], days: Int = 1) throws -> GroupTombstone {
        let record = GroupRecord(
            configuration: FleetConfiguration(
                group: try InstanceName("cafe"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: ([], [], [])),
            policy: ScalingPolicy(maximumReplicas: 1), primaryInstance: try InstanceName("cafe"))
        return GroupTombstone(record, withdrawnFrom: nodes, at: now.advanced(by: .seconds(-86_400 * days)))
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var withdrawnFrom: [String]?
        var days = 1
        var holders: [String]
        var clean: [String]
        var goes: Bool
    }

    static let cases = [
        Case(
            testDescription: "a node that was away comes back", withdrawnFrom: ["a", "b"], holders: ["c"],
            clean: ["a", "b"], goes: true),
        Case(testDescription: "of two, one was away", withdrawnFrom: ["a"], holders: ["b"], clean: ["a"], goes: true),
        Case(
            testDescription: "one of three comes back with an older disk", withdrawnFrom: ["a", "b", "c"],
            holders: ["c"], clean: ["a", "b"], goes: true),
        Case(
            testDescription: "registered again in what a restored store lost: it is everywhere",
            withdrawnFrom: ["a", "b", "c"], holders: ["a", "b", "c"], clean: [], goes: false),
        Case(
            testDescription: "the same, with a node that is new and empty", withdrawnFrom: ["a", "b", "c"],
            holders: ["a", "b"], clean: ["c"], goes: false),
        Case(
            testDescription: "the same with two nodes: as many speak for it as against", withdrawnFrom: ["a", "b"],
            holders: ["a"], clean: ["b"], goes: false),
        Case(
            testDescription: "a single node with an older disk", withdrawnFrom: ["a"], holders: ["a"], clean: [],
            goes: false),
        Case(
            testDescription: "whoever held nothing then cannot be read", withdrawnFrom: ["a"], holders: ["c"],
            clean: ["b"],
            goes: false),
        Case(testDescription: "no removal is known", holders: ["c"], clean: ["a", "b"], goes: false),
        Case(
            testDescription: "the removal is too long ago", withdrawnFrom: ["a", "b"], days: 181, holders: ["c"],
            clean: ["a", "b"], goes: false),
    ]

    @Test("they go, or stay and are told", arguments: cases)
    func decision(example: Case) throws {
        let tombstones = try example.withdrawnFrom.map { [try Self.tombstone($0, days: example.days)] } ?? []
        let register = GroupRegister(names: [try InstanceName("shop")], tombstones: tombstones)
        var held: [String: HeldMarks] = [:]
        for node in example.holders { held[node] = HeldMarks(live: ["cafe", "shop"]) }
        for node in example.clean { held[node] = HeldMarks(live: ["shop"]) }
        let found = try #require(register.orphans(in: held, at: Self.now).first)
        #expect(found.group.text == "cafe" && found.nodes == example.holders)
        #expect((found.doubt == nil) == example.goes, "\(found.doubt ?? "")")
    }

    @Test("a registered group is never one of them, whatever is kept of an earlier one of its name")
    func registered() throws {
        let register = GroupRegister(
            names: [try InstanceName("cafe")], tombstones: [try Self.tombstone(["a", "b"])])
        #expect(register.orphans(in: ["c": HeldMarks(live: ["cafe"], disk: ["cafe"])], at: Self.now).isEmpty)
    }

    @Test("what is only on disks says nothing of whether clients use it")
    func onDisk() throws {
        let register = GroupRegister(names: [], tombstones: [try Self.tombstone(["a", "b"])])
        let held = ["a": HeldMarks(live: [], disk: ["cafe"]), "b": HeldMarks(live: [], disk: ["cafe"])]
        let found = register.orphans(in: held, at: Self.now)
        #expect(found.map(\.nodes) == [["a", "b"]] && found.first?.doubt == nil)
    }

    @Test("a person's order holds for an hour, wherever the rows are")
    func purged() throws {
        var order = GroupTombstone(group: try InstanceName("cafe"), at: Self.now)
        order.purgeUntil = Self.now.advanced(by: GroupTombstone.purgeLifetime)
        let register = GroupRegister(names: [], tombstones: [order])
        let held = ["a": HeldMarks(live: ["cafe"])]
        #expect(register.orphans(in: held, at: Self.now).first?.doubt == nil)
        #expect(register.orphans(in: held, at: Self.now.advanced(by: .seconds(3_601))).first?.doubt != nil)
    }

    @Test("the newest are kept, and none for ever")
    func bounded() throws {
        let all = try (0..<700).map { try Self.tombstone(["a"], days: $0) }
        let kept = GroupTombstone.kept(of: all, at: Self.now)
        #expect(kept.count == 180 && kept.first?.at == Self.now)
        let many = try (0..<700).map { _ in try Self.tombstone(["a"]) }
        #expect(GroupTombstone.kept(of: many, at: Self.now).count == GroupTombstone.keptCount)
    }
}

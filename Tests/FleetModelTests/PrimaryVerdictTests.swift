import FleetModel
import Testing

@Suite("What is made of a primary when its group is registered")
struct PrimaryVerdictTests {
    private func record(
        maximum: Int = 3, address: String = "10.0.0.5", replicas: [String] = ["shop-r"]
    ) throws -> GroupRecord {
        let servers =
            [BackendServer(name: "shop", address: address, hostgroup: 5, origin: .primary)]
            + replicas.map { BackendServer(name: $0, address: "10.0.0.9", hostgroup: 10, origin: .configured) }
        return GroupRecord(
            configuration: FleetConfiguration(
                group: try InstanceName("shop"), writerHostgroup: 5, readerHostgroup: 10, ruleIDBase: 0,
                content: (servers, [], [])),
            policy: ScalingPolicy(maximumReplicas: maximum), primaryInstance: try InstanceName("shop"))
    }

    private func instance(
        _ obstacles: [String] = [], replicas: [String] = ["shop-r"]
    ) throws -> PrimaryInstance {
        PrimaryInstance(
            name: try InstanceName("shop"), addresses: [.init(kind: "PRIVATE", text: "10.0.0.5")], replicas: replicas,
            obstacles: obstacles, cautions: [])
    }

    @Test("what Cloud SQL could never copy is refused, and is a warning where Drover may add none")
    func obstacles() throws {
        let seen = PrimarySight.found(try instance(["shop has no private network"]))
        #expect(PrimaryVerdict(seen, of: try record()).refusals == ["shop has no private network"])
        let none = PrimaryVerdict(seen, of: try record(maximum: 0))
        #expect(none.refusals.isEmpty && none.warnings == ["shop has no private network"])
    }

    @Test("one that is not there, or could not be asked about, is a warning")
    func unknown() throws {
        let missing = PrimaryVerdict(.missing, of: try record())
        #expect(missing.refusals.isEmpty && missing.warnings.first?.contains("Cloud SQL has no instance shop") == true)
        let silent = PrimaryVerdict(.unknown("it did not answer within 4 s"), of: try record())
        #expect(silent.refusals.isEmpty && silent.warnings.first?.contains("within 4 s") == true)
    }

    @Test("another address and other replicas are warned of; a name, and what agrees, are not")
    func differences() throws {
        #expect(PrimaryVerdict(.found(try instance()), of: try record()).warnings.isEmpty)
        #expect(PrimaryVerdict(.found(try instance()), of: try record(address: "db.internal")).warnings.isEmpty)
        let moved = PrimaryVerdict(.found(try instance()), of: try record(address: "10.0.0.6")).warnings
        #expect(
            moved == ["the primary's address is 10.0.0.6 here, and Cloud SQL says that shop has 10.0.0.5 (PRIVATE)"])
        let others = PrimaryVerdict(
            .found(try instance(replicas: ["shop-b"])), of: try record(replicas: ["shop-a"])
        ).warnings
        #expect(others.count == 2 && others[0].hasSuffix("shop-b") && others[1].contains("shop-a"), "\(others)")
    }

    @Test("a look is needed for what is new about the primary, and for nothing else")
    func need() throws {
        let before = try record()
        var after = before
        #expect(before.needsLook(after: nil) && !after.needsLook(after: before))
        after.policy.maximumReplicas = 9
        after.configuration.users = [ProxyUser(username: "a", password: Secret("b"), defaultHostgroup: 5)]
        #expect(!after.needsLook(after: before))
        let closed = try record(maximum: 0)
        #expect(after.needsLook(after: closed) && !closed.needsLook(after: after))
        #expect(try record(address: "10.0.0.6").needsLook(after: before))
        var removed = before
        removed.removal = GroupRemoval(requestedAt: Timestamp(secondsSinceEpoch: 1), deletesReplicas: false)
        #expect(!removed.needsLook(after: before) && before.needsLook(after: removed))
    }
}

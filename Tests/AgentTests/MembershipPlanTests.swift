import TestSupport
import Testing

@testable import Agent

@Suite("The table of cores")
struct MembershipPlanTests {
    private func member(_ name: String, _ host: String) -> CoreMember {
        CoreMember(name: name, host: host, adminPort: 6_032, apiPort: 8_080)
    }

    private func row(_ host: String, _ comment: String) -> MemberRow {
        MemberRow(host: host, port: 6_032, comment: comment)
    }

    @Test("The bootstrap row goes when a real core is known; what is right stays")
    func bootstrap() throws {
        let plan = MembershipPlan(
            current: [row("proxysql-core", ""), row("10.0.0.1", "a")],
            members: [member("a", "10.0.0.1"), member("b", "10.0.0.2")])
        let statements = try plan.statements()
        #expect(
            statements == [
                "INSERT OR REPLACE INTO proxysql_servers (hostname,port,weight,comment) VALUES ('10.0.0.2',6032,0,'b')",
                "DELETE FROM proxysql_servers WHERE hostname || ':' || port IN ('proxysql-core:6032')",
            ])
    }

    @Test("Without a known core nothing is removed")
    func nobody() {
        #expect(MembershipPlan(current: [row("10.0.0.1", "a")], members: []).isEmpty)
    }

    @Test("Equal is empty, whatever the order")
    func equal() {
        let plan = MembershipPlan(
            current: [row("10.0.0.2", "b"), row("10.0.0.1", "a")],
            members: [member("a", "10.0.0.1"), member("b", "10.0.0.2")])
        #expect(plan.isEmpty)
    }

    @Test("A pod that got the address of another one takes its row")
    func comment() throws {
        let plan = MembershipPlan(current: [row("10.0.0.1", "old")], members: [member("new", "10.0.0.1")])
        #expect(plan.writes == [row("10.0.0.1", "new")])
        #expect(plan.removals.isEmpty)
    }

    @Test("What a change of the cores asks for is what comparing the whole table asks for", arguments: 0..<200)
    func changes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func cores(_ random: inout SeededGenerator) -> [CoreMember] {
            (0..<8).filter { _ in Bool.random(using: &random) }.map {
                // Few addresses, so that two cores often have the same one.
                var core = member("core-\($0)", "10.0.0.\(Int.random(in: 0..<6, using: &random))")
                core.isReady = Bool.random(using: &random)
                return core
            }
        }
        let old = cores(&random)
        let new = cores(&random)
        let table = MembershipPlan(current: [], members: old).writes
        #expect(MembershipPlan(from: old, to: new) == MembershipPlan(current: table, members: new))
    }

    @Test("Three thousand rows are a few statements")
    func many() throws {
        let members = (0..<3_000).map { member("p\($0)", "10.1.\($0 / 250).\($0 % 250)") }
        let statements = try MembershipPlan(current: [], members: members).statements()
        #expect(statements.count == 6)
    }

    @Test("A generation is read from the file's line")
    func stated() {
        #expect(ConfigurationOrder.stated(in: "datadir=1\n  # drover-generation: 42 \n")?.value == 42)
        #expect(ConfigurationOrder.stated(in: "#drover-generation:7")?.value == 7)
        #expect(ConfigurationOrder.stated(in: "drover-generation: 7") == nil)
        #expect(ConfigurationOrder.stated(in: "# generation: 7") == nil)
    }

    @Test("What a person says goes before what Kubernetes counts, and that before ages")
    func order() {
        let old = ConfigurationOrder(.age, 1_000, name: "a")
        #expect(old < ConfigurationOrder(.age, 2_000, name: "b"))
        #expect(ConfigurationOrder(.age, 9, name: "a") == old)
        #expect(old < ConfigurationOrder(.revision, 1))
        #expect(ConfigurationOrder(.revision, 99) < ConfigurationOrder(.explicit, 1))
    }

    @Test("The later claim holds, even for an older configuration")
    func claims() {
        let high = RunningClaim(.init(.revision, 9), number: 3)
        let later = RunningClaim(.init(.revision, 4), number: 4)
        #expect(RunningClaim.later(high, later) == later)
        #expect(RunningClaim.later(nil, high) == high)
        #expect(RunningClaim.later(.init(.init(.revision, 4), number: 3), high) == high)
    }
}

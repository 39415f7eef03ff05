import Testing

@testable import Agent

@Suite("Which of the cores an agent runs beside")
struct NodeIdentityTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var hints: NodeIdentity.Hints
        var members: [CoreMember]
        var expected: String?
    }

    private static let long = "proxysql-core-with-a-name-of-a-region-and-of-a-team-and-of-a-service-6d5f9c7b8d-abcde"

    private static func member(_ name: String, _ host: String) -> CoreMember {
        CoreMember(name: name, host: host, adminPort: 6_032, apiPort: 8_080)
    }

    private static let usual = [member("core-a", "10.0.0.1"), member("core-b", "10.0.0.2")]

    static let cases = [
        Case(
            testDescription: "the host's name is the pod's", hints: .init(hostNames: ["core-b"]), members: usual,
            expected: "core-b"),
        Case(
            testDescription: "HOSTNAME goes before the kernel's name", hints: .init(hostNames: ["core-b", "core-a"]),
            members: usual, expected: "core-b"),
        Case(
            testDescription: "POD_NAME goes before HOSTNAME", hints: .init(podName: "core-a", hostNames: ["core-b"]),
            members: usual, expected: "core-a"),
        Case(
            testDescription: "a POD_NAME that no pod bears is a mistake that the address mends",
            hints: .init(podName: "core", hostNames: ["x"], addresses: ["10.0.0.1"]), members: usual,
            expected: "core-a"),
        Case(
            testDescription: "hostname: in the pod",
            hints: .init(hostNames: ["database", "database"], addresses: ["10.0.0.2"]), members: usual,
            expected: "core-b"),
        Case(
            testDescription: "hostname: that happens to be another pod's name",
            hints: .init(hostNames: ["core-a"], addresses: ["10.0.0.2"]), members: usual, expected: "core-b"),
        Case(
            testDescription: "addresses that no pod has, such as another network's, do not hide the name",
            hints: .init(hostNames: ["core-a"], addresses: ["192.168.0.1"]), members: usual, expected: "core-a"),
        Case(
            testDescription: "setHostnameAsFQDN", hints: .init(hostNames: ["core-b.core.proxysql.svc.cluster.local"]),
            members: usual, expected: "core-b"),
        Case(
            testDescription: "a name of more than 63 characters", hints: .init(hostNames: [String(long.prefix(63))]),
            members: usual + [member(long, "10.0.0.3")], expected: long),
        Case(
            testDescription: "two such names that begin alike are told apart by their addresses",
            hints: .init(hostNames: [String(long.prefix(63))], addresses: ["10.0.0.4"]),
            members: [member(long, "10.0.0.3"), member(long + "f", "10.0.0.4")], expected: long + "f"),
        Case(
            testDescription: "two such names without an address are not guessed",
            hints: .init(hostNames: [String(long.prefix(63))]),
            members: [member(long, "10.0.0.3"), member(long + "f", "10.0.0.4")], expected: nil),
        Case(
            testDescription: "hostNetwork: the node's name and address",
            hints: .init(hostNames: ["node-7"], addresses: ["10.0.0.2"]), members: usual, expected: "core-b"),
        Case(
            testDescription: "hostNetwork: pods that share an address are told apart by name",
            hints: .init(hostNames: ["core-b"], addresses: ["10.0.0.2"]),
            members: [member("core-b", "10.0.0.2"), member("core-c", "10.0.0.2")], expected: "core-b"),
        Case(
            testDescription: "hostNetwork: pods that share an address are not guessed",
            hints: .init(hostNames: ["node-7"], addresses: ["10.0.0.2"]),
            members: [member("core-b", "10.0.0.2"), member("core-c", "10.0.0.2")], expected: nil),
        Case(
            testDescription: "IPv6 in two spellings", hints: .init(hostNames: ["x"], addresses: ["fd00:0:0:0:0:0:0:1"]),
            members: [member("core-a", "fd00::1")], expected: "core-a"),
        Case(
            testDescription: "a stated name is the only one that counts",
            hints: .init(stated: "core-z", hostNames: ["core-a"], addresses: ["10.0.0.1"]), members: usual,
            expected: nil),
        Case(testDescription: "none", hints: .init(hostNames: ["x"], addresses: ["10.0.0.9"]), members: usual),
    ]

    @Test("found, or not guessed", arguments: cases)
    func own(_ example: Case) {
        #expect(NodeIdentity.own(among: example.members, example.hints) == example.expected)
    }

    @Test("what was found stays, also when the pod goes and another bears a like name")
    func stays() {
        let identity = NodeIdentity(.init(hostNames: ["x"], addresses: ["10.0.0.2"]))
        #expect(identity.name == "x" && !identity.isCertain)
        #expect(identity.find(among: Self.usual) == "core-b")
        #expect(identity.find(among: [Self.member("x", "10.0.0.3")]) == "core-b")
        #expect(identity.name == "core-b" && identity.isCertain)
    }

    @Test(
        "the environment says it in this order",
        arguments: [
            (["agent.name": "a"], ["POD_NAME": "b", "HOSTNAME": "c"], "a"),
            ([:], ["POD_NAME": "b", "HOSTNAME": "c"], "b"), ([:], ["HOSTNAME": "c"], "c"),
            ([:], ["POD_NAME": "", "HOSTNAME": "c"], "c"),
        ])
    func environment(settings: [String: String], environment: [String: String], expected: String) throws {
        var arguments = try AgentArguments(["--run_mode=core"])
        arguments.values.merge(settings) { $1 }
        let read = try AgentSettings(arguments: arguments, environment: environment, read: { _ in nil })
        #expect(read.identityHints(environment).best == expected)
    }
}

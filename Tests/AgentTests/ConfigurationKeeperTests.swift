import FakeProxySQL
import FleetModel
import Foundation
import Pacing
import ProxySQLAdmin
import Synchronization
import TestSupport
import Testing

@testable import Agent

/// A node's admin interface that may refuse a statement.
private struct RefusingShell: AdminShell {
    let fake: FakeProxySQL
    let refuses: @Sendable (String) -> Bool

    func rows(_ statement: String) async throws(AdminError) -> [[String?]] {
        if refuses(statement) { throw AdminError(.statementRefused, "refused") }
        switch await fake.query(statement) {
        case .rows(_, let rows): return rows
        case .error(let message): throw AdminError(.statementRefused, message)
        case .ok, .gone: return []
        }
    }
}

private struct Cores: CoreDirectory {
    let members: [CoreMember]?
    let seen: [String: Int64] = [:]
    func refresh() async {}
    func learn(_ seen: [String: Int64]) {}
}

private struct Answers: PeerReader {
    let answers: [String: PeerAnswer]
    func ask(_ member: CoreMember) async -> PeerAnswer { answers[member.name] ?? .silent }
}

@Suite("What a core's agent says and does about trouble", .timeLimit(.minutes(1)))
struct ConfigurationKeeperTests {
    private static let members = [
        CoreMember(name: "core-a", host: "127.8.0.1", adminPort: 6_032, apiPort: 8_080),
        CoreMember(name: "core-b", host: "127.8.0.2", adminPort: 6_032, apiPort: 8_080),
    ]

    /// What a test works with.
    private struct World {
        let fake: FakeProxySQL
        let keeper: ConfigurationKeeper
        let role: RoleBoard
        let identity: NodeIdentity
        let events: AsyncStream<AgentEvent>
        let clock: ManualClock
        let wallClock: TestWallClock

        func pass(_ duration: Duration) {
            clock.advance(by: duration)
            wallClock.advance(by: duration)
        }

        func version(_ module: String) async -> String? {
            let sql = "SELECT version FROM runtime_checksums_values WHERE name='\(module)'"
            guard case .rows(_, let rows) = await fake.query(sql) else { return nil }
            return rows.first?.first ?? nil
        }

        func nextEvent() async -> AgentEvent? {
            for await event in events { return event }
            return nil
        }
    }

    private func run(
        members: [CoreMember]? = Self.members, hostName: String = "database", mounted: Int64? = nil,
        answers: (NodeIdentity) -> [String: PeerAnswer] = { _ in [:] },
        refuses: @escaping @Sendable (String) -> Bool = { _ in false }, _ body: (World) async throws -> Void
    ) async throws {
        var configuration = node("core")
        configuration.fileStatements = [
            "INSERT OR REPLACE INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '10.1.0.1')"
        ]
        try await withNode(configuration) { fake in
            let (clock, wallClock) = (ManualClock(), TestWallClock())
            let identity = NodeIdentity(.init(hostNames: [hostName]))
            let (role, events) = (RoleBoard(), AgentEvents(node: "x", role: "core", wallClock: wallClock))
            let directory = Cores(members: members)
            let keeper = ConfigurationKeeper(
                parts: .init(
                    effects: CoreEffects(
                        RefusingShell(fake: fake, refuses: refuses), time: (clock, wallClock), logger: quiet),
                    identity: identity, directory: directory,
                    office: CoreOffice(identity: identity, directory: directory),
                    peers: Answers(answers: answers(identity)),
                    mounted: MountedConfiguration(path: "/nonexistent", stated: mounted, usesAge: false),
                    claims: { _ in ClaimFile(besides: "", node: "") }, restores: true, isFollowing: false),
                role: role, events: events, time: (clock, wallClock), interval: .seconds(10), logger: quiet)
            try await body(
                World(
                    fake: fake, keeper: keeper, role: role, identity: identity, events: events.subscribe(),
                    clock: clock, wallClock: wallClock))
        }
    }

    private func status(_ name: String, _ instance: String) -> PeerAnswer {
        let document = """
            {"node": "\(name)", "instance": "\(instance)", "role": "core", "is_leader": false, "seen": {},
             "boot": "booting", "note": "", "peers": [], "checksums": [], "drift": [],
             "backends": {"online": 0, "shunned": 0, "total": 0}, "clients": 0, "paused": false, "drain": "serving",
             "started": true, "ready": true, "live": true, "message": ""}
            """
        let decoded = try? JSONDecoder().decode(StatusDocument.self, from: Data(document.utf8))
        return decoded.map { .status($0) } ?? .silent
    }

    @Test("A core that is none of the running ones says so after 30 s, and loads what it has when no other can")
    func stranger() async throws {
        try await run { world in
            var memory = ConfigurationKeeper.Memory()
            _ = try await world.keeper.step(&memory)
            #expect(world.role.report.trouble == nil && world.role.report.boot == "booting")
            #expect(world.role.report.note.contains("database"))
            world.pass(.seconds(29))
            _ = try await world.keeper.step(&memory)
            #expect(await world.version("mysql_servers") == "1")
            world.pass(.seconds(2))
            _ = try await world.keeper.step(&memory)
            #expect(world.role.report.trouble == .coreNotFound)
            let event = await world.nextEvent()
            #expect(event?.event == .degraded && event?.details["reason"] == "core-not-found")
            // Cores that do not answer are waited for, as by any other.
            world.pass(.seconds(11))
            _ = try await world.keeper.step(&memory)
            #expect(await world.version("mysql_servers") == "2")
            #expect(world.role.report.trouble == .coreNotFound)
        }
    }

    @Test("Of two such cores the first by name loads")
    func strangers() async throws {
        for (other, version) in [("a-host", "1"), ("z-host", "2")] {
            try await run(answers: { _ in ["core-a": status(other, "0"), "core-b": status(other, "0")] }) { world in
                var memory = ConfigurationKeeper.Memory()
                for _ in 0..<4 {
                    _ = try await world.keeper.step(&memory)
                    world.pass(.seconds(16))
                }
                #expect(await world.version("mysql_servers") == version, "\(other)")
            }
        }
    }

    @Test("A core finds itself by the answer of its own process, whatever the host is called")
    func ownAnswer() async throws {
        try await run(answers: { ["core-b": status("database", $0.instance)] }) { world in
            var memory = ConfigurationKeeper.Memory()
            _ = try await world.keeper.step(&memory)
            #expect(world.identity.name == "core-b" && world.role.report.node == "core-b")
            #expect(world.role.report.trouble == nil)
        }
    }

    @Test("Pods that cannot be listed are trouble after 30 s")
    func unknown() async throws {
        try await run(members: nil) { world in
            var memory = ConfigurationKeeper.Memory()
            _ = try await world.keeper.step(&memory)
            #expect(world.role.report.trouble == nil)
            world.pass(.seconds(31))
            _ = try await world.keeper.step(&memory)
            #expect(world.role.report.trouble == .coresUnknown)
        }
    }

    @Test("A restore that fails is trouble at once, is tried less and less often, and is over when it succeeds")
    func failing() async throws {
        let isBroken = Mutex(true)
        let own = Self.members[0]
        try await run(
            members: [own], hostName: "core-a", mounted: 7,
            refuses: { text in isBroken.withLock { $0 } && text == "LOAD MYSQL SERVERS FROM CONFIG" }
        ) { world in
            var memory = ConfigurationKeeper.Memory()
            var pauses: [Duration] = []
            for _ in 0..<8 {
                await #expect(throws: AdminError.self) { _ = try await world.keeper.step(&memory) }
                pauses.append(world.keeper.pause(memory))
                world.pass(.seconds(30))
            }
            #expect(pauses.first == .seconds(1) && pauses.last == .seconds(30) && pauses == pauses.sorted())
            #expect(world.role.report.trouble == .restoreFailed && world.role.report.boot == "booting")
            guard case .rows(_, let rows) = await world.fake.query("SELECT comment FROM mysql_servers") else { return }
            #expect(rows == [[""]])
            isBroken.withLock { $0 = false }
            _ = try await world.keeper.step(&memory)
            #expect(world.role.report.trouble == nil)
            let first = await world.nextEvent()
            #expect(first?.event == .degraded)
            #expect(await world.version("mysql_servers") == "2")
        }
    }
}

import FakeProxySQL
import FleetModel
import Foundation
import MySQLWire
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

@Suite("What the agent did to its node outlives the agent", .timeLimit(.minutes(2)))
struct DrainRecordTests {
    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = NSTemporaryDirectory() + "drover-drain-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder + "/draining")
    }

    private func client(_ fake: FakeProxySQL) async throws -> MySQLConnection {
        try await MySQLConnection.connect(
            MySQLConfiguration(
                host: fake.mysqlEndpoint.host, port: fake.mysqlEndpoint.port, username: "app", password: "app"),
            logger: quiet)
    }

    private func addUser(_ fake: FakeProxySQL) async {
        _ = await fake.query("INSERT INTO mysql_users (username, password) VALUES ('app', 'app')")
        _ = await fake.query("LOAD MYSQL USERS TO RUNTIME")
    }

    @Test("A drain that is held is still held after the agent's restart, and resume brings everything back")
    func held() async throws {
        try await inFolder { file in
            try await withNode(node("a", variables: ["mysql-wait_timeout": "3600000"])) { fake in
                let settings = ["agent.shutdown.draining-file": file]
                try await withAgent(fake, settings) { agent in
                    _ = try await agent.status { $0["live"] as? Bool == true }
                    _ = try await agent.call(.POST, "/v1/drain", token: "let-me")
                    let held = try await agent.status { $0["drain"] as? String == "held" }
                    #expect(held["drain"] as? String == "held")
                }
                let record = DrainRecordFile(besides: file, node: "\(fake.adminEndpoint)").read()
                #expect(record == DrainRecord(goal: .hold, waitTimeout: "3600000"))
                try await withAgent(fake, settings) { agent in
                    let held = try await agent.status { $0["drain"] as? String == "held" }
                    #expect(held["drain"] as? String == "held" && held["ready"] as? Bool == false)
                    let resumed = try await agent.call(.POST, "/v1/resume", token: "let-me")
                    #expect(resumed.status == 202)
                    let serving = try await agent.status {
                        $0["drain"] as? String == "serving" && $0["paused"] as? Bool == false
                    }
                    #expect(serving["drain"] as? String == "serving")
                    let timeout = await fake.engine.variable("mysql-wait_timeout")
                    #expect(timeout == "3600000")
                }
                #expect(DrainRecordFile(besides: file, node: "\(fake.adminEndpoint)").read() == nil)
                #expect(!DrainFile(path: file).exists)
            }
        }
    }

    @Test("The record is on the disk before the node is paused")
    func before() async throws {
        try await inFolder { file in
            try await withNode(node("a")) { fake in
                try await withAgent(
                    fake,
                    [
                        "agent.shutdown.draining-file": file, "agent.shutdown.propagation-seconds": "60",
                        "agent.shutdown.timeout-seconds": "120",
                    ]
                ) { agent in
                    _ = try await agent.status { $0["live"] as? Bool == true }
                    _ = try await agent.call(.POST, "/v1/drain", token: "let-me")
                    _ = try await agent.status { $0["drain"] as? String == "propagating" }
                    #expect(DrainRecordFile(besides: file, node: "\(fake.adminEndpoint)").read()?.goal == .hold)
                    #expect(!fake.statements.contains { $0.text == "PROXYSQL PAUSE" })
                }
            }
        }
    }

    @Test("A drain for a shutdown that never came is taken back at the next start")
    func crashed() async throws {
        try await inFolder { file in
            try await withNode(node("a", variables: ["mysql-wait_timeout": "0"])) { fake in
                _ = await fake.query("PROXYSQL PAUSE")
                try DrainFile(path: file).write()
                try DrainRecordFile(besides: file, node: "\(fake.adminEndpoint)").write(
                    .init(goal: .shutDown, waitTimeout: "7200000"))
                try await withAgent(fake, mode: "satellite", ["agent.shutdown.draining-file": file]) { agent in
                    let serving = try await agent.status {
                        $0["drain"] as? String == "serving" && $0["paused"] as? Bool == false && $0["age_ms"] != nil
                    }
                    #expect(serving["drain"] as? String == "serving")
                    let timeout = await fake.engine.variable("mysql-wait_timeout")
                    #expect(timeout == "7200000")
                    #expect(!DrainFile(path: file).exists)
                }
            }
        }
    }

    @Test("A node that was paused by hand is opened, and a wait timeout of 0 that nobody noted is ProxySQL's own again")
    func byHand() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake) { agent in
                _ = try await agent.status { $0["live"] as? Bool == true }
                let refused = try await agent.call(.POST, "/v1/resume", token: "let-me")
                #expect(refused.status == 409)
                _ = await fake.query(
                    "UPDATE global_variables SET variable_value='0' WHERE variable_name='mysql-wait_timeout'")
                _ = await fake.query("LOAD MYSQL VARIABLES TO RUNTIME")
                _ = await fake.query("PROXYSQL PAUSE")
                _ = try await agent.status { $0["paused"] as? Bool == true }
                let resumed = try await agent.call(.POST, "/v1/resume", token: "let-me")
                #expect(resumed.status == 202)
                let open = try await agent.status { $0["paused"] as? Bool == false }
                #expect(open["paused"] as? Bool == false)
                let timeout = await fake.engine.variable("mysql-wait_timeout")
                #expect(timeout == "28800000")
            }
        }
    }

    @Test("A drain that cannot be taken back because the login is refused is taken back once it is not")
    func refused() async throws {
        try await inFolder { file in
            var configuration = node("a", variables: ["mysql-wait_timeout": "0"])
            configuration.credentials = Secret("radmin:other")
            try await withNode(configuration) { fake in
                _ = await fake.query("PROXYSQL PAUSE")
                try DrainRecordFile(besides: file, node: "\(fake.adminEndpoint)").write(
                    .init(goal: .serve, waitTimeout: "7200000"))
                try await withAgent(fake, ["agent.shutdown.draining-file": file]) { agent in
                    let stuck = try await agent.status { ($0["concerns"] as? [String])?.isEmpty == false }
                    #expect(stuck["drain"] as? String == "resuming" && stuck["live"] as? Bool == true)
                    _ = await fake.query(
                        "UPDATE global_variables SET variable_value='radmin:radmin' "
                            + "WHERE variable_name='admin-admin_credentials'")
                    _ = await fake.query("LOAD ADMIN VARIABLES TO RUNTIME")
                    let open = try await agent.status {
                        $0["drain"] as? String == "serving" && $0["paused"] as? Bool == false && $0["age_ms"] != nil
                    }
                    #expect(open["drain"] as? String == "serving" && open["paused"] as? Bool == false)
                    let timeout = await fake.engine.variable("mysql-wait_timeout")
                    #expect(timeout == "7200000")
                }
            }
        }
    }

    @Test("A second answer to PAUSE and RESUME is nobody's answer", arguments: ["2.7.1", "3.0.3"])
    func twice(version: String) async throws {
        var configuration = node("a", variables: ["mysql-wait_timeout": "3600000"])
        configuration.version = version
        try await withNode(configuration) { fake in
            _ = await fake.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.0.0.9')")
            _ = await fake.query("LOAD MYSQL SERVERS TO RUNTIME")
            try await withAgent(fake, ["agent.health.interval-seconds": "0.01"]) { agent in
                _ = try await agent.status { $0["ready"] as? Bool == true }
                for _ in 0..<2 {
                    _ = try await agent.call(.POST, "/v1/drain", token: "let-me")
                    let held = try await agent.status { $0["drain"] as? String == "held" }
                    #expect((held["backends"] as? [String: Int])?["total"] == 1)
                    _ = try await agent.call(.POST, "/v1/resume", token: "let-me")
                    let ready = try await agent.status { $0["ready"] as? Bool == true }
                    #expect((ready["backends"] as? [String: Int])?["total"] == 1)
                    let timeout = await fake.engine.variable("mysql-wait_timeout")
                    #expect(timeout == "3600000")
                }
            }
        }
    }

    @Test("A drain ends clients between transactions and waits for those in one", arguments: ["satellite", "core"])
    func transactions(mode: String) async throws {
        try await withNode(node("a")) { fake in
            await addUser(fake)
            let (busy, idle) = (try await client(fake), try await client(fake))
            _ = try await busy.query("BEGIN", timeout: .seconds(5))
            try await withAgent(fake, mode: mode) { agent in
                _ = try await agent.status { $0["live"] as? Bool == true }
                async let shutdown = agent.call(.POST, "/shutdown").status
                while idle.isOpen { try await Task.sleep(for: .milliseconds(5)) }
                let waiting = try await agent.status { $0["clients"] as? Int == 1 }
                #expect(waiting["clients"] as? Int == 1)
                #expect(busy.isOpen)
                _ = try await busy.query("COMMIT", timeout: .seconds(5))
                let status = try await shutdown
                #expect(status == 200)
                #expect(!busy.isOpen)
            }
        }
    }

    @Test("Whom to end is who is quiet, at the end who has just begun to pause; never who may be in a transaction")
    func choice() {
        func session(_ id: Int, idle: Int, _ mayBe: Bool = false) -> ClientSessions.Session {
            .init(id: id, idle: idle, mayBeInTransaction: mayBe)
        }
        var sessions = ClientSessions([])
        #expect(sessions.next(isLate: true).isEmpty)
        sessions.sessions = [session(1, idle: 2), session(2, idle: 1), session(3, idle: 0, true)]
        #expect(sessions.next(isLate: false).isEmpty && sessions.next(isLate: true) == [2])
        sessions.sessions += [session(4, idle: 5_000), session(5, idle: 100), session(6, idle: 9_000, true)]
        #expect(sessions.next(isLate: false) == [4, 5] && sessions.next(isLate: true) == [4, 5])
    }

    @Test(
        "A node that greets clients and has no admin interface yet has not ended: it is drained as soon as it has one")
    func noAdminYet() async throws {
        let clients = node("clients")
        var late = node("late")
        late.adminPort = 6_032
        try await withNode(clients) { clients in
            let place = "\(late.host):\(late.adminPort)"
            let settings = ["agent.health.mysql-address": "\(clients.mysqlEndpoint)"]
            try await withAgent(address: place, mode: "satellite", settings) { agent in
                let live = try await agent.status { $0["live"] as? Bool == true }
                #expect(live["live"] as? Bool == true)
                async let shutdown = agent.call(.POST, "/shutdown").status
                let pausing = try await agent.status { $0["drain"] as? String == "pausing" }
                #expect(pausing["drain"] as? String == "pausing")
                try await withNode(late) { fake in
                    for _ in 0..<500 where !fake.statements.contains(where: { $0.text == "PROXYSQL SHUTDOWN" }) {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    let drained = fake.statements.map(\.text).filter { $0.hasPrefix("PROXYSQL ") }
                    #expect(drained == ["PROXYSQL PAUSE", "PROXYSQL SHUTDOWN"])
                    await clients.kill()
                }
                let status = try await shutdown
                #expect(status == 200)
            }
        }
    }
}

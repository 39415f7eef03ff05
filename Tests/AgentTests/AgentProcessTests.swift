import FakeProxySQL
import FleetModel
import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import Agent

@Suite("An agent beside a node, over real sockets", .timeLimit(.minutes(2)))
struct AgentProcessTests {
    @Test("The Go agent's endpoints answer as they did, zeros included")
    func compatible() async throws {
        try await withNode(node("a")) { fake in
            _ = await fake.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.0.0.9')")
            _ = await fake.query("LOAD MYSQL SERVERS TO RUNTIME")
            try await withAgent(fake) { agent in
                _ = try await agent.status { $0["started"] as? Bool == true }
                let started = try await agent.call(.GET, "/healthz/started")
                #expect(started.status == 200)
                #expect(started.body as? [String: String] == ["message": "ok", "status": "ok"])
                let ready = try await agent.call(.GET, "/healthz/ready")
                #expect(ready.status == 200)
                #expect(ready.body["status"] as? String == "ok")
                #expect(ready.body["message"] as? String == "all backends online")
                #expect(ready.body["probe"] as? String == "readiness")
                #expect(ready.body["draining"] as? Bool == false)
                #expect(ready.body["clients"] as? Int == 0)
                #expect(ready.body["backends"] as? [String: Int] == ["online": 1, "shunned": 0, "total": 1])
                let live = try await agent.call(.GET, "/healthz/live")
                #expect(live.body["probe"] as? String == "liveness")
            }
        }
    }

    @Test("Probes may be asked with HEAD, as load balancers do")
    func head() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake, mode: "core") { agent in
                _ = try await agent.status { $0["started"] as? Bool == true }
                for path in ["/healthz/started", "/healthz/ready", "/healthz/live"] {
                    let answer = try await agent.call(.HEAD, path)
                    #expect(answer.status == 200, "\(path)")
                    #expect(answer.body["text"] as? String == "", "\(path)")
                }
            }
        }
    }

    @Test("A client that connects and asks nothing, or half a question, does not keep its connection")
    func idleClients() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake, httpPatience: .milliseconds(50)) { agent in
                let port = try #require(Int(agent.base.split(separator: ":").last ?? ""))
                for words in ["", "GET /healthz/live HTTP/1.1\r\nHos"] {
                    let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                        .connect(host: "127.0.0.1", port: port).get()
                    if !words.isEmpty { try await connection.writeAndFlush(ByteBuffer(string: words)) }
                    try await connection.closeFuture.get()
                }
            }
        }
    }

    @Test("A satellite without a configuration has not started and is told so by 502")
    func unconfigured() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake) { agent in
                let started = try await agent.call(.GET, "/healthz/started")
                #expect(started.status == 502)
            }
        }
    }

    @Test("A wedged interface costs one connection; probes say since when; recovery is seen at once")
    func wedge() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake, mode: "core") { agent in
                _ = try await agent.status { $0["live"] as? Bool == true }
                try await fake.wedge()
                let wedged = try await agent.status { $0["live"] as? Bool == false }
                #expect((wedged["message"] as? String)?.contains("has not answered since") == true)
                let clock = ContinuousClock()
                for path in ["/healthz/live", "/healthz/ready", "/healthz/live"] {
                    let begin = clock.now
                    let answer = try await agent.call(.GET, path)
                    #expect(answer.status == 503)
                    #expect(clock.now - begin < .seconds(1))
                }
                try await fake.unwedge()
                let back = try await agent.status { $0["live"] as? Bool == true }
                #expect(back["live"] as? Bool == true)
            }
        }
    }

    @Test("/shutdown drains in order, a second call joins it, and the agent ends by itself")
    func shutdown() async throws {
        try await withNode(node("a")) { fake in
            fake.setClientConnections(3)
            try await withAgent(fake) { agent in
                _ = try await agent.status { $0["live"] as? Bool == true }
                async let first = agent.call(.POST, "/shutdown").status
                let draining = try await agent.status { $0["drain"] as? String == "waiting" }
                #expect(draining["ready"] as? Bool == false && draining["live"] as? Bool == true)
                let ready = try await agent.call(.GET, "/healthz/ready")
                #expect(ready.status == 503)
                #expect(ready.body["status"] as? String == "draining")
                async let second = agent.call(.GET, "/shutdown").status
                fake.setClientConnections(0)
                let statuses = try await (first, second)
                #expect(statuses.0 == 200 && statuses.1 == 200)
                let steps = fake.statements.map(\.text).filter {
                    $0.hasPrefix("PROXYSQL") || $0.hasPrefix("UPDATE") || $0.hasPrefix("LOAD MYSQL VARIABLES")
                }
                #expect(
                    steps == [
                        "PROXYSQL PAUSE",
                        "UPDATE global_variables SET variable_value='0' WHERE variable_name='mysql-wait_timeout'",
                        "LOAD MYSQL VARIABLES TO RUNTIME", "PROXYSQL SHUTDOWN",
                    ])
            }
        }
    }

    @Test("A drain that meets a wedged interface pauses the node once it answers again")
    func wedgedDrain() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(
                fake, ["agent.shutdown.drain-timeout-seconds": "20", "agent.shutdown.timeout-seconds": "30"]
            ) { agent in
                _ = try await agent.status { $0["live"] as? Bool == true }
                try await fake.wedge()
                _ = try await agent.status { $0["live"] as? Bool == false }
                let drained = try await agent.call(.POST, "/v1/drain", token: "let-me")
                #expect(drained.status == 202)
                let waiting = try await agent.status { $0["drain"] as? String == "pausing" }
                #expect(waiting["drain"] as? String == "pausing")
                try await fake.unwedge()
                let held = try await agent.status { $0["drain"] as? String == "held" }
                #expect(held["drain"] as? String == "held")
                #expect(fake.statements.contains { $0.text == "PROXYSQL PAUSE" })
            }
        }
    }

    @Test("A drain that is held is taken back: clients come again and the timeout is the old one")
    func resume() async throws {
        try await withNode(node("a", variables: ["mysql-wait_timeout": "28800000"])) { fake in
            _ = await fake.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.0.0.9')")
            _ = await fake.query("LOAD MYSQL SERVERS TO RUNTIME")
            try await withAgent(fake) { agent in
                _ = try await agent.status { $0["live"] as? Bool == true }
                let refused = try await agent.call(.POST, "/v1/drain")
                #expect(refused.status == 401)
                let drained = try await agent.call(.POST, "/v1/drain", token: "let-me")
                #expect(drained.status == 202)
                let held = try await agent.status { $0["drain"] as? String == "held" }
                #expect(held["drain"] as? String == "held")
                let resumed = try await agent.call(.POST, "/v1/resume", token: "let-me")
                #expect(resumed.status == 202)
                let ready = try await agent.status { $0["ready"] as? Bool == true }
                #expect(ready["ready"] as? Bool == true)
                let timeout = await fake.engine.variable("mysql-wait_timeout")
                #expect(timeout == "28800000")
            }
        }
    }

    @Test("Without a token nothing can be changed")
    func off() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake, ["agent.api.token": ""]) { agent in
                let answer = try await agent.call(.POST, "/v1/resync", token: "")
                #expect(answer.status == 403)
            }
        }
    }

    @Test("A backend is put aside and taken back, and stays what it is when nothing differs")
    func backend() async throws {
        try await withNode(node("a")) { fake in
            _ = await fake.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '127.0.0.9')")
            _ = await fake.query("LOAD MYSQL SERVERS TO RUNTIME")
            try await withAgent(fake) { agent in
                let path = "/v1/backends/1/127.0.0.9:3306/offline-soft"
                let first = try await agent.call(.POST, path, token: "let-me")
                #expect(first.status == 200)
                let second = try await agent.call(.POST, path, token: "let-me")
                #expect(second.status == 200)
                #expect(fake.statements.filter { $0.text == "LOAD MYSQL SERVERS TO RUNTIME" }.count == 1)
                let missing = try await agent.call(.POST, "/v1/backends/7/127.0.0.9:3306/online", token: "let-me")
                #expect(missing.status == 404)
                let wrong = try await agent.call(.POST, "/v1/backends/1/127.0.0.9:3306/gone", token: "let-me")
                #expect(wrong.status == 400)
                let shown = try await agent.call(.GET, "/v1/backends")
                #expect((shown.body["text"] as? String)?.contains("OFFLINE_SOFT") == true)
            }
        }
    }

    @Test("A backend with an IPv6 address is found, however the path spells it")
    func backendOfSix() async throws {
        try await withNode(node("a")) { fake in
            _ = await fake.query("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, '::9')")
            try await withAgent(fake) { agent in
                for (address, status) in [("[::9]:3306", "offline-soft"), ("%5B::9%5D:3306", "online")] {
                    let path = "/v1/backends/1/\(address)/\(status)"
                    let answer = try await agent.call(.POST, path, token: "let-me")
                    #expect(answer.status == 200, "\(answer.body)")
                }
            }
        }
    }

    @Test("A resync goes back to the bootstrap row, and makes one where the file has none")
    func resync() async throws {
        try await withNode(node("a")) { fake in
            _ = await fake.query("INSERT INTO proxysql_servers (hostname, port) VALUES ('127.0.0.8', 1)")
            _ = await fake.query("LOAD PROXYSQL SERVERS TO RUNTIME")
            try await withAgent(fake, ["agent.core.bootstrap-host": "127.0.0.7"]) { agent in
                let answer = try await agent.call(.POST, "/v1/resync", token: "let-me")
                #expect(answer.status == 200)
            }
            let rows = await fake.engine.execute("SELECT hostname FROM runtime_proxysql_servers").reply
            #expect(rows == .rows(columns: ["hostname"], rows: [["127.0.0.7"]]))
        }
    }
}

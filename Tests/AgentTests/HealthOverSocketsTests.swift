import FakeProxySQL
import FleetModel
import Foundation
import MySQLWire
import NIOHTTP1
import TestSupport
import Testing

@testable import Agent

@Suite("The agent's view of a node, over real sockets", .timeLimit(.minutes(2)))
struct HealthOverSocketsTests {
    @Test("A wrong password at the start: live and started, unready, an alarm, and well again once it is right")
    func wrongPassword() async throws {
        var configuration = node("a")
        configuration.credentials = Secret("watch:watch;radmin:other")
        try await withNode(configuration) { fake in
            try await withAgent(fake, mode: "core") { agent in
                let events = agent.process.events.subscribe()
                let status = try await agent.status { ($0["concerns"] as? [String])?.isEmpty == false }
                #expect(status["live"] as? Bool == true && status["ready"] as? Bool == false)
                #expect((status["concerns"] as? [String])?.first?.contains("refuses the agent") == true)
                let answers = try await [
                    agent.call(.GET, "/healthz/live").status, agent.call(.GET, "/healthz/ready").status,
                    agent.call(.GET, "/healthz/started").status, agent.call(.GET, "/healthz/agent").status,
                ]
                #expect(answers == [200, 503, 200, 200])
                _ = await fake.query(
                    "UPDATE global_variables SET variable_value='radmin:radmin' "
                        + "WHERE variable_name='admin-admin_credentials'")
                _ = await fake.query("LOAD ADMIN VARIABLES TO RUNTIME")
                let back = try await agent.status { $0["ready"] as? Bool == true }
                #expect(back["ready"] as? Bool == true && back["concerns"] == nil)
                _ = events
            }
        }
    }

    @Test("A refusal is told once as an event, with its reason")
    func event() async throws {
        var configuration = node("a")
        configuration.credentials = Secret("radmin:other")
        try await withNode(configuration) { fake in
            try await withAgent(fake, mode: "core", ["agent.health.interval-seconds": "0.2"]) { agent in
                var events = agent.process.events.subscribe().makeAsyncIterator()
                // The first look may have been before there was anybody to hear of it.
                _ = await fake.query(
                    "UPDATE global_variables SET variable_value='radmin:radmin' "
                        + "WHERE variable_name='admin-admin_credentials'")
                _ = await fake.query("LOAD ADMIN VARIABLES TO RUNTIME")
                _ = try await agent.status { $0["ready"] as? Bool == true }
                _ = await fake.query(
                    "UPDATE global_variables SET variable_value='radmin:third' "
                        + "WHERE variable_name='admin-admin_credentials'")
                _ = await fake.query("LOAD ADMIN VARIABLES TO RUNTIME")
                await fake.dropAdminClients()
                var kinds: [AgentEvent.Kind] = []
                while let event = await events.next() {
                    kinds.append(event.event)
                    guard event.event == .adminRefused else { continue }
                    #expect(event.details["problem"]?.contains("refused the login") == true)
                    if kinds.contains(.started) { break }
                }
                let unready = try await agent.status { $0["ready"] as? Bool == false }
                #expect(unready["live"] as? Bool == true)
            }
        }
    }

    @Test("A stopped ProxySQL is unready within 5 s at the default pace, and ready again when it goes on")
    func stopped() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(
                fake, mode: "core", ["agent.health.interval-seconds": "2", "agent.health.timeout-seconds": "5"]
            ) { agent in
                _ = try await agent.status { $0["ready"] as? Bool == true }
                let clock = ContinuousClock()
                let begin = clock.now
                try await fake.wedge()
                let unready = try await agent.status { $0["ready"] as? Bool == false }
                #expect((unready["message"] as? String)?.contains("does not greet") == true)
                #expect(clock.now - begin < .seconds(5))
                #expect(unready["live"] as? Bool == true)
                try await fake.unwedge()
                let back = try await agent.status { $0["ready"] as? Bool == true }
                #expect(back["ready"] as? Bool == true)
            }
        }
    }

    @Test("An admin interface that gives no answer turns nobody away while clients are greeted")
    func slowAdmin() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake, mode: "core") { agent in
                _ = try await agent.status { $0["ready"] as? Bool == true }
                fake.addDelay(.seconds(20))
                let silent = try await agent.status { ($0["concerns"] as? [String])?.isEmpty == false }
                #expect((silent["concerns"] as? [String])?.first?.contains("has not answered") == true)
                #expect(silent["ready"] as? Bool == true && silent["live"] as? Bool == true)
            }
        }
    }

    @Test("The port is the node's own word, wherever it listens")
    func port() async throws {
        try await withNode(node("a")) { fake in
            try await withAgent(fake, mode: "core") { agent in
                _ = try await agent.status { $0["ready"] as? Bool == true }
                _ = await fake.query("PROXYSQL PAUSE")
                let paused = try await agent.status { $0["ready"] as? Bool == false }
                #expect(paused["live"] as? Bool == true)
                let opened = try await agent.call(.POST, "/v1/resume", token: "let-me")
                #expect(opened.status == 202)
                let back = try await agent.status { $0["ready"] as? Bool == true }
                #expect(back["paused"] as? Bool == false)
            }
        }
    }
}

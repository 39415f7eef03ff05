import AsyncHTTPClient
import FakeProxySQL
import FleetModel
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Pacing
import TestSupport

@testable import Agent

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// A simulated node with an address of its own.
func node(_ name: String, variables: [String: String] = [:]) -> FakeProxySQL.Configuration {
    .init(
        name: name, host: OwnAddress.next(), adminPort: 0, mysqlPort: 0, clusterCheckInterval: .milliseconds(20),
        variables: variables)
}

/// A running agent, as its users see it.
struct RunningAgent: Sendable {
    let base: String
    let process: AgentProcess

    /// Calls an endpoint; the status and the body.
    func call(
        _ method: HTTPMethod, _ path: String, token: String? = nil, timeout: Duration = .seconds(20)
    ) async throws -> (status: Int, body: [String: Any]) {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let response = try await HTTPClient.shared.execute(request, timeout: TimeAmount(timeout))
        let body = try await response.body.collect(upTo: 1 << 20)
        let data = Data(body.readableBytesView)
        let value = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
        return (Int(response.status.code), value ?? ["text": String(decoding: data, as: UTF8.self)])
    }

    /// Asks until `isEnough`, for at most ten seconds; the last answer.
    func status(until isEnough: ([String: Any]) -> Bool) async throws -> [String: Any] {
        var last: [String: Any] = [:]
        for _ in 0..<500 {
            last = try await call(.GET, "/v1/status").body
            if isEnough(last) { return last }
            try await Task.sleep(for: .milliseconds(20))
        }
        return last
    }
}

/// Starts an agent for `fake`, gives it to `body`, and ends it; `body` returning while the agent goes on is the rule.
func withAgent<Value: Sendable>(
    _ fake: FakeProxySQL, mode: String = "satellite", _ more: [String: String] = [:],
    environment: [String: String] = [:], httpPatience: Duration = .seconds(120),
    _ body: (RunningAgent) async throws -> Value
) async throws -> Value {
    try await withAgent(
        address: "\(fake.adminEndpoint)", mode: mode, more, environment: environment, httpPatience: httpPatience, body)
}

/// The same for any node.
func withAgent<Value: Sendable>(
    address: String, mode: String, _ more: [String: String] = [:], environment: [String: String] = [:],
    httpPatience: Duration = .seconds(120), _ body: (RunningAgent) async throws -> Value
) async throws -> Value {
    let folder = NSTemporaryDirectory() + "drover-agent-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var arguments = try AgentArguments([])
    arguments.values = [
        "agent.mode": mode, "agent.proxysql.address": address, "agent.proxysql.password": "radmin",
        "agent.api.host": "127.0.0.1", "agent.api.port": "0", "agent.api.token": "let-me", "agent.name": "node",
        "agent.shutdown.draining-file": folder + "/draining",
        "agent.shutdown.propagation-seconds": "0", "agent.shutdown.drain-timeout-seconds": "5",
        "agent.shutdown.timeout-seconds": "8", "agent.shutdown.poll-seconds": "0.05",
        "agent.health.interval-seconds": "0.05", "agent.health.timeout-seconds": "0.2",
        "agent.satellite.interval-seconds": "0.1", "agent.kubernetes": "off",
    ].merging(more) { $1 }
    var around = AgentProcess.Surroundings(environment: environment, logger: quiet)
    around.httpPatience = httpPatience
    let process = AgentProcess(
        settings: try AgentSettings(arguments: arguments, environment: [:], read: { _ in nil }), around: around)
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { continuation.finish() }
            try await process.run { continuation.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        let port = await iterator.next() ?? 0
        let result: Result<Value, any Error>
        do {
            result = .success(
                try await body(
                    RunningAgent(base: "http://\(arguments.values["agent.api.host"] ?? ""):\(port)", process: process)))
        } catch {
            result = .failure(error)
        }
        await process.stopNow()
        try await tasks.waitForAll()
        return try result.get()
    }
}

/// Ports on which nothing listened a moment ago.
func freePorts(_ count: Int) async throws -> [Int] {
    var channels: [any Channel] = []
    for _ in 0..<count {
        channels.append(
            try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0)
                .get())
    }
    let ports = channels.map { $0.localAddress?.port ?? 0 }
    for channel in channels { try await channel.close() }
    return ports
}

import AsyncHTTPClient
import FleetModel
import HTTPServing
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport
import Testing

@testable import Agent

@Suite("A server that idles", .timeLimit(.minutes(1)))
struct QuietServerTests {
    private struct Broken: Error {}

    @Test("answers carry the moment at which they were made and the server's name; an error is a 500")
    func answers() async throws {
        let router = Router()
        router.get("fine") { _, _ in "fine" }
        router.get("broken") { _, _ -> String in throw Broken() }
        let clock = TestWallClock(Timestamp(secondsSinceEpoch: 784_111_777))
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = QuietServer(
            responder: router.buildResponder(), server: .cancellable,
            configuration: .init(address: .hostname("127.0.0.1", port: 0), serverName: "drover"),
            date: { clock.now().httpDate },
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            let base = "http://127.0.0.1:\(try #require(await ports.first { _ in true }))"
            for (path, status, date) in [
                ("fine", 200, "Sun, 06 Nov 1994 08:49:37 GMT"), ("broken", 500, "Sun, 06 Nov 1994 08:49:38 GMT"),
                ("none", 404, "Sun, 06 Nov 1994 08:49:39 GMT"),
            ] {
                let answer = try await HTTPClient.shared.execute(
                    HTTPClientRequest(url: "\(base)/\(path)"), timeout: .seconds(20))
                #expect(answer.status.code == status && answer.headers["date"] == [date], "\(path)")
                #expect(answer.headers["server"] == ["drover"])
                clock.advance(by: .seconds(1))
            }
            tasks.cancelAll()
        }
    }

    @Test("a part on the admin loop runs there, and one that is not does not")
    func adminLoop() async throws {
        struct Look: Service {
            let found: @Sendable (Bool) -> Void
            func run() async throws {
                await Task.yield()
                found(AdminLoop.shared.group.any().inEventLoop)
            }
        }
        let (found, seen) = AsyncStream.makeStream(of: Bool.self)
        let part = Part("look", Look { seen.yield($0) })
        try await part.onAdminLoop().run()
        try await part.run()
        seen.finish()
        let places = await found.reduce(into: []) { $0.append($1) }
        #expect(places == [true, false])
    }
}

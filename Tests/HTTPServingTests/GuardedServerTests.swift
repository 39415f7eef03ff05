import HTTPServing
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing

/// A client that says what it is told to, and takes what comes.
private struct RawClient: Sendable {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    init(_ port: Int) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
            host: "127.0.0.1", port: port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
    }

    /// Says `text`, then a byte each 20 ms where it drips, and returns all that comes until the server ends it.
    func said(_ text: String, drips: Bool = false) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: String?.self) { tasks in
                tasks.addTask {
                    do {
                        if !text.isEmpty { try await outbound.write(ByteBuffer(string: text)) }
                        while drips {
                            try await outbound.write(ByteBuffer(string: "x"))
                            try await Task.sleep(for: .milliseconds(20))
                        }
                    } catch {
                        // The server closed it.
                    }
                    return nil
                }
                tasks.addTask {
                    var answer = ""
                    do {
                        for try await part in inbound { answer += String(buffer: part) }
                    } catch is IOError {
                        // Bytes that the server did not read make a reset of the end.
                    }
                    return answer
                }
                var answer = ""
                while let next = try await tasks.next() {
                    guard let next else { continue }
                    answer = next
                    tasks.cancelAll()
                }
                return answer
            }
        }
    }
}

private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@Suite("A server that holds its clients to limits", .timeLimit(.minutes(1)))
struct GuardedServerTests {
    private static let fine = "GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    /// Serves `/fine`, `/unread`, which does not look at the body, and `/late`, which answers when `body` lets it.
    private func withServer(
        _ limits: ServerLimits, _ body: @escaping @Sendable (Int, GracefulShutdownTestTrigger) async throws -> Void
    ) async throws {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.get("fine") { _, _ in "fine" }
        router.post("unread") { _, _ in "early" }
        router.get("late") { _, _ in
            try await Task.sleep(for: .seconds(50))
            return "late"
        }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = QuietServer(
            router.buildResponder(), at: .hostname("127.0.0.1", port: 0), limits: limits, date: { "now" },
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: silent)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await server.run() }
                try await body(try #require(await ports.first { _ in true }), trigger)
                trigger.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }

    @Test(
        "silence, and a head that comes a byte at a time, end with the deadline of the head",
        arguments: [
            ("", false), ("G", false), ("GET / HTTP/1.1\r\nHost: ", true),
        ])
    func head(text: String, drips: Bool) async throws {
        var limits = ServerLimits()
        limits.headTimeout = .milliseconds(300)
        try await withServer(limits) { port, _ in
            let answer = try await RawClient(port).said(text, drips: drips)
            #expect(!answer.contains("200 OK"))
        }
    }

    @Test("a body that comes a byte at a time ends with the deadline of the body, though nobody reads it")
    func body() async throws {
        var limits = ServerLimits()
        limits.bodyTimeout = .milliseconds(300) - .seconds(5)
        try await withServer(limits) { port, _ in
            let answer = try await RawClient(port).said(
                "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", drips: true)
            #expect(answer.hasSuffix("early"), "\(answer)")
        }
    }

    @Test("between requests a connection may idle, and no longer")
    func idle() async throws {
        var limits = ServerLimits()
        limits.idleTimeout = .milliseconds(300)
        try await withServer(limits) { port, _ in
            let answer = try await RawClient(port).said("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(answer.hasSuffix("fine"), "\(answer)")
        }
    }

    @Test("a head that is too large is answered 431")
    func largeHead() async throws {
        try await withServer(ServerLimits()) { port, _ in
            let name = String(repeating: "a", count: 40_000)
            let answer = try await RawClient(port).said("GET /fine HTTP/1.1\r\nHost: a\r\nX: \(name)\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 431 "), "\(answer)")
            let many = (0..<300).map { "X-\($0): 1\r\n" }.joined()
            let other = try await RawClient(port).said("GET /fine HTTP/1.1\r\nHost: a\r\n\(many)\r\n")
            #expect(other.hasPrefix("HTTP/1.1 431 "), "\(other)")
        }
    }

    @Test("HEAD is answered as GET, without the body")
    func headMethod() async throws {
        try await withServer(ServerLimits()) { port, _ in
            let answer = try await RawClient(port).said("HEAD /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
            #expect(answer.lowercased().contains("content-length: 4"), "\(answer)")
        }
    }

    @Test("more silent connections than there is room for do not keep a client out")
    func silentFlood() async throws {
        var limits = ServerLimits()
        limits.maximumConnections = 8
        try await withServer(limits) { port, _ in
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<30 {
                    tasks.addTask {
                        _ = try await RawClient(port).said("")
                        end.yield()
                    }
                }
                // The server knows all of them once it has closed those that it has no room for; one that it meets later
                // could take the place of a client that has connected and not yet asked.
                for await _ in ends.prefix(22) {}
                for _ in 0..<5 {
                    let answer = try await RawClient(port).said(Self.fine)
                    #expect(answer.hasSuffix("fine"), "\(answer)")
                }
                tasks.cancelAll()
            }
        }
    }

    @Test("a graceful end waits a moment for requests under way, and not for clients that say nothing")
    func shutdown() async throws {
        var limits = ServerLimits()
        limits.shutdownGrace = .milliseconds(300)
        let clients = AsyncStream.makeStream(of: Void.self)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let limits = limits
            tasks.addTask {
                try await withServer(limits) { port, trigger in
                    try await withThrowingTaskGroup(of: Void.self) { held in
                        for text in [
                            "", "GET /fi", "GET /late HTTP/1.1\r\nHost: a\r\n\r\n",
                            "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
                        ] {
                            let client = try await RawClient(port)
                            held.addTask { _ = try await client.said(text) }
                        }
                        let answer = try await RawClient(port).said(Self.fine)
                        #expect(answer.hasSuffix("fine"))
                        trigger.triggerGracefulShutdown()
                        try await held.waitForAll()
                    }
                    clients.continuation.finish()
                }
            }
            try await tasks.waitForAll()
        }
        for await _ in clients.stream {}
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}

import FleetModel
import HTTPServing
import Hummingbird
import HummingbirdCore
import HummingbirdTesting
import ManagementAPI
import NIOCore
import NIOEmbedded
import NIOPosix
import Persistence
import Synchronization
import Testing

/// A client that says what it is told to and takes nothing unless it is asked to.
struct RawClient: Sendable {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    static func connected(_ port: Int) async throws -> RawClient {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
            host: "127.0.0.1", port: port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return RawClient(channel: channel)
    }

    /// Says `text` and returns all that comes until the server ends the connection.
    func said(_ text: String) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            var answer = ""
            do {
                try await outbound.write(ByteBuffer(string: text))
                for try await part in inbound { answer += String(buffer: part) }
            } catch is IOError {
                // The server closes with bytes unread: a reset instead of an end.
            } catch is ChannelError {
                // It was faster than we.
            }
            return answer
        }
    }
}

@Suite("Clients that stall", .timeLimit(.minutes(1)))
struct StalledClientTests {
    @Test("a body that does not come is given up, and the connection with it")
    func stalledBody() async throws {
        var settings = APIRoutes.Settings(defaultPolicy: ScalingPolicy(maximumReplicas: 5))
        settings.bodyTimeout = .milliseconds(200)
        try await withAPI(settings: settings, isLive: true) { client, store in
            let port = try #require(client.port)
            let answer = try await RawClient.connected(port).said(
                "PUT /v1/groups/shop HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 1000\r\nConnection: close\r\n\r\n{\"servers\":[")
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
            #expect(try await store.groups().isEmpty)
        }
    }

    @Test("a head that does not end, and a connection that says nothing, are closed when they idle")
    func idle() async throws {
        try await withServer(idle: .milliseconds(200)) { port, _ in
            for text in ["GET / HTTP/1.1\r\nHost:", "G"] {
                let answer = try await RawClient.connected(port).said(text)
                #expect(!answer.contains("200 OK"), "\(answer)")
            }
        }
    }

    @Test("a client that takes nothing of its answer is cut off")
    func stalledReader() async throws {
        try await withServer(write: .milliseconds(200)) { port, hasEnded in
            let client = try await RawClient.connected(port)
            try await client.channel.channel.setOption(.autoRead, value: false).get()
            try await client.channel.executeThenClose { _, outbound in
                try await outbound.write(ByteBuffer(string: "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"))
                // The route writes until a write fails, which only a connection that was cut off makes it do.
                var ends = hasEnded.makeAsyncIterator()
                #expect(await ends.next() != nil)
            }
        }
    }

    @Test("one that takes it slowly is not")
    func slowReader() throws {
        let channel = EmbeddedChannel(handler: StalledWriteHandler(timeout: .seconds(30)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        for _ in 0..<10 {
            channel.write(ByteBuffer(string: "x"), promise: nil)
            channel.embeddedEventLoop.advanceTime(by: .seconds(29))
            #expect(channel.isActive)
            channel.flush()
            channel.write(ByteBuffer(string: "y"), promise: nil)
            channel.flush()
            channel.embeddedEventLoop.advanceTime(by: .seconds(29))
        }
        channel.write(ByteBuffer(string: "z"), promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(31))
        #expect(!channel.isActive, "nothing was taken for longer than the timeout")
    }

    /// Serves `/endless`, and tells when its writer ended.
    private func withServer(
        idle: TimeAmount = .seconds(60), write: TimeAmount = .seconds(60),
        _ body: @escaping @Sendable (Int, AsyncStream<Void>) async throws -> Void
    ) async throws {
        let (ends, ended) = AsyncStream.makeStream(of: Void.self)
        let router = Router(context: ManagementContext.self)
        router.get("/endless") { _, _ in
            Response(
                status: .ok,
                body: ResponseBody { writer in
                    defer { ended.yield() }
                    let part = ByteBuffer(repeating: 0x61, count: 1 << 16)
                    while true { try await writer.write(part) }
                })
        }
        try await Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [StalledWriteHandler(timeout: write)], idleTimeout: idle)),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: silent
        ).test(.live) { client in try await body(client.port ?? 0, ends) }
    }
}

import Foundation
import ManagementAPI
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing

@Suite("The API's certificate", .timeLimit(.minutes(1)))
struct ServerTLSTests {
    private let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/tls")
    private let folder = FileManager.default.temporaryDirectory.appending(path: "drover-tls-\(UUID().uuidString)")

    private func put(_ fixture: String, _ name: String) throws {
        try Data(contentsOf: fixtures.appending(path: fixture)).write(
            to: folder.appending(path: name), options: .atomic)
    }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    @Test("is read again when its files change; a new connection has the new one, and a broken file changes nothing")
    func reload() async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try put("certificate.pem", "a.pem")
        try put("key.pem", "a-key.pem")
        let clock = TestWallClock()
        let tls = try ServerTLS(
            certificateFile: path("a.pem"), keyFile: path("a-key.pem"), wallClock: clock, logger: silent)
        let context = try NIOSSLContext(configuration: try tls.configuration())
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let first = try await certificate(port)
        #expect(first == (try NIOSSLCertificate.fromPEMFile(fixtures.appending(path: "certificate.pem").path)[0]))
        // The key of the old one beside the new one, as it is for a moment while they are replaced.
        try put("renewed.pem", "a.pem")
        #expect(try await certificate(port) == first, "not before it is time to look")
        clock.advance(by: .seconds(6))
        #expect(try await certificate(port) == first, "a certificate without its key is not used")
        try put("renewed-key.pem", "a-key.pem")
        clock.advance(by: .seconds(6))
        let renewed = try NIOSSLCertificate.fromPEMFile(fixtures.appending(path: "renewed.pem").path)[0]
        #expect(try await certificate(port) == renewed)
        try Data("-----BEGIN".utf8).write(to: folder.appending(path: "a.pem"))
        clock.advance(by: .seconds(6))
        #expect(try await certificate(port) == renewed, "a broken file changes nothing")
        try await server.close()
    }

    /// What a new connection is shown.
    private func certificate(_ port: Int) async throws -> NIOSSLCertificate {
        let (shown, show) = AsyncStream.makeStream(of: NIOSSLCertificate?.self)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        let context = try NIOSSLContext(configuration: configuration)
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(
                        context: context, serverHostname: nil,
                        customVerificationCallback: { chain, promise in
                            show.yield(chain.first)
                            promise.succeed(.certificateVerified)
                        })
                    try channel.pipeline.syncOperations.addHandler(handler)
                    try channel.pipeline.syncOperations.addHandler(EndHandler { show.yield(nil) })
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let certificate = await shown.first { _ in true } ?? nil
        try? await client.close()
        return try #require(certificate)
    }
}

/// Tells when a handshake failed.
private final class EndHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let tell: @Sendable () -> Void

    init(_ tell: @escaping @Sendable () -> Void) { self.tell = tell }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        tell()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { tell() }
}

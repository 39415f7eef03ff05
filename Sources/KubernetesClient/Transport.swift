import AsyncHTTPClient
import FleetModel
import NIOCore
import NIOHTTP1
import NIOSSL
import Observability
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#endif

/// The connections of one identity, and what every request carries.
final class Transport: Sendable {
    /// One request of the API.
    struct Call: Sendable {
        var method: HTTPMethod
        /// Path and query.
        var path: String
        var body: [UInt8]?
        var contentType = "application/json"
        /// What is attempted, for errors.
        var attempt: String
        /// Whether doing it twice is doing it once.
        var isIdempotent: Bool
    }

    /// A page of many large objects; nothing that we ask for comes near.
    private static let maximumAnswer = 64 << 20

    let credentials: CredentialSource
    /// A name and its password, as base64.
    private let password: Secret?
    private let impersonation: [(name: String, value: String)]
    private let client: HTTPClient
    private let endpoint: String

    /// - Throws: `configuration` when certificates or the address cannot be used.
    init(
        _ configuration: KubernetesConfiguration, wallClock: any WallClock, clock: any Clock<Duration>
    ) throws(KubernetesError) {
        impersonation = configuration.impersonation
        if case .password(let name, let secret) = configuration.authentication {
            password = Secret(Base64.encode(Array("\(name):\(secret.reveal())".utf8)))
        } else {
            password = nil
        }
        credentials = CredentialSource(configuration.authentication, wallClock: wallClock, clock: clock)
        var settings = HTTPClient.Configuration()
        settings.tlsConfiguration = try Self.tls(configuration)
        settings.redirectConfiguration = .disallow
        // The spans are ours.
        settings.tracing.tracer = nil
        settings.timeout = .init(connect: .seconds(5))
        // Watches hold a connection each, and a call must never wait for one of them to end.
        settings.connectionPool = .init(idleTimeout: .seconds(60), concurrentHTTP1ConnectionsPerHostSoftLimit: 128)
        // One HTTP/2 connection for everything would hang everything when it is half open.
        settings.httpVersion = .http1Only
        settings.http1_1ConnectionDebugInitializer = Self.keepAlive
        var endpoint = configuration.server
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        if let name = configuration.tlsServerName, !name.isEmpty {
            guard var components = URLComponents(string: endpoint), let host = components.host else {
                throw KubernetesError(.configuration, "use \(configuration.origin)", "\(endpoint) is not an address")
            }
            components.host = name
            settings.dnsOverride[name] = host
            endpoint = components.string ?? endpoint
        }
        self.endpoint = endpoint
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func shutdown() async {
        try? await client.shutdown()
    }

    /// A client that lives as long as its process is never told that it is over; its connections must be closed all the
    /// same, and AsyncHTTPClient stops a debug build where they were not.
    deinit {
        let closing: EventLoopFuture<Void> = client.shutdown()
        closing.whenComplete { _ in }
    }

    private static func tls(_ configuration: KubernetesConfiguration) throws(KubernetesError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        do {
            switch configuration.trust {
            case .system: break
            case .authorities(let bytes): tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(bytes))
            case .nothing: tls.certificateVerification = .none
            }
            if let certificate = configuration.clientCertificate {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificate.chain).map { .certificate($0) }
                tls.privateKey = .privateKey(
                    try NIOSSLPrivateKey(bytes: Array(certificate.key.reveal().utf8), format: .pem))
            }
        } catch {
            throw KubernetesError(
                .configuration, "use \(configuration.origin)", "a certificate or key is not PEM: \(error)")
        }
        return tls
    }

    /// A watch may be silent for minutes; only the kernel can tell a quiet server from one that is gone.
    private static let keepAlive: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
        #if os(Linux)
            let options: [(ChannelOptions.Types.SocketOption, Int)] = [
                (.init(level: .socket, name: .so_keepalive), 1),
                (.init(level: .tcp, name: .init(rawValue: TCP_KEEPIDLE)), 30),
                (.init(level: .tcp, name: .init(rawValue: TCP_KEEPINTVL)), 10),
                (.init(level: .tcp, name: .init(rawValue: TCP_KEEPCNT)), 3),
            ]
            return EventLoopFuture.andAllComplete(
                options.map { channel.setOption($0.0, value: $0.1) }, on: channel.eventLoop)
        #else
            return channel.eventLoop.makeSucceededVoidFuture()
        #endif
    }

    /// Sends once and returns the answer's head and body, or the error that a status is. The head comes within
    /// `headTimeout`; the body has no end of its own.
    func open(
        _ call: Call, token: Secret?, headTimeout: Duration
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: endpoint + call.path)
        request.method = call.method
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "drover")
        if let token {
            request.headers.add(name: "Authorization", value: "Bearer \(token.reveal())")
        } else if let password {
            request.headers.add(name: "Authorization", value: "Basic \(password.reveal())")
        }
        for (name, value) in impersonation { request.headers.add(name: name, value: value) }
        if let body = call.body {
            request.headers.add(name: "Content-Type", value: call.contentType)
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let response = try await Spans.http(call.method.rawValue, endpoint, operation: "kubernetes") { span in
            for (name, value) in span.headers { request.headers.replaceOrAdd(name: name, value: value) }
            let response = try await client.execute(request, timeout: TimeAmount(headTimeout))
            span.answered(Int(response.status.code))
            return response
        }
        let status = Int(response.status.code)
        guard !(200..<300).contains(status) else { return response }
        let body = try await response.body.collect(upTo: 1 << 20)
        let retryAfter = response.headers.first(name: "Retry-After").flatMap { Int($0) }
        throw StatusDocument.error(
            call.attempt, status: status, body: Data(body.readableBytesView), retryAfter: retryAfter)
    }

    /// Sends once and returns the whole answer.
    func exchange(
        _ call: Call, token: Secret?, timeout: Duration, clock: any Clock<Duration>
    ) async throws(KubernetesError) -> Data {
        try await Deadline.run(timeout, clock: clock, attempt: call.attempt) {
            let response = try await self.open(call, token: token, headTimeout: timeout)
            return Data(try await response.body.collect(upTo: Self.maximumAnswer).readableBytesView)
        }
    }
}

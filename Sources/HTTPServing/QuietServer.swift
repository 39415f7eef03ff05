package import Hummingbird
package import HummingbirdCore
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// What Hummingbird's `Application` is to a router, without the clock that wakes it each second for the `Date` of its
/// next answer: for servers that idle, where that would be most of what they do. The date is made for each answer.
package struct QuietServer<Responder: HTTPResponder>: Service, CustomStringConvertible
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    private struct BrokenWhileAnswering: Error {}

    private let responder: Responder
    private let server: HTTPServerBuilder
    private let configuration: ServerConfiguration
    private let shutdownGrace: Duration
    private let clock: any Clock<Duration>
    private let date: @Sendable () -> String
    private let onServerRunning: @Sendable (any Channel) async -> Void
    private let logger: Logger

    /// Makes a server of `responder` on the address and with the name in `configuration`; `date` says the present
    /// moment as HTTP writes it (RFC 9110, section 5.6.7).
    package init(
        responder: Responder, server: HTTPServerBuilder, configuration: ServerConfiguration,
        shutdownGrace: Duration = .seconds(5), clock: any Clock<Duration> = ContinuousClock(),
        date: @escaping @Sendable () -> String,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void, logger: Logger
    ) {
        self.responder = responder
        self.server = server
        self.configuration = configuration
        self.shutdownGrace = shutdownGrace
        self.clock = clock
        self.date = date
        self.onServerRunning = onServerRunning
        self.logger = logger
    }

    /// Makes the server that the webhook, the API and the agent have in common: whoever its clients are, they are held
    /// to `limits`; `server` is there for TLS around `.guarded(limits)`.
    package init(
        _ responder: Responder, at address: BindAddress, limits: ServerLimits,
        server: HTTPServerBuilder? = nil,
        clock: any Clock<Duration> = ContinuousClock(), date: @escaping @Sendable () -> String,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }, logger: Logger
    ) {
        self.init(
            responder: responder, server: server ?? .guarded(limits),
            configuration: .init(
                address: address, serverName: "drover",
                // Connections that make room for another one are closed a moment later: no more than a few at once.
                availableConnectionsDelegate: MaximumAvailableConnections(limits.maximumConnections + limits.closing)),
            shutdownGrace: .nanoseconds(limits.shutdownGrace.nanoseconds), clock: clock, date: date,
            onServerRunning: onServerRunning, logger: logger)
    }

    package var description: String { "QuietServer" }

    /// Serves until it is cancelled or told to shut down gracefully; then requests under way have a few seconds.
    /// - Throws: when the address is taken.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await serve() }
            tasks.addTask {
                // Ends by an error when the server ended first.
                guard (try? await gracefulShutdown()) != nil else { return }
                // Connections are closed after the grace; a second later nothing can be waiting for them.
                try? await clock.sleep(for: shutdownGrace + .seconds(1))
            }
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    private func serve() async throws {
        try await server.buildServer(
            configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger,
            responder: { request, writer, channel in
                let answer = try await answer(to: request, channel)
                do {
                    try await writer.write(response: answer.head, body: answer.body)
                } catch is HTTPParserError {
                    // The error itself would be answered too, and the answer has begun.
                    throw BrokenWhileAnswering()
                }
            }, onServerRunning: onServerRunning
        ).run()
    }

    private func answer(to request: Request, _ channel: any Channel) async throws -> Response {
        var logger = logger
        logger[metadataKey: "hb.request.id"] = .stringConvertible(RequestID())
        let context = Responder.Context(source: .init(channel: channel, logger: logger))
        var answer: Response
        do {
            answer = try await responder.respond(to: request, context: context)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            logger.error(
                "a request failed", metadata: ["error.type": "\(type(of: error))", "path": "\(request.uri.path)"])
            answer = Response(status: .internalServerError)
        }
        answer.headers[.date] = date()
        if let name = configuration.serverName { answer.headers[.server] = name }
        return answer
    }
}

package import AsyncHTTPClient
import FleetModel
import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The HTTP clients of the process. They live as long as it does.
package enum HTTPClients {
    /// Nothing follows redirects: no Google API redirects, and a followed one turns a POST into a GET on another host.
    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(10)
        // The spans are ours; the client's own would show whole paths and queries.
        configuration.tracing.tracer = nil
        // Who is refused knows at once; `Repetition` decides whether and when to try again.
        configuration.connectionPool.retryConnectionEstablishment = false
        // As many as `GoogleRequest` lets through; the usual 8 would hold the others back where there is no HTTP/2, and
        // a pull that waits for messages takes one for itself.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        return configuration
    }

    private static let environment = ProxyEnvironment(ProcessInfo.processInfo.environment)
    private static let direct = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    private static let throughSecureProxy = client(through: environment.proxy(for: "https://googleapis.com"))
    private static let throughPlainProxy = client(through: environment.proxy(for: "http://googleapis.com"))

    /// The client for `endpoint`: through a proxy where the environment asks for one.
    package static func client(for endpoint: String) -> HTTPClient {
        guard environment.proxy(for: endpoint) != nil else { return direct }
        return (endpoint.hasPrefix("https://") ? throughSecureProxy : throughPlainProxy) ?? direct
    }

    private static func client(through proxy: ProxyEnvironment.Address?) -> HTTPClient? {
        proxy.map {
            var configuration = configuration
            configuration.proxy =
                $0.isSOCKS
                ? .socksServer(host: $0.host, port: $0.port)
                : .server(
                    host: $0.host, port: $0.port,
                    authorization: $0.credentials.map {
                        .basic(credentials: Data($0.reveal().utf8).base64EncodedString())
                    })
            return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        }
    }
}

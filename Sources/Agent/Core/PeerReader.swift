import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Pacing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What came back when a core's agent was asked.
package enum PeerAnswer: Sendable {
    /// An agent of ours.
    case status(StatusDocument)
    /// Something else.
    case other
    /// Nothing listens there.
    case absent
    /// No answer.
    case silent
}

/// Asks the agents of other cores.
package protocol PeerReader: Sendable {
    /// Asks one; never takes longer than a second or so.
    func ask(_ member: CoreMember) async -> PeerAnswer
}

/// Asks over HTTP.
package struct HTTPPeerReader: PeerReader {
    private static let limit = Duration.seconds(1)
    private let client: HTTPClient
    private let clock: any Clock<Duration>

    /// Makes a reader with connections of its own, which `close` closes.
    package init(clock: any Clock<Duration> = ContinuousClock()) {
        self.clock = clock
        var configuration = HTTPClient.Configuration()
        // A peer that refuses has answered; asking it again and again for the rest of the second would be for nothing.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes every connection; the reader is of no use afterwards.
    package func close() async {
        try? await client.shutdown()
    }

    package func ask(_ member: CoreMember) async -> PeerAnswer {
        let address = AgentAddress(host: member.host, port: member.apiPort)
        do {
            return try await withDeadline(Self.limit, clock: clock) { [client] in
                let response = try await client.execute(
                    HTTPClientRequest(url: "http://\(address)/v1/status"), timeout: TimeAmount(Self.limit))
                let body = try await response.body.collect(upTo: 1 << 20)
                guard response.status == .ok else { return .other }
                let document = try JSONDecoder().decode(StatusDocument.self, from: Data(body.readableBytesView))
                return .status(document)
            }
        } catch is DecodingError {
            return .other
        } catch {
            // Whoever refuses is no agent, or one that starts; the first is the more common in a cluster of Go agents,
            // and for the second nothing is lost: it runs nothing yet.
            return "\(error)".contains("Connection refused") ? .absent : .silent
        }
    }
}

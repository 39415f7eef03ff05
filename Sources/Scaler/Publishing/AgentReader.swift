package import AsyncHTTPClient
package import FleetModel
import Foundation
import NIOCore
import NIOHTTP1
import Pacing

/// What an agent says of its node.
package struct AgentReport: Hashable, Sendable {
    /// The generation of the followed configuration that the node was seen to run; nil before the first. It is all that
    /// agents before `holds` tell.
    package var generation: Int64?
    /// What the node was verified to hold of each group, just now; nil when the agent is too old to say.
    package var holds: [HeldConfiguration]?
    /// Its backends.
    package var backends: [BackendObservation]
    /// The files for TLS that are beside the node; nil when its agent does not write any.
    package var tlsFiles: Set<String>?

    /// Makes a report.
    package init(
        generation: Int64?, holds: [HeldConfiguration]? = nil, backends: [BackendObservation],
        tlsFiles: Set<String>? = nil
    ) {
        self.generation = generation
        self.holds = holds
        self.backends = backends
        self.tlsFiles = tlsFiles
    }

    /// What the node holds of `group`. An older agent tells a number that stands for the document which it follows, of
    /// whichever group.
    package func holding(of group: InstanceName) -> HeldConfiguration? {
        guard let holds else {
            return generation.map { HeldConfiguration(group: group, generation: $0, content: nil) }
        }
        return holds.first { $0.group == group }
    }
}

/// What asks the agents beside the nodes.
package protocol AgentReading: Sendable {
    /// Asks the agent at `address`:`port`, within a deadline of its own.
    /// - Throws: what went wrong, as a sentence.
    func report(from address: String, port: Int) async throws -> AgentReport
}

/// Asks over HTTP: `GET /v1/status` and `GET /v1/backends` need no token.
package struct AgentReader: AgentReading {
    private struct Status: Decodable {
        var generation: Int64?
        var holds: [HeldConfiguration]?
        var tlsFiles: Set<String>?

        private enum CodingKeys: String, CodingKey {
            case generation, holds
            case tlsFiles = "tls_files"
        }
    }

    private struct Backend: Decodable {
        var hostgroup: Int
        var host: String
        var port: Int
        var status: String
        var used: Int
    }

    /// An answer larger than this is not one.
    private static let maximumBytes = 4 << 20
    private let client: HTTPClient
    private let timeout: Duration
    private let clock: any Clock<Duration>

    /// Asks through `client`; each of the two calls may take `timeout`.
    package init(
        client: HTTPClient, timeout: Duration = .seconds(5), clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.client = client
        self.timeout = timeout
        self.clock = clock
    }

    package func report(from address: String, port: Int) async throws -> AgentReport {
        let host = address.contains(":") ? "[\(address)]" : address
        let status = try await get("http://\(host):\(port)/v1/status", as: Status.self)
        let backends = try await get("http://\(host):\(port)/v1/backends", as: [Backend].self)
        return AgentReport(
            generation: status.generation, holds: status.holds,
            backends: backends.map {
                BackendObservation(
                    hostgroup: $0.hostgroup, address: $0.host, port: $0.port, status: $0.status,
                    connectionsInUse: $0.used)
            }, tlsFiles: status.tlsFiles)
    }

    private func get<Document: Decodable>(_ url: String, as type: Document.Type) async throws -> Document {
        let (status, body) = try await withDeadline(timeout, clock: clock) { [client, timeout] in
            let response = try await client.execute(HTTPClientRequest(url: url), timeout: TimeAmount(timeout))
            return (response.status, try await response.body.collect(upTo: Self.maximumBytes))
        }
        guard status == .ok else { throw UnusableAnswer(description: "\(url) answers \(status.code)") }
        return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }
}

/// An answer that is none.
private struct UnusableAnswer: Error, CustomStringConvertible {
    var description: String
}

import HTTPTypes
import FleetModel
import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ManagementAPI
import NIOCore
import Persistence
import ProxySQLAdmin
import TestSupport
import Testing

/// A logger that says nothing.
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Serves the API on a store of its own; over a socket where `isLive` says so.
func withAPI(
    settings: APIRoutes.Settings = .init(defaultPolicy: ScalingPolicy(maximumReplicas: 5)),
    publications: PublicationBoard? = nil, authenticator: any Authenticator = OpenToAll(), isLive: Bool = false,
    survey: (any NodeSurveying)? = nil, primaries: (any PrimaryLookup)? = nil,
    routes: (@Sendable ([String]) -> Void)? = nil,
    _ body: @escaping @Sendable (any TestClientProtocol, SQLiteStore) async throws -> Void
) async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drover-api-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = try StateDirectory(path: path)
    let store = try SQLiteStore(directory: directory)
    let events = try SQLiteEventLog(directory: directory)
    let signal = EventSignal()
    let eventful = EventfulStore(
        groups: store, incidents: store, log: events, sinks: [signal], surroundings: (TestWallClock(), silent))
    let router = Router(context: ManagementContext.self, options: .autoGenerateHeadEndpoints)
    APIRoutes(
        sources: .init(
            changes: EventfulChanges(store, toldBy: eventful), incidents: eventful, events: events, signal: signal,
            decisions: store, publications: publications, survey: survey,
            primaries: primaries),
        settings: settings, authenticator: authenticator, time: (TestWallClock(), ContinuousClock()), logger: silent
    ).addRoutes(to: router)
    routes?(
        router.routes.map { route in
            let path = "\(route.path)"
            return "\(route.method.rawValue.lowercased()) \(path.hasPrefix("/") ? path : "/" + path)"
        })
    try await Application(
        router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: silent
    ).test(isLive ? .live : .router) { client in try await body(client, store) }
}

/// Serves the API on a socket and a store of its own, and returns what `body` does.
func withAPI<Value: Sendable>(
    returning: Value.Type, _ body: @escaping @Sendable (any TestClientProtocol, SQLiteStore) async throws -> Value
) async throws -> Value {
    let (values, result) = AsyncStream.makeStream(of: Value.self)
    try await withAPI(isLive: true) { client, store in
        result.yield(try await body(client, store))
        result.finish()
    }
    return try #require(await values.first { _ in true })
}

/// What came back, as far as tests look at it.
struct Reply: Sendable {
    var status: Int
    var text: String
    var headers: HTTPFields

    /// The JSON value at a path of member names and indices, or nil.
    func at(_ path: String...) -> String? {
        var value: Any? = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        for part in path {
            if let list = value as? [Any], let index = Int(part) {
                value = index < list.count ? list[index] : nil
            } else {
                value = (value as? [String: Any])?[part]
            }
        }
        switch value {
        case nil: return nil
        case let text as String: return text
        case let list as [Any]: return "[\(list.count)]"
        case let other?: return "\(other)"
        }
    }
}

extension TestClientProtocol {
    /// Sends `body`, as JSON where `headers` do not say otherwise, and returns what came back.
    func call(
        _ method: HTTPRequest.Method, _ uri: String, _ body: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Reply {
        var headers = headers
        if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        return try await send(method, uri, body, headers: headers)
    }

    /// Sends `body` with these headers and no others, and returns what came back.
    func send(
        _ method: HTTPRequest.Method, _ uri: String, _ body: String? = nil, headers: HTTPFields
    ) async throws -> Reply {
        try await execute(
            uri: uri, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }
        ) { response in
            Reply(
                status: response.status.code, text: String(buffer: response.body), headers: response.headers)
        }
    }
}

/// The body of `POST /` as Go encodes the Terraform provider's struct.
func goAdd(
    _ name: String = "shop", username: String? = nil, password: String = "hunter2", address: String = "127.0.9.1",
    maximum: Int = 4
) -> String {
    """
    {"action":"add","instance_name":"\(name)","username":"\(username ?? "\(name)-app")","password":"\(password)",
     "master_instance":{"name":"\(name)","ip_address":"\(address)"},
     "read_replicas":[{"name":"\(name)-r","ip_address":"127.0.9.2"}],
     "chester_meta_data":{"instance_group":"\(name)","max_chester_instances":\(maximum)},
     "key_data":"","cert_data":"","ca_data":"","enable_ssl":0}
    """
}

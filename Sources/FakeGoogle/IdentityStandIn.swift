import HTTPTypes
package import Hummingbird
import JSONValues
import NIOCore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Google's token endpoint, STS, service-account impersonation and the metadata server, as far as a client of theirs
/// can tell.
package final class IdentityStandIn: Sendable {
    /// A request that was received.
    package struct Received: Hashable, Sendable {
        /// Path without query.
        package var path: String
        /// The fields of a form body.
        package var form: [String: String]
        /// The body as it came.
        package var body: String
        /// `Authorization`, where it was sent.
        package var authorization: String?
    }

    private struct State {
        var received: [Received] = []
        var failures: [GoogleError] = []
        var given = 0
        var lifetime = 3_600
    }

    private let state = Mutex(State())

    /// Makes a stand-in whose tokens are `token-1`, `token-2` and so on.
    package init() {}

    /// What was received so far.
    package var received: [Received] { state.withLock { $0.received } }

    /// How long the next tokens last, in seconds.
    package func setLifetime(_ seconds: Int) {
        state.withLock { $0.lifetime = seconds }
    }

    /// Answers the next request for a token with `error`; call it repeatedly for more than one.
    package func fail(with error: GoogleError) {
        state.withLock { $0.failures.append(error) }
    }

    /// The routes: `POST /token`, `/sts` and `/impersonate`, the metadata server, and `GET /subject`.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        for path in ["/token", "/sts"] {
            router.post(RouterPath(path)) { [self] request, _ in
                try await answer(request) { ["access_token": .string($0), "expires_in": $1, "token_type": "Bearer"] }
            }
        }
        router.post("/impersonate") { [self] request, _ in
            try await answer(request) { token, _ in
                ["accessToken": .string(token), "expireTime": "2100-01-01T00:00:00Z"]
            }
        }
        router.get("/computeMetadata/v1/instance/service-accounts/default/token") { [self] request, _ in
            guard let name = HTTPField.Name("Metadata-Flavor"), request.headers[name] == "Google" else {
                return Response(status: .forbidden)
            }
            return try await answer(request) {
                ["access_token": .string($0), "expires_in": $1, "token_type": "Bearer"]
            }
        }
        router.get("/computeMetadata/v1/project/project-id") { _, _ in Self.response("the-project", .ok) }
        router.get("/subject") { _, _ in Self.response("{\"value\":\"subject-1\",\"other\":1}", .ok) }
        return router
    }

    private func answer(
        _ request: Request, _ body: @Sendable (String, JSONValue) -> JSONValue
    ) async throws -> Response {
        let text = String(buffer: try await request.body.collect(upTo: 1 << 16))
        let received = Received(
            path: request.uri.path, form: Self.form(text), body: text, authorization: request.headers[.authorization])
        let result = state.withLock { state -> Result<JSONValue, GoogleError> in
            state.received.append(received)
            if !state.failures.isEmpty { return .failure(state.failures.removeFirst()) }
            state.given += 1
            return .success(body("token-\(state.given)", .whole(state.lifetime)))
        }
        switch result {
        case .success(let value): return Self.response(try Self.text(value), .ok)
        case .failure(let error):
            let oauth: JSONValue = ["error": .string(error.reason), "error_description": .string(error.message)]
            return Self.response(try Self.text(oauth), .init(code: error.status))
        }
    }

    private static func text(_ value: JSONValue) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    private static func response(_ text: String, _ status: HTTPResponse.Status) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        if let name = HTTPField.Name("Metadata-Flavor") { headers[name] = "Google" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private static func form(_ text: String) -> [String: String] {
        (try? URLEncodedFormDecoder().decode([String: String].self, from: text)) ?? [:]
    }
}
